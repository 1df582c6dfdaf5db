//! What a person can do about a task that failed.
//!
//! The words of VM Import and what they mean are from the VM Import/Export User Guide: "Troubleshooting VM
//! Import/Export", "Required service role", and "Image formats supported by VM Import/Export".

use super::task::{Task, TaskKind};

/// How to try again: the same content is the same version, so it has to differ.
const AGAIN: &str = "then change the manifest (a comment will do) and upload it again";

/// What VM Import says, in small letters, and what can be done about it. The first that fits counts: the narrow ones
/// come before the wide ones.
const IMPORT: &[(&[&str], &str)] = &[
    (
        &["service role"],
        "create the role vmimport, or name yours in the stack's parameter VmImportRole, and let it read the object's \
         bucket (VM Import/Export User Guide, \"Required service role\"); if the object is encrypted with a KMS key, the \
         role needs kms:Decrypt, too",
    ),
    (
        &["not local to the region"],
        "upload the object to a bucket in the Region of the AMI",
    ),
    (
        &["s3 source location", "access denied", "accessdenied"],
        "look whether the object is still there, and whether the role vmimport (or the one in the stack's parameter \
         VmImportRole) may read it",
    ),
    (
        &["unsupported vmdk file format"],
        "a VMDK has to be stream-optimized: export it anew, or convert it to raw (qemu-img convert -O raw) and say \
         `format: raw`",
    ),
    (
        &["chunked disk files"],
        "export the machine anew, so that each disk in the OVA is a single file",
    ),
    (
        &["unsupported compression algorithm"],
        "export the VMDK anew in OVF format, not in OVA format",
    ),
    (
        &["uncompressed data has an invalid length"],
        "the VMDK is damaged: make it anew, and compare its checksum before and after the upload",
    ),
    (
        &["footers not identical"],
        "the VHD is a differencing one or damaged: export it anew as a fixed or dynamic VHD",
    ),
    (
        &["disk validation failed", "disk-image-size=0"],
        "look whether the object is what `format` says, is whole, and is a format that EC2 imports: raw, VHD, \
         stream-optimized VMDK; for `vm` also OVA and VHDX",
    ),
    (
        &["unknown os", "missing os files"],
        "EC2 does not recognize the operating system: compare it with \"Operating systems supported by VM Import/Export\", \
         or use the source `disk`, which takes a disk as it is",
    ),
    (
        &["unsupported kernel"],
        "EC2 does not support this kernel: compare it with \"Operating systems supported by VM Import/Export\", or use the \
         source `disk`, which takes a disk as it is",
    ),
    (
        &["unable to detect default kernel"],
        "set the default kernel to $saved_entry in grub.cfg and name it in grubenv",
    ),
    (
        &["grub", "menu.lst", "fstab", "multiple directories"],
        "EC2 imports no machines with several boot configurations or several /etc directories: leave one of each",
    ),
    (
        &["initramfs", "initrd"],
        "test the initramfs with lsinitramfs, and rebuild it if that shows errors",
    ),
    (
        &["logical volume group"],
        "the disk may be damaged: compare its checksum before and after the upload, and check its logical volumes",
    ),
    (
        &["no bootable partition"],
        "look whether the disk has a boot partition, and whether it is the right disk",
    ),
    (
        &["firstbootfailure", "failed to boot", "booter networking"],
        "let Windows boot to its login with DHCP on, no anti-virus software or firewall, no secondary disks, and .NET \
         Framework 3.5 SP1 or later, and export it anew (VM Import/Export User Guide, \"Windows VM errors\")",
    ),
    (
        &["kms"],
        "let the role vmimport use the KMS key: kms:CreateGrant, Decrypt, DescribeKey, Encrypt, GenerateDataKey*, \
         ReEncrypt*",
    ),
    (&["cancel"], "somebody cancelled the task"),
];

/// What a person can do about a task that failed with this message.
pub(super) fn for_failed_task(task: &Task, message: &str) -> String {
    let message = message.to_lowercase();
    let advice = match task.kind {
        TaskKind::StoreImage => {
            return format!(
                "the AMI {} is available and was kept; mend what the message names and store it by hand (aws ec2 \
                 create-store-image-task)",
                task.id
            );
        }
        TaskKind::BundleInstance if message.contains("cancel") => {
            "somebody cancelled the bundle task"
        }
        TaskKind::BundleInstance => {
            "look whether the key in Systems Manager may still put objects under amiwright's bundles/ prefix, and whether \
             the instance still runs"
        }
        TaskKind::ImportSnapshot | TaskKind::ImportImage => for_import(&message),
        TaskKind::CopyImage | TaskKind::RestoreImage => "mend what the message names",
    };
    format!("{advice}; {AGAIN}")
}

fn for_import(message: &str) -> &'static str {
    IMPORT
        .iter()
        .find(|(says, _)| says.iter().any(|words| message.contains(words)))
        .map_or("mend what the message names", |(_, advice)| *advice)
}
