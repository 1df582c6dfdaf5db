//! Refusals in the words and the format of each service.

use http::{Method, StatusCode};

use crate::json_protocol;
use crate::wire::{self, Response};

/// How each service says that there are too many calls: EC2 "Error codes", S3 "Error responses", the Query services'
/// "Common errors".
pub(crate) fn throttled(service: &str) -> (StatusCode, &'static str, &'static str) {
    match service {
        "s3" => (
            StatusCode::SERVICE_UNAVAILABLE,
            "SlowDown",
            "Please reduce your request rate.",
        ),
        "ec2" => (
            StatusCode::SERVICE_UNAVAILABLE,
            "RequestLimitExceeded",
            "Request limit exceeded.",
        ),
        "logs" | "ssm" => (
            StatusCode::BAD_REQUEST,
            "ThrottlingException",
            "Rate exceeded",
        ),
        _ => (StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded"),
    }
}

/// An error in the format of the service: EC2's, S3's, or that of the other Query services.
pub(crate) fn refusal(
    service: &str,
    method: &Method,
    status: StatusCode,
    (code, message): (&str, &str),
    request_id: &str,
) -> Response {
    if ["events", "kms", "lambda", "logs", "ssm"].contains(&service) {
        return json_protocol::refusal(status, code, message, request_id);
    }
    if service == "s3" {
        return wire::s3_error(method, status, (code, message), request_id);
    }
    let (code, message, id) = (
        wire::xml_text(code),
        wire::xml_text(message),
        wire::xml_text(request_id),
    );
    let body = match service {
        "ec2" => format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>{id}</RequestID></Response>"
        ),
        _ => {
            let by = if status.is_server_error() {
                "Receiver"
            } else {
                "Sender"
            };
            format!(
                "<ErrorResponse><Error><Type>{by}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>{id}</RequestId></ErrorResponse>"
            )
        }
    };
    let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}");
    let response = wire::response(status, "text/xml;charset=UTF-8", body);
    wire::with_request_id(response, "x-amzn-requestid", request_id)
}
