//! What an image is made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema::exactly_one;
use crate::location::Location;

/// What the image is made from: exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = exactly_one)]
pub enum Source {
    /// A disk file in S3: ImportSnapshot, then RegisterImage.
    Disk(Disk),
    /// A virtual machine's file in S3: ImportImage.
    Vm(Vm),
    /// An EBS snapshot: RegisterImage.
    Snapshot(Snapshot),
    /// A bundle of the AMI tools in S3: RegisterImage with ImageLocation (instance store).
    Bundle(Bundle),
    /// A running instance: BundleInstance, which AWS has withdrawn, then RegisterImage.
    #[schemars(extend("deprecated" = true))]
    Instance(Instance),
    /// An AMI that CreateStoreImageTask stored in S3: CreateRestoreImageTask.
    Stored(Stored),
    /// Another AMI: CopyImage.
    Image(Image),
}

impl Source {
    /// Whether EC2 is asked to encrypt what it makes of it, and with which key.
    #[must_use]
    pub fn encryption(&self) -> (bool, Option<&String>) {
        let (encrypted, key) = match self {
            Self::Disk(disk) => (disk.encrypted, &disk.kms_key_id),
            Self::Vm(vm) => (vm.encrypted, &vm.kms_key_id),
            Self::Image(image) => (image.encrypted, &image.kms_key_id),
            Self::Snapshot(_) | Self::Bundle(_) | Self::Instance(_) | Self::Stored(_) => {
                (None, &None)
            }
        };
        (encrypted == Some(true), key.as_ref())
    }

    /// The objects that the image is made from, as the manifest names them.
    #[must_use]
    pub fn objects(&self) -> Vec<&Location> {
        match self {
            Self::Disk(disk) => vec![&disk.object],
            Self::Vm(vm) => vm.files().iter().map(|file| file.object).collect(),
            Self::Stored(stored) => vec![&stored.object],
            Self::Bundle(bundle) => vec![&bundle.manifest],
            Self::Snapshot(_) | Self::Instance(_) | Self::Image(_) => Vec::new(),
        }
    }

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
    /// The KMS key of an encrypted snapshot: its ARN, as the stack's parameter `KmsKeys` lists it.
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

/// A virtual machine in S3: one file (`object` and `format`), or its disks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vm {
    /// The machine's file: relative to the manifest's folder, or `s3://bucket/key`.
    pub object: Option<Location>,
    /// The file's format.
    pub format: Option<VmFormat>,
    /// The machine's disks, the one that it boots from first; in place of `object` and `format`.
    #[serde(default)]
    pub disks: Vec<VmDisk>,
    /// The machine's architecture.
    pub architecture: Option<VmArchitecture>,
    /// The machine's operating system.
    pub platform: Option<Platform>,
    /// How the machine boots.
    pub boot_mode: Option<VmBootMode>,
    /// Whose license of the operating system the AMI has.
    pub license_type: Option<LicenseType>,
    /// The billing of the AMI, as `RunInstances:0800`.
    #[schemars(regex(pattern = r"^RunInstances(:[0-9A-Za-z]{4})?$"))]
    pub usage_operation: Option<String>,
    /// ARNs of license configurations (License Manager).
    #[serde(default)]
    pub license_specifications: Vec<String>,
    /// Whether the AMI's snapshots are encrypted.
    pub encrypted: Option<bool>,
    /// The KMS key of encrypted snapshots: its ARN, as the stack's parameter `KmsKeys` lists it.
    pub kms_key_id: Option<String>,
}

/// One file of a virtual machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmFile<'a> {
    /// Where it is.
    pub object: &'a Location,
    /// Its format.
    pub format: VmFormat,
    /// The device that its volume becomes; none to leave it to EC2.
    pub device_name: Option<&'a str>,
}

impl Vm {
    /// The machine's files, the one that it boots from first.
    #[must_use]
    pub fn files(&self) -> Vec<VmFile<'_>> {
        let single = self.object.iter().zip(self.format);
        let single = single.map(|(object, format)| VmFile {
            object,
            format,
            device_name: None,
        });
        let disks = self.disks.iter().map(|disk| VmFile {
            object: &disk.object,
            format: disk.format,
            device_name: disk.device_name.as_deref(),
        });
        single.chain(disks).collect()
    }

    /// One disk alone is the machine's file; what is off is as good as left out.
    pub(super) fn in_one_form(&mut self) {
        self.encrypted = self.encrypted.filter(|encrypted| *encrypted);
        self.license_specifications.sort_unstable();
        if let [disk] = self.disks.as_slice()
            && disk.device_name.is_none()
            && self.object.is_none()
        {
            self.object = Some(disk.object.clone());
            self.format = Some(disk.format);
            self.disks.clear();
        }
    }
}

/// One disk of a virtual machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VmDisk {
    /// The disk file: relative to the manifest's folder, or `s3://bucket/key`.
    pub object: Location,
    /// The file's format.
    pub format: VmFormat,
    /// The device that its volume becomes, as `/dev/sdf`.
    pub device_name: Option<String>,
}

/// Architectures of virtual machines (ImportImageTask, Architecture).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum VmArchitecture {
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit Arm.
    #[serde(rename = "arm64")]
    Arm64,
    /// 32-bit x86.
    #[serde(rename = "i386")]
    I386,
}

impl VmArchitecture {
    /// The value as EC2 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
            Self::I386 => "i386",
        }
    }
}

/// Operating systems of virtual machines (ImportImage, Platform).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Platform {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}

impl Platform {
    /// The value as EC2 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::Windows => "Windows",
        }
    }
}

/// How virtual machines boot; `uefi-preferred` is not for imports (ImportImage, BootMode).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VmBootMode {
    /// BIOS.
    LegacyBios,
    /// UEFI.
    Uefi,
}

impl VmBootMode {
    /// The value as EC2 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LegacyBios => "legacy-bios",
            Self::Uefi => "uefi",
        }
    }
}

/// Whose license an imported operating system has (ImportImage, LicenseType).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum LicenseType {
    /// AWS's, in place of the machine's own.
    #[serde(rename = "AWS")]
    Aws,
    /// The machine's own.
    #[serde(rename = "BYOL")]
    Byol,
}

impl LicenseType {
    /// The value as EC2 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Byol => "BYOL",
        }
    }
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
    /// Whether the copy's snapshots are encrypted, also where the AMI's are not.
    pub encrypted: Option<bool>,
    /// The KMS key, of the stack's Region, that encrypts the copy: its ARN, as the stack's parameter `KmsKeys` lists it.
    pub kms_key_id: Option<String>,
    /// Whether the copy gets the tags of the AMI, too.
    pub copy_tags: Option<bool>,
    /// Within how many minutes the copy is to be complete, a multiple of 15; none for EC2's best effort. It is paid for.
    #[schemars(range(min = 15, max = 2880), extend("multipleOf" = 15))]
    pub completion_minutes: Option<u32>,
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
