//! A request to cancel or to retry an image, as an object of its own: operators write it, the functions do what it asks
//! for. It says what and of which version, and nothing of it is ever shown: whoever may ask may not put words into a
//! status, a terminal or an email.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::status::Status;
use crate::limits::REQUEST_BYTES;

/// What somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ask {
    /// That the image is cancelled.
    Cancel,
    /// That a new attempt is made.
    Retry,
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        })
    }
}

/// The version of a manifest, and the attempt at it, that somebody saw who makes a request: it is not meant for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seen {
    /// `manifest.sha256` of the status.
    pub sha256: String,
    /// `build.attempt` of the status.
    pub attempt: u32,
}

impl Seen {
    /// The version that a status is about.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        Self {
            sha256: status.manifest.sha256.clone(),
            attempt: status.build.attempt,
        }
    }
}

/// A request. A function refuses one with a field that it does not know, as it would do something else than what is asked for. So
/// what is added to it is left out where it is not used: functions of an earlier release understand the request then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// What is asked for.
    pub ask: Ask,
    /// When, by the clock of who asks. Nothing depends on it.
    pub asked_at: Timestamp,
    /// About which version.
    pub about: Seen,
    /// Whether who asks has seen that the same is recorded already: then it is not done anew, should it be done by now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_repeated: bool,
}

impl Request {
    /// A request about the version that a status is about now.
    #[must_use]
    pub fn about(status: &Status, ask: Ask, now: Timestamp) -> Self {
        Self {
            ask,
            asked_at: now,
            about: Seen::of(status),
            is_repeated: false,
        }
    }
}

/// Why bytes are not a request. Nothing of them is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There are too many to be read.
    #[error("it has more than {REQUEST_BYTES} bytes")]
    TooLarge,
    /// They are not the JSON of a request.
    #[error(
        "it is not a request (line {line}, column {column}), or one of a newer amiwright than the stack's"
    )]
    NotARequest {
        /// The line of the first mistake, from 1.
        line: usize,
        /// Its column.
        column: usize,
    },
}

/// Reads a request.
///
/// # Errors
/// If it is not one.
pub fn parse(content: &[u8]) -> Result<Request, Malformed> {
    serde_json::from_slice(content).map_err(|error| Malformed::NotARequest {
        line: error.line(),
        column: error.column(),
    })
}
