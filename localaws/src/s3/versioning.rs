//! Whether a bucket keeps versions ("Using versioning in S3 buckets", Amazon S3 User Guide): never said, so that it has
//! none; enabled; or suspended, so that what it has stays. It never goes back to having none.

use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

use s3s::dto::BucketVersioningStatus;
use serde::{Deserialize, Serialize};

/// What was said of a bucket's versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Versioning {
    Enabled,
    Suspended,
}

impl Versioning {
    /// The status of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            BucketVersioningStatus::ENABLED => Some(Self::Enabled),
            BucketVersioningStatus::SUSPENDED => Some(Self::Suspended),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Enabled => BucketVersioningStatus::ENABLED,
            Self::Suspended => BucketVersioningStatus::SUSPENDED,
        }
    }
}

/// What is kept of a bucket.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) versioning: Versioning,
}

/// What an earlier run was told.
pub(super) fn kept(state: &Path) -> io::Result<HashMap<String, Versioning>> {
    let mut kept = HashMap::new();
    for entry in fs::read_dir(state.join("buckets"))? {
        let path = entry?.path();
        let bucket = path.file_stem().and_then(|name| name.to_str());
        let settings = serde_json::from_slice::<Settings>(&fs::read(&path)?)?;
        if let Some(bucket) = bucket {
            kept.insert(bucket.to_owned(), settings.versioning);
        }
    }
    Ok(kept)
}
