//! Images, as plain values.

use std::fmt;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ACCOUNT;
use crate::ec2::model::permission::Permission;
use crate::ec2::model::protection::DeregistrationProtection;
use crate::ec2::wire::error::{Failure, refuse};

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
    /// Its alias, of AWS's own list.
    #[serde(default)]
    pub owner_alias: Option<String>,
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
    /// What its instances are billed by; none is what its platform says.
    #[serde(default)]
    pub billing: Option<Billing>,
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
    /// Who else may launch it.
    #[serde(default)]
    pub launch_permissions: BTreeSet<Permission>,
    /// From when on it is out of date, to the minute.
    #[serde(default)]
    pub deprecation_time: Option<Timestamp>,
    /// Whether it can be deregistered.
    #[serde(default)]
    pub deregistration_protection: DeregistrationProtection,
    /// When an instance was last launched from it, as EC2 knows a day later.
    #[serde(default)]
    pub last_launched_time: Option<Timestamp>,
}

impl Image {
    /// A pending EBS image of this account with nothing but what every image has.
    pub(crate) fn new(id: String, name: String) -> Self {
        Self {
            id,
            location: format!("{ACCOUNT}/{name}"),
            name,
            description: None,
            owner_id: ACCOUNT.to_owned(),
            owner_alias: None,
            state: ImageState::Pending,
            state_reason: None,
            created_at: Timestamp::UNIX_EPOCH,
            architecture: "x86_64".to_owned(),
            kernel_id: None,
            ramdisk_id: None,
            root_device_name: None,
            root_device_type: RootDeviceType::Ebs,
            virtualization_type: "hvm".to_owned(),
            ena_support: true,
            sriov_net_support: None,
            boot_mode: None,
            tpm_support: None,
            uefi_data: None,
            imds_support: None,
            platform: None,
            billing: None,
            source_image_id: None,
            source_image_region: None,
            billing_products: Vec::new(),
            product_codes: Vec::new(),
            block_device_mappings: Vec::new(),
            tags: BTreeMap::new(),
            launch_permissions: BTreeSet::new(),
            deprecation_time: None,
            deregistration_protection: DeregistrationProtection::Disabled,
            last_launched_time: None,
        }
    }

    /// Whether everybody may launch it.
    pub fn is_public(&self) -> bool {
        self.launch_permissions.contains(&Permission::Everyone)
    }

    /// Whether it is this world's account's.
    pub(crate) fn is_own(&self) -> bool {
        self.owner_id == ACCOUNT
    }

    /// Whether this world's account may see it: it is its own, or shared with it. Of no organization is known who is in
    /// it.
    pub(crate) fn is_visible(&self) -> bool {
        let account = Permission::Account(ACCOUNT.to_owned());
        self.is_own() || self.is_public() || self.launch_permissions.contains(&account)
    }

    /// The tags that this world's account sees: other accounts' are their own.
    pub(crate) fn visible_tags(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        if self.is_own() { &self.tags } else { &NONE }
    }

    /// `InvalidAMIID.Unavailable` for an image that is not ready.
    pub(crate) fn check_available(&self) -> Result<(), Failure> {
        if self.state == ImageState::Available {
            return Ok(());
        }
        let message = format!(
            "The AMI ID '{}' is currently {} and may not be used for this operation",
            self.id, self.state
        );
        Err(refuse("InvalidAMIID.Unavailable", message))
    }

    /// `InvalidAMIID.Unavailable` for an image that is still being made, or could not be; a disabled one passes.
    pub(crate) fn check_made(&self) -> Result<(), Failure> {
        match self.state {
            ImageState::Disabled => Ok(()),
            _ => self.check_available(),
        }
    }

    /// The snapshots of its volumes.
    pub fn snapshot_ids(&self) -> impl Iterator<Item = &String> {
        let volumes = self.block_device_mappings.iter();
        volumes.filter_map(|mapping| mapping.ebs.as_ref()?.snapshot_id.as_ref())
    }

    /// Puts the new snapshot in the place of the old one.
    pub(crate) fn replace_snapshot(&mut self, old: &str, new: &str, encrypted: bool) {
        for ebs in self.volumes_of(old) {
            ebs.snapshot_id = Some(new.to_owned());
            ebs.encrypted |= encrypted;
        }
    }

    /// The same where it was stored: "the snapshots are decrypted as part of the store process" ("Create a store image task",
    /// EC2 User Guide).
    pub(crate) fn restore_snapshot(&mut self, old: &str, new: &str, encrypted: bool) {
        for ebs in self.volumes_of(old) {
            ebs.snapshot_id = Some(new.to_owned());
            ebs.encrypted = encrypted;
        }
    }

    fn volumes_of(&mut self, snapshot: &str) -> impl Iterator<Item = &mut Ebs> {
        let volumes = self.block_device_mappings.iter_mut();
        let volumes = volumes.filter_map(|mapping| mapping.ebs.as_mut());
        volumes.filter(move |ebs| ebs.snapshot_id.as_deref() == Some(snapshot))
    }
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
    /// Disabled by DisableImage.
    Disabled,
}

impl ImageState {
    /// As the API writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Available => "available",
            Self::Failed => "failed",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for ImageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
    pub(crate) fn from_words(words: String) -> Self {
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

/// What instances are billed by ("AMI billing information fields", EC2 User Guide).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    /// For example `Red Hat Enterprise Linux`.
    pub platform_details: String,
    /// For example `RunInstances:0010`.
    pub usage_operation: String,
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

/// An EBS image to put into the world, see `Ec2::seed_image`.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedImage {
    /// Its id; none makes one.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// The snapshot of its root volume, which is in the same Region.
    pub snapshot_id: String,
    /// GiB of the root volume.
    pub volume_size: u32,
    /// The account that has it and shares it with this world's; none is this world's.
    pub owner_id: Option<String>,
    /// That account's alias, of AWS's own list.
    pub owner_alias: Option<String>,
}
