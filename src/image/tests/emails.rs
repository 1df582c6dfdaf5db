//! The whole email of every kind of notice, as its recipient reads it. Failures are in [`super::emails_failed`].

use std::fmt::Write as _;

use super::publish_overlaps::OTHER_REGION;
use super::*;
use crate::image::apply::note_stalled;
use crate::image::billing::LicensedSource;
use crate::image::message::wait_text;
use crate::image::outcome::Claim;
use crate::image::status::PreviousVersion;
use crate::image::words::WaitReason;
use crate::manifest::Problem;

/// Compares the newest email, subject and body, with the snapshot of this name.
pub(super) fn assert_email(name: &str, status: &Status) {
    let message = newest(status);
    assert_example(name, &message);
    let email = format!("Subject: {}\n\n{}", message.subject, message.text);
    insta::with_settings!({ snapshot_path => "snapshots/emails", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name, email);
    });
}

/// The notices whose JSON is in `examples/notices`, by the names of their emails.
const EXAMPLES: [(&str, &str); 3] = [
    ("completed-disk", "completed"),
    ("failed-name-taken", "failed"),
    ("rejected", "rejected"),
];

/// Compares the JSON of a notice with the file of examples that has it, if one has.
fn assert_example(name: &str, message: &Message) {
    let mut examples = EXAMPLES.iter();
    let Some((_, file)) = examples.find(|(email, _)| *email == name) else {
        return;
    };
    let path = format!(
        "{}/examples/notices/{file}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let json = format!("{:#}\n", message.data);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &json).unwrap();
    }
    let copy = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(copy, json, "run with BLESS=1 to update {path}");
}

/// Available, from this source.
fn completed_from(source: SourceKind) -> Status {
    if source == SourceKind::Bundle {
        let mut status = accepted(source);
        advance(&mut status, bundle_checked("b1b1b1b1"), 1);
        advance(&mut status, image_registered(), 1);
        poll_image(&mut status, Some(&seen("available")), 2);
        return status;
    }
    let Some((kind, _)) = MAKERS.into_iter().find(|(_, maker)| *maker == source) else {
        return available();
    };
    let mut status = started(kind);
    if kind.is_image() {
        poll(&mut status, kind, "available", 20);
        return status;
    }
    poll_task(&mut status, Some(&super::completed(kind)), 20);
    if kind == TaskKind::BundleInstance {
        advance(&mut status, bundle_checked("b1b1b1b1"), 21);
    } else {
        advance(&mut status, import_tagged(kind), 21);
    }
    if kind != TaskKind::ImportImage {
        advance(&mut status, image_registered(), 21);
    }
    poll_image(&mut status, Some(&seen("available")), 22);
    status
}

#[test]
fn completed() {
    for source in SourceKind::ALL {
        assert_email(&format!("completed-{source}"), &completed_from(source));
    }
    let mut stored = storing();
    poll_task(
        &mut stored,
        Some(&super::completed(TaskKind::StoreImage)),
        9,
    );
    assert_email("completed-stored-in-s3", &stored);
}

#[test]
fn completed_with_a_lost_license_and_a_product_code() {
    let mut status = registered();
    let image = status.regions.get_mut(REGION).unwrap();
    image.licensed_source = Some(LicensedSource {
        image: "ami-7".to_owned(),
        billing: Billing {
            platform_details: Some("Red Hat Enterprise Linux".to_owned()),
            usage_operation: Some("RunInstances:0010".to_owned()),
            product_codes: Vec::new(),
        },
    });
    let mut seen = seen("available");
    seen.billing.product_codes = vec!["774F4FF8".to_owned()];
    poll_image(&mut status, Some(&seen), 2);
    assert_email("completed-license-lost", &status);
}

#[test]
fn started_when_that_was_asked_for() {
    let mut status = opened();
    let accepted = Accepted {
        notify_started: true,
        ..to_accept(SourceKind::Snapshot, false)
    };
    advance(&mut status, Evidence::ManifestAccepted(accepted), 0);
    assert_email("started", &status);
}

#[test]
fn ignored() {
    let mut version = manifest(DIGEST);
    version.key = "golden/Web.Image.YAML".to_owned();
    let mut status = open(None, version, after(0));
    let problem = Problem::new("the name has to end in .image.yaml, .image.yml or .image.json")
        .with_hint("upload it as golden/Web.image.yaml");
    apply(&mut status, StepOutcome::Reject(vec![problem]), after(0));
    assert_email("ignored", &status);
}

#[test]
fn rejected() {
    let rejected = |mut status: Status, problems| {
        apply(&mut status, StepOutcome::Reject(problems), after(0));
        status
    };
    let problems = vec![
        Problem::new("`bios` is not a boot mode")
            .at(7, 13)
            .with_path("register.bootMode")
            .with_hint("did you mean `legacy-bios`?")
            .with_rule("RegisterImage, BootMode"),
        Problem::new("the name is missing"),
    ];
    assert_email("rejected", &rejected(opened(), problems));

    let many = (1..=120)
        .map(|line| Problem::new("unknown field `colour`").at(line, 3))
        .collect();
    assert_email("rejected-many-problems", &rejected(opened(), many));

    let wrong_object = vec![Problem::new(
        "the object begins like a gzip file, not like a VMDK",
    )];
    assert_email(
        "rejected-object",
        &rejected(accepted(SourceKind::Disk), wrong_object),
    );

    let mut unread = opened();
    unread.manifest.sha256.clone_from(&unread.manifest.etag);
    let too_large = vec![Problem::new("the manifest is larger than 1 MiB")];
    assert_email("rejected-unread", &rejected(unread, too_large));

    // A bare bundle that was uploaded over the previous one.
    let mut over_it = opened();
    let before = bundle("b0b0b0b0");
    (over_it.manifest.bucket, over_it.manifest.key) = (before.bucket.clone(), before.key.clone());
    over_it.previous = vec![PreviousVersion {
        copies: BTreeMap::new(),
        digest: None,
        regions: available().regions,
        bundle: Some(before),
        is_dealt_with: false,
        is_only_deprecated: false,
    }];
    let not_xml = vec![Problem::new("not XML")];
    assert_email("rejected-previous-invalid", &rejected(over_it, not_xml));
}

/// Cancelled after five minutes, with this found and this not deleted.
fn cancelled(by: CancelBy, found: &[&str], kept: &[&str]) -> Status {
    let mut status = cancelled_by(importing(), by, 6);
    advance(&mut status, Evidence::CancelSent(None), 6);
    let seen = ObservedTask {
        message: Some("User initiated task cancellation".to_owned()),
        ..seen_task(TaskKind::ImportSnapshot, "deleted")
    };
    poll_task(&mut status, Some(&seen), 7);
    let found = found.iter().map(|id| (*id).to_owned()).collect();
    apply(
        &mut status,
        StepOutcome::Claim(Claim::Delete(found)),
        after(7),
    );
    let why = "UnauthorizedOperation: You are not authorized to perform this operation.";
    let orphans = kept.iter().map(|what| orphan(what, why)).collect();
    advance(&mut status, Evidence::NotDeleted(orphans), 8);
    clean_up(&mut status, 8);
    status
}

#[test]
fn cancelled_with_what_became_of_what_was_made() {
    let snapshots = ["snap-1", "snap-2"];
    let deleted = cancelled(CancelBy::Command, &snapshots, &[]);
    assert_email("cancelled-deleted", &deleted);
    let kept = cancelled(CancelBy::ManifestRemoved, &snapshots, &snapshots[1..]);
    assert_email("cancelled-orphans", &kept);
    assert_email(
        "cancelled-nothing-left",
        &cancelled(CancelBy::Command, &[], &[]),
    );
    let mut early = cancelled_by(opened(), CancelBy::Command, 1);
    advance(
        &mut early,
        Evidence::Cancelled {
            orphans: Vec::new(),
        },
        1,
    );
    assert_email("cancelled-nothing-made", &early);
}

#[test]
fn waiting_long() {
    let mut status = accepted(SourceKind::Bundle);
    let reason = WaitReason::PartsMissing {
        missing: 1,
        of: 2,
        first: "golden/web.part.1".to_owned(),
    };
    apply(&mut status, StepOutcome::Wait(reason), after(20));
    assert_email("waiting-long", &status);

    let mut polled = importing();
    let reason = || WaitReason::Retrying {
        code: Some("RequestLimitExceeded".to_owned()),
        message: "Request limit exceeded.".to_owned(),
    };
    apply(&mut polled, StepOutcome::Wait(reason()), after(50));
    apply(&mut polled, StepOutcome::Wait(reason()), after(70));
    assert_email("waiting-long-polling", &polled);
}

/// Each reason as JSON names it, and in words.
fn in_words(reasons: &[WaitReason]) -> String {
    let mut table = String::new();
    for reason in reasons {
        let word = serde_json::to_value(reason).unwrap()["reason"].clone();
        let word = word.as_str().unwrap();
        writeln!(table, "{word:<24} {}", wait_text(reason)).unwrap();
    }
    table
}

#[test]
fn every_reason_to_wait_has_its_words() {
    let image = || "ami-1".to_owned();
    let (bucket, key) = (|| "images".to_owned(), || "golden/web.vmdk".to_owned());
    let parts = |missing| WaitReason::PartsMissing {
        missing,
        of: 3,
        first: "golden/web.part.0".to_owned(),
    };
    let slow = |code: Option<&str>| WaitReason::Retrying {
        code: code.map(str::to_owned),
        message: "Request limit exceeded.".to_owned(),
    };
    let busy = |task: Option<&str>| WaitReason::InstanceBusy {
        instance: "i-1".to_owned(),
        task: task.map(str::to_owned),
    };
    let reasons = [
        WaitReason::ObjectMissing {
            bucket: bucket(),
            key: key(),
        },
        WaitReason::ObjectEmpty {
            bucket: bucket(),
            key: key(),
        },
        WaitReason::BundleManifestMissing {
            bucket: bucket(),
            key: "golden/web.manifest.xml".to_owned(),
        },
        parts(1),
        parts(3),
        WaitReason::PartsSizeMismatch {
            size: 10,
            expected: 11,
        },
        WaitReason::ManifestGone,
        WaitReason::RateLimited {
            action: "RegisterImage".to_owned(),
        },
        slow(Some("RequestLimitExceeded")),
        slow(None),
        busy(Some("bun-9")),
        busy(None),
        WaitReason::StoreUnanswered {
            image: "ami-1".to_owned(),
            asked_at: after(3),
        },
        WaitReason::CancelUnanswered,
        WaitReason::CancelRefused {
            code: Some("IncorrectState".to_owned()),
            message: "too late".to_owned(),
        },
        WaitReason::ImageNotVisible { image: image() },
        WaitReason::ImagePending {
            region: OTHER_REGION.to_owned(),
            image: image(),
        },
        WaitReason::NoSuccessor {
            region: OTHER_REGION.to_owned(),
            image: image(),
        },
        WaitReason::DeletionNotVisible,
    ];
    insta::assert_snapshot!("wait_reasons", in_words(&reasons));
}

#[test]
fn stalled() {
    let mut status = importing();
    assert!(note_stalled(&mut status, after(66)));
    assert_email("stalled", &status);
    let mut to_cancel = cancelled_by(importing(), CancelBy::Command, 6);
    advance(&mut to_cancel, Evidence::CancelSent(None), 6);
    assert!(note_stalled(&mut to_cancel, after(66)));
    assert_email("stalled-cancelling", &to_cancel);
    let mut storing = storing();
    assert!(note_stalled(&mut storing, after(200)));
    assert_email("stalled-storing", &storing);
    let mut pending = registered();
    assert!(note_stalled(&mut pending, after(16)));
    assert_email("stalled-pending", &pending);
}

#[test]
fn changed() {
    let mut status = available();
    change_settings(&mut status, manifest("bbbb1111bbbb"), 600);
    assert_email("changed", &status);
}
