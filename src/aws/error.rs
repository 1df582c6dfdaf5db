//! Errors of AWS, classified by what to do about them.

use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::attempts::MayBeHeard;
use super::profile::NoCredentials;
use super::reach::Unreached;
use crate::failures::chain;

/// The error code of a request that was not sent because its bucket has no token.
pub(super) const RATE_LIMITED: &str = "amiwright.RateLimited";

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The service is busy, or what was requested is not visible yet: retry later.
    Later,
    /// The request is invalid or not allowed: a retry cannot succeed.
    Never,
    /// The answer was lost: the call may have taken effect. Check before retrying.
    Ambiguous,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct AwsError {
    /// The call, as the service's API reference names it: `HeadBucket`.
    pub action: &'static str,
    /// What was being done, to what, for people only: `reading s3://b/k`.
    pub doing: String,
    /// What to do about it.
    pub remedy: Remedy,
    /// The HTTP status; none where nothing was answered.
    pub status: Option<u16>,
    /// The service's error code. Those that begin with `amiwright.` are ours: the service was not asked.
    pub code: Option<String>,
    /// The service's message, or what happened to the connection, for people only.
    pub message: String,
    /// The service's request id. Boxed, as the next is: errors are moved around in every result.
    pub request_id: Option<Box<str>>,
    /// Whether an attempt of the call, the last or one before, may have been heard.
    pub(super) is_heard: bool,
    /// The profile that gave no credentials.
    pub(super) no_credentials: Option<Box<NoCredentials>>,
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

/// Codes that, like those of [`THROTTLED`], mean "later", from the "Error codes for the Amazon EC2 API" page, the S3,
/// the SNS and the SSM API References.
const LATER: &[&str] = &[
    "BandwidthLimitExceeded",
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
    // Quotas of what runs at once, and what a service does on our behalf.
    "ConcurrentSnapshotLimitExceeded",
    "PendingSnapshotLimitExceeded",
    "ConcurrentTagAccess",
    "RetryableError",
    // "There are concurrent updates for a resource" (PutParameter, errors).
    "TooManyUpdates",
    // The credentials or the clock of this process are stale; the next process has new ones.
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "RequestTimeTooSkewed",
];

/// EC2's code for quotas of both kinds ("Error codes for the Amazon EC2 API": "For example, you might have too many
/// snapshot copies in progress").
const LIMIT_EXCEEDED: &str = "ResourceLimitExceeded";

/// The calls that start work in EC2: for them [`LIMIT_EXCEEDED`] is about how much of it runs at once, and passes when
/// some of that has finished. For others, as ModifyImageAttribute, it is a quota of what exists.
const STARTS_WORK: &[&str] = &[
    "BundleInstance",
    "CopyImage",
    "CreateRestoreImageTask",
    "CreateStoreImageTask",
    "ImportImage",
    "ImportSnapshot",
    "RegisterImage",
];

/// Codes that mean "too many requests" ("Request throttling for the Amazon EC2 API").
const THROTTLED: &[&str] = &[
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "Throttled",
    "ThrottledException",
    "TooManyRequestsException",
    "EC2ThrottledException",
];

/// Codes of a call that the caller may not make, from the common errors of the API References of EC2, S3, SNS, KMS, SSM
/// and the other services that are called here.
const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "AllAccessDisabled",
    "AuthorizationError",
    "Forbidden",
    "UnauthorizedOperation",
];

/// Codes of credentials that are invalid or expired, from the same pages.
const REFUSES_CREDENTIALS: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// EC2's code for both: "The provided credentials could not be validated. You might not be authorized to carry out the
/// request" ("Error codes for the Amazon EC2 API"). Credentials that it could not validate have status 401.
const AUTH_FAILURE: &str = "AuthFailure";

/// What the SDK's calls return.
pub(super) type Answer<O, E> = Result<O, SdkError<E, HttpResponse>>;

