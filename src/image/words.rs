//! The words that statuses, plans and notices share: states, steps, reasons.
//!
//! Reasons are values, never prose: what people read is made of them in [`super::message`], and nothing parses it.

mod condition;
mod reasons;
mod waiting;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::image::Source;

pub use condition::ConditionReason;
pub use reasons::{Blocker, FailureKind, TerminalReason, UnreadableReason, UnshareableReason};
pub use waiting::{TOKEN_KNOWN, WaitReason};

/// How far an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// In progress.
    Working,
    /// Registered, and all that its manifest asks for is so.
    Available,
    /// Registered, but a Region or a setting failed for good.
    Incomplete,
    /// It will not come to be; `build.failure` says why.
    Failed,
    /// Cancelled on request; `cancel` says by whom.
    Cancelled,
    /// The manifest did not pass the checks; `problems` says why. Nothing was changed in AWS.
    Rejected,
    /// A bundle beside which an image manifest was put: that manifest decides, and has a status of its own.
    Superseded,
    /// Its manifest was removed after its AMI was made; `retired` says what became of the AMI, if it was not just kept.
    Deleted,
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
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
            Self::Deleted => "deleted",
        })
    }
}

/// What is being done for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
    /// Bringing the AMI to what its manifest says, in every Region.
    Publish,
    /// Looking for the task that stores the AMI, and starting it if there is none.
    StoreImage,
    /// Waiting until the AMI is stored.
    AwaitStore,
    /// Retiring the AMIs of earlier versions, as the manifest says.
    Retire,
    /// Deleting what a failed or cancelled image left in AWS.
    CleanUp,
}

impl Step {
    /// All steps.
    pub const ALL: [Self; 13] = [
        Self::CheckManifest,
        Self::CheckBundle,
        Self::CheckObject,
        Self::StartTask,
        Self::AwaitTask,
        Self::TagImported,
        Self::RegisterImage,
        Self::AwaitImage,
        Self::Publish,
        Self::StoreImage,
        Self::AwaitStore,
        Self::Retire,
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

    /// Whether the AMI is available and is being published.
    #[must_use]
    pub fn publishes(self) -> bool {
        self == Self::Publish
    }

    /// Whether the AMI is finished, and others are being retired.
    #[must_use]
    pub fn retires(self) -> bool {
        self == Self::Retire
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
            Self::Publish => "publish",
            Self::StoreImage => "store-image",
            Self::AwaitStore => "await-store",
            Self::Retire => "retire",
            Self::CleanUp => "clean-up",
        })
    }
}

/// What an image is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

    /// The calls that make an AMI of it, in their order, by their names in EC2's API reference.
    #[must_use]
    pub fn making_calls(self) -> &'static [&'static str] {
        match self {
            Self::Snapshot | Self::Bundle => &["RegisterImage"],
            // What is imported is tagged by a call of its own.
            Self::Disk => &["ImportSnapshot", "CreateTags", "RegisterImage"],
            Self::Vm => &["ImportImage", "CreateTags"],
            Self::Instance => &["BundleInstance", "RegisterImage"],
            Self::Stored => &["CreateRestoreImageTask"],
            Self::Image => &["CopyImage"],
        }
    }

    /// Whether EC2 makes snapshots for the AMI, of an import, a copy or a stored AMI.
    #[must_use]
    pub fn makes_snapshots(self) -> bool {
        matches!(self, Self::Disk | Self::Vm | Self::Stored | Self::Image)
    }
}

impl From<&Source> for SourceKind {
    fn from(source: &Source) -> Self {
        match source {
            Source::Snapshot(_) => Self::Snapshot,
            Source::Bundle(_) => Self::Bundle,
            Source::Disk(_) => Self::Disk,
            Source::Vm(_) => Self::Vm,
            Source::Instance(_) => Self::Instance,
            Source::Stored(_) => Self::Stored,
            Source::Image(_) => Self::Image,
        }
    }
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

/// How an image's cancellation was requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CancelBy {
    /// `amiwright cancel`.
    Command,
    /// By removing the manifest.
    ManifestRemoved,
}

/// What a notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// The manifest did not pass the checks.
    Rejected,
    /// The AMI is available, with all that its manifest asks for.
    Completed,
    /// The AMI is available, but a Region or a setting failed for good.
    Incomplete,
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
    /// Settings in the manifest of an available image changed, and the AMI was changed with them.
    Changed,
    /// AMIs were to be retired; it says what became of each.
    Retired,
    /// A finished AMI is not as its manifest says any more.
    Drifted,
    /// An object that looks like a manifest is left alone, because its name does not end as a manifest's.
    Ignored,
}

impl NoticeKind {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::Rejected,
        Self::Completed,
        Self::Incomplete,
        Self::Failed,
        Self::WaitingLong,
        Self::Started,
        Self::Cancelled,
        Self::Stalled,
        Self::Lost,
        Self::Changed,
        Self::Retired,
        Self::Drifted,
        Self::Ignored,
    ];

    /// Whether it says how the image ended.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Rejected
                | Self::Completed
                | Self::Incomplete
                | Self::Failed
                | Self::Cancelled
                | Self::Lost
                | Self::Ignored
        )
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rejected => "rejected",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::WaitingLong => "waiting-long",
            Self::Started => "started",
            Self::Cancelled => "cancelled",
            Self::Stalled => "stalled",
            Self::Lost => "lost",
            Self::Changed => "changed",
            Self::Retired => "retired",
            Self::Drifted => "drifted",
            Self::Ignored => "ignored",
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
