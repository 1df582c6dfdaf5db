//! Between the wire and `s3s`: whole requests in, whole answers out.
//!
//! Any signature is accepted here, so signatures are taken off before `s3s`, which would check them, sees a request.

use bytes::Bytes;
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use http::{Extensions, HeaderMap, Method, StatusCode, Uri};
use http_body_util::BodyExt as _;
use s3s::crypto::{Checksum as _, Sha256};
use s3s::{Body, HttpRequest, HttpResponse, S3Error, S3Result, s3_error};

use crate::ACCOUNT;
use crate::wire::{Request, Response};

use super::chunked;
use crate::wire::hex;

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
pub(super) fn request(request: Request, id: &str) -> S3Result<HttpRequest> {
    let (mut parts, body) = request.into_parts();
    if let Some(header) = NOT_BUILT
        .iter()
        .find(|header| parts.headers.contains_key(**header))
    {
        return Err(s3_error!(
            NotImplemented,
            "localaws has not built what the header {header} asks for"
        ));
    }
    if parts
        .headers
        .get("x-amz-storage-class")
        .is_some_and(|class| class != "STANDARD")
    {
        return Err(s3_error!(
            NotImplemented,
            "localaws knows the storage class STANDARD only"
        ));
    }
    if parts
        .headers
        .get("x-amz-expected-bucket-owner")
        .is_some_and(|owner| owner != ACCOUNT)
    {
        return Err(s3_error!(
            AccessDenied,
            "Access Denied: the bucket's owner is {ACCOUNT}"
        ));
    }
    let host = parts
        .headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .map(str::to_owned);
    let host = host.or_else(|| parts.uri.authority().map(ToString::to_string));
    parts.uri = plain_uri(&parts.uri, host.as_deref().and_then(bucket_of_host))?;
    let mut body = plain_body(&mut parts.headers, body)?;
    let kind = parts
        .headers
        .get(CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    if parts.method == Method::POST && kind.starts_with(b"multipart/form-data") {
        body = super::form::plain(body)?;
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
        parts
            .headers
            .insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    parts.extensions.insert(RequestId(id.to_owned()));
    Ok(HttpRequest::from_parts(parts, Body::from(body)))
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

/// The body as it was before it was put in chunks. Checksums that followed it become headers, where `s3s` looks.
fn plain_body(headers: &mut HeaderMap, body: Bytes) -> S3Result<Bytes> {
    let sent = headers
        .get("x-amz-content-sha256")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let coding = headers
        .get(CONTENT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let codings: Vec<&str> = coding.split(',').map(str::trim).collect();
    if !sent.starts_with("STREAMING-") && !codings.contains(&"aws-chunked") {
        check_sha256(&sent, &body)?;
        return Ok(body);
    }
    let incomplete = || {
        s3_error!(
            IncompleteBody,
            "The request body is not in aws-chunked coding, or it ends early"
        )
    };
    let decoded = chunked::decode(&body).ok_or_else(incomplete)?;
    let length = headers.remove("x-amz-decoded-content-length");
    if length.is_some_and(|length| {
        length.to_str().ok().and_then(|it| it.parse().ok()) != Some(decoded.body.len())
    }) {
        return Err(incomplete());
    }
    for (name, value) in decoded
        .trailers
        .iter()
        .filter(|(name, _)| name.starts_with("x-amz-checksum-"))
    {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers.remove(CONTENT_ENCODING);
    let others: Vec<&str> = codings
        .into_iter()
        .filter(|coding| *coding != "aws-chunked" && !coding.is_empty())
        .collect();
    if let (false, Ok(value)) = (others.is_empty(), HeaderValue::try_from(others.join(","))) {
        headers.insert(CONTENT_ENCODING, value);
    }
    Ok(Bytes::from(decoded.body))
}

fn check_sha256(sent: &str, body: &Bytes) -> S3Result<()> {
    let is_a_digest = sent.len() == 64 && sent.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_a_digest && !sent.eq_ignore_ascii_case(&hex(Sha256::checksum(body).as_ref())) {
        return Err(s3_error!(
            InvalidRequest,
            "The provided 'x-amz-content-sha256' header does not match what was computed."
        ));
    }
    Ok(())
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