/// An answer with its error classified; `doing` says what was being done, to what.
pub(super) fn classify<O, E>(
    action: &'static str,
    doing: impl Into<String>,
    answer: Answer<O, E>,
) -> Result<O, AwsError>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    answer.map_err(|error| AwsError::new(action, doing, &error))
}

/// The error code of a request that was not sent because no credentials were found.
const NO_CREDENTIALS: &str = "amiwright.NoCredentials";

/// Why EC2 could not read a bundle's manifest. Both pass by themselves for a while after an upload or a change of ACL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleFault {
    /// It may not.
    Forbidden,
    /// It does not see the object.
    NotFound,
}

impl AwsError {
    /// Classifies the SDK's error for a call; `doing` says what was being done, to what.
    pub(super) fn new<E>(
        action: &'static str,
        doing: impl Into<String>,
        error: &SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let status = error.raw_response().map(|raw| raw.status().as_u16());
        // Two causes say by themselves what happened, without the layers of the SDK before them.
        let unreached = cause::<Unreached>(error).map(ToString::to_string);
        let no_credentials = cause::<NoCredentials>(error);
        let text = || {
            let text = no_credentials.map(ToString::to_string).or(unreached);
            text.unwrap_or_else(|| chain(error))
        };
        let (remedy, code, message) = match error {
            SdkError::ServiceError(context) => {
                let (code, status) = (context.err().code(), context.raw().status().as_u16());
                let message = context.err().message();
                let message = message.map_or_else(|| without_message(status), str::to_owned);
                let remedy = remedy_of(action, code, status);
                (remedy, code.map(str::to_owned), message)
            }
            SdkError::ConstructionFailure(_) => (Remedy::Never, own_code(error), text()),
            _ => (Remedy::Ambiguous, own_code(error), text()),
        };
        Self {
            status,
            code,
            request_id: error.request_id().map(Box::from),
            is_heard: error
                .raw_response()
                .is_some_and(|raw| raw.extension::<MayBeHeard>().is_some()),
            no_credentials: no_credentials.cloned().map(Box::new),
            ..Self::unexplained(action, doing, remedy, message)
        }
    }

    /// An error that the service did not report: of an answer that cannot be used, or of a request that was not sent.
    pub(super) fn unexplained(
        action: &'static str,
        doing: impl Into<String>,
        remedy: Remedy,
        message: impl Into<String>,
    ) -> Self {
        Self {
            action,
            doing: doing.into(),
            remedy,
            status: None,
            code: None,
            message: message.into(),
            request_id: None,
            is_heard: false,
            no_credentials: None,
        }
    }

    /// Classifies what a service says of one of several things that a call named.
    pub(crate) fn of_one(
        action: &'static str,
        doing: impl Into<String>,
        code: Option<&str>,
        message: Option<&str>,
    ) -> Self {
        // Of one thing there is no status of its own; a code that is not known is the caller's fault, as 400 would say.
        let remedy = remedy_of(action, code, 400);
        Self {
            code: code.map(str::to_owned),
            ..Self::unexplained(action, doing, remedy, message.unwrap_or("no message"))
        }
    }

    /// What EC2 met where it could not read a bundle's manifest; none for any other answer.
    ///
    /// EC2 has one code for every fault of a bundle, InvalidManifest, so its message has to distinguish them: `HTTP 403
    /// (Forbidden) response for URL …`. No other code of amiwright depends on the words of a message of EC2.
    #[must_use]
    pub fn bundle_fault(&self) -> Option<BundleFault> {
        if !self.has_code("InvalidManifest") {
            None
        } else if self.message.contains("HTTP 403") {
            Some(BundleFault::Forbidden)
        } else if self.message.contains("HTTP 404") {
            Some(BundleFault::NotFound)
        } else {
            None
        }
    }

