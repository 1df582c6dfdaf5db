//! EC2's asynchronous tasks: what is known of each, what its state means, how often it is polled, and when its
//! silence is worth a notice.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::observed::{ObservedImage, ObservedTask};
use crate::manifest::location::S3Address;

/// The kinds of tasks that make or store an AMI.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// ImportSnapshot: a disk becomes a snapshot.
    ImportSnapshot,
    /// ImportImage: a virtual machine becomes an AMI.
    ImportImage,
    /// BundleInstance: an instance becomes a bundle in S3.
    BundleInstance,
    /// CopyImage: an AMI becomes another one.
    CopyImage,
    /// CreateRestoreImageTask: a stored AMI becomes one again.
    RestoreImage,
    /// CreateStoreImageTask: an AMI becomes an object in S3.
    StoreImage,
}

impl TaskKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::ImportSnapshot,
        Self::ImportImage,
        Self::BundleInstance,
        Self::CopyImage,
        Self::RestoreImage,
        Self::StoreImage,
    ];

    /// Whether the task's id is that of the AMI it makes, and DescribeImages says how far it is.
    #[must_use]
    pub fn is_image(self) -> bool {
        matches!(self, Self::CopyImage | Self::RestoreImage)
    }

    /// Whether EC2 makes something of a disk or a machine in S3.
    #[must_use]
    pub fn is_import(self) -> bool {
        matches!(self, Self::ImportSnapshot | Self::ImportImage)
    }

    /// How long nothing may change before people are notified. Long enough for the large and the slow: big disks are
    /// downloaded and converted for hours, and a copy shows no progress until it ends.
    #[must_use]
    pub fn stalled_after(self) -> SignedDuration {
        SignedDuration::from_hours(match self {
            Self::ImportSnapshot | Self::BundleInstance => 1,
            Self::ImportImage => 2,
            Self::StoreImage => 3,
            Self::CopyImage | Self::RestoreImage => 6,
        })
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ImportSnapshot => "import-snapshot",
            Self::ImportImage => "import-image",
            Self::BundleInstance => "bundle-instance",
            Self::CopyImage => "copy-image",
            Self::RestoreImage => "restore-image",
            Self::StoreImage => "store-image",
        })
    }
}

/// A task as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// What kind of task it is.
    pub kind: TaskKind,
    /// EC2's id of it: `import-snap-…`, `import-ami-…`, `bun-…`; the AMI's id where EC2 has none of its own.
    pub id: String,
    /// Its Region.
    pub region: String,
    /// EC2's own word for its state, kept as text: there may be new ones.
    pub state: String,
    /// Percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<u8>,
    /// What EC2 says about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The error code EC2 gives, where it gives one apart from the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The snapshots it made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<String>,
    /// The AMI it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The object it writes, as `s3://bucket/key`: a stored AMI, or the manifest of a bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// When it was started.
    pub started_at: Timestamp,
    /// When state, progress or message last changed.
    pub updated_at: Timestamp,
    /// Since when EC2 does not list it; none while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_since: Option<Timestamp>,
    /// When EC2 was asked to cancel it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_sent_at: Option<Timestamp>,
}

/// What a task's state means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It runs; also every word that is not known.
    Running,
    /// It is being undone after a failure or a cancellation.
    Ending,
    /// It is done.
    Complete,
    /// It failed, or was cancelled.
    Failed,
}

/// What a task's state means, in every spelling that EC2 and its samples use ("VM Import/Export User Guide",
/// "BundleTask", "Store and restore an AMI").
#[must_use]
pub fn phase(state: &str) -> Phase {
    match state.to_ascii_lowercase().as_str() {
        "complete" | "completed" => Phase::Complete,
        "failed" | "error" | "deleted" | "cancelled" | "canceled" => Phase::Failed,
        "deleting" => Phase::Ending,
        _ => Phase::Running,
    }
}

/// How far a running state is, where the kinds of states have an order; none for words without one.
fn rank(state: &str) -> Option<u8> {
    // Bundle tasks ("BundleTask", EC2 API Reference). Import tasks show their order by their progress.
    match state.to_ascii_lowercase().as_str() {
        "pending" => Some(0),
        "waiting-for-shutdown" => Some(1),
        "bundling" => Some(2),
        "storing" => Some(3),
        "cancelling" | "canceling" => Some(4),
        _ => None,
    }
}

