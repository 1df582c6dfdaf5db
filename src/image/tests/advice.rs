//! What people are advised to do about the failures that AWS documents.

use super::*;
use crate::image::message::advice::{hint, vm_import};
use crate::image::message::failures::task_failed;
use crate::image::status::Failure;
use crate::image::words::{FailureKind, UnreadableReason};

/// The hint for a task of this kind that failed with this message.
fn hint_for(kind: TaskKind, message: &str) -> String {
    let mut status = if kind == TaskKind::StoreImage {
        storing()
    } else {
        started(kind)
    };
    let seen = ObservedTask {
        message: Some(message.to_owned()),
        ..seen_task(kind, "failed")
    };
    let task = Task::started(kind, REGION, &seen, after(0));
    let failure = task_failed(&task);
    status.build.tasks = vec![task];
    hint(&status, &failure)
}

/// Messages of "Troubleshooting VM Import/Export" and of public reports, and a few words of the advice that fits.
const MESSAGES: &[(&str, &str)] = &[
    (
        "The specified KMS key is not accessible",
        "let the function's role and the role vmimport",
    ),
    (
        "ClientError: Client does not have permission to use the KMS key given",
        "in the key's policy too",
    ),
    (
        "The service role vmimport does not exist or does not have sufficient permissions for the service to continue",
        "create the role vmimport",
    ),
    (
        "ClientError: Disk validation failed [We do not have access to the given resource. Reason 403 Forbidden]",
        "s3:GetObject, s3:ListBucket",
    ),
    (
        "The given S3 bucket is not local to the Region",
        "a bucket in the Region of the AMI",
    ),
    (
        "ERROR: Bucket images is not in the us-east-1 Region, it's in eu-west-1",
        "a bucket in the Region of the AMI",
    ),
    ("Invalid S3 source location", "is still there"),
    (
        "ClientError: Disk validation failed [Unsupported VMDK File Format]",
        "stream-optimized: export it again",
    ),
    (
        "ClientError: Disk validation failed [OVF file parsing error: OVA with chunked disk files is not supported]",
        "a single file",
    ),
    (
        "ClientError: Disk validation failed [OVF file parsing error: no disk section]",
        "with the .ovf first",
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
        "ClientError: Provided image file was corrupted.",
        "was not uploaded completely",
    ),
    (
        "Parameter disk-image-size=0 has an invalid format",
        "what `format` says",
    ),
    (
        "ClientError: EFI partition detected. UEFI booting is not supported in EC2.",
        "say `bootMode: uefi`",
    ),
    (
        "CLIENT_ERROR : ClientError: Unknown OS / Missing OS files.",
        "Operating systems supported",
    ),
    (
        "ClientError: Unsupported kernel version 5.4.66",
        "does not know this kernel",
    ),
    (
        "ClientError: Unable to determine kernel version.",
        "does not know this kernel",
    ),
    (
        "ClientError: BLSC-style GRUB found, but unable to detect default kernel",
        "grubenv",
    ),
    (
        "ClientError: Unable to find an etc directory with fstab.",
        "make it a regular file",
    ),
    (
        "ClientError: GRUB doesn't exist in /etc/default",
        "make /etc/default/grub a regular file",
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
    (
        "ClientError: No valid partitions. Not a valid volume.",
        "a whole disk",
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
    (
        "User initiated task cancellation",
        "the task was cancelled outside amiwright",
    ),
    (
        "ServerError: An internal error has occurred during conversion.",
        "an error of EC2's own",
    ),
];

const AGAIN: &str = ", then upload the manifest if it had to be changed; if not, run: \
                     amiwright retry s3://images/golden/web.image.yaml";

#[test]
fn every_known_failure_of_an_import_has_its_advice() {
    for kind in [TaskKind::ImportSnapshot, TaskKind::ImportImage] {
        for (message, words) in MESSAGES {
            let hint = hint_for(kind, message);
            assert!(hint.contains(words), "{message}: {hint}");
            assert!(hint.ends_with(AGAIN), "{hint}");
        }
    }
}

#[test]
fn every_row_is_the_first_for_a_message_and_names_its_source() {
    for row in vm_import::ROWS {
        let mut messages = MESSAGES.iter().map(|(message, _)| message);
        let is_met = messages.any(|message| vm_import::row(message) == Some(row));
        assert!(is_met, "no message leads to {:?}", row.says);
        assert!(!row.source.is_empty(), "{:?}", row.says);
        for words in row.says {
            assert_eq!(*words, words.to_lowercase());
        }
    }
}

/// Only ImportImage looks into the disk: an image of the source `disk` has no way around by that source.
#[test]
fn the_source_disk_is_advised_to_machines_only() {
    let message = "ClientError: Unsupported kernel version 5.4.66";
    let machine = hint_for(TaskKind::ImportImage, message);
    assert!(machine.contains("the source `disk`"), "{machine}");
    let disk = hint_for(TaskKind::ImportSnapshot, message);
    assert!(!disk.contains("the source `disk`"), "{disk}");
}

#[test]
fn nothing_is_guessed_about_other_words() {
    for kind in [TaskKind::CopyImage, TaskKind::RestoreImage] {
        let hint = hint_for(kind, "it broke");
        assert_eq!(hint, format!("fix the problem reported above{AGAIN}"));
    }
    for kind in [TaskKind::ImportSnapshot, TaskKind::ImportImage] {
        for message in [
            "it broke",
            "ClientError: the grub of it",
            "ClientError: the fstab of another",
            "ClientError: the licence has expired",
            "ClientError: the file is not in the form of a disk",
        ] {
            let hint = hint_for(kind, message);
            assert!(
                hint.starts_with("amiwright does not know this message"),
                "{hint}"
            );
        }
    }
    let bundle = hint_for(TaskKind::BundleInstance, "AccessDenied(403)");
    assert!(bundle.contains("bundles/ prefix"), "{bundle}");
}

#[test]
fn an_ami_that_was_not_stored_is_kept_and_not_made_again() {
    let hint = hint_for(TaskKind::StoreImage, "Internal error");
    assert!(hint.starts_with("the AMI ami-1 is available and was kept"));
    assert!(
        !hint.contains("retry") && !hint.contains("upload"),
        "{hint}"
    );
}

/// Where only storing failed, a new attempt is refused.
#[test]
fn no_retry_is_advised_where_it_would_be_refused() {
    let mut lost = storing();
    let failure = crate::image::message::failures::task_lost(&lost.build.tasks[0]);
    apply(&mut lost, StepOutcome::Fail(failure.clone()), after(60));
    assert!(crate::image::apply::request_retry(&mut lost, after(61)).is_err());
    let hint = hint(&lost, &failure);
    assert!(
        hint.contains("store it manually") && !hint.contains("retry"),
        "{hint}"
    );
}

/// Every other kind of failure, and what is said about it.
#[test]
fn every_kind_of_failure_has_its_advice() {
    use std::fmt::Write as _;
    let ami = || "ami-9".to_owned();
    let mut kinds = vec![
        FailureKind::ManifestGone,
        FailureKind::BundleInvalid,
        FailureKind::ManifestNotAllowed,
        FailureKind::NameTaken {
            image: ami(),
            earlier_version: false,
        },
        FailureKind::NameTaken {
            image: ami(),
            earlier_version: true,
        },
        FailureKind::SeveralImages {
            images: vec![ami(), "ami-8".to_owned()],
        },
        FailureKind::BundleKeyUnusable,
        FailureKind::TaskMadeNothing,
        FailureKind::NotInManifest {
            what: "web-2".to_owned(),
        },
        FailureKind::AnswerUnusable,
        FailureKind::TaskLost,
        FailureKind::ImageFailed { image: ami() },
        FailureKind::ImageDeregistered { image: ami() },
        FailureKind::ImageDisabled {
            region: "us-east-1".to_owned(),
            image: ami(),
        },
        FailureKind::ImageLost { image: ami() },
        FailureKind::StatusTooLarge,
        FailureKind::Other,
    ];
    for why in [
        UnreadableReason::OtherRegion,
        UnreadableReason::NoSuchBucket,
        UnreadableReason::Archived,
        UnreadableReason::AccessDenied,
        UnreadableReason::Other,
    ] {
        kinds.push(FailureKind::SourceUnreadable { why });
    }
    let mut table = String::new();
    for kind in kinds {
        let failure = Failure::new(kind.clone(), "doing it", "no");
        let hint = hint(&to_be_started(SourceKind::Disk), &failure);
        writeln!(table, "{kind:?}\n    {hint}").unwrap();
    }
    insta::assert_snapshot!("advice", table);
}

/// What EC2 answers to a request.
const REFUSALS: &[(&str, &str, &str)] = &[
    (
        "BundleInstance",
        "UnsupportedOperation",
        "no longer supported",
    ),
    ("BundleInstance", "AuthFailure", "no"),
    ("BundleInstance", "InvalidInstanceType", "no"),
    ("BundleInstance", "IncorrectInstanceState", "no"),
    (
        "ImportSnapshot",
        "InvalidParameter",
        "The service role vmimport does not exist",
    ),
    (
        "ImportImage",
        "InvalidParameter",
        "The given S3 bucket is not local to the Region",
    ),
    (
        "ImportSnapshot",
        "InvalidParameter",
        "The specified KMS key is not accessible",
    ),
    (
        "CopyImage",
        "InvalidParameterValue",
        "The specified KMS key is not accessible",
    ),
    (
        "CopyImage",
        "InvalidRequest",
        "You do not have permission to access the storage of this ami",
    ),
    ("CopyImage", "InvalidAMIID.NotFound", "no"),
    ("CreateStoreImageTask", "AccessDenied", "no"),
    ("RegisterImage", "InvalidSnapshot.NotFound", "no"),
    ("RegisterImage", "InvalidAMIName.Duplicate", "no"),
    ("RegisterImage", "InvalidManifest", "no"),
    (
        "RegisterImage",
        "InvalidManifest",
        "HTTP 403 (Forbidden) response for URL http://s3.amazonaws.com/b/k",
    ),
    (
        "RegisterImage",
        "InvalidManifest",
        "HTTP 301 (Moved Permanently): the bucket is in another region",
    ),
    (
        "RegisterImage",
        "InvalidManifest",
        "Invalid block device mapping: Invalid device name '/dev/xvdal'",
    ),
    ("RegisterImage", "AccessControlListNotSupported", "no"),
    ("RegisterImage", "UnauthorizedOperation", "no"),
    ("RegisterImage", "OptInRequired", "no"),
    ("RegisterImage", "InvalidParameterValue", "no"),
    ("RegisterImage", "InternalError", "no"),
    (
        "ModifyImageAttribute",
        "UnsupportedOperation",
        "Not supported.",
    ),
];

/// What EC2 answers to a request, and what is said about it.
#[test]
fn every_known_refusal_has_its_advice() {
    use std::fmt::Write as _;
    let mut table = String::new();
    for &(action, code, message) in REFUSALS {
        let kind = FailureKind::RequestRefused {
            action: action.to_owned(),
        };
        let failure = Failure {
            code: Some(code.to_owned()),
            ..Failure::new(kind, "doing it", message)
        };
        let hint = hint(&registered(), &failure);
        writeln!(table, "{action} {code}: {message}\n    {hint}").unwrap();
    }
    insta::assert_snapshot!("refusals", table);
}
