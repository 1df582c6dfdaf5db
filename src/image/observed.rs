//! What was seen in AWS, in our own words.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::image::billing::{Billing, SnapshotUser};
use crate::manifest::guardrails::Owner;
use crate::manifest::location::S3Address;

/// How the keys of amiwright's own tags begin.
pub const OWN_TAGS: &str = "amiwright:";
/// The ownership tag that names the manifest: `s3://bucket/key`.
pub const MANIFEST_TAG: &str = "amiwright:manifest";
/// The ownership tag that holds the manifest version's digest.
pub const DIGEST_TAG: &str = "amiwright:digest";

/// The tag that names the attempt that made something: by it alone is known what may be removed when that attempt
/// fails, and what is an earlier one's.
pub const ATTEMPT_TAG: &str = "amiwright:attempt";

/// An AMI, as DescribeImages shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedImage {
    /// `ami-…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// EC2's word for its state: `pending`, `available`, `failed`, … or one we do not know.
    pub state: String,
    /// The code and message of the state's reason, where EC2 gives one.
    pub reason: Option<(String, String)>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The snapshots of its block device mappings.
    pub snapshots: Vec<String>,
    /// Its description.
    pub description: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it is deprecated.
    pub deprecate_at: Option<Timestamp>,
    /// Its deregistration protection, in EC2's words.
    pub protection: String,
    /// Whether everybody may launch it.
    pub public: bool,
    /// Whether its root device is made from a bundle in S3.
    pub is_instance_store: bool,
    /// Whether one of its volumes is encrypted.
    pub is_encrypted: bool,
    /// What its instances are billed by, as far as EC2 says.
    pub billing: Billing,
    /// When it was last launched, by anybody; EC2 says so a day late (DescribeImages, LastLaunchedTime).
    pub last_launched_at: Option<Timestamp>,
}

/// An AMI that uses a snapshot, whoever's it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageOfSnapshot {
    /// The account that it belongs to.
    pub owner: String,
    /// What EC2 shows of every AMI.
    pub image: ObservedImage,
    /// What it says about the snapshot.
    pub user: SnapshotUser,
}

/// An AMI that a manifest names, whoever's it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedImage {
    /// Whose it is.
    pub owner: Owner,
    /// Whether its root device is made from a bundle in S3.
    pub is_instance_store: bool,
    /// Whether any of its volumes is encrypted.
    pub is_encrypted: bool,
    /// Its snapshots.
    pub snapshots: Vec<String>,
    /// Its tags, as far as this account sees them.
    pub tags: BTreeMap<String, String>,
    /// Whether it could not be made, or is being deregistered: it never becomes available.
    pub has_failed: bool,
}

/// A snapshot that a manifest names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedSnapshot {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub owner: Owner,
    /// Whether it could not be made: it never becomes completed.
    pub has_failed: bool,
    /// Whether it is encrypted.
    pub is_encrypted: bool,
    /// The ARN of the KMS key that it is encrypted with.
    pub kms_key_id: Option<String>,
}

/// A parameter, as GetParameters shows it. One that is not a `String` keeps its value to itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedParameter {
    /// SSM's word for its type: `String`, `StringList`, `SecureString`.
    pub kind: String,
    /// SSM's word for its data type: `text`, `aws:ec2:image`.
    pub data_type: String,
    /// Its value; empty if it is not a `String`.
    pub value: String,
    /// Its version, from 1.
    pub version: u64,
}

impl ObservedImage {
    /// A copy and a restoration are seen by their AMI alone.
    #[must_use]
    pub fn as_task(&self) -> ObservedTask {
        let (code, message) = self.reason.clone().unzip();
        ObservedTask {
            id: self.id.clone(),
            state: self.state.clone(),
            code,
            message,
            snapshots: self.snapshots.clone(),
            image: Some(self.id.clone()),
            ..ObservedTask::default()
        }
    }
}

/// A task of EC2, as its Describe call shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedTask {
    /// EC2's id of it; the AMI's id where EC2 has none of its own.
    pub id: String,
    /// EC2's word for its state.
    pub state: String,
    /// Percent, where EC2 says.
    pub progress: Option<u8>,
    /// What EC2 says about it: the status message, the failure's reason.
    pub message: Option<String>,
    /// The error's code, where EC2 gives one.
    pub code: Option<String>,
    /// The snapshots it made.
    pub snapshots: Vec<String>,
    /// The AMI it made.
    pub image: Option<String>,
    /// The object it writes, as `s3://bucket/key`: a stored AMI, or the manifest of a bundle.
    pub object: Option<String>,
    /// The instance that is bundled.
    pub instance: Option<String>,
    /// Its tags, where it can have any.
    pub tags: BTreeMap<String, String>,
}

impl ObservedTask {
    /// The bucket of the object it writes.
    #[must_use]
    pub fn bucket(&self) -> Option<&str> {
        S3Address::split(self.object.as_deref()?).map(|(bucket, _)| bucket)
    }
}

/// A snapshot, as DescribeSnapshots shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedSnapshot {
    /// `snap-…`.
    pub id: String,
    /// EC2's word for its state: `pending`, `completed`, `error`, …
    pub state: String,
    /// Its description; VM Import names its task there.
    pub description: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was begun.
    pub started_at: Option<Timestamp>,
    /// Whether it is encrypted, as far as EC2 says.
    pub is_encrypted: Option<bool>,
    /// The ARN of the KMS key that it is encrypted with.
    pub kms_key_id: Option<String>,
}

/// What was found of a bundle's parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedParts {
    /// The parts that are there, with their sizes in bytes.
    pub present: Vec<(String, u64)>,
    /// The keys of the parts that are not.
    pub missing: Vec<String>,
}

impl ObservedParts {
    /// The size of all parts that are there, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.present
            .iter()
            .fold(0, |sum, (_, size)| sum.saturating_add(*size))
    }
}
