//! Why an image fails, or ends.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// EC2, or S3 or SSM on the way to it, refused a request.
    RequestRefused {
        /// The name of the request.
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
