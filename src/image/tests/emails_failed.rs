//! The whole email of every kind of failure.

use std::collections::BTreeSet;

use super::emails::assert_email;
use super::publish::account;
use super::*;
use crate::image::message::failures;
use crate::image::outcome::Claim;
use crate::image::status::{Failure, Intended};
use crate::image::words::{FailureKind, UnreadableReason};

/// Failed; what was made for it, if anything was, is deleted.
fn failed(mut status: Status, failure: Failure) -> Status {
    apply(&mut status, StepOutcome::Fail(failure), after(30));
    if !status.state.is_final() {
        let made = vec!["snap-1".to_owned()];
        apply(
            &mut status,
            StepOutcome::Claim(Claim::Delete(made)),
            after(31),
        );
        clean_up(&mut status, 32);
    }
    status
}

fn refused(action: &str, doing: &str, code: &str, message: &str) -> Failure {
    let kind = FailureKind::RequestRefused {
        action: action.to_owned(),
    };
    Failure {
        code: Some(code.to_owned()),
        request_id: Some("3ab4f0e5-0f1c-4a39-9f6b-0a1b2c3d4e5f".to_owned()),
        ..Failure::new(kind, doing, message)
    }
}

#[test]
fn before_anything_was_made() {
    assert_email(
        "failed-manifest-gone",
        &failed(to_be_registered(), failures::manifest_gone()),
    );
    let mut taken = seen("available");
    taken.id = "ami-9".to_owned();
    let earlier = failures::name_taken(&to_be_registered(), &taken);
    assert_email(
        "failed-name-taken-earlier-version",
        &failed(to_be_registered(), earlier),
    );
    taken.tags.clear();
    let other = failures::name_taken(&to_be_registered(), &taken);
    assert_email("failed-name-taken", &failed(to_be_registered(), other));
    let several = failures::several_images(vec!["ami-1".to_owned(), "ami-2".to_owned()]);
    assert_email(
        "failed-several-images",
        &failed(to_be_registered(), several),
    );
    let no_key =
        failures::bundle_key("the parameter /amiwright/bundle-key is not there".to_owned());
    let instance = to_be_started(SourceKind::Instance);
    assert_email("failed-bundle-key-unusable", &failed(instance, no_key));
    let too_large = failures::status_too_large(600_000, 524_288);
    assert_email(
        "failed-status-too-large",
        &failed(to_be_registered(), too_large),
    );
    let earlier = Failure::new(FailureKind::Other, "registering the image web", "it broke");
    assert_email("failed-other", &failed(to_be_registered(), earlier));
}

#[test]
fn source_unreadable() {
    for (name, why) in [
        ("other-region", UnreadableReason::OtherRegion),
        ("no-such-bucket", UnreadableReason::NoSuchBucket),
        ("archived", UnreadableReason::Archived),
        ("access-denied", UnreadableReason::AccessDenied),
        ("other", UnreadableReason::Other),
    ] {
        let kind = FailureKind::SourceUnreadable { why };
        let doing = "checking s3://disks/web.vmdk";
        let failure = Failure::new(kind, doing, "it cannot be read");
        let status = failed(accepted(SourceKind::Disk), failure);
        assert_email(&format!("failed-source-unreadable-{name}"), &status);
    }
}

#[test]
fn request_refused() {
    let failure = refused(
        "RegisterImage",
        "registering the image web",
        "InvalidSnapshot.NotFound",
        "The snapshot 'snap-1' does not exist.\nWhat to do:  send money",
    );
    let mut status = to_be_registered();
    status.previous = vec![earlier_version(RegionStatus::pending("ami-0".to_owned()))];
    assert_email("failed-request-refused", &failed(status, failure));
    let failure = refused(
        "CreateStoreImageTask",
        "storing ami-1",
        "AccessDenied",
        "Access Denied",
    );
    assert_email("failed-store-refused", &failed(to_be_stored(), failure));
}

#[test]
fn of_a_task() {
    let mut status = importing();
    let words = "ClientError: Disk validation failed [Unsupported VMDK File Format]";
    let seen = ObservedTask {
        message: Some(words.to_owned()),
        ..seen_task(TaskKind::ImportSnapshot, "deleted")
    };
    poll_task(&mut status, Some(&seen), 7);
    let made = vec!["snap-1".to_owned()];
    apply(
        &mut status,
        StepOutcome::Claim(Claim::Delete(made)),
        after(8),
    );
    clean_up(&mut status, 8);
    assert_email("failed-task", &status);

    let mut nothing = importing();
    poll(&mut nothing, TaskKind::ImportSnapshot, "completed", 30);
    clean_up(&mut nothing, 31);
    assert_email("failed-task-made-nothing", &nothing);

    let mut bundled = started(TaskKind::BundleInstance);
    poll(&mut bundled, TaskKind::BundleInstance, "complete", 30);
    let invalid = failures::bundle_invalid(&bundled.build.tasks[0], "not XML".to_owned());
    assert_email("failed-bundle-invalid", &failed(bundled, invalid));

    let mut storing = storing();
    let seen = ObservedTask {
        message: Some("Internal error".to_owned()),
        ..seen_task(TaskKind::StoreImage, "Failed")
    };
    poll_task(&mut storing, Some(&seen), 9);
    assert_email("failed-store-task", &storing);
}

#[test]
fn of_an_ami() {
    let mut broken = seen("failed");
    broken.reason = Some(("Client.Broken".to_owned(), "it broke".to_owned()));
    for (name, image) in [
        ("failed-image", broken),
        ("failed-image-deregistered", seen("deregistered")),
    ] {
        let mut status = registered();
        poll_image(&mut status, Some(&image), 30);
        let made = vec!["snap-1".to_owned()];
        apply(
            &mut status,
            StepOutcome::Claim(Claim::Delete(made)),
            after(31),
        );
        clean_up(&mut status, 32);
        assert_email(name, &status);
    }
}

#[test]
fn lost() {
    let mut status = importing();
    poll_task(&mut status, None, 10);
    let lost = failures::task_lost(&status.build.tasks[0]);
    apply(&mut status, StepOutcome::Fail(lost), after(26));
    clean_up(&mut status, 26);
    assert_email("lost-task", &status);

    let mut unlisted = registered();
    poll_image(&mut unlisted, None, 1);
    poll_image(&mut unlisted, None, 17);
    clean_up(&mut unlisted, 18);
    assert_email("lost-image", &unlisted);

    let mut storing = storing();
    poll_task(&mut storing, None, 10);
    let lost = failures::task_lost(&storing.build.tasks[0]);
    apply(&mut storing, StepOutcome::Fail(lost), after(26));
    assert_email("lost-while-storing", &storing);
}

/// Nobody is to take an AMI for shared of which EC2 did not say so.
#[test]
fn what_was_asked_for_and_does_not_show_is_not_said_to_be_set() {
    let mut status = available();
    status.notices.last_mut().unwrap().facts = None;
    let now = after(10);
    let image = status.regions.get_mut(REGION).unwrap();
    let settings = &mut image.applied.settings;
    settings.grants.insert(account("111122223333"));
    let asked = "Settings   what was asked for last was not seen to be set";
    assert!(!newest(&status).text.contains(asked));
    let image = status.regions.get_mut(REGION).unwrap();
    image.applied.intended = Some(Intended {
        at: now,
        since: now,
        settings: image.applied.settings.clone(),
        revokes: BTreeSet::new(),
        earlier: Vec::new(),
        gone: Settings::default(),
    });
    let text = newest(&status).text;
    assert!(text.contains("Shared     111122223333"), "{text}");
    assert!(text.contains(asked), "{text}");
}
