//! What cannot be done with a file, in S3's words.

use std::io;
use std::path::Path;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use s3s::{S3Error, s3_error};

/// In what errors carry their details to where their bodies are completed: `s3s` has no place for them. It never leaves
/// this world.
pub(super) const DETAIL: HeaderName = HeaderName::from_static("localaws-error-detail");

/// An error with further elements in its body, by name.
pub(super) fn with_details(mut error: S3Error, details: &[(&str, &str)]) -> S3Error {
    let mut headers = HeaderMap::new();
    for (name, value) in details {
        if let Ok(detail) = HeaderValue::try_from(format!("{name} {value}")) {
            headers.append(DETAIL, detail);
        }
    }
    error.set_headers(headers);
    error
}

/// 400 `InvalidArgument`, which names the argument and its value.
pub(super) fn invalid_argument(name: &str, value: &str, message: String) -> S3Error {
    let error = S3Error::with_message(s3s::S3ErrorCode::InvalidArgument, message);
    with_details(error, &[("ArgumentName", name), ("ArgumentValue", value)])
}

/// 501: S3 would take this key, this world cannot.
pub(super) fn not_a_file(key: &str, why: &str) -> S3Error {
    s3_error!(
        NotImplemented,
        "localaws keeps objects as files, and the key '{key}' cannot be one: {why}"
    )
}

/// What went wrong with a file, as S3's `InternalError`.
pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> S3Error {
    let path = path.display().to_string();
    move |error| {
        let message = format!("localaws could not {doing} {path}: {error}");
        s3_error!(error, InternalError, "{message}")
    }
}
