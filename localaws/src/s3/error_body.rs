//! The bodies of errors ("Error responses", Amazon S3 API Reference): every one has a message, the request's ids, and what
//! it is about.

use bytes::Bytes;
use http::{HeaderMap, Method};
use quick_xml::escape::escape;

use super::action::Action;
use super::failure::DETAIL;
use crate::wire::not_built_sentence;

/// Completes an error that `s3s` wrote.
pub(super) fn complete(
    body: &Bytes,
    method: &Method,
    asked: &Action,
    details: &HeaderMap,
    id: &str,
) -> Bytes {
    let Some(text) = std::str::from_utf8(body)
        .ok()
        .filter(|it| it.contains("<Error>"))
    else {
        return body.clone();
    };
    let code = between(text, "Code").unwrap_or_default();
    let message = match between(text, "Message").filter(|message| !message.is_empty()) {
        Some(message) => message.to_owned(),
        None => usual(code).to_owned(),
    };
    let unread = message.strip_prefix("invalid query: ");
    let (message, argument) = match unread.and_then(|unread| unread.split_once(": ")) {
        Some((name, value)) => (
            format!("Provided {name} not an integer or within integer range"),
            element("ArgumentName", Some(name)) + &element("ArgumentValue", Some(value)),
        ),
        None => (not_built(message), String::new()),
    };
    let details = details.get_all(DETAIL).into_iter();
    let details =
        details.filter_map(|detail| std::str::from_utf8(detail.as_bytes()).ok()?.split_once(' '));
    let details: String = details
        .map(|(name, value)| element(name, Some(value)))
        .collect();
    let (key, bucket) = (asked.key.as_deref(), asked.bucket.as_deref());
    let about = match code {
        "NoSuchKey" | "NoSuchVersion" => element("Key", key),
        // Of delete markers alone.
        "MethodNotAllowed" => {
            element("Method", Some(method.as_str()))
                + &element("ResourceType", Some("DeleteMarker"))
        }
        "NoSuchBucket" | "BucketNotEmpty" | "BucketAlreadyOwnedByYou" | "InvalidBucketName" => {
            element("BucketName", bucket)
        }
        _ => String::new(),
    };
    let resource = element(
        "Resource",
        about.is_empty().then(|| resource(asked)).as_deref(),
    );
    // What else the error says of itself stays as it is.
    let rest = text.split("</Message>").nth(1).unwrap_or_default();
    let rest = rest.split("<RequestId>").next().unwrap_or_default();
    let rest = rest.split("</Error>").next().unwrap_or_default();
    let id = element("RequestId", Some(id)) + &element("HostId", Some(id));
    Bytes::from(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>{about}{argument}{details}{rest}{resource}{id}</Error>"
    ))
}

/// What `s3s` says of operations that are not built, in this world's words.
fn not_built(message: String) -> String {
    match message.strip_suffix(" is not implemented yet") {
        Some(operation) => not_built_sentence("S3", operation),
        None => message,
    }
}

fn resource(asked: &Action) -> String {
    let bucket = asked.bucket.as_deref().unwrap_or_default();
    match &asked.key {
        Some(key) => format!("/{bucket}/{key}"),
        None => format!("/{bucket}"),
    }
}

fn element(name: &str, text: Option<&str>) -> String {
    let text = text.map(|text| format!("<{name}>{}</{name}>", escape(text)));
    text.unwrap_or_default()
}

fn between<'a>(text: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{element}>"))?;
    Some(rest.split_once("</")?.0)
}

/// The usual message of a code ("List of error codes", Amazon S3 API Reference).
fn usual(code: &str) -> &'static str {
    match code {
        "IncompleteBody" => {
            "You did not provide the number of bytes specified by the Content-Length HTTP header."
        }
        "InternalError" => "We encountered an internal error. Please try again.",
        "InvalidArgument" => "Invalid Argument",
        "InvalidBucketName" => "The specified bucket is not valid.",
        "InvalidRequest" => "Invalid Request",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "KeyTooLongError" => "Your key is too long.",
        "MalformedXML" => {
            "The XML you provided was not well-formed or did not validate against our published schema"
        }
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "MissingRequestBodyError" => "Request Body is empty",
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "NotImplemented" => {
            "A header or query you provided implies functionality that is not implemented."
        }
        _ => "The request was refused.",
    }
}
