//! The disks of import tasks.

use serde::{Deserialize, Serialize};

/// One disk of an import task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Disk {
    pub(crate) description: Option<String>,
    pub(crate) device_name: Option<String>,
    /// In upper case.
    pub(crate) format: Option<String>,
    pub(crate) source: DiskSource,
    /// Bytes of the object.
    pub(crate) size: u64,
    /// Of the volume.
    pub(crate) gib: u32,
    /// Whether the object is what its format says.
    pub(crate) readable: bool,
    /// The snapshot that it became, or that it is.
    pub(crate) snapshot_id: Option<String>,
}

/// Where a disk comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum DiskSource {
    Bucket { bucket: String, key: String },
    Url(String),
    Snapshot(String),
}