    /// Whether the service answered with this code.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether EC2 does not find what the request names, whatever that is: `InvalidAMIID.NotFound`, `InvalidSnapshot.NotFound`.
    /// Its answers are eventually consistent.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        let code = self.code.as_deref();
        code.is_some_and(|code| code.ends_with(".NotFound"))
    }

    /// Whether the service answered with this HTTP status. An answer to a HEAD request has no body, so it may have no
    /// code: then this is all that it says.
    #[must_use]
    pub fn has_status(&self, status: u16) -> bool {
        self.status == Some(status)
    }

    /// Whether an error only says that there is too much at once: that passes, however long it takes.
    #[must_use]
    pub fn is_about_capacity(&self) -> bool {
        self.is_rate_limited() || self.has_code("ResourceLimitExceeded")
    }

    /// Whether the service throttled the request.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.code
            .as_deref()
            .is_some_and(|code| THROTTLED.contains(&code))
    }

    /// Whether there were too many requests, as the service or our own [`RateLimiter`](super::RateLimiter) counts them:
    /// nothing is wrong, and the next tick is early enough.
    #[must_use]
    pub fn is_rate_limited(&self) -> bool {
        self.is_rate_limited_locally() || self.is_throttled()
    }

    /// Whether no credentials were found to sign the request. Nothing was sent.
    #[must_use]
    pub fn lacks_credentials(&self) -> bool {
        self.has_code(NO_CREDENTIALS)
    }

    /// Whether nothing answered: whether the request was heard is not known.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.remedy == Remedy::Ambiguous && self.status.is_none() && self.code.is_none()
    }

    /// What the person can do about the profile that gave no credentials.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        let cause = self.no_credentials.as_ref()?;
        Some(&cause.advice)
    }

    /// Whether the service knows the caller and does not allow the call. An answer to a HEAD request has no code.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self.code.as_deref() {
            Some(AUTH_FAILURE) => !self.has_status(401),
            Some(code) => DENIED.contains(&code),
            None => self.has_status(403),
        }
    }

    /// Whether the service does not take the credentials that signed the request: they are invalid or expired.
    #[must_use]
    pub fn refuses_credentials(&self) -> bool {
        match self.code.as_deref() {
            Some(AUTH_FAILURE) => self.has_status(401),
            Some(code) => REFUSES_CREDENTIALS.contains(&code),
            None => false,
        }
    }

    /// Whether the service may have done what was asked for: the answer to an attempt was lost, or it failed while it did that.
    #[must_use]
    pub fn may_be_heard(&self) -> bool {
        self.is_heard || self.remedy == Remedy::Ambiguous
    }

    /// Whether our own [`RateLimiter`](super::RateLimiter) held the request back. Nothing was sent.
    #[must_use]
    pub fn is_rate_limited_locally(&self) -> bool {
        self.has_code(RATE_LIMITED)
    }
}

fn remedy_of(action: &str, code: Option<&str>, status: u16) -> Remedy {
    match code {
        Some(LIMIT_EXCEEDED) if STARTS_WORK.contains(&action) => Remedy::Later,
        Some(code) if THROTTLED.contains(&code) || LATER.contains(&code) => Remedy::Later,
        // The call took effect; only its answer is lost.
        _ if (200..300).contains(&status) => Remedy::Ambiguous,
        // The service does not support the call: S3 without conditional writes, an emulator without an action.
        _ if status == 501 => Remedy::Never,
        _ if status == 429 || status >= 500 => Remedy::Later,
        _ => Remedy::Never,
    }
}

/// What is reported of an answer without a message.
fn without_message(status: u16) -> String {
    match status {
        200..300 => format!(
            "HTTP status {status}, but the answer is not readable: check that this is the service's endpoint"
        ),
        _ => format!("HTTP status {status}"),
    }
}

/// Our own code for a request that could not be sent, if there is one for it.
fn own_code<E>(error: &SdkError<E, HttpResponse>) -> Option<String>
where
    E: std::error::Error + 'static,
{
    crate::failures::causes(error)
        .any(|cause| cause.is::<CredentialsError>())
        .then(|| NO_CREDENTIALS.to_owned())
}

/// The cause of this type.
fn cause<'a, T: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'a),
) -> Option<&'a T> {
    crate::failures::causes(error).find_map(|cause| cause.downcast_ref())
}

#[cfg(test)]
mod tests;
