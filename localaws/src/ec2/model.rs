//! What EC2 keeps: images and snapshots, as plain values that tests can look at.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A registered AMI. Fields are named as in the EC2 API's `Image` type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// `ami-` and 17 hex digits.
    pub id: String,
    /// Unique per account and Region.
    pub name: String,
    /// At most 255 characters.
    pub description: Option<String>,
    /// 12 digits.
    pub owner_id: String,
    /// `account/name`, or `bucket/key` of the bundle's manifest.
    pub location: String,
    /// Where it is in its life.
    pub state: ImageState,
    /// Why, if it failed.
    pub state_reason: Option<StateReason>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// `i386`, `x86_64`, `arm64`, `x86_64_mac` or `arm64_mac`.
    pub architecture: String,
    /// `aki-…`; paravirtual only.
    pub kernel_id: Option<String>,
    /// `ari-…`; paravirtual only.
    pub ramdisk_id: Option<String>,
    /// For example `/dev/xvda`.
    pub root_device_name: Option<String>,
    /// EBS or instance store.
    pub root_device_type: RootDeviceType,
    /// `hvm` or `paravirtual`.
    pub virtualization_type: String,
    /// Whether ENA was asked for.
    pub ena_support: bool,
    /// `simple`.
    pub sriov_net_support: Option<String>,
    /// `legacy-bios`, `uefi` or `uefi-preferred`.
    pub boot_mode: Option<String>,
    /// `v2.0`.
    pub tpm_support: Option<String>,
    /// Base64 of the UEFI variable store.
    pub uefi_data: Option<String>,
    /// `v2.0`.
    pub imds_support: Option<String>,
    /// `windows`, or nothing.
    #[serde(default)]
    pub platform: Option<String>,
    /// The image that this one was copied from.
    #[serde(default)]
    pub source_image_id: Option<String>,
    /// Its Region.
    #[serde(default)]
    pub source_image_region: Option<String>,
    /// As registered; EC2 never answers with them.
    pub billing_products: Vec<String>,
    /// From the bundle's manifest or the root snapshot.
    pub product_codes: Vec<ProductCode>,
    /// Without the devices that `NoDevice` took out.
    pub block_device_mappings: Vec<BlockDeviceMapping>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// `ImageState` of the EC2 API, as far as this world's images get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageState {
    /// Being made.
    Pending,
    /// Ready to launch.
    Available,
    /// Could not be made; see the state reason.
    Failed,
    /// Put away by DisableImage.
    Disabled,
}

impl fmt::Display for ImageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Failed => "failed",
            Self::Disabled => "disabled",
        })
    }
}

/// `DeviceType` of the EC2 API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootDeviceType {
    /// The root volume comes from a snapshot.
    Ebs,
    /// The root volume comes from a bundle in S3.
    InstanceStore,
}

impl fmt::Display for RootDeviceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ebs => "ebs",
            Self::InstanceStore => "instance-store",
        })
    }
}

/// Why an image is in its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateReason {
    /// For example `Server.InternalError`.
    pub code: String,
    /// In words.
    pub message: String,
}

impl StateReason {
    /// The reason in `Client.Code: message` or `Server.Code: message`; without a code it is `Server.InternalError`.
    pub(super) fn from_words(words: String) -> Self {
        let coded = words.split_once(": ").filter(|(code, _)| {
            let name = code
                .strip_prefix("Client.")
                .or_else(|| code.strip_prefix("Server."));
            name.is_some_and(|name| name.bytes().all(|b| b.is_ascii_alphanumeric()))
        });
        match coded {
            Some((code, message)) => Self {
                code: code.to_owned(),
                message: message.to_owned(),
            },
            None => Self {
                code: "Server.InternalError".to_owned(),
                message: words,
            },
        }
    }
}

/// A product code and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductCode {
    /// The code.
    pub id: String,
    /// `devpay` or `marketplace`.
    pub kind: String,
}

/// One entry of an image's block device mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockDeviceMapping {
    /// As the request wrote it.
    pub device_name: String,
    /// `ephemeralN` for an instance store volume.
    pub virtual_name: Option<String>,
    /// The EBS volume, if it is one.
    pub ebs: Option<Ebs>,
}

/// An EBS volume to be made at launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ebs {
    /// What is on it.
    pub snapshot_id: Option<String>,
    /// GiB.
    pub volume_size: u32,
    /// `standard`, `gp2`, `gp3`, `io1`, `io2`, `st1` or `sc1`.
    pub volume_type: String,
    /// A second, if given.
    pub iops: Option<u32>,
    /// MiB/s, if given.
    pub throughput: Option<u32>,
    /// Whether it goes with the instance.
    pub delete_on_termination: bool,
    /// As the snapshot is, or as asked for.
    pub encrypted: bool,
}

/// An EBS snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// `snap-` and 17 hex digits.
    pub id: String,
    /// GiB.
    pub volume_size: u32,
    /// Whether it can be used.
    pub state: SnapshotState,
    /// Why, if a copy could not be made.
    #[serde(default)]
    pub state_message: Option<String>,
    /// In words.
    pub description: String,
    /// 12 digits. Snapshots of other accounts are private: nobody here sees them.
    pub owner_id: String,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The key that it was asked to be encrypted with; none is the account's own for EBS.
    #[serde(default)]
    pub kms_key_id: Option<String>,
    /// Marketplace product codes.
    pub product_codes: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was begun.
    pub started_at: Timestamp,
}

/// `SnapshotState` of the EC2 API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotState {
    /// Being copied.
    Pending,
    /// Usable.
    #[default]
    Completed,
    /// Never usable.
    Error,
}

impl fmt::Display for SnapshotState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Error => "error",
        })
    }
}

/// A snapshot to put into the world, see `Ec2::seed_snapshot`.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedSnapshot {
    /// Its id; none makes one.
    pub id: Option<String>,
    /// GiB.
    pub volume_size: u32,
    /// Completed, if not said otherwise.
    pub state: SnapshotState,
    /// In words.
    pub description: String,
    /// The account that has it; none is this world's.
    pub owner_id: Option<String>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Marketplace product codes.
    pub product_codes: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Default for SeedSnapshot {
    /// A completed snapshot of 8 GiB that belongs to this world's account.
    fn default() -> Self {
        Self {
            id: None,
            volume_size: 8,
            state: SnapshotState::Completed,
            description: String::new(),
            owner_id: None,
            encrypted: false,
            product_codes: Vec::new(),
            tags: BTreeMap::new(),
        }
    }
}
