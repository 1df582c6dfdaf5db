//! Between the wire and `s3s`: whole requests in, whole answers out.
//!
//! Any signature is accepted here, so signatures are taken off before `s3s`, which would check them, sees a request.

use bytes::Bytes;
use http::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HOST, HeaderValue, RANGE, TRANSFER_ENCODING,
};
use http::{Extensions, HeaderMap, Method, StatusCode, Uri};
use http_body_util::BodyExt as _;
use s3s::{Body, HttpRequest, HttpResponse, S3Error, S3Result, s3_error};

use crate::ACCOUNT;
use crate::wire::{Request, Response};

use super::bodies::Bodies;
use crate::large_body::Incoming;

/// The request's id, which answer and event name.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

impl RequestId {
    /// The id that `request` put there.
    pub(super) fn of(extensions: &Extensions) -> String {
        extensions
            .get::<Self>()
            .map(|id| id.0.clone())
            .unwrap_or_default()
    }
}

/// Headers that ask for what is not built. They are refused: ignoring them would pretend otherwise.
const NOT_BUILT: [&str; 11] = [
    "x-amz-tagging",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write-acp",
    "x-amz-grant-full-control",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-legal-hold",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
];

/// Query parameters of signed URLs.
const SIGNATURE: [&str; 10] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "Expires",
];

/// Makes a request ready for `s3s`: path-style, unsigned, with its body decoded.
///
/// # Errors
/// The answer to a request that cannot be understood or asks for what is not built.
pub(super) async fn request(request: Request, id: &str, bodies: &Bodies) -> S3Result<HttpRequest> {
    let (mut parts, body) = request.into_parts();
    let large = parts.extensions.remove::<Incoming>();
    check_headers(&parts.headers)?;
    let host = parts
        .headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .map(str::to_owned);
    let host = host.or_else(|| parts.uri.authority().map(ToString::to_string));
    parts.uri = plain_uri(&parts.uri, host.as_deref().and_then(bucket_of_host))?;
    let (body, large) = bodies.ready(&mut parts, body, large).await?;
    let range = parts.headers.get(RANGE);
    if range.is_some_and(|range| !is_one_range(range)) {
        // "An invalid Range header field is ignored" (RFC 9110, 14.2); S3 sends the whole object, for several ranges, too.
        parts.headers.remove(RANGE);
    }
    for header in [
        "authorization",
        "x-amz-security-token",
        "x-amz-content-sha256",
        "x-amz-trailer",
    ] {
        parts.headers.remove(header);
    }
    parts.headers.remove(HOST);
    parts.headers.remove(TRANSFER_ENCODING);
    if !body.is_empty() || matches!(parts.method, Method::PUT | Method::POST) {
        let length = large
            .as_ref()
            .map_or(body.len() as u64, |large| large.0.length);
        parts
            .headers
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Some(large) = large {
        parts.extensions.insert(large);
    }
    parts.extensions.insert(RequestId(id.to_owned()));
    Ok(HttpRequest::from_parts(parts, Body::from(body)))
}

/// Refuses headers that ask for what is not built.
fn check_headers(headers: &HeaderMap) -> S3Result<()> {
    if let Some(header) = NOT_BUILT
        .iter()
        .find(|header| headers.contains_key(**header))
    {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built what the header {header} asks for"
        ));
    }
    if headers
        .get("x-amz-storage-class")
        .is_some_and(|class| class != "STANDARD")
    {
        return Err(s3_error!(
            NotImplemented,
            "localaws knows the storage class STANDARD only"
        ));
    }
    if headers
        .get("x-amz-expected-bucket-owner")
        .is_some_and(|owner| owner != ACCOUNT)
    {
        return Err(s3_error!(
            AccessDenied,
            "Access Denied: the bucket's owner is {ACCOUNT}"
        ));
    }
    Ok(())
}

fn is_one_range(range: &HeaderValue) -> bool {
    let text = range.to_str().unwrap_or_default();
    s3s::dto::Range::parse(text).is_ok()
}

