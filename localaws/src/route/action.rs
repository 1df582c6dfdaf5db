//! The name of the action that a request asks for, as its API reference calls it.

use http::Method;

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
    let action = crate::s3::action(request);
    Action {
        name: action.name.to_owned(),
        bucket: action.bucket,
        key: action.key,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Method;

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
