//! What a check returns.

use super::super::hints::{CHECK_NETWORK, credentials_hint};
use crate::aws::AwsError;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Finding {
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
pub(in crate::cli) struct Check {
    /// What was looked at, as `bucket images`.
    pub(in crate::cli) subject: String,
    /// What was found.
    pub(in crate::cli) finding: Finding,
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
        let help = if error.is_denied() {
            format!("you need {permission}, which the stack's OperatorPolicy has")
        } else if let Some(hint) = credentials_hint(error) {
            hint.to_owned()
        } else if error.is_unanswered() {
            CHECK_NETWORK.to_owned()
        } else {
            "run amiwright doctor again, and report it if it stays".to_owned()
        };
        Self::unknown(subject, format!("{error}: {help}"))
    }
}
