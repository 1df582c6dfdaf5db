//! Why something failed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image::words::FailureKind;

/// Why an image failed, in the service's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What kind of failure it is.
    #[serde(flatten)]
    pub kind: FailureKind,
    /// What was being done, as `registering the image web`.
    pub doing: String,
    /// The service's error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The service's message.
    pub message: String,
    /// The request that was answered so, for AWS Support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Failure {
    /// A failure that no service answered with.
    #[must_use]
    pub fn new(kind: FailureKind, doing: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            doing: doing.into(),
            code: None,
            message: message.into(),
            request_id: None,
        }
    }

    /// Whether the words are AWS's, and not our own.
    #[must_use]
    pub fn is_of_aws(&self) -> bool {
        match self.kind {
            FailureKind::RequestRefused { .. }
            | FailureKind::TaskFailed
            | FailureKind::CopyFailed { .. }
            | FailureKind::ImageFailed { .. } => true,
            // Some of these were answered by AWS, with a code or a request id, and some are what was found.
            FailureKind::SourceUnreadable { .. }
            | FailureKind::BundleKeyUnusable
            | FailureKind::Other => self.code.is_some() || self.request_id.is_some(),
            FailureKind::ManifestGone
            | FailureKind::BundleInvalid
            | FailureKind::ManifestNotAllowed
            | FailureKind::NameTaken { .. }
            | FailureKind::SeveralImages { .. }
            | FailureKind::TaskMadeNothing
            | FailureKind::TaskLost
            | FailureKind::Unproven { .. }
            | FailureKind::NotInManifest { .. }
            | FailureKind::AnswerUnusable
            | FailureKind::ImageDeregistered { .. }
            | FailureKind::ImageDisabled { .. }
            | FailureKind::ImageLost { .. }
            | FailureKind::StatusTooLarge
            | FailureKind::SettingsGone
            | FailureKind::Blocked
            | FailureKind::NotShareable { .. }
            | FailureKind::RegionDisabled
            | FailureKind::CopyUnusable { .. }
            | FailureKind::NotCopyable
            | FailureKind::NotPublished
            | FailureKind::ParameterConflict { .. }
            | FailureKind::ParameterNotValidated => false,
        }
    }
}
