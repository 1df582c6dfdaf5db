//! What goes over the wire, for both front doors: whole requests and answers.

use bytes::Bytes;
use http::StatusCode;

/// A request with its whole body.
pub type Request = http::Request<Bytes>;
/// An answer with its whole body.
pub type Response = http::Response<Bytes>;

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

/// The answer with its request id in the header where SDKs look for it: `x-amz-request-id` (S3) or `x-amzn-requestid`.
#[must_use]
pub fn with_request_id(mut response: Response, header: &'static str, request_id: &str) -> Response {
    if let Ok(id) = request_id.parse() {
        response.headers_mut().insert(header, id);
    }
    response
}

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

/// What stands in for an answer that this world does not know: HTTP 501 with a sentence that says so.
#[must_use]
pub fn not_built(service: &str, action: &str) -> Response {
    response(
        StatusCode::NOT_IMPLEMENTED,
        "text/plain",
        format!(
            "localaws has not built {service} {action}; it does not pretend to know the answer\n"
        ),
    )
}
