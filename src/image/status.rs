//! The status: the truth we know about one image, kept as JSON beside its manifest's key.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::notice::Notice;
use crate::manifest::Problem;

/// The version of the status document that this code reads and writes.
pub const SCHEMA: u32 = 1;

/// Entries of `history` that are kept; the oldest go first.
/// An image takes about ten; the rest is room for manifests that are uploaded again and again.
const HISTORY_KEPT: usize = 100;

/// Everything known about the image of one manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The manifest version this status is about.
    pub manifest: ManifestVersion,
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

/// One version of a manifest object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestVersion {
    /// Bucket.
    pub bucket: String,
    /// Key.
    pub key: String,
    /// The object's `ETag`, quotes and all, as S3 compares it.
    pub etag: String,
    /// The object's version, in a bucket that has versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// SHA-256 of its content, in hex; its `ETag` where it is too large to be read.
    pub sha256: String,
    /// When it was uploaded: the source of `{date}` and `{time}`, so that a retry finds the same name.
    pub uploaded_at: Timestamp,
    /// When the same content was uploaded again, last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated_at: Option<Timestamp>,
}

impl ManifestVersion {
    /// Whether its content was read; one that is too large is not.
    #[must_use]
    pub fn was_read(&self) -> bool {
        self.sha256 != self.etag
    }

    /// `s3://bucket/key`: the manifest's address, and the value of the ownership tag.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }
}

/// The bundle manifest that is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BundleVersion {
    /// Bucket.
    pub bucket: String,
    /// Key of the `.manifest.xml`.
    pub key: String,
    /// Its `ETag`, quotes and all.
    pub etag: String,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
    /// `hvm` or `paravirtual`, as the bundle asks for.
    pub virtualization_type: String,
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
    /// Looking for the AMI, and registering it if there is none.
    RegisterImage,
    /// Waiting for the AMI to become available.
    AwaitImage,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::CheckManifest => "check-manifest",
            Self::CheckBundle => "check-bundle",
            Self::RegisterImage => "register-image",
            Self::AwaitImage => "await-image",
        })
    }
}

/// What keeps a step from going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// In a few words, for people.
    pub message: String,
    /// The key of one object that is missing: while it is, there is no need to look at the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_key: Option<String>,
    /// The error code of the service that is waited out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Since when just this is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

impl Waiting {
    /// A wait that is told in these words.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            missing_key: None,
            code: None,
            since: None,
        }
    }

    /// Whether the other waits for the same: for the same code, or, without one, in the same words.
    fn is_same(&self, other: &Self) -> bool {
        match (&self.code, &other.code) {
            (None, None) => self.message == other.message,
            (one, other) => one == other,
        }
    }
}

/// An AMI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// `ami-…`.
    pub id: String,
    /// EC2's own word for its state, kept as text: there may be new ones.
    pub state: String,
    /// Since when EC2 does not list it; none while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_since: Option<Timestamp>,
    /// Its snapshots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<String>,
}

/// Why an image failed, in the service's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What was being done, as `registering the image`.
    pub doing: String,
    /// The service's error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The service's message.
    pub message: String,
    /// The request that was answered so, for AWS Support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What a person can do.
    pub hint: String,
}

impl Failure {
    /// Whether the words are the service's, and not our own.
    #[must_use]
    pub fn is_of_service(&self) -> bool {
        self.code.is_some() || self.request_id.is_some()
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// `state` or `state/step` before.
    pub from: String,
    /// `state` or `state/step` after.
    pub to: String,
    /// Why.
    pub why: String,
}

impl Status {
    /// A status for a manifest version of which nothing is known yet.
    #[must_use]
    pub fn new(manifest: ManifestVersion, now: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            manifest,
            source: None,
            digest: None,
            name: None,
            state: State::Working,
            step: Step::CheckManifest,
            step_since: now,
            bundle: None,
            waiting: None,
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
        let to = self.place();
        self.history.push(Change {
            at: now,
            from,
            to,
            why: why.into(),
        });
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
