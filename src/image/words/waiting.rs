//! Why a step waits, and what is usual of that.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// EC2's code for a request whose client token it has had with other parameters ("Ensuring idempotency in Amazon EC2 API
/// requests").
pub const TOKEN_KNOWN: &str = "IdempotentParameterMismatch";

/// Why a step cannot proceed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "reason",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum WaitReason {
    /// The object that the image is made from is not uploaded yet.
    ObjectMissing {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// What is there is empty: many uploaders create an object before they write it.
    ObjectEmpty {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// The bundle's manifest is not uploaded yet.
    BundleManifestMissing {
        /// Its bucket.
        bucket: String,
        /// Its key.
        key: String,
    },
    /// Parts of the bundle are not uploaded yet.
    PartsMissing {
        /// How many.
        missing: usize,
        /// Of how many.
        of: usize,
        /// The key of the first one that is missing: while it is, there is no need to check the others.
        first: String,
    },
    /// The parts of the bundle do not add up: an upload over older parts may still be running.
    PartsSizeMismatch {
        /// Bytes of the parts that are there.
        size: u64,
        /// Bytes that the bundle's manifest names.
        expected: u64,
    },
    /// The manifest or its bundle was removed or replaced; whether something was made from it is being checked.
    ManifestGone,
    /// The request rate of this action is used up; the next tick tries again.
    RateLimited {
        /// The EC2 action.
        action: String,
    },
    /// AWS answered with an error that may pass, or refused what an earlier request may have done already.
    Retrying {
        /// The service's error code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The service's message.
        message: String,
    },
    /// The instance is being bundled by a task that is not this manifest's.
    InstanceBusy {
        /// The instance.
        instance: String,
        /// The other task, where EC2 shows one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<String>,
    },
    /// EC2 was asked to store the AMI and did not answer; whether it does is being checked.
    StoreUnanswered {
        /// The AMI.
        image: String,
        /// When EC2 was asked.
        asked_at: Timestamp,
    },
    /// To be cancelled; whether anything was started for it is being checked.
    CancelUnanswered,
    /// EC2 refused to cancel the task: it is polled to its end, and what it makes is deleted.
    CancelRefused {
        /// EC2's error code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// EC2's message.
        message: String,
    },
    /// EC2 shows nothing yet by which this is proven to be the image's own.
    Unproven {
        /// The id of the task, the snapshot or the AMI.
        what: String,
    },
    /// An AMI that EC2 has just made cannot be seen yet: it is deregistered before what it is made of.
    ImageNotVisible {
        /// The AMI.
        image: String,
    },
    /// What was deleted may still be shown for a moment.
    DeletionNotVisible,
    /// What was changed about the AMI may not be shown for a moment.
    SettingsNotVisible {
        /// The Region.
        region: String,
    },
    /// The deregistration protection of an AMI that is retired was switched off, and holds until its cooldown is over.
    ProtectionCooldown {
        /// The AMI.
        image: String,
        /// When it can be deregistered.
        until: Timestamp,
    },
    /// EC2 is still making an AMI that is to be retired: its snapshots are not told before that is done.
    ImagePending {
        /// The Region.
        region: String,
        /// The AMI.
        image: String,
    },
    /// AMIs of earlier versions are to be retired in a Region, and EC2 does not show that the one which replaces them there is
    /// available and has its tags.
    NoSuccessor {
        /// The Region.
        region: String,
        /// The AMI that was to replace them.
        image: String,
    },
    /// The copy of the AMI is not available yet.
    CopyPending {
        /// The Region.
        region: String,
    },
    /// A parameter was written and does not show its new value yet, or may still come to show an earlier one: SSM validates
    /// values first.
    ParameterNotConfirmed {
        /// The Region.
        region: String,
        /// The parameter's name.
        name: String,
    },
}

impl WaitReason {
    /// Whether this is waited for until a known time, so that nobody need be told that it lasts.
    #[must_use]
    pub fn has_date(&self) -> bool {
        matches!(self, Self::ProtectionCooldown { .. })
    }

    /// Whether EC2 may take hours for it.
    #[must_use]
    pub fn takes_its_time(&self) -> bool {
        matches!(self, Self::CopyPending { .. } | Self::ImagePending { .. })
    }

    /// Whether a request was not made, or was answered with an error that may pass. That something is not found, or does not
    /// show, is none.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::RateLimited { .. } => true,
            Self::Retrying { code, .. } => {
                code.as_ref().is_none_or(|it| !it.ends_with(".NotFound"))
            }
            _ => false,
        }
    }

    /// Whether EC2 has had the request's client token with other parameters.
    #[must_use]
    pub fn is_token_known(&self) -> bool {
        matches!(self, Self::Retrying { code: Some(code), .. } if code == TOKEN_KNOWN)
    }

    /// Whether the other reason is the same: for an error its code counts, since messages name times and request ids.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Retrying {
                    code: Some(one), ..
                },
                Self::Retrying {
                    code: Some(other), ..
                },
            )
            | (
                Self::CancelRefused {
                    code: Some(one), ..
                },
                Self::CancelRefused {
                    code: Some(other), ..
                },
            ) => one == other,
            _ => self == other,
        }
    }
}
