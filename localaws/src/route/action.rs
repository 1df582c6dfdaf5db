//! The name of the action that a request asks for, as its API reference calls it.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::wire::{Request, query_fields};

/// What a request asks for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Action {
    /// For example `PutObject` or `RegisterImage`; empty if the request does not say.
    pub(crate) name: String,
    /// Bucket, of an S3 request.
    pub(crate) bucket: Option<String>,
    /// Key, decoded, of an S3 request.
    pub(crate) key: Option<String>,
}

/// Names the action of a request in its inside form.
pub(crate) fn action(service: &str, request: &Request) -> Action {
    if service == "s3" {
        return s3(request);
    }
    if service == "lambda" {
        return lambda(request);
    }
    let fields = query_fields(request);
    let name = fields
        .into_iter()
        .find(|(name, _)| name == "Action")
        .map(|(_, action)| action);
    // JSON protocols name their action in a header: `X-Amz-Target: AmazonSQS.SendMessage`.
    let target = request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let target = target.map(|target| target.rsplit('.').next().unwrap_or(target).to_owned());
    Action {
        name: name.or(target).unwrap_or_default(),
        bucket: None,
        key: None,
    }
}

/// Lambda's API has paths in place of names; of its actions this one is known.
fn lambda(request: &Request) -> Action {
    let path: Vec<&str> = request.uri().path().split('/').collect();
    let name = match (request.method(), &path[..]) {
        (&Method::GET, ["", "2015-03-31", "functions", _, "configuration"]) => {
            "GetFunctionConfiguration"
        }
        _ => "",
    };
    Action {
        name: name.to_owned(),
        ..Action::default()
    }
}

fn s3(request: &Request) -> Action {
    let path = request.uri().path().trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8_lossy().into_owned();
        (!text.is_empty()).then_some(text)
    };
    let (bucket, key) = (decoded(bucket), decoded(key));
    let name = match (&bucket, &key) {
        (None, _) => "ListBuckets",
        (Some(_), None) => on_bucket(request),
        (Some(_), Some(_)) => on_object(request),
    };
    Action {
        name: name.to_owned(),
        bucket,
        key,
    }
}

fn on_bucket(request: &Request) -> &'static str {
    let asks = |name: &str| asks(request, name);
    match *request.method() {
        Method::PUT if asks("notification") => "PutBucketNotificationConfiguration",
        Method::PUT if asks("versioning") => "PutBucketVersioning",
        Method::PUT => "CreateBucket",
        Method::HEAD => "HeadBucket",
        Method::GET if asks("list-type") => "ListObjectsV2",
        Method::GET if asks("versions") => "ListObjectVersions",
        Method::GET if asks("location") => "GetBucketLocation",
        Method::GET if asks("uploads") => "ListMultipartUploads",
        Method::GET if asks("acl") => "GetBucketAcl",
        Method::GET if asks("versioning") => "GetBucketVersioning",
        Method::GET if asks("notification") => "GetBucketNotificationConfiguration",
        Method::GET if asks("ownershipControls") => "GetBucketOwnershipControls",
        Method::GET => "ListObjects",
        Method::DELETE => "DeleteBucket",
        Method::POST if asks("delete") => "DeleteObjects",
        Method::POST => "PostObject",
        _ => "",
    }
}

fn on_object(request: &Request) -> &'static str {
    let asks = |name: &str| asks(request, name);
    let copies = request.headers().contains_key("x-amz-copy-source");
    match *request.method() {
        Method::PUT if asks("partNumber") && copies => "UploadPartCopy",
        Method::PUT if asks("partNumber") => "UploadPart",
        Method::PUT if asks("acl") => "PutObjectAcl",
        Method::PUT if asks("tagging") => "PutObjectTagging",
        Method::PUT if copies => "CopyObject",
        Method::PUT => "PutObject",
        Method::HEAD => "HeadObject",
        Method::GET if asks("uploadId") => "ListParts",
        Method::GET if asks("acl") => "GetObjectAcl",
        Method::GET if asks("tagging") => "GetObjectTagging",
        Method::GET if asks("attributes") => "GetObjectAttributes",
        Method::GET => "GetObject",
        Method::DELETE if asks("uploadId") => "AbortMultipartUpload",
        Method::DELETE if asks("tagging") => "DeleteObjectTagging",
        Method::DELETE => "DeleteObject",
        Method::POST if asks("uploads") => "CreateMultipartUpload",
        Method::POST if asks("uploadId") => "CompleteMultipartUpload",
        _ => "",
    }
}

fn asks(request: &Request, name: &str) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query
        .split('&')
        .any(|pair| pair.split('=').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn s3_action(method: Method, uri: &str) -> (String, Option<String>) {
        let request = http::Request::builder()
            .method(method)
            .uri(uri)
            .body(Bytes::new())
            .unwrap();
        let action = action("s3", &request);
        (action.name, action.key)
    }

    #[test]
    fn names_s3_actions() {
        let named = |name: &str, key: Option<&str>| (name.to_owned(), key.map(str::to_owned));
        assert_eq!(
            s3_action(Method::PUT, "/b/a%20b/c?x-id=PutObject"),
            named("PutObject", Some("a b/c"))
        );
        assert_eq!(
            s3_action(Method::GET, "/b?list-type=2&prefix=x"),
            named("ListObjectsV2", None)
        );
        assert_eq!(
            s3_action(Method::GET, "/b/?list-type=2"),
            named("ListObjectsV2", None)
        );
        assert_eq!(s3_action(Method::GET, "/"), named("ListBuckets", None));
        assert_eq!(
            s3_action(Method::POST, "/b/k?uploadId=1"),
            named("CompleteMultipartUpload", Some("k"))
        );
        assert_eq!(
            s3_action(Method::PUT, "/b/k?partNumber=1&uploadId=1"),
            named("UploadPart", Some("k"))
        );
    }

    #[test]
    fn names_query_actions() {
        let body = Bytes::from_static(b"Action=RegisterImage&Version=2016-11-15");
        let request = http::Request::builder()
            .method(Method::POST)
            .uri("/")
            .body(body)
            .unwrap();
        assert_eq!(action("ec2", &request).name, "RegisterImage");
    }
}
