//! The status: the truth we know about one image, kept as JSON beside its manifest's key.

mod records;

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use records::*;

use super::notice::Notice;
use super::task::Task;
use crate::manifest::Problem;

/// The version of the status document that this code reads and writes.
pub const SCHEMA: u32 = 1;

/// Entries of `history` that are kept; the oldest go first.
/// An image takes about ten; the rest is room for manifests that are uploaded again and again.
const HISTORY_KEPT: usize = 100;

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
pub(super) fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Everything known about the image of one manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The manifest version this status is about.
    pub manifest: ManifestVersion,
    /// The `ETag` of the open marker that was written for this version, before its status was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_marker: Option<String>,
    /// How often this manifest was taken up before, for other versions or for this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// What the manifest's `source` is: `snapshot`, `bundle`, …; none for a manifest that could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// SHA-256 of everything that makes this version what it is: the manifest, and the bundle manifest it names.
    /// It goes into the ownership tag and into `{digest}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The AMI's name, fixed before anything is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How far the image is.
    pub state: State,
    /// What is being done, or was done last.
    pub step: Step,
    /// When `step` began.
    pub step_since: Timestamp,
    /// The bundle that is registered, once its manifest was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundleVersion>,
    /// What is waited for, if the step cannot go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
    /// The object that the image is made from, once it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<SourceObject>,
    /// The bucket that the AMI is to be stored in once it is available.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// When EC2 was last asked to store the AMI: written before it is asked, so that nobody else asks meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_asked_at: Option<Timestamp>,
    /// Percent of the task that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<u8>,
    /// The tasks of EC2 that make the image, oldest first. The last is the one that is followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// That somebody wants it cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<Cancel>,
    /// How it ends once what it leaves behind is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// What was made for it and was removed again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// What may have been made for it and was not removed, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Left>,
    /// How many stalled notices there were since anything last changed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stalls: u32,
    /// The AMI in each Region.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, Image>,
    /// The AMIs of the manifest version before this one, by Region. They are kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub previous: BTreeMap<String, String>,
    /// The bundle that the AMIs of the version before were registered from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_bundle: Option<BundleVersion>,
    /// Why the manifest was rejected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Why the image failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What people were or are to be told, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// What happened, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Change>,
}

/// How far an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Under way.
    Working,
    /// Registered and usable.
    Available,
    /// It will not come to be; `failure` says why.
    Failed,
    /// Somebody did not want it any more; `cancel` says who.
    Cancelled,
    /// The manifest did not pass the checks; `problems` says why. Nothing was changed in AWS.
    Rejected,
    /// A bundle beside which an image manifest was put: that one decides, and has a status of its own.
    Superseded,
}

impl State {
    /// Whether nothing more will happen to an image in this state.
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
    /// Reading the manifest.
    CheckManifest,
    /// Reading the bundle's manifest and looking for its parts.
    CheckBundle,
    /// Looking at the object that the image is made from.
    CheckObject,
    /// Looking for the task that makes the image, and starting it if there is none.
    StartTask,
    /// Waiting for the task's end.
    AwaitTask,
    /// Tagging what was imported, as its call could not.
    TagImported,
    /// Looking for the AMI, and registering it if there is none.
    RegisterImage,
    /// Waiting for the AMI to become available.
    AwaitImage,
    /// Looking for the task that stores the AMI, and starting it if there is none.
    StoreImage,
    /// Removing what a failed or cancelled image leaves behind.
    CleanUp,
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
            Self::CleanUp => "clean-up",
        })
    }
}

