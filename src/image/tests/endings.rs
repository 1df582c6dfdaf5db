//! Images that do not come to be: cancelled, lost, failed; and what is left of them.

use super::*;
use crate::image::message::failures;
use crate::image::outcome::Claim;
use crate::image::status::Failure;
use crate::image::words::{FailureKind, State, TerminalReason, WaitReason};

fn failure(kind: FailureKind) -> Failure {
    Failure {
        code: Some("Client.Broken".to_owned()),
        ..Failure::new(
            kind,
            "waiting for import-snapshot import-snap-1",
            "it broke",
        )
    }
}

fn fail(status: &mut Status, kind: FailureKind, minutes: i64) {
    assert!(apply(
        status,
        StepOutcome::Fail(failure(kind)),
        after(minutes)
    ));
}

fn cancelled(status: Status) -> Status {
    cancelled_by(status, CancelBy::Command, 1)
}

fn delete(status: &mut Status, found: &[&str]) {
    let found = found.iter().map(|id| (*id).to_owned()).collect();
    apply(status, StepOutcome::Claim(Claim::Delete(found)), after(1));
}

/// Failed, with this found and not all of it deleted.
fn cleaned(found: &[&str], kept: &[&str]) -> Status {
    let mut status = registered();
    fail(&mut status, FailureKind::TaskFailed, 1);
    delete(&mut status, found);
    let orphans = kept
        .iter()
        .map(|what| orphan(what, "OperationNotPermitted"))
        .collect();
    advance(&mut status, Evidence::NotDeleted(orphans), 2);
    clean_up(&mut status, 2);
    status
}

#[test]
fn a_cancelled_image_ends_cancelled_however_its_task_ends() {
    for kind in own_tasks() {
        for state in ["completed", "complete", "failed", "deleted", "cancelled"] {
            let mut status = cancelled(started(kind));
            assert!(advance(&mut status, Evidence::CancelSent(None), 1));
            let seen = ObservedTask {
                state: state.to_owned(),
                message: Some("it broke".to_owned()),
                ..completed(kind)
            };
            assert!(poll_task(&mut status, Some(&seen), 2));
            assert_eq!(status.place(), "working/clean-up", "{kind} {state}");
            assert_eq!(status.build.ending, Some(TerminalReason::Cancelled));
            clean_up(&mut status, 3);
            assert_eq!(status.state, State::Cancelled);
            assert_eq!(kinds(&status), [NoticeKind::Cancelled]);
            assert_eq!(status.build.failure, None);
        }
    }
}

#[test]
fn a_cancellation_is_sent_once_as_far_as_the_history_goes() {
    let mut status = cancelled(started(TaskKind::ImportSnapshot));
    advance(&mut status, Evidence::CancelSent(None), 3);
    assert_eq!(
        last_change(&status),
        "EC2 was asked to cancel import-snap-1"
    );
    let entries = status.history.len();
    assert!(advance(&mut status, Evidence::CancelSent(None), 20));
    assert_eq!(status.history.len(), entries);
    assert_eq!(status.build.tasks[0].cancel_sent_at, Some(after(20)));
    assert_eq!(status.place(), "working/await-task");
    assert_eq!(kinds(&status), []);
}

#[test]
fn a_refused_cancellation_is_shown_and_the_task_is_polled() {
    let mut status = cancelled(started(TaskKind::ImportSnapshot));
    let refused = WaitReason::CancelRefused {
        code: Some("IncorrectState".to_owned()),
        message: "too late".to_owned(),
    };
    assert!(advance(
        &mut status,
        Evidence::CancelSent(Some(refused.clone())),
        3
    ));
    assert_eq!(status.build.waiting.as_ref().unwrap().reason, refused);
    assert_eq!(status.place(), "working/await-task");
    assert!(poll_task(
        &mut status,
        Some(&completed(TaskKind::ImportSnapshot)),
        9
    ));
    assert_eq!(status.build.ending, Some(TerminalReason::Cancelled));
}

