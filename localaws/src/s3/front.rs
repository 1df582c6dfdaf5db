//! Between the wire and `s3s`: whole requests in, whole answers out.
//!
//! Any signature is accepted here, so signatures are taken off before `s3s`, which would check them, sees a request.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HOST, HeaderValue, RANGE,
    TRANSFER_ENCODING,
};
use http::{Extensions, Method, StatusCode, Uri};
use http_body_util::BodyExt as _;
use s3s::{Body, HttpRequest, HttpResponse, S3Error, S3ErrorCode, S3Result, s3_error};

use crate::wire::{Request, Response, is_xml, not_built_sentence};

use super::action::{Action, action};
use super::bodies::{self, Bodies};
use super::failure::{DETAIL, with_details};
use super::{members, operations};
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

/// The Region that a request was sent to.
#[derive(Debug, Clone)]
pub(crate) struct RequestRegion(pub(crate) String);

impl RequestRegion {
    /// The Region that whoever took the request put there.
    pub(super) fn of(extensions: &Extensions) -> Option<&str> {
        extensions.get::<Self>().map(|region| region.0.as_str())
    }

    /// Fails if what it was signed for has no Region's form: s3cmd begins with `US`, and takes the right one from the
    /// answer.
    fn check(parts: &http::request::Parts, home: &str) -> S3Result<()> {
        let signed_for = Self::of(&parts.extensions).unwrap_or(home);
        if signed_for.contains('-') {
            return Ok(());
        }
        let wrong = format!("the region '{signed_for}' is wrong; expecting '{home}'");
        let error = if parts.headers.contains_key(AUTHORIZATION) {
            let message = format!("The authorization header is malformed; {wrong}");
            S3Error::with_message(S3ErrorCode::AuthorizationHeaderMalformed, message)
        } else {
            let message = format!("Error parsing the X-Amz-Credential parameter; {wrong}");
            S3Error::with_message(S3ErrorCode::AuthorizationQueryParametersError, message)
        };
        Err(with_details(error, &[("Region", home)]))
    }
}

/// What is asked, for the answer.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) action: Action,
    /// The request's id.
    pub(super) id: String,
}

impl Asked {
    /// Puts a request into path style, and reads what it asks.
    ///
    /// # Errors
    /// 400 for a URI that names no bucket and no key.
    pub(super) fn of(request: &mut Request, id: String) -> (Self, S3Result<()>) {
        let host = request.headers().get(HOST);
        let host = host.and_then(|host| host.to_str().ok()).map(str::to_owned);
        let host = host.or_else(|| request.uri().authority().map(ToString::to_string));
        let plain = plain_uri(request.uri(), host.as_deref().and_then(bucket_of_host));
        let plain = plain.map(|uri| *request.uri_mut() = uri);
        let asked = Self {
            method: request.method().clone(),
            action: action(request),
            id,
        };
        (asked, plain)
    }
}

/// Makes a request ready for `s3s`: path-style, unsigned, with its body decoded.
///
/// # Errors
/// The answer to a request that cannot be understood or asks for what is not built.
pub(super) async fn request(
    request: Request,
    asked: &Asked,
    bodies: &Bodies,
    home_region: &str,
) -> S3Result<HttpRequest> {
    let (mut parts, body) = request.into_parts();
    RequestRegion::check(&parts, home_region)?;
    let large = parts.extensions.remove::<Incoming>();
    if asked.action.name.is_empty() && asked.action.key.is_none() {
        // Not left to `s3s`: a subresource that it does not know is the bucket itself for it, which it makes or deletes.
        return Err(not_built(&parts));
    }
    let operation = operations::find(asked.action.name);
    members::check(operation, &mut parts)?;
    let kind = operation.map_or(operations::Body::None, |operation| operation.body);
    let (body, large) = bodies.ready(kind, &mut parts, body, large).await?;
    bodies::check_document(kind, &parts.headers, &body)?;
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
    parts.extensions.insert(RequestId(asked.id.clone()));
    Ok(HttpRequest::from_parts(parts, Body::from(body)))
}