impl Status {
    /// A status for a manifest version of which nothing is known yet.
    #[must_use]
    pub fn new(manifest: ManifestVersion, now: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            manifest,
            open_marker: None,
            attempt: 0,
            source: None,
            digest: None,
            name: None,
            state: State::Working,
            step: Step::CheckManifest,
            step_since: now,
            bundle: None,
            waiting: None,
            object: None,
            store: None,
            store_asked_at: None,
            progress: None,
            tasks: Vec::new(),
            cancel: None,
            ending: None,
            removed: Vec::new(),
            left: Vec::new(),
            stalls: 0,
            images: BTreeMap::new(),
            previous: BTreeMap::new(),
            previous_bundle: None,
            problems: Vec::new(),
            failure: None,
            notices: Vec::new(),
            history: Vec::new(),
        }
    }

    /// Moves on, and remembers why.
    pub(super) fn move_to(
        &mut self,
        state: State,
        step: Step,
        why: impl Into<String>,
        now: Timestamp,
    ) {
        let from = self.place();
        if step != self.step {
            self.step_since = now;
        }
        (self.state, self.step) = (state, step);
        self.waiting = None;
        self.progress = None;
        self.stalls = 0;
        let to = self.place();
        self.remember(from, to, why.into(), now);
    }

    fn remember(&mut self, from: String, to: String, why: String, now: Timestamp) {
        let at = now;
        self.history.push(Change { at, from, to, why });
        let surplus = self.history.len().saturating_sub(HISTORY_KEPT);
        self.history.drain(..surplus);
    }

    /// State and, while working, step: `working/register-image`.
    #[must_use]
    pub fn place(&self) -> String {
        match self.state {
            State::Working => format!("{}/{}", self.state, self.step),
            _ => self.state.to_string(),
        }
    }

    /// Whether the AMIs of the version before lost their registration: the objects they were registered from
    /// are now another bundle's ("any modifications … invalidates its registration", RegisterImage).
    #[must_use]
    pub fn invalidates_previous(&self) -> bool {
        match (&self.bundle, &self.previous_bundle) {
            (Some(now), Some(before)) => {
                (&now.bucket, &now.key) == (&before.bucket, &before.key)
                    && now.sha256 != before.sha256
            }
            // A bare bundle that was uploaded over the old one, and is none or not whole.
            (None, Some(before)) => {
                let now = &self.manifest;
                (&now.bucket, &now.key) == (&before.bucket, &before.key)
                    && now.sha256 != before.sha256
            }
            (_, None) => false,
        }
    }

    /// Whether just this was waited for longer than `limit`. The step may have waited for something else before.
    #[must_use]
    pub fn has_waited(&self, waiting: &Waiting, limit: SignedDuration, now: Timestamp) -> bool {
        now.duration_since(self.waits_since(waiting, now)) > limit
    }

    /// Since when just this is waited for: since `now`, if it was not yet.
    #[must_use]
    pub(super) fn waits_since(&self, waiting: &Waiting, now: Timestamp) -> Timestamp {
        let before = self
            .waiting
            .as_ref()
            .filter(|before| before.is_same(waiting));
        before.and_then(|before| before.since).unwrap_or(now)
    }

    /// The notices that were not sent yet.
    pub fn unsent(&self) -> impl Iterator<Item = &Notice> {
        self.notices
            .iter()
            .filter(|notice| notice.sent_at.is_none())
    }

    /// Since when nothing has changed about what is waited for.
    #[must_use]
    pub fn still_since(&self) -> Timestamp {
        self.followed_task()
            .map_or(self.step_since, |task| task.updated_at)
    }

    /// The task that is followed now, directly or by its AMI.
    #[must_use]
    pub fn followed_task(&self) -> Option<&Task> {
        let task = self.tasks.last()?;
        match self.step {
            Step::AwaitTask => Some(task),
            Step::AwaitImage if task.kind.is_image() => Some(task),
            _ => None,
        }
    }

    /// Remembers that something happened that moved nothing.
    pub(super) fn note(&mut self, why: &str, now: Timestamp) {
        let place = self.place();
        self.remember(place.clone(), place, why.to_owned(), now);
    }

    /// When this version's work began.
    #[must_use]
    pub fn began_at(&self) -> Timestamp {
        self.history
            .iter()
            .rev()
            .find(|change| change.to == format!("{}/{}", State::Working, Step::CheckManifest))
            .map_or(self.step_since, |change| change.at)
    }
}
