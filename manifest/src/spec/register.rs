//! The parameters of RegisterImage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::refused;

/// Parameters of RegisterImage (the API reference's page of that name has each in full).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Register {
    /// The processor architecture. Left out: `x86_64` (EC2's own default is i386), or the bundle's own.
    pub architecture: Option<Architecture>,
    /// The virtualization type. Left out: `hvm` (EC2's own default is paravirtual); for a bundle with a kernel `paravirtual`.
    pub virtualization_type: Option<VirtualizationType>,
    /// The boot mode.
    pub boot_mode: Option<BootMode>,
    /// NitroTPM; needs `bootMode: uefi`.
    pub tpm_support: Option<TpmSupport>,
    /// The UEFI variable store in base64, at most 64,000 characters; white space is taken out.
    pub uefi_data: Option<String>,
    /// `v2.0`: instances require IMDSv2. This cannot be undone.
    pub imds_support: Option<ImdsSupport>,
    /// Enhanced networking with ENA; hvm only.
    pub ena_support: Option<bool>,
    /// Enhanced networking with the Intel 82599 virtual function; hvm only.
    pub sriov_net_support: Option<SriovNetSupport>,
    /// The kernel's id; paravirtual only.
    pub kernel_id: Option<String>,
    /// The RAM disk's id; paravirtual only.
    pub ramdisk_id: Option<String>,
    /// Billing product codes; the account must be authorized for them.
    #[serde(default)]
    pub billing_products: Vec<String>,
    /// The root volume's device name. Left out: the mapping that is the root, or `/dev/xvda` if there is none.
    pub root_device_name: Option<String>,
    /// The block device mappings; the root's gets its snapshot from the source.
    #[serde(default)]
    pub block_device_mappings: Vec<BlockDeviceMapping>,
    /// That the AMI may lose the license (Red Hat, SUSE, SQL Server, …) of the AMIs that the snapshot is from: nothing is said
    /// about it then. Only for the source `snapshot`; not for Windows. It is not sent to EC2.
    pub accept_lost_billing: Option<bool>,
}

/// Processor architectures of AMIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Architecture {
    /// 32-bit x86.
    #[serde(rename = "i386")]
    I386,
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit Arm.
    #[serde(rename = "arm64")]
    Arm64,
    /// An Intel Mac.
    #[serde(rename = "x86_64_mac")]
    X86_64Mac,
    /// An Apple silicon Mac.
    #[serde(rename = "arm64_mac")]
    Arm64Mac,
}

impl Architecture {
    /// The value as EC2 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::I386 => "i386",
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
            Self::X86_64Mac => "x86_64_mac",
            Self::Arm64Mac => "arm64_mac",
        }
    }
}

/// Virtualization types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VirtualizationType {
    /// Hardware virtual machine.
    Hvm,
    /// Paravirtual.
    Paravirtual,
}

impl VirtualizationType {
    /// The value as EC2 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hvm => "hvm",
            Self::Paravirtual => "paravirtual",
        }
    }
}

/// Boot modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BootMode {
    /// BIOS.
    LegacyBios,
    /// UEFI.
    Uefi,
    /// UEFI where the instance type can, else BIOS.
    UefiPreferred,
}

impl BootMode {
    /// The value as EC2 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LegacyBios => "legacy-bios",
            Self::Uefi => "uefi",
            Self::UefiPreferred => "uefi-preferred",
        }
    }
}

/// Versions of NitroTPM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TpmSupport {
    /// TPM 2.0.
    #[serde(rename = "v2.0")]
    V2_0,
}

impl TpmSupport {
    /// The value as EC2 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        "v2.0"
    }
}

/// Versions of the instance metadata service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ImdsSupport {
    /// IMDSv2.
    #[serde(rename = "v2.0")]
    V2_0,
}

impl ImdsSupport {
    /// The value as EC2 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        "v2.0"
    }
}

/// Enhanced networking with the Intel 82599 virtual function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SriovNetSupport {
    /// Switched on; there is no way to switch it off.
    Simple,
}

