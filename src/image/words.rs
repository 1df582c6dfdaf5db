//! The words that statuses, plans and notices share: states, steps, reasons.
//!
//! Reasons are values, never prose: what people read is made of them in [`super::message`], and nothing parses it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// In progress.
    Working,
    /// Registered and usable.
    Available,
    /// It will not come to be; `build.failure` says why.
    Failed,
    /// Somebody asked for it; `cancel` says who.
    Cancelled,
    /// The manifest did not pass the checks; `problems` says why. Nothing was changed in AWS.
    Rejected,
    /// A bundle beside which an image manifest was put: that manifest decides, and has a status of its own.
    Superseded,
}

impl State {
    /// Whether nothing more will happen to an image in this state by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        self != Self::Working
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Working => "working",
            Self::Available => "available",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
        })
    }
}

/// What is being done for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Reading and checking the manifest.
    CheckManifest,
    /// Reading the bundle's manifest and checking for its parts.
    CheckBundle,
    /// Checking the object that the image is made from.
    CheckObject,
    /// Looking for the task that makes the image, and starting it if there is none.
    StartTask,
    /// Waiting for the task's end.
    AwaitTask,
    /// Tagging what was imported: the call that started the import could not.
    TagImported,
    /// Looking for the AMI, and registering it if there is none.
    RegisterImage,
    /// Waiting for the AMI to become available.
    AwaitImage,
    /// Looking for the task that stores the AMI, and starting it if there is none.
    StoreImage,
    /// Waiting until the AMI is stored.
    AwaitStore,
    /// Deleting what a failed or cancelled image left in AWS.
    CleanUp,
}

impl Step {
    /// All steps.
    pub const ALL: [Self; 11] = [
        Self::CheckManifest,
        Self::CheckBundle,
        Self::CheckObject,
        Self::StartTask,
        Self::AwaitTask,
        Self::TagImported,
        Self::RegisterImage,
        Self::AwaitImage,
        Self::StoreImage,
        Self::AwaitStore,
        Self::CleanUp,
    ];

    /// Whether the step sends a request that makes something in AWS.
    #[must_use]
    pub fn creates(self) -> bool {
        matches!(self, Self::StartTask | Self::RegisterImage)
    }

    /// Whether the step only waits for EC2.
    #[must_use]
    pub fn polls(self) -> bool {
        matches!(self, Self::AwaitTask | Self::AwaitImage | Self::AwaitStore)
    }

    /// Whether the AMI is available and is only being stored.
    #[must_use]
    pub fn stores(self) -> bool {
        matches!(self, Self::StoreImage | Self::AwaitStore)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::CheckManifest => "check-manifest",
            Self::CheckBundle => "check-bundle",
            Self::CheckObject => "check-object",
            Self::StartTask => "start-task",
            Self::AwaitTask => "await-task",
            Self::TagImported => "tag-imported",
            Self::RegisterImage => "register-image",
            Self::AwaitImage => "await-image",
            Self::StoreImage => "store-image",
            Self::AwaitStore => "await-store",
            Self::CleanUp => "clean-up",
        })
    }
}

/// What an image is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// A snapshot.
    Snapshot,
    /// A bundle of the AMI tools, in S3.
    Bundle,
    /// A disk, in S3.
    Disk,
    /// A virtual machine, in S3.
    Vm,
    /// An instance that EC2 bundles.
    Instance,
    /// A stored AMI, in S3.
    Stored,
    /// Another AMI.
    Image,
}

impl SourceKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Snapshot,
        Self::Bundle,
        Self::Disk,
        Self::Vm,
        Self::Instance,
        Self::Stored,
        Self::Image,
    ];
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Snapshot => "snapshot",
            Self::Bundle => "bundle",
            Self::Disk => "disk",
            Self::Vm => "vm",
            Self::Instance => "instance",
            Self::Stored => "stored",
            Self::Image => "image",
        })
    }
}

/// How somebody asked for an image to be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CancelBy {
    /// `amiwright cancel`.
    Command,
    /// By removing the manifest.
    ManifestRemoved,
}

/// How an image ends that does not come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TerminalReason {
    /// EC2 refused or failed; `build.failure` says why.
    Failed,
    /// EC2 no longer knows its task, and what that would have made is not there.
    Lost,
    /// Somebody asked for it.
    Cancelled,
}

/// Why a step cannot go on yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
        /// The key of the first one that is missing: while it is, there is no need to look at the others.
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
    /// An AMI that EC2 has just made cannot be seen yet: it is deregistered before what it is made of.
    ImageNotVisible {
        /// The AMI.
        image: String,
    },
    /// What was deleted may still be shown for a moment.
    DeletionNotVisible,
}

impl WaitReason {
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
            ) => one == other,
            _ => self == other,
        }
    }
}

/// Why the object that an image is made from cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

/// What kind of failure ended an image. With the service's code, all that advice is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// More than one AMI has the ownership tags of this version. Nothing is deleted: a person has to look.
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
    /// The AMI failed.
    ImageFailed {
        /// The AMI.
        image: String,
    },
    /// The AMI was deregistered by somebody else.
    ImageDeregistered {
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
    /// Recorded by an earlier version of amiwright; the message says what it was.
    Other,
}

impl FailureKind {
    /// How an image ends by a failure of this kind.
    #[must_use]
    pub fn terminal_reason(&self) -> TerminalReason {
        match self {
            Self::TaskLost | Self::ImageLost { .. } => TerminalReason::Lost,
            _ => TerminalReason::Failed,
        }
    }
}

/// What a notice tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// The manifest did not pass the checks.
    Rejected,
    /// The AMI is available.
    Completed,
    /// The image will not come to be.
    Failed,
    /// Something has been waited for longer than is usual.
    WaitingLong,
    /// The manifest passed the checks, and its image is being made.
    Started,
    /// The image was cancelled.
    Cancelled,
    /// Nothing has changed for longer than is usual.
    Stalled,
    /// EC2 no longer knows what made the image, and it left nothing.
    Lost,
    /// Settings in the manifest of an available image changed, and nothing was done.
    Changed,
}

impl NoticeKind {
    /// Whether it tells how the image ended.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Rejected | Self::Completed | Self::Failed | Self::Cancelled | Self::Lost
        )
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rejected => "rejected",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::WaitingLong => "waiting-long",
            Self::Started => "started",
            Self::Cancelled => "cancelled",
            Self::Stalled => "stalled",
            Self::Lost => "lost",
            Self::Changed => "changed",
        })
    }
}

/// Whether a counter is zero, and need not be written.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
pub(super) fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// `1 part`, `2 parts`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// The first 8 digits of a digest, as people are shown it.
#[must_use]
pub fn shortened(digest: &str) -> &str {
    digest.get(..8).unwrap_or(digest)
}
