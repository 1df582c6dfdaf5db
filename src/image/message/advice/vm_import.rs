//! What VM Import says of a failed import, and what can be done about it: one table.
//!
//! Its sources are the VM Import/Export User Guide and, for messages that the guide does not have, public reports.

/// "Troubleshooting VM Import/Export", VM Import/Export User Guide.
const GUIDE: &str = "VM Import/Export User Guide, \"Troubleshooting VM Import/Export\"";

/// What to do about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::image) struct Row {
    /// In small letters: a message that has one of these is meant.
    pub(in crate::image) says: &'static [&'static str],
    /// What to do.
    pub(in crate::image) advice: &'static str,
    /// Whether the source `disk` is a way around it: ImportSnapshot does not look into the disk, and boots nothing.
    pub(in crate::image) or_disk: bool,
    /// Where the message and its meaning are from.
    pub(in crate::image) source: &'static str,
}

/// The way around ImportImage's demands on what is in a disk.
const OR_DISK: &str = ", or use the source `disk`, which takes a disk as it is (with `register.bootMode: uefi` if it boots by \
     UEFI)";

/// What is said of a message that no row knows.
const UNKNOWN: &str = "amiwright does not know this message: look it up in the VM Import/Export User Guide (\"Troubleshooting \
     VM Import/Export\"), and compare the disk with \"Image formats\" and \"Operating systems supported by VM \
     Import/Export\"";

