//! What a check returns.

use super::super::target::{CHECK_NETWORK, RENEW_CREDENTIALS, SET_CREDENTIALS};
use crate::aws::AwsError;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// It is as it has to be.
    Ok(String),
    /// It is not.
    Todo {
        /// What is wrong.
        what: String,
        /// What to do about it.
        next: String,
    },
    /// It could not be looked at.
    Unknown {
        /// Why not, and what would help.
        why: String,
    },
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    /// What was looked at, as `bucket images`.
    pub(super) subject: String,
    /// What was found.
    pub(super) finding: Finding,
}

impl Check {
    /// Something that is as it has to be.
    pub(super) fn ok(subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            finding: Finding::Ok(text.into()),
        }
    }

    /// Something to do.
    pub(super) fn todo(
        subject: impl Into<String>,
        what: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        let (what, next) = (what.into(), next.into());
        Self {
            subject: subject.into(),
            finding: Finding::Todo { what, next },
        }
    }

    /// Something that could not be looked at.
    pub(super) fn unknown(subject: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            finding: Finding::Unknown { why: why.into() },
        }
    }

    /// Something that AWS did not show; `permission` is what the look needs, and on what.
    pub(super) fn not_seen(subject: impl Into<String>, permission: &str, error: &AwsError) -> Self {
        let help = if is_denied(error) {
            format!("you need {permission}, which the stack's OperatorPolicy has")
        } else if error.lacks_credentials() {
            SET_CREDENTIALS.to_owned()
        } else if is_about_credentials(error) {
            RENEW_CREDENTIALS.to_owned()
        } else if error.code.is_none() && error.status.is_none() {
            CHECK_NETWORK.to_owned()
        } else {
            "run amiwright doctor again, and report it if it stays".to_owned()
        };
        Self::unknown(subject, format!("{error}: {help}"))
    }
}

/// Whether a permission is missing. An answer to HEAD has no code.
pub(super) fn is_denied(error: &AwsError) -> bool {
    let codes = [
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "UnauthorizedOperation",
    ];
    codes.iter().any(|code| error.has_code(code)) || (error.code.is_none() && error.has_status(403))
}

/// Whether AWS does not take the credentials.
pub(super) fn is_about_credentials(error: &AwsError) -> bool {
    let codes = [
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ];
    codes.iter().any(|code| error.has_code(code))
}