/// What is asked of a bucket and nothing here answers.
fn not_built(parts: &http::request::Parts) -> s3s::S3Error {
    let query = parts.uri.query().unwrap_or_default();
    let subresource = query.split(['&', '=']).next().unwrap_or_default();
    let asked = format!("{} ?{subresource}", parts.method);
    s3_error!(NotImplemented, "{}", not_built_sentence("S3", &asked))
}

fn is_one_range(range: &HeaderValue) -> bool {
    let text = range.to_str().unwrap_or_default();
    match s3s::dto::Range::parse(text) {
        // "A Range whose last-pos is less than its first-pos is invalid" (RFC 9110, 14.1.2).
        Ok(s3s::dto::Range::Int { first, last }) => last.is_none_or(|last| first <= last),
        Ok(s3s::dto::Range::Suffix { .. }) => true,
        Err(_) => false,
    }
}

/// Makes the whole answer out of `s3s`'s.
pub(super) async fn answer(answer: HttpResponse, asked: &Asked) -> Response {
    let (mut parts, body) = answer.into_parts();
    let mut body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            tracing::error!(%error, "the body of an answer could not be read");
            parts.status = StatusCode::INTERNAL_SERVER_ERROR;
            Bytes::new()
        }
    };
    // `s3s` gives HeadObject of a range the status of the whole.
    if asked.method == Method::HEAD && parts.headers.contains_key(CONTENT_RANGE) {
        parts.status = StatusCode::PARTIAL_CONTENT;
    }
    let operation = operations::find(asked.action.name);
    let names_encryption = operation.is_some_and(|operation| operation.names_encryption);
    if parts.status.is_success() && names_encryption {
        let encryption = HeaderValue::from_static("AES256");
        parts
            .headers
            .insert("x-amz-server-side-encryption", encryption);
    }
    if parts.status.is_client_error() || parts.status.is_server_error() {
        let details = &parts.headers;
        body = super::error_body::complete(&body, &asked.method, &asked.action, details, &asked.id);
        parts.headers.remove(DETAIL);
        // An error with details comes with their headers alone.
        let xml = HeaderValue::from_static("application/xml");
        parts.headers.entry(CONTENT_TYPE).or_insert(xml);
        parts.headers.remove(CONTENT_LENGTH);
    }
    if parts.status.is_success() && asked.action.name == "GetObjectAttributes" {
        body = super::attributes::unquoted(&body);
        parts.headers.remove(CONTENT_LENGTH);
    }
    let is_object = parts.status.is_success() && asked.action.name == "GetObject";
    if !is_object && let Some(written) = with_references(&body) {
        body = written;
        parts.headers.remove(CONTENT_LENGTH);
    }
    let has_no_body = asked.method == Method::HEAD || parts.status == StatusCode::NOT_MODIFIED;
    if has_no_body && !parts.status.is_success() {
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.remove(CONTENT_TYPE);
    }
    if let Ok(id) = HeaderValue::from_str(&asked.id) {
        parts.headers.insert("x-amz-request-id", id.clone());
        parts.headers.insert("x-amz-id-2", id);
    }
    Response::from_parts(parts, if has_no_body { Bytes::new() } else { body })
}

/// XML with the characters of keys that XML 1.0 does not have as references, as S3 writes them (`&#x1;`): no more valid, but
/// what some clients read, and those that ask for `encoding-type=url` never see. None where there are none.
fn with_references(xml: &Bytes) -> Option<Bytes> {
    let text = std::str::from_utf8(xml).ok()?;
    text.chars().find(|c| !is_xml(*c))?;
    let written = text.chars().fold(String::new(), |mut written, c| {
        match is_xml(c) {
            true => written.push(c),
            false => written.push_str(&format!("&#x{:x};", u32::from(c))),
        }
        written
    });
    Some(written.into())
}

/// Makes the whole answer out of an error.
pub(super) async fn refusal(mut error: S3Error, asked: &Asked) -> Response {
    error.set_request_id(asked.id.as_str());
    match error.to_http_response() {
        Ok(refused) => answer(refused, asked).await,
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
    let rest = uri.path_and_query().map_or("/", |rest| rest.as_str());
    let whole = match bucket {
        Some(bucket) => format!("/{bucket}{rest}"),
        None => rest.to_owned(),
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