/// Makes the whole answer out of `s3s`'s.
pub(super) async fn answer(answer: HttpResponse, method: &Method, id: &str) -> Response {
    let (mut parts, body) = answer.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            tracing::error!(%error, "the body of an answer could not be read");
            parts.status = StatusCode::INTERNAL_SERVER_ERROR;
            Bytes::new()
        }
    };
    // `s3s` gives HeadObject of a range the status of the whole.
    if method == Method::HEAD && parts.headers.contains_key(CONTENT_RANGE) {
        parts.status = StatusCode::PARTIAL_CONTENT;
    }
    let has_no_body = method == Method::HEAD || parts.status == StatusCode::NOT_MODIFIED;
    if has_no_body && !parts.status.is_success() {
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.remove(CONTENT_TYPE);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        parts.headers.insert("x-amz-request-id", id.clone());
        parts.headers.insert("x-amz-id-2", id);
    }
    Response::from_parts(parts, if has_no_body { Bytes::new() } else { body })
}

/// Makes the whole answer out of an error.
pub(super) async fn refusal(mut error: S3Error, method: &Method, id: &str) -> Response {
    error.set_request_id(id);
    match error.to_http_response() {
        Ok(refused) => answer(refused, method, id).await,
        Err(error) => {
            tracing::error!(%error, "an error could not be written as XML");
            crate::wire::response(
                StatusCode::INTERNAL_SERVER_ERROR,
                "text/plain",
                Bytes::new(),
            )
        }
    }
}

/// The bucket that a virtual-hosted-style request names in its host ("Virtual hosting of general purpose buckets").
fn bucket_of_host(host: &str) -> Option<&str> {
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|it| it.is_ascii_digit()))
        .map_or(host, |it| it.0);
    let before_s3 = ["amazonaws.com", "localhost", "localhost.localstack.cloud"]
        .iter()
        .find_map(|domain| {
            let above = name.strip_suffix(domain)?.strip_suffix('.')?;
            let s3 = above
                .rfind(".s3.")
                .or_else(|| above.strip_suffix(".s3").map(str::len));
            match s3 {
                Some(at) => Some(&above[..at]),
                None if *domain == "amazonaws.com" || above == "s3" || above.starts_with("s3.") => {
                    None
                }
                None => Some(above),
            }
        });
    before_s3.filter(|bucket| s3s::path::check_bucket_name(bucket))
}

fn plain_uri(uri: &Uri, bucket: Option<&str>) -> S3Result<Uri> {
    let path = match bucket {
        Some(bucket) => format!("/{bucket}{}", uri.path()),
        None => uri.path().to_owned(),
    };
    let query = uri.query().unwrap_or_default().split('&').filter(|field| {
        let name = field.split('=').next().unwrap_or_default();
        !SIGNATURE.contains(&name)
    });
    let query = query.collect::<Vec<_>>().join("&");
    let whole = if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    };
    whole
        .parse()
        .map_err(|error| s3_error!(error, InvalidURI, "Couldn't parse the specified URI."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_buckets() {
        for (host, bucket) in [
            ("images.s3.us-east-1.amazonaws.com", Some("images")),
            ("images.s3.amazonaws.com", Some("images")),
            (
                "my.images.s3.eu-west-1.amazonaws.com:443",
                Some("my.images"),
            ),
            ("images.localhost:4566", Some("images")),
            ("images.s3.localhost:4566", Some("images")),
            ("images.s3.localhost.localstack.cloud:4566", Some("images")),
            ("s3.us-east-1.amazonaws.com", None),
            ("s3.amazonaws.com", None),
            ("s3.localhost:4566", None),
            ("localhost:4566", None),
            ("127.0.0.1:4566", None),
            ("[::1]:4566", None),
        ] {
            assert_eq!(bucket_of_host(host), bucket, "{host}");
        }
    }
}
