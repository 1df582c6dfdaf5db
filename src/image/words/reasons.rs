//! Why an image waits, fails, or ends.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// EC2's code for a request whose client token it has had with other parameters ("Ensuring idempotency in Amazon EC2 API
/// requests").
pub const TOKEN_KNOWN: &str = "IdempotentParameterMismatch";

/// How an image ends that does not come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TerminalReason {
    /// EC2 refused or failed; `build.failure` says why.
    Failed,
    /// EC2 no longer knows its task, and what that would have made is not there.
    Lost,
    /// Its cancellation was requested.
    Cancelled,
}

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
    /// A parameter was written and does not show its new value yet: SSM validates it first.
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

/// Why the object that an image is made from cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnreadableReason {
    /// Its bucket is in another Region.
    OtherRegion,
    /// There is no such bucket.
    NoSuchBucket,
    /// It is archived.
    Archived,
    /// Reading it is not allowed.
    AccessDenied,
    /// Something else; the message says what.
    Other,
}

/// Why something cannot be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Blocker {
    /// The deprecation of a public AMI can be moved to an earlier time only, until it is made private ("Deprecate an
    /// AMI", EC2 User Guide).
    Public,
    /// The AMI has a product code, which can neither be changed nor removed ("Paid AMIs", EC2 User Guide).
    ProductCode,
    /// EC2 does not let the AMI be shared so.
    NotShareable(UnshareableReason),
    /// It would be public, and be deprecated later than a public AMI may be (EnableImageDeprecation, DeprecateAt).
    DeprecatedTooLate {
        /// The latest time.
        latest: Timestamp,
    },
}

/// Why an AMI cannot be shared as its manifest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnshareableReason {
    /// It would be public, and is encrypted.
    Encrypted,
    /// It would be public, and has a product code.
    ProductCode,
    /// It would be public, and the account blocks that.
    PublicBlocked,
    /// It would be public, and a policy of the account's organization blocks that.
    PublicBlockedByPolicy,
    /// It would be encrypted with the key that AWS manages for EBS.
    ManagedKey,
}

/// What kind of failure ended an image. With the service's code, all that advice is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum FailureKind {
    /// The manifest or its bundle was removed or replaced before anything was made from it.
    ManifestGone,
    /// What a task made did not pass the checks.
    BundleInvalid,
    /// The manifest no longer passes the checks: what the stack allows was changed while the image was made.
    ManifestNotAllowed,
    /// The source cannot be read.
    SourceUnreadable {
        /// Why.
        why: UnreadableReason,
    },
    /// Another AMI has the name.
    NameTaken {
        /// That AMI.
        image: String,
        /// Whether it belongs to an earlier version of this manifest.
        earlier_version: bool,
    },
    /// More than one AMI has the ownership tags of this version. Nothing is deleted: a person has to check.
    SeveralImages {
        /// The AMIs.
        images: Vec<String>,
    },
    /// There is no usable key for EC2 to write a bundle with.
    BundleKeyUnusable,
    /// EC2 refused a request.
    RequestRefused {
        /// The EC2 action.
        action: String,
    },
    /// The task failed.
    TaskFailed,
    /// The task is complete and names nothing that it made.
    TaskMadeNothing,
    /// EC2 no longer lists the task, and what it would have made is not there.
    TaskLost,
    /// What the status names is not proven by EC2 to be the image's own.
    Unproven {
        /// The id of the snapshot or the AMI.
        what: String,
    },
    /// The status names what its manifest does not ask for.
    NotInManifest {
        /// The name or the bucket.
        what: String,
    },
    /// AWS answered with what no status can hold, as an id of a form that is not EC2's.
    AnswerUnusable,
    /// The AMI failed.
    ImageFailed {
        /// The AMI.
        image: String,
    },
    /// The AMI was deregistered outside amiwright.
    ImageDeregistered {
        /// The AMI.
        image: String,
    },
    /// Somebody has disabled the AMI: nothing about it can be changed, and nobody can launch it.
    ImageDisabled {
        /// Its Region.
        region: String,
        /// The AMI.
        image: String,
    },
    /// EC2 gave the AMI's id and does not list the AMI.
    ImageLost {
        /// The AMI.
        image: String,
    },
    /// The status cannot hold what is to be recorded.
    StatusTooLarge,
    /// The manifest was removed or replaced before its settings were applied.
    SettingsGone,
    /// EC2 would not make this change now.
    Blocked,
    /// EC2 would not let the AMI be shared so. Nothing was changed.
    NotShareable {
        /// Why.
        why: UnshareableReason,
    },
    /// The copy of the AMI failed, as often as it was tried.
    CopyFailed {
        /// The last copy.
        image: String,
        /// The KMS key that it was to be encrypted with; none if the manifest names none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kms_key_id: Option<String>,
    },
    /// The copy that is there cannot be used as the manifest asks, and is not deleted for that.
    CopyUnusable {
        /// The copy.
        image: String,
    },
    /// The account has not enabled the Region, or there is no such Region.
    RegionDisabled,
    /// The AMI is of a kind that is not copied.
    NotCopyable,
    /// A Region did not become as the manifest says for hours.
    NotPublished,
    /// A parameter has a value that is not ours.
    ParameterConflict {
        /// Whether `takeOver` would have it overwritten.
        can_take_over: bool,
        /// Whether another manifest sets it, too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        is_contested: bool,
    },
    /// A parameter was written several times and never showed the new value: SSM did not accept it.
    ParameterNotValidated,
    /// Recorded by an earlier version of amiwright; the message says what it was.
    Other,
}

impl FailureKind {
    /// How an image ends by a failure of this kind.
    #[must_use]
    pub fn terminal_reason(&self) -> TerminalReason {
        match self {
            Self::TaskLost | Self::ImageLost { .. } => TerminalReason::Lost,
            Self::ManifestGone
            | Self::BundleInvalid
            | Self::ManifestNotAllowed
            | Self::SourceUnreadable { .. }
            | Self::NameTaken { .. }
            | Self::SeveralImages { .. }
            | Self::BundleKeyUnusable
            | Self::RequestRefused { .. }
            | Self::TaskFailed
            | Self::TaskMadeNothing
            | Self::Unproven { .. }
            | Self::NotInManifest { .. }
            | Self::AnswerUnusable
            | Self::ImageFailed { .. }
            | Self::ImageDeregistered { .. }
            | Self::ImageDisabled { .. }
            | Self::StatusTooLarge
            | Self::SettingsGone
            | Self::Blocked
            | Self::NotShareable { .. }
            | Self::CopyFailed { .. }
            | Self::CopyUnusable { .. }
            | Self::RegionDisabled
            | Self::NotCopyable
            | Self::NotPublished
            | Self::ParameterConflict { .. }
            | Self::ParameterNotValidated
            | Self::Other => TerminalReason::Failed,
        }
    }
}
