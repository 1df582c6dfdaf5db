//! What people are told to do about the failures that AWS documents.

use super::{REGION, after, seen_task};
use crate::image::advice::for_failed_task;
use crate::image::task::{Task, TaskKind};

fn advice(kind: TaskKind, message: &str) -> String {
    let seen = seen_task(kind, "failed");
    for_failed_task(&Task::started(kind, REGION, &seen, after(0)), message)
}

/// The messages of "Troubleshooting VM Import/Export" and a few words of the advice that fits.
const DOCUMENTED: [(&str, &str); 21] = [
    (
        "The service role vmimport does not exist or does not have sufficient permissions for the service to continue",
        "create the role vmimport",
    ),
    (
        "The given S3 bucket is not local to the Region",
        "a bucket in the Region of the AMI",
    ),
    ("Invalid S3 source location", "is still there"),
    (
        "ClientError: Disk validation failed [Unsupported VMDK File Format]",
        "stream-optimized: export it anew",
    ),
    (
        "ClientError: Disk validation failed [OVF file parsing error: OVA with chunked disk files is not supported]",
        "a single file",
    ),
    (
        "ClientError: Disk validation failed [Unsupported VHD File Format]",
        "what `format` says",
    ),
    (
        "ERROR: File uses unsupported compression algorithm 0",
        "in OVF format",
    ),
    (
        "ClientError: Uncompressed data has an invalid length",
        "the VMDK is damaged",
    ),
    ("ClientError: Footers not identical", "fixed or dynamic VHD"),
    (
        "Parameter disk-image-size=0 has an invalid format",
        "what `format` says",
    ),
    (
        "CLIENT_ERROR : ClientError: Unknown OS / Missing OS files.",
        "the source `disk`",
    ),
    (
        "ClientError: Unsupported kernel version 5.4.66",
        "the source `disk`",
    ),
    (
        "ClientError: BLSC-style GRUB found, but unable to detect default kernel",
        "grubenv",
    ),
    (
        "ClientError: Multiple different grub/menu.lst files found",
        "leave one of each",
    ),
    (
        "ClientError: Invalid configuration - Could not read fstab",
        "leave one of each",
    ),
    (
        "ClientError: Unsupported configuration - Multiple directories found",
        "leave one of each",
    ),
    (
        "ClientError: We were unable to read your import's initramfs/initrd to determine what drivers your import \
         requires to run in EC2",
        "lsinitramfs",
    ),
    (
        "ClientError: Unsupported configuration - Logical volume group activation failed",
        "logical volumes",
    ),
    ("No bootable partition found", "boot partition"),
    (
        "FirstBootFailure: This import request failed because the Windows instance failed to boot and establish \
         network connectivity.",
        "DHCP",
    ),
    (
        "ClientError: Booter Networking failure/instance not reachable. Please retry after installation of .Net framework \
         3.5 SP1 or greater.",
        ".NET",
    ),
];

#[test]
fn every_documented_failure_of_an_import_has_its_advice() {
    for kind in [TaskKind::ImportSnapshot, TaskKind::ImportImage] {
        for (message, words) in DOCUMENTED {
            let advice = advice(kind, message);
            assert!(advice.contains(words), "{message}: {advice}");
            assert!(
                advice.ends_with(
                    "; then change the manifest (a comment will do) and upload it again"
                )
            );
        }
    }
}

#[test]
fn nothing_is_guessed_about_other_words() {
    for kind in TaskKind::ALL {
        if !matches!(kind, TaskKind::BundleInstance | TaskKind::StoreImage) {
            let advice = advice(kind, "ServerError: it broke");
            assert!(
                advice.starts_with("mend what the message names; "),
                "{advice}"
            );
        }
    }
    let cancelled = advice(TaskKind::ImportSnapshot, "User initiated task cancellation");
    assert!(cancelled.starts_with("somebody cancelled"), "{cancelled}");
    let bundle = advice(TaskKind::BundleInstance, "AccessDenied(403)");
    assert!(bundle.contains("bundles/ prefix"), "{bundle}");
}

#[test]
fn an_ami_that_was_not_stored_is_there_and_is_not_made_anew() {
    let advice = advice(TaskKind::StoreImage, "Internal error");
    assert!(advice.starts_with("the AMI ami-1 is available and was kept"));
    assert!(!advice.contains("upload"), "{advice}");
}
