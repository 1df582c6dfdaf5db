//! The name of the operation that a request asks for, as the API reference calls it.

use http::{Method, Request};
use percent_encoding::percent_decode_str;

/// What a request in path style asks for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Action {
    /// For example `PutObject`; empty if there is no such operation.
    pub(crate) name: &'static str,
    /// Its bucket, decoded.
    pub(crate) bucket: Option<String>,
    /// Its key, decoded.
    pub(crate) key: Option<String>,
}

/// Names the operation of a request.
pub(crate) fn action<B>(request: &Request<B>) -> Action {
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
    Action { name, bucket, key }
}

/// What a request on a bucket may be about other than the bucket itself ("Actions", Amazon S3 API Reference), and nothing
/// here answers.
const NOT_BUILT: [&str; 23] = [
    "abac",
    "accelerate",
    "analytics",
    "cors",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "lifecycle",
    "logging",
    "metadataConfiguration",
    "metadataTable",
    "metrics",
    "object-lock",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "session",
    "tagging",
    "website",
    "metadataInventoryTable",
    "metadataJournalTable",
];

fn on_bucket<B>(request: &Request<B>) -> &'static str {
    let asks = |name: &str| asks(request, name);
    if NOT_BUILT.into_iter().any(asks) {
        return "";
    }
    match *request.method() {
        Method::PUT if asks("acl") || asks("ownershipControls") => "",
        Method::DELETE if asks("ownershipControls") => "",
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

fn on_object<B>(request: &Request<B>) -> &'static str {
    let asks = |name: &str| asks(request, name);
    let copies = request.headers().contains_key("x-amz-copy-source");
    match *request.method() {
        Method::PUT if asks("partNumber") && asks("uploadId") && copies => "UploadPartCopy",
        Method::PUT if asks("partNumber") && asks("uploadId") => "UploadPart",
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

fn asks<B>(request: &Request<B>, name: &str) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query
        .split('&')
        .any(|pair| pair.split('=').next() == Some(name))
}
