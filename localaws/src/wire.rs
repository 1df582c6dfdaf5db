//! What goes over the wire, for both front doors: whole requests and answers.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use quick_xml::escape::escape;

/// A request with its whole body, unless that is large (see `large_body`).
pub type Request = http::Request<Bytes>;
/// An answer with its whole body, unless that is large (see `large_body`).
pub type Response = http::Response<Bytes>;

/// The request may have taken effect, but its answer never arrives: the connection broke.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the connection was reset before an answer came")]
pub struct AnswerLost;

/// An answer of this status, content type and body.
#[must_use]
pub fn response(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Response {
    let mut response = http::Response::new(body.into());
    *response.status_mut() = status;
    if let Ok(value) = content_type.parse() {
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, value);
    }
    response
}

/// The answer with its request id in the header where SDKs read it: `x-amz-request-id` (S3) or `x-amzn-requestid`.
#[must_use]
pub fn with_request_id(mut response: Response, header: &'static str, request_id: &str) -> Response {
    if let Ok(id) = request_id.parse() {
        response.headers_mut().insert(header, id);
    }
    response
}

/// An error as S3 writes it ("Error responses", Amazon S3 API Reference).
#[must_use]
pub(crate) fn s3_error(
    method: &Method,
    status: StatusCode,
    (code, message): (&str, &str),
    request_id: &str,
) -> Response {
    // An answer to HEAD has no body (RFC 9110, 9.3.2): the status is all there is.
    let body = if method == Method::HEAD {
        String::new()
    } else {
        let (code, message, id) = (xml_text(code), xml_text(message), xml_text(request_id));
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
             <RequestId>{id}</RequestId><HostId>{id}</HostId></Error>"
        )
    };
    let answer = response(status, "application/xml", body);
    with_request_id(answer, "x-amz-request-id", request_id)
}

/// A text as XML has it. A character that XML 1.0 does not have, in any form, is U+FFFD: what a client sent may have one, and
/// it could not read the answer.
pub(crate) fn xml_text(text: &str) -> String {
    let shown = |c| {
        if is_xml(c) {
            c
        } else {
            char::REPLACEMENT_CHARACTER
        }
    };
    escape(text.chars().map(shown).collect::<String>()).into_owned()
}

/// Whether XML 1.0 has this character ("Characters", 2.2).
pub(crate) fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// Whether a request is a browser's upload form (S3's POST Object), which is signed inside of its fields.
pub(crate) fn is_form(method: &Method, headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    method == Method::POST && kind.is_some_and(|kind| kind.starts_with(b"multipart/form-data"))
}

/// Whether every request of the Query protocol may have this field, also one of an old client that signs in the URL ("Query
/// requests", EC2 API Reference).
#[must_use]
pub(crate) fn is_common_field(name: &str) -> bool {
    COMMON_FIELDS.contains(&name) || name.starts_with("X-Amz-")
}

const COMMON_FIELDS: [&str; 9] = [
    "Action",
    "Version",
    "AWSAccessKeyId",
    "Signature",
    "SignatureMethod",
    "SignatureVersion",
    "Timestamp",
    "Expires",
    "SecurityToken",
];

/// The fields of a Query protocol request: of the form body, and of the URL's query.
/// Repeated fields keep their order.
#[must_use]
pub fn query_fields(request: &Request) -> Vec<(String, String)> {
    let in_url = request.uri().query().unwrap_or_default().as_bytes();
    form_urlencoded::parse(in_url)
        .chain(form_urlencoded::parse(request.body()))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

/// The error code of an answer that this world does not know, where the service's protocol has error codes.
pub const NOT_BUILT: &str = "NotImplemented";

/// The sentence that says that this world does not know an answer.
#[must_use]
pub fn not_built_sentence(service: &str, action: &str) -> String {
    format!("localaws has not built {service} {action}; it does not pretend to know the answer")
}

/// What stands in for an answer that this world does not know: HTTP 501 with a sentence that says so. For what has no
/// errors that a client reads; services put the sentence into an error of their protocol.
#[must_use]
pub fn not_built(service: &str, action: &str) -> Response {
    let sentence = not_built_sentence(service, action);
    response(
        StatusCode::NOT_IMPLEMENTED,
        "text/plain",
        format!("{sentence}\n"),
    )
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_seen_as_lost() {
        assert_eq!(
            xml_text("a<b\u{1}\n\u{ffff}\u{1f600}"),
            "a&lt;b\u{fffd}\n\u{fffd}\u{1f600}"
        );
    }
}
