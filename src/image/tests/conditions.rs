//! What is true of an image, for scripts.

use super::*;
use crate::image::status::{Condition, ConditionKind, ConditionStatus};
use crate::image::words::{ConditionReason, WaitReason};
use crate::manifest::Problem;

fn condition(status: &Status, kind: ConditionKind) -> Option<&Condition> {
    status.conditions.iter().find(|it| it.kind == kind)
}

/// Status and reason of `Built`.
fn built(status: &Status) -> (ConditionStatus, ConditionReason) {
    let built = condition(status, ConditionKind::Built).unwrap();
    (built.status, built.reason)
}

fn in_sync(status: &Status) -> Option<ConditionStatus> {
    condition(status, ConditionKind::InSync).map(|it| it.status)
}

#[test]
fn built_is_true_once_the_ami_is_available_also_while_it_is_stored() {
    assert_eq!(
        built(&opened()),
        (ConditionStatus::Unknown, ConditionReason::InProgress)
    );
    assert_eq!(
        built(&registered()),
        (ConditionStatus::Unknown, ConditionReason::InProgress)
    );
    assert_eq!(
        built(&available()),
        (ConditionStatus::True, ConditionReason::ImageAvailable)
    );
    assert_eq!(
        built(&storing()),
        (ConditionStatus::True, ConditionReason::ImageAvailable)
    );
    let mut not_stored = storing();
    poll(&mut not_stored, TaskKind::StoreImage, "Failed", 9);
    assert_eq!(
        built(&not_stored),
        (ConditionStatus::True, ConditionReason::ImageAvailable)
    );
}

#[test]
fn built_is_false_once_the_image_will_not_come_to_be() {
    let mut status = importing();
    poll(&mut status, TaskKind::ImportSnapshot, "failed", 9);
    assert_eq!(
        built(&status),
        (ConditionStatus::False, ConditionReason::CleaningUp)
    );
    clean_up(&mut status, 10);
    assert_eq!(
        built(&status),
        (ConditionStatus::False, ConditionReason::Failed)
    );
    let message = &condition(&status, ConditionKind::Built).unwrap().message;
    assert_eq!(
        message,
        "waiting for import-snapshot import-snap-1: EC2 says that it is failed and gives no reason"
    );

    let mut cancelled = cancelled_by(opened(), CancelBy::Command, 1);
    advance(
        &mut cancelled,
        Evidence::Cancelled {
            orphans: Vec::new(),
        },
        2,
    );
    assert_eq!(
        built(&cancelled),
        (ConditionStatus::False, ConditionReason::Cancelled)
    );
    let mut rejected = opened();
    apply(
        &mut rejected,
        StepOutcome::Reject(vec![Problem::new("no")]),
        after(1),
    );
    assert_eq!(
        built(&rejected),
        (ConditionStatus::False, ConditionReason::ManifestRejected)
    );
    let mut superseded = opened();
    let image_manifest = "golden/web.image.yaml".to_owned();
    advance(
        &mut superseded,
        Evidence::DecidedElsewhere { image_manifest },
        1,
    );
    assert_eq!(
        built(&superseded),
        (ConditionStatus::False, ConditionReason::Superseded)
    );
}

#[test]
fn a_wait_names_its_reason() {
    let mut status = accepted(SourceKind::Disk);
    let reason = WaitReason::ObjectMissing {
        bucket: "images".to_owned(),
        key: "golden/web.vmdk".to_owned(),
    };
    apply(&mut status, StepOutcome::Wait(reason), after(1));
    assert_eq!(
        built(&status),
        (ConditionStatus::Unknown, ConditionReason::Waiting)
    );
    let message = &condition(&status, ConditionKind::Built).unwrap().message;
    assert_eq!(message, "s3://images/golden/web.vmdk is not uploaded yet");
}

#[test]
fn since_is_when_the_answer_changed_not_the_reason() {
    let since = |status: &Status| condition(status, ConditionKind::Built).unwrap().since;
    let mut status = registered();
    assert_eq!(since(&status), after(0));
    poll_image(&mut status, Some(&seen("available")), 7);
    assert_eq!(since(&status), after(7));
    let again = open(Some(status), manifest("bbbb"), after(9));
    assert_eq!(since(&again), after(9));
}

#[test]
fn an_ami_is_in_sync_until_other_settings_are_uploaded() {
    assert_eq!(in_sync(&registered()), None);
    let mut status = available();
    assert_eq!(in_sync(&status), Some(ConditionStatus::True));
    republish(
        &mut status,
        manifest("bbbb"),
        publishing("eeee", false),
        after(9),
    );
    assert_eq!(in_sync(&status), Some(ConditionStatus::Unknown));
    // A new version begins without it.
    assert_eq!(
        in_sync(&open(Some(status), manifest("cccc"), after(9))),
        None
    );
}
