//! What cannot be done with a file, in S3's words.

use std::io;
use std::path::Path;

use s3s::{S3Error, s3_error};

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