#[test]
fn cancelled_before_anything_was_started_there_is_nothing_to_clean_up() {
    for mut status in [opened(), to_be_started(SourceKind::Disk)] {
        status = cancelled(status);
        advance(
            &mut status,
            Evidence::Cancelled {
                orphans: Vec::new(),
            },
            2,
        );
        assert_eq!(status.state, State::Cancelled);
        assert_eq!(last_change(&status), "it was cancelled");
        assert_eq!(kinds(&status), [NoticeKind::Cancelled]);
    }
}

#[test]
fn what_may_be_there_and_is_not_ours_to_delete_is_named() {
    let mut status = cancelled(opened());
    let orphans = vec![orphan("ami-9", "more than one")];
    advance(
        &mut status,
        Evidence::Cancelled {
            orphans: orphans.clone(),
        },
        2,
    );
    assert_eq!(status.build.orphans, orphans);
    assert!(
        newest(&status)
            .text
            .contains("  - ami-9: \"more than one\"\n")
    );
}

#[test]
fn a_lost_image_is_cleaned_up_and_reported_as_lost() {
    for (kind, _) in MAKERS {
        let mut status = started(kind);
        poll(&mut status, kind, first_state(kind), 1);
        let lost = failures::task_lost(&status.build.tasks[0]);
        apply(&mut status, StepOutcome::Fail(lost), after(60));
        assert_eq!(status.place(), "working/clean-up", "{kind}");
        assert_eq!(kinds(&status), []);
        clean_up(&mut status, 61);
        assert_eq!(status.state, State::Failed);
        assert_eq!(kinds(&status), [NoticeKind::Lost]);
    }
}

#[test]
fn only_what_ec2_no_longer_lists_is_lost() {
    let image = "ami-1".to_owned();
    for (kind, expected) in [
        (FailureKind::TaskLost, TerminalReason::Lost),
        (
            FailureKind::ImageLost {
                image: image.clone(),
            },
            TerminalReason::Lost,
        ),
        (
            FailureKind::ImageDeregistered {
                image: image.clone(),
            },
            TerminalReason::Failed,
        ),
        (FailureKind::ImageFailed { image }, TerminalReason::Failed),
        (FailureKind::TaskFailed, TerminalReason::Failed),
        (FailureKind::ManifestGone, TerminalReason::Failed),
    ] {
        assert_eq!(kind.terminal_reason(), expected, "{kind:?}");
    }
}

#[test]
fn the_history_says_what_became_of_what_was_made() {
    for (found, kept, words) in [
        (&[][..], &[][..], "nothing was left over"),
        (&["ami-1", "snap-1"], &[], "deleted ami-1, snap-1"),
        (&["ami-1"], &["ami-1"], "1 could not be deleted"),
        (
            &["ami-1", "snap-1"],
            &["snap-1"],
            "deleted ami-1; 1 could not be",
        ),
    ] {
        assert_eq!(last_change(&cleaned(found, kept)), words);
    }
}

#[test]
fn a_deleted_ami_is_no_longer_the_images() {
    assert!(cleaned(&["ami-1"], &[]).regions.is_empty());
    // One that could not be deleted is still there, and is not said to be deleted.
    let status = cleaned(&["ami-1", "snap-1"], &["ami-1"]);
    assert_eq!(status.regions[REGION].image, "ami-1");
    assert_eq!(status.build.deleted, ["snap-1"]);
    assert_eq!(status.build.orphans[0].what, "ami-1");
}

#[test]
fn what_a_person_has_to_check_is_kept() {
    let mut status = registered();
    let images = vec!["ami-1".to_owned(), "ami-2".to_owned()];
    let several = failures::several_images(images);
    apply(&mut status, StepOutcome::Fail(several), after(1));
    assert_eq!(status.state, State::Failed);
    assert_eq!(status.regions[REGION].image, "ami-1");
    assert_eq!(kinds(&status), [NoticeKind::Failed]);
}

#[test]
fn a_failure_before_anything_was_made_is_an_end_at_once() {
    let mut status = to_be_registered();
    fail(&mut status, FailureKind::ManifestGone, 1);
    assert_eq!(status.state, State::Failed);
    assert_eq!(
        last_change(&status),
        "waiting for import-snapshot import-snap-1: Client.Broken: it broke"
    );
    assert_eq!(kinds(&status), [NoticeKind::Failed]);
}