impl SriovNetSupport {
    /// The value as EC2 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        "simple"
    }
}

/// One device of instances launched from the AMI: exactly one of `ebs`, `virtualName` and `noDevice`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlockDeviceMapping {
    /// The device's name, as `/dev/sdb`.
    pub device_name: String,
    /// An EBS volume.
    pub ebs: Option<Ebs>,
    /// An instance-store volume: `ephemeral0` to `ephemeral23`.
    #[schemars(regex(pattern = r"^ephemeral([0-9]|1[0-9]|2[0-3])$"))]
    pub virtual_name: Option<String>,
    /// `true`: no device at all.
    pub no_device: Option<bool>,
}

/// An EBS volume (EbsBlockDevice).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ebs {
    /// The snapshot the volume is made from.
    #[schemars(regex(pattern = r"^snap-([0-9a-f]{8}|[0-9a-f]{17})$"))]
    pub snapshot_id: Option<String>,
    /// The size in GiB; left out, the snapshot's.
    #[schemars(range(min = 1, max = 65536))]
    pub volume_size: Option<u32>,
    /// The volume type; left out, gp3 (gp2 on an Outpost).
    pub volume_type: Option<VolumeType>,
    /// Provisioned I/O operations a second: gp3, io1 and io2 only, required for io1 and io2.
    #[schemars(range(min = 100, max = 256_000))]
    pub iops: Option<u32>,
    /// Throughput in MiB a second; gp3 only.
    #[schemars(range(min = 125, max = 2000))]
    pub throughput: Option<u32>,
    /// Whether the volume goes with the instance.
    pub delete_on_termination: Option<bool>,
    /// Whether a new, empty volume is encrypted. Never together with a snapshot.
    pub encrypted: Option<bool>,
    /// Refused: RegisterImage takes no KMS key for a volume. Encrypt the snapshot with the key, or copy the image with one
    /// (`regions`).
    #[schemars(transform = refused)]
    pub kms_key_id: Option<String>,
    /// The ARN of the Outpost that has the snapshot.
    pub outpost_arn: Option<String>,
    /// Rate at which the snapshot is downloaded to the volume, MiB a second.
    #[schemars(range(min = 100, max = 300))]
    pub volume_initialization_rate: Option<u32>,
    /// The Availability Zone where the volume is created.
    pub availability_zone: Option<String>,
    /// The id of that Availability Zone, instead of its name.
    pub availability_zone_id: Option<String>,
    /// The index of the EBS card.
    pub ebs_card_index: Option<u32>,
}

impl Ebs {
    /// The type that is sent: as given, or the default.
    #[must_use]
    pub fn volume_type(&self) -> VolumeType {
        self.volume_type.unwrap_or_else(|| self.default_type())
    }

    /// The type of a volume whose manifest names none. It is always sent: EC2's own default is gp2, and differs from the
    /// console's. Outposts have gp2 (AWS Outposts User Guide, "Amazon EBS volumes on AWS Outposts").
    #[must_use]
    pub(super) fn default_type(&self) -> VolumeType {
        if self.outpost_arn.is_some() {
            VolumeType::Gp2
        } else {
            VolumeType::Gp3
        }
    }
}

/// EBS volume types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VolumeType {
    /// General purpose SSD.
    Gp2,
    /// General purpose SSD with provisioned performance.
    Gp3,
    /// Provisioned IOPS SSD.
    Io1,
    /// Provisioned IOPS SSD, durable.
    Io2,
    /// Throughput-optimized HDD.
    St1,
    /// Cold HDD.
    Sc1,
    /// Magnetic.
    Standard,
}

impl VolumeType {
    /// The value as EC2 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gp2 => "gp2",
            Self::Gp3 => "gp3",
            Self::Io1 => "io1",
            Self::Io2 => "io2",
            Self::St1 => "st1",
            Self::Sc1 => "sc1",
            Self::Standard => "standard",
        }
    }
}
