//! What a status knows of the copies of its AMI that EC2 was asked for.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::publishing::Settings;
use super::records::Waiting;
use crate::image::words::{FailureKind, is_zero};

/// What was asked of CopyImage for one Region.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CopyRequest {
    /// How many copies were begun before: it goes into the client token, because EC2 answers the token of a failed copy
    /// with that copy.
    #[serde(skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// How many of them failed since the AMI was last to be published.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u32,
    /// When EC2 was last asked for this attempt; none while it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
    /// When EC2 was first asked for this attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_since: Option<Timestamp>,
    /// Whether the last request was refused: nothing was begun by it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_refused: bool,
    /// When the last of the requests before was sent whose answer is not known: EC2 may have begun a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unanswered_at: Option<Timestamp>,
    /// The failed copies that were deregistered: EC2 may still show them for a while.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// Whether the finished copy cannot be used and a person has asked for another: once EC2 does not show it any more, it
    /// is made again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_unusable: bool,
    /// The KMS key that was asked for, or that the copy has. A repeated request has to have the same parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// The description and the tags that were asked for.
    #[serde(skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
    /// What is waited for in this Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// Why the last copy failed, while there may be another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Failure>,
    /// Why there will be no copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl CopyRequest {
    /// When EC2 was last asked, by this attempt or by one before it of which it is not known what came of it.
    #[must_use]
    pub fn last_asked_at(&self) -> Option<Timestamp> {
        self.asked_at.or(self.unanswered_at)
    }

    /// When the last request was sent of which it is not known what came of it.
    #[must_use]
    pub fn last_unanswered(&self) -> Option<Timestamp> {
        let last = self.asked_at.filter(|_| !self.is_refused);
        last.or(self.unanswered_at)
    }

    /// Whether EC2 may have heard the request of this attempt: another one with its client token has to ask for the same. What was
    /// refused has begun nothing.
    #[must_use]
    pub fn may_be_heard(&self) -> bool {
        self.asked_at.is_some() && self.last_unanswered().is_some()
    }

    /// Whether EC2 was asked, and it is not known what came of it: there may be a copy, and its Region is not given up.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.failure.is_none() && self.last_unanswered().is_some()
    }

    /// Whether there may be a copy that nobody has seen, also where its Region is given up.
    #[must_use]
    pub fn may_have_begun(&self) -> bool {
        let is_known = |it: &Failure| match &it.kind {
            // It was searched for before, for as long as EC2 may not show it.
            FailureKind::RequestRefused { action } => action == "CopyImage",
            // They are named.
            FailureKind::SeveralImages { .. } => true,
            _ => false,
        };
        self.last_unanswered().is_some() && !self.failure.as_ref().is_some_and(is_known)
    }

    /// Whether this is the request that was written down as `other`, whatever came of it since.
    #[must_use]
    pub fn is_request(&self, other: &Self) -> bool {
        let sent = |it: &Self| (it.attempt, it.asked_at, it.unanswered_at);
        sent(self) == sent(other)
    }
}