/// The first row that matches counts: what is special comes before what is general.
pub(in crate::image) const ROWS: &[Row] = &[
    Row {
        says: &["kms key", "kms:", "kmskey", "kms-key"],
        advice: "let the function's role and the role vmimport (or the one in the stack's parameter VmImportRole) use the KMS \
                 key, in the key's policy too: kms:CreateGrant, Decrypt, DescribeKey, Encrypt, GenerateDataKey*, ReEncrypt*; \
                 and check that the key is enabled and in this Region",
        or_disk: false,
        source: "VM Import/Export User Guide, \"Required service role\"; EC2 API Reference, ImportImage (KmsKeyId)",
    },
    Row {
        says: &["service role"],
        advice: "create the role vmimport, or name yours in the stack's parameter VmImportRole, and let it read the object's \
                 bucket (VM Import/Export User Guide, \"Required service role\"); if the object is encrypted with a KMS key, \
                 the role needs kms:Decrypt, too",
        or_disk: false,
        source: GUIDE,
    },
    Row {
        says: &[
            "do not have access to the given resource",
            "403 forbidden",
            "access denied",
            "accessdenied",
        ],
        advice: "let the role vmimport (or the one in the stack's parameter VmImportRole) read the object: s3:GetObject, \
                 s3:ListBucket and s3:GetBucketLocation on its bucket, kms:Decrypt on the object's key if it is encrypted \
                 with one, and no bucket policy that denies them",
        or_disk: false,
        source: "keithvassallomt/windows10-ec2 issue 3; VM Import/Export User Guide, \"Required service role\"",
    },
    Row {
        says: &["not local to the region", "region, it's in"],
        advice: "upload the object to a bucket in the Region of the AMI and name that in the manifest",
        or_disk: false,
        source: GUIDE,
    },
    Row {
        says: &["s3 source location"],
        advice: "check that the object is still there, and that the role vmimport (or the one in the stack's parameter \
                 VmImportRole) may read it",
        or_disk: false,
        source: GUIDE,
    },
    Row {
        says: &["unsupported vmdk file format"],
        advice: "a VMDK has to be stream-optimized: export it again, or convert it to raw (qemu-img convert -O raw) and say \
                 `format: raw`",
        or_disk: false,
        source: GUIDE,
    },
    Row {
        says: &["chunked disk files"],
        advice: "export the machine again, so that each disk in the OVA is a single file",
        or_disk: false,
        source: GUIDE,
    },
    Row {
        says: &["ovf file parsing error"],
        advice: "the OVA's .ovf cannot be read: export the machine again as one OVA file, with the .ovf first in it",
        or_disk: false,
        source: "VM Import/Export User Guide, \"Image formats supported by VM Import/Export\"",
    },
    Row {
        says: &["unsupported compression algorithm"],
        advice: "export the VMDK again in OVF format, not in OVA format",
        or_disk: false,
        source: GUIDE,
    },
    Row {
        says: &["uncompressed data has"],
        advice: "the VMDK is damaged: create it again, and compare its checksum before and after the upload",
        or_disk: false,
        source: GUIDE,
    },
    Row {
        says: &["footers not identical"],
        advice: "the VHD is a differencing one or damaged: export it again as a fixed or dynamic VHD",
        or_disk: false,
        source: GUIDE,
    },
    Row {
        says: &["image file was corrupted", "is corrupted", "corrupt disk"],
        advice: "the disk is damaged or was not uploaded completely: check it (qemu-img check), export it again, and compare \
                 its checksum before and after the upload",
        or_disk: false,
        source: "reports of \"Provided image file was corrupted.\"",
    },
    Row {
        says: &["disk validation failed", "disk-image-size=0"],
        advice: "check that the object is what `format` says, is complete, and is a format that EC2 imports: raw, VHD, \
                 stream-optimized VMDK; for `vm` also OVA and VHDX",
        or_disk: false,
        source: GUIDE,
    },
    Row {
        says: &["efi partition detected", "uefi booting is not supported"],
        advice: "ImportImage takes this disk for one that boots by BIOS: say `bootMode: uefi` and the `platform` of the \
                 source `vm`",
        or_disk: true,
        source: "openshift/os, FAQ (\"EFI partition detected\"); EC2 API Reference, ImportImage (BootMode, Platform)",
    },
    Row {
        says: &["unknown os", "missing os files", "unsupported os"],
        advice: "EC2 does not recognize the operating system: compare it with \"Operating systems supported by VM \
                 Import/Export\"",
        or_disk: true,
        source: GUIDE,
    },
    Row {
        says: &["unsupported kernel", "determine kernel version"],
        advice: "EC2 does not know this kernel: compare it with \"Operating systems supported by VM Import/Export\"",
        or_disk: true,
        source: "the guide (\"Unsupported kernel version\"); hashicorp/packer issue 8302 (\"Unable to determine kernel version\")",
    },
    Row {
        says: &["unable to detect default kernel"],
        advice: "set the default kernel to $saved_entry in grub.cfg and name it in grubenv",
        or_disk: true,
        source: GUIDE,
    },
    Row {
        says: &[
            "unable to find an etc directory",
            "etc directory with fstab",
        ],
        advice: "no /etc/fstab was found: make it a regular file, and not a link, on the root file system",
        or_disk: true,
        source: "NixOS/nixpkgs issue 71770",
    },
    Row {
        says: &["grub doesn't exist", "grub does not exist", "no grub"],
        advice: "no GRUB configuration was found: make /etc/default/grub a regular file, or use another boot loader with the \
                 source `disk`",
        or_disk: true,
        source: "reports of \"GRUB doesn't exist in /etc/default\"",
    },
    Row {
        says: &["multiple different grub", "multiple different menu"],
        advice: "EC2 imports no machines with several boot configurations: leave one of each of grub.cfg, grub.conf and \
                 menu.lst",
        or_disk: true,
        source: GUIDE,
    },
    Row {
        says: &["multiple directories found", "could not read fstab"],
        advice: "EC2 imports no machines with several systems or several /etc directories: leave one of each, with an \
                 /etc/fstab that can be read",
        or_disk: true,
        source: GUIDE,
    },
    Row {
        says: &["your import's initramfs", "initramfs/initrd"],
        advice: "test the initramfs with lsinitramfs, and rebuild it if that shows errors",
        or_disk: true,
        source: GUIDE,
    },
    Row {
        says: &["logical volume group"],
        advice: "the disk may be damaged: compare its checksum before and after the upload, and check its logical volumes",
        or_disk: false,
        source: GUIDE,
    },
    Row {
        says: &["no valid partitions", "not a valid volume"],
        advice: "no partition table was found: check that this is a whole disk and not a file system, an archive or an \
                 encrypted volume (fdisk -l), and that it is complete",
        or_disk: true,
        source: "reports of \"No valid partitions. Not a valid volume.\"",
    },
    Row {
        says: &["no bootable partition"],
        advice: "check that the disk has a boot partition, and that it is the right disk",
        or_disk: false,
        source: GUIDE,
    },
    Row {
        says: &["firstbootfailure", "failed to boot", "booter networking"],
        advice: "let Windows boot to its login with DHCP on, no anti-virus software or firewall, no secondary disks, and .NET \
                 Framework 3.5 SP1 or later, and export it again (VM Import/Export User Guide, \"Windows VM errors\")",
        or_disk: false,
        source: GUIDE,
    },
    Row {
        says: &[
            "task cancellation",
            "cancelled by",
            "canceled by",
            "was cancelled",
            "was canceled",
        ],
        advice: "the task was cancelled outside amiwright",
        or_disk: false,
        source: "EC2 API Reference, CancelImportTask (CancelReason)",
    },
    Row {
        says: &["servererror", "internal error"],
        advice: "this is an error of EC2's own; if it comes again, compare the disk with \"Requirements for resources that you \
                 import\" (VM Import/Export User Guide) and ask AWS Support about the task",
        or_disk: false,
        source: "EC2 API Reference, \"Error codes for the Amazon EC2 API\" (InternalError)",
    },
];

/// The row that this message is about.
pub(in crate::image) fn row(message: &str) -> Option<&'static Row> {
    let message = message.to_lowercase();
    let is_meant = |row: &&Row| row.says.iter().any(|words| message.contains(words));
    ROWS.iter().find(is_meant)
}

/// What a person can do about an import that failed with this message. `is_machine`: by ImportImage.
pub(super) fn advice(message: &str, is_machine: bool) -> String {
    let Some(row) = row(message) else {
        return UNKNOWN.to_owned();
    };
    let way = if row.or_disk && is_machine {
        OR_DISK
    } else {
        ""
    };
    format!("{}{way}", row.advice)
}
