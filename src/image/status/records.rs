//! The parts of a status.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::publishing::{Applied, Settings};
use super::retiring::Retiring;
use crate::image::billing::{Billing, LicensedSource};
use crate::image::words::{CancelBy, ConditionReason, WaitReason};
use crate::manifest::location::s3_uri;
use crate::manifest::sha256_hex;

/// One version of a manifest object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// SHA-256 of the publish half, in hex, once it was accepted: how other settings are
    /// distinguished from a new AMI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_digest: Option<String>,
    /// When it was uploaded: the source of `{date}` and `{time}`, so that a retry finds the same name.
    pub uploaded_at: Timestamp,
    /// When it was last uploaded again without a change that makes a new AMI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated_at: Option<Timestamp>,
}

impl ManifestVersion {
    /// Whether its content was read; one that is too large is not.
    #[must_use]
    pub fn was_read(&self) -> bool {
        self.sha256 != self.etag
    }

    /// Whether it has no content: many uploaders create an object before they write it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sha256 == sha256_hex(b"")
    }

    /// `s3://bucket/key`: the manifest's address, and the value of the ownership tag.
    #[must_use]
    pub fn uri(&self) -> String {
        s3_uri(&self.bucket, &self.key)
    }

    /// When it was uploaded last, repetitions included.
    #[must_use]
    pub fn last_uploaded_at(&self) -> Timestamp {
        self.repeated_at.unwrap_or(self.uploaded_at)
    }
}

#[cfg(test)]
impl ManifestVersion {
    /// A version of this manifest, for tests.
    pub(crate) fn sample(key: &str, uploaded_at: Timestamp) -> Self {
        Self {
            bucket: "images".to_owned(),
            key: key.to_owned(),
            etag: "\"1\"".to_owned(),
            version_id: None,
            sha256: "0123456789abcdef".repeat(4),
            publish_digest: None,
            uploaded_at,
            repeated_at: None,
        }
    }
}

/// The bundle manifest that is registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SourceObject {
    /// Bucket.
    pub bucket: String,
    /// Key.
    pub key: String,
    /// Its `ETag`, quotes and all, when it was checked.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// Whether there was another one, by its `ETag`, when EC2 had imported it, which may have read either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_replaced: bool,
    /// The other disks of a virtual machine, in the manifest's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<SourceObject>,
}

impl SourceObject {
    /// Its address.
    #[must_use]
    pub fn uri(&self) -> String {
        s3_uri(&self.bucket, &self.key)
    }

    /// It, and the other disks of its machine.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.further)
    }

    /// Remembers which of them were replaced while EC2 imported them, by their addresses.
    pub(in crate::image) fn note_replaced(&mut self, replaced: &BTreeSet<String>) {
        self.is_replaced = replaced.contains(&self.uri());
        let further = self.further.iter_mut();
        further.for_each(|it| it.is_replaced = replaced.contains(&it.uri()));
    }

    /// The version of what an image is made from, by the `ETag`s of its objects.
    #[must_use]
    pub fn version<'a>(etags: impl IntoIterator<Item = &'a str>) -> String {
        etags.into_iter().collect::<Vec<_>>().join("\n")
    }
}

/// That the AMI is to be stored in S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreRequest {
    /// The bucket.
    pub bucket: String,
    /// When EC2 was last asked to store the AMI: written before it is asked, so that no other invocation asks
    /// meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<Timestamp>,
}

/// The request to cancel an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cancel {
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// How.
    pub by: CancelBy,
    /// Uploads until then are cancelled, by S3's clock, heard of or not: a later one asks for the image again.
    pub uploaded_at: Timestamp,
}

/// The request for a new attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// When it was asked for.
    pub asked_at: Timestamp,
}

/// One write of an operator's request, as S3 has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestVersion {
    /// The object's `ETag`.
    pub etag: String,
    /// When it was written, by S3's clock: who asks for the same once more may write the same bytes.
    pub written_at: Timestamp,
}

/// What was, or may have been, made for an image and was not deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// What it is: an id, or `s3://bucket/prefix`.
    pub what: String,
    /// Why it was not deleted.
    #[serde(flatten)]
    pub reason: OrphanReason,
}

impl Orphan {
    /// What cannot be named, because EC2 refuses to show what there is.
    pub const UNSEEN: &str = "what was made for this image";
}

