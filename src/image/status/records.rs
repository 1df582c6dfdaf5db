//! The parts of a status.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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

/// The object that an image is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceObject {
    /// Bucket.
    pub bucket: String,
    /// Key.
    pub key: String,
    /// Its `ETag`, quotes and all, when it was looked at.
    pub etag: String,
    /// Bytes.
    pub size: u64,
}

/// That somebody wants an image cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancel {
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// How.
    pub by: CancelBy,
    /// When the manifest had been uploaded last, by S3's clock: a later upload asks for the image anew.
    pub uploaded_at: Timestamp,
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

/// What was made for an image and could not be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Left {
    /// What it is: an id, or `s3://bucket/prefix`.
    pub what: String,
    /// Why it was not removed.
    pub why: String,
}

/// How an image ends that does not come to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// EC2 or we gave it up; `failure` says why.
    Failed,
    /// EC2 does not know its task any more, and what that would have made is not there.
    Lost,
    /// Somebody asked for it.
    Cancelled,
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
    pub(super) fn is_same(&self, other: &Self) -> bool {
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
