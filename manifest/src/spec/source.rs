//! What an image is made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::location::Location;

/// What the image is made from: exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A disk file in S3: ImportSnapshot, then RegisterImage.
    Disk(Disk),
    /// A virtual machine's file in S3: ImportImage.
    Vm(Vm),
    /// An EBS snapshot: RegisterImage.
    Snapshot(Snapshot),
    /// A bundle of the AMI tools in S3: RegisterImage with ImageLocation (instance store).
    Bundle(Bundle),
    /// A running instance: BundleInstance, then RegisterImage (instance-store Windows; legacy).
    Instance(Instance),
    /// An AMI that CreateStoreImageTask stored in S3: CreateRestoreImageTask.
    Stored(Stored),
    /// Another AMI: CopyImage.
    Image(Image),
}

impl Source {
    /// The source's name in the manifest.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Disk(_) => "disk",
            Self::Vm(_) => "vm",
            Self::Snapshot(_) => "snapshot",
            Self::Bundle(_) => "bundle",
            Self::Instance(_) => "instance",
            Self::Stored(_) => "stored",
            Self::Image(_) => "image",
        }
    }

    /// Whether the AMI's root is an instance store.
    #[must_use]
    pub fn is_instance_store(&self) -> bool {
        matches!(self, Self::Bundle(_) | Self::Instance(_))
    }

    /// Whether the AMI comes from RegisterImage, so that `register` has a meaning.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        !matches!(self, Self::Vm(_) | Self::Stored(_) | Self::Image(_))
    }
}

/// A disk file in S3, imported as a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Disk {
    /// The disk file: relative to the manifest's folder, or `s3://bucket/key`.
    pub object: Location,
    /// The disk file's format.
    pub format: DiskFormat,
    /// Whether the snapshot is encrypted.
    pub encrypted: Option<bool>,
    /// The KMS key of an encrypted snapshot: id, ARN, `alias/NAME` or alias ARN.
    pub kms_key_id: Option<String>,
}

/// Formats that ImportSnapshot takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DiskFormat {
    /// VMware's.
    Vmdk,
    /// Hyper-V's older.
    Vhd,
    /// The disk's bytes.
    Raw,
}

/// A virtual machine's file in S3.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vm {
    /// The machine's file: relative to the manifest's folder, or `s3://bucket/key`.
    pub object: Location,
    /// The file's format.
    pub format: VmFormat,
}

/// Formats that ImportImage takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VmFormat {
    /// Open Virtualization Archive.
    Ova,
    /// VMware's disk.
    Vmdk,
    /// Hyper-V's older disk.
    Vhd,
    /// Hyper-V's disk.
    Vhdx,
    /// The disk's bytes.
    Raw,
}

/// An EBS snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// The snapshot's id; it becomes the root volume.
    #[schemars(regex(pattern = r"^snap-([0-9a-f]{8}|[0-9a-f]{17})$"))]
    pub id: String,
}

/// A bundle of the AMI tools.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bundle {
    /// The bundle's `.manifest.xml`: relative to this manifest's folder, or `s3://bucket/key`.
    pub manifest: Location,
}

/// An instance with an instance-store root.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Instance {
    /// The instance's id.
    #[schemars(regex(pattern = r"^i-([0-9a-z]{8}|[0-9a-z]{17})$"))]
    pub id: String,
}

/// A stored AMI.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stored {
    /// The `ami-….bin` object: relative to the manifest's folder, or `s3://bucket/key`.
    pub object: Location,
}

/// Another AMI.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Image {
    /// The AMI's id.
    #[schemars(regex(pattern = r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$"))]
    pub id: String,
    /// The Region the AMI is in.
    pub region: String,
}

/// A snapshot or an AMI that a manifest names, with its place in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSource {
    /// `snap-…` or `ami-…`.
    pub id: String,
    /// The Region that it is in; none for the stack's.
    pub region: Option<String>,
    /// Path of the value, as `source.snapshot.id`.
    pub path: String,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
}