impl Task {
    /// A task that was just started, or found.
    #[must_use]
    pub fn started(kind: TaskKind, region: &str, seen: &ObservedTask, now: Timestamp) -> Self {
        Self {
            kind,
            id: seen.id.clone(),
            region: region.to_owned(),
            state: seen.state.clone(),
            progress: seen.progress,
            message: seen.message.clone(),
            code: seen.code.clone(),
            snapshots: seen.snapshots.clone(),
            image: seen.image.clone(),
            object: seen.object.clone(),
            started_at: now,
            updated_at: now,
            unseen_since: None,
            cancel_sent_at: None,
        }
    }

    /// A task that is known by its AMI alone: a copy, a restoration.
    #[must_use]
    pub fn of_image(kind: TaskKind, region: &str, image: &ObservedImage, now: Timestamp) -> Self {
        Self::started(kind, region, &image.as_task(), now)
    }

    /// Bucket and key of the object it writes.
    #[must_use]
    pub fn object_address(&self) -> Option<(&str, &str)> {
        S3Address::split(self.object.as_deref()?)
    }

    /// What its state means.
    #[must_use]
    pub fn phase(&self) -> Phase {
        phase(&self.state)
    }

    /// Takes over what was seen, unless that is older than what is known. Returns whether it is worth saving.
    pub(super) fn update(&mut self, seen: &ObservedTask, now: Timestamp) -> bool {
        let mut changed = self.unseen_since.take().is_some();
        if self.is_older(seen) {
            return changed;
        }
        if self.is_news(seen, now) {
            self.state.clone_from(&seen.state);
            self.message.clone_from(&seen.message);
            self.code.clone_from(&seen.code);
            let all = (phase(&seen.state) == Phase::Complete).then_some(100);
            self.progress = all.or(seen.progress).or(self.progress);
            self.updated_at = now;
            changed = true;
        }
        for snapshot in &seen.snapshots {
            if !self.snapshots.contains(snapshot) {
                self.snapshots.push(snapshot.clone());
                changed = true;
            }
        }
        for (known, seen) in [
            (&mut self.image, &seen.image),
            (&mut self.object, &seen.object),
        ] {
            if seen.is_some() && known != seen {
                known.clone_from(seen);
                changed = true;
            }
        }
        changed
    }

    /// Whether what was seen is worth a write: other words, a step of progress, or a little progress after a while.
    fn is_news(&self, seen: &ObservedTask, now: Timestamp) -> bool {
        if (&self.state, &self.message, &self.code) != (&seen.state, &seen.message, &seen.code) {
            return true;
        }
        let Some(progress) = seen.progress.filter(|it| self.progress != Some(*it)) else {
            return false;
        };
        progress.abs_diff(self.progress.unwrap_or(0)) >= PROGRESS_STEP
            || now.duration_since(self.updated_at) >= PROGRESS_PAUSE
    }

    /// Whether what was seen is from before what is known: EC2's answers are eventually consistent.
    fn is_older(&self, seen: &ObservedTask) -> bool {
        let order = |state: &str| match phase(state) {
            Phase::Running => 0,
            Phase::Ending => 1,
            Phase::Complete | Phase::Failed => 2,
        };
        let (known, new) = (order(&self.state), order(&seen.state));
        if known != new {
            return new < known;
        }
        if known == 2 {
            return self.state != seen.state;
        }
        match (rank(&self.state), rank(&seen.state)) {
            (Some(known), Some(new)) if known != new => return new < known,
            _ => {}
        }
        matches!((self.progress, seen.progress), (Some(known), Some(new)) if new < known)
    }
}

/// Percent of progress that are worth a write. An import of 20 minutes is polled some 15 times; a write each is not
/// needed.
const PROGRESS_STEP: u8 = 10;

/// After how long less progress is worth a write, too: far below the time after which silence is reported.
const PROGRESS_PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// How often a task of this age is polled: what has just begun may end at once, what has run for hours will not end
/// in this minute. The schedule ticks once a minute.
const POLLING: [(SignedDuration, SignedDuration); 4] = [
    (SignedDuration::from_mins(10), SignedDuration::from_mins(1)),
    (SignedDuration::from_hours(1), SignedDuration::from_mins(2)),
    (SignedDuration::from_hours(6), SignedDuration::from_mins(5)),
    (
        SignedDuration::from_hours(24),
        SignedDuration::from_mins(10),
    ),
];

/// How often a task older than all of [`POLLING`] is polled.
const POLLING_OLD: SignedDuration = SignedDuration::from_mins(30);

/// How long after one poll of a task of this age the next one follows.
#[must_use]
pub fn polling_interval(age: SignedDuration) -> SignedDuration {
    POLLING
        .iter()
        .find(|(up_to, _)| age < *up_to)
        .map_or(POLLING_OLD, |(_, interval)| *interval)
}
