//! What was seen in AWS, in our own words.

use std::collections::BTreeMap;

/// The ownership tag that names the manifest: `s3://bucket/key`.
pub const MANIFEST_TAG: &str = "amiwright:manifest";
/// The ownership tag that holds the manifest version's digest.
pub const DIGEST_TAG: &str = "amiwright:sha256";

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