/// Why something was not deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "reason",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum OrphanReason {
    /// Nothing in EC2 proves that it was made for this image: it was left untouched.
    Unproven,
    /// AWS refused to delete it.
    Refused {
        /// The service's error code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The service's message.
        message: String,
        /// The request that was answered so, for AWS Support.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
    /// Something else that could not be deleted may need it.
    NeededBy {
        /// What needs it.
        by: String,
    },
    /// More than one AMI has the tags of this version.
    Ambiguous,
    /// The AMI was made longer ago than an attempt leaves one: it may be in use, or be disabled to be enabled again.
    AvailableForLong,
}

/// What keeps a step from proceeding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// The reason.
    #[serde(flatten)]
    pub reason: WaitReason,
    /// Since when just this is waited for.
    pub since: Timestamp,
}

/// The AMI in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegionStatus {
    /// `ami-…`.
    pub image: String,
    /// EC2's own word for its state, kept as text: there may be new ones.
    pub image_state: String,
    /// When it was made, as EC2 has shown it (`creationDate`): a time of deprecation may be counted from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Since when EC2 does not list it; none while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_since: Option<Timestamp>,
    /// When an audit saw settings of it that are not as its manifest says, until it was looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubted_at: Option<Timestamp>,
    /// Its snapshots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<String>,
    /// What was set on it.
    #[serde(default, skip_serializing_if = "Applied::is_empty")]
    pub applied: Applied,
    /// What of it was ours before the changes that people were not told of yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Box<Settings>>,
    /// When it was last seen to be as its manifest says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
    /// Since when the manifest does not name the Region any more: the copy is kept, and left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlisted_since: Option<Timestamp>,
    /// Why it will not become as its manifest says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What its instances are billed by, once EC2 has shown it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing: Option<Billing>,
    /// The AMI of the same snapshot whose license this one may have lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licensed_source: Option<LicensedSource>,
    /// How far it is retired.
    #[serde(default, skip_serializing_if = "Retiring::is_empty")]
    pub retiring: Box<Retiring>,
}

impl RegionStatus {
    /// An AMI that EC2 has just made.
    #[must_use]
    pub fn pending(image: String) -> Self {
        Self {
            image,
            image_state: "pending".to_owned(),
            created_at: None,
            unseen_since: None,
            doubted_at: None,
            snapshots: Vec::new(),
            applied: Applied::default(),
            told: None,
            verified_at: None,
            unlisted_since: None,
            failure: None,
            billing: None,
            licensed_source: None,
            retiring: Box::default(),
        }
    }

    /// The shares of its snapshots that amiwright granted and that have not ended yet, by snapshot. What is deleted is shared with
    /// nobody.
    pub fn granted(&self) -> impl Iterator<Item = (&String, &BTreeSet<String>)> {
        let shared = self.applied.settings.snapshots.iter();
        shared.filter(|(snapshot, accounts)| {
            !accounts.is_empty()
                && !self.retiring.deleted.contains(*snapshot)
                && !self.retiring.shared.contains_key(*snapshot)
        })
    }

    /// Whether it is deregistered, and something is left of it that was to go with it.
    #[must_use]
    pub fn leaves_something(&self) -> bool {
        let is_left = !self.retiring.snapshots.is_empty() || self.granted().next().is_some();
        self.retiring.deregistered_at.is_some() && is_left
    }
}

/// One thing that is true of an image, or not, or not known yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: ConditionKind,
    /// Whether it is so.
    pub status: ConditionStatus,
    /// Since when `status` is what it is.
    pub since: Timestamp,
    /// Why, as one word for scripts.
    pub reason: ConditionReason,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionKind {
    /// The AMI of this version exists and is available in the stack's Region.
    Built,
    /// The AMI has all settings of the manifest, in every Region.
    Published,
    /// The AMIs of earlier versions, or its own after its manifest was removed, are retired as the manifest says.
    Retired,
    /// The SSM parameters of the manifest point to the AMI, in every Region.
    Released,
    /// The AMI is as the manifest says now.
    InSync,
}

impl fmt::Display for ConditionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Built => "Built",
            Self::Published => "Published",
            Self::Retired => "Retired",
            Self::Released => "Released",
            Self::InSync => "InSync",
        })
    }
}

/// Whether a condition is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConditionStatus {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// That is not known yet.
    Unknown,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
