//! Errors of AWS, sorted by what to do about them.

use std::error::Error as _;
use std::fmt;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::image::status::Failure;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The service is busy, or what is asked for cannot be seen yet: ask again later.
    Later,
    /// The request is wrong or not allowed: asking again is no use.
    Never,
    /// The answer was lost: it may have happened. Look.
    Ambiguous,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct AwsError {
    /// What was being done, to what: `reading s3://b/k`.
    pub doing: String,
    /// What to do about it.
    pub remedy: Remedy,
    /// The service's error code.
    pub code: Option<String>,
    /// The service's message, or what happened to the connection.
    pub message: String,
    /// The service's request id.
    pub request_id: Option<String>,
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.doing)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(request_id) = &self.request_id {
            write!(f, " (request id {request_id})")?;
        }
        Ok(())
    }
}

/// Codes that mean "later", from the "Error codes for the Amazon EC2 API" page, the S3 and the SNS API References.
const LATER: &[&str] = &[
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "Throttled",
    "ThrottledException",
    "TooManyRequestsException",
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "SlowDown",
    "Unavailable",
    "ServiceUnavailable",
    "InternalError",
    "InternalFailure",
    "RequestTimeout",
    "RequestTimeoutException",
    "ConditionalRequestConflict",
    "OperationAborted",
    "KMSThrottling",
    // The credentials or the clock of this very process are stale; the next one has others.
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "RequestTimeTooSkewed",
];

/// Those of [`LATER`] that mean "too many requests" ("Request throttling for the Amazon EC2 API").
const THROTTLED: &[&str] = &[
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "Throttled",
    "ThrottledException",
    "TooManyRequestsException",
    "EC2ThrottledException",
];

impl AwsError {
    /// Sorts an SDK error; `doing` says what was being done, to what.
    pub(super) fn new<E>(doing: impl Into<String>, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let doing = doing.into();
        let request_id = error.request_id().map(str::to_owned);
        let (remedy, code, message) = match error {
            SdkError::ServiceError(context) => {
                let code = context.err().code().map(str::to_owned);
                let status = context.raw().status().as_u16();
                let message = context
                    .err()
                    .message()
                    .map_or_else(|| without_words(status), str::to_owned);
                (remedy_of(code.as_deref(), status), code, message)
            }
            SdkError::ConstructionFailure(_) => (Remedy::Never, None, chain(error)),
            _ => (Remedy::Ambiguous, None, chain(error)),
        };
        Self {
            doing,
            remedy,
            code,
            message,
            request_id,
        }
    }

    /// Whether the service answered with this code.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether the service had too many requests.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.code
            .as_deref()
            .is_some_and(|code| THROTTLED.contains(&code))
    }

    /// Whether our own [`RateLimiter`](super::RateLimiter) held the request back. Nothing was sent.
    #[must_use]
    pub fn is_rate_limited_locally(&self) -> bool {
        self.has_code(super::rate_limiter::CODE)
    }

    /// The error as the reason why an image fails, with what a person can do.
    #[must_use]
    pub fn into_failure(self, hint: impl Into<String>) -> Failure {
        Failure {
            doing: self.doing,
            code: self.code,
            message: self.message,
            request_id: self.request_id,
            hint: hint.into(),
        }
    }
}

fn remedy_of(code: Option<&str>, status: u16) -> Remedy {
    match code {
        Some(code) if LATER.contains(&code) => Remedy::Later,
        // The service did what it was asked for; only its answer is lost.
        _ if (200..300).contains(&status) => Remedy::Ambiguous,
        // The service does not have what is asked for: S3 without conditional writes, an emulator without an action.
        _ if status == 501 => Remedy::Never,
        _ if status == 429 || status >= 500 => Remedy::Later,
        _ => Remedy::Never,
    }
}

/// What is said of an answer that says nothing itself.
fn without_words(status: u16) -> String {
    match status {
        200..300 => format!(
            "HTTP status {status}, but the answer cannot be read: is this the service's endpoint?"
        ),
        _ => format!("HTTP status {status}"),
    }
}

/// The error and what caused it, once, in one line. The SDK's own `Display` names only the outermost.
fn chain<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: std::error::Error + 'static,
{
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_errors_by_code_and_status() {
        assert_eq!(remedy_of(Some("SlowDown"), 503), Remedy::Later);
        assert_eq!(remedy_of(Some("InternalError"), 200), Remedy::Later);
        assert_eq!(remedy_of(None, 502), Remedy::Later);
        assert_eq!(remedy_of(Some("AccessDenied"), 403), Remedy::Never);
        assert_eq!(remedy_of(Some("NotImplemented"), 501), Remedy::Never);
        assert_eq!(remedy_of(None, 200), Remedy::Ambiguous);
    }
}
