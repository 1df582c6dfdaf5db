//! EC2's tasks from their start to their end.

use super::*;
use crate::image::outcome::Resumed;
use crate::image::ownership::{Attempt, client_token, creation_tags};
use crate::image::plan::ENDING_GRACE;
use crate::image::words::{State, Step, TerminalReason};

#[test]
fn a_task_of_its_own_is_awaited_and_one_that_is_an_ami_by_that() {
    for (kind, source) in MAKERS {
        let status = started(kind);
        assert_eq!(status.build.source, Some(source));
        assert_eq!(status.build.tasks.len(), 1, "{kind}");
        assert_eq!(status.polled_task(), status.build.tasks.first(), "{kind}");
        assert_eq!(
            last_change(&status),
            format!("started {kind} {} in us-east-1", task_id(kind))
        );
        if kind.is_image() {
            assert_eq!(status.build.step, Step::AwaitImage, "{kind}");
            assert_eq!(status.regions[REGION].image, task_id(kind));
        } else {
            assert_eq!(status.build.step, Step::AwaitTask, "{kind}");
            assert!(status.regions.is_empty(), "{kind}");
        }
    }
}

#[test]
fn a_found_task_is_noted_as_started_by_an_earlier_request() {
    let mut status = to_be_started(SourceKind::Disk);
    let seen = seen_task(TaskKind::ImportSnapshot, "active");
    let task = Task::started(TaskKind::ImportSnapshot, REGION, &seen, after(3));
    let origin = Origin::Found;
    advance(
        &mut status,
        Evidence::TaskStarted {
            task,
            origin,
            owners: Default::default(),
        },
        3,
    );
    assert_eq!(
        last_change(&status),
        "found import-snapshot import-snap-1 in us-east-1, started by an earlier request"
    );
}

/// Its status was lost: the upload that was to start another only repeats its own.
#[test]
fn a_resumed_task_makes_the_status_that_of_its_attempt() {
    for (uploaded_at, repeated_at) in [(after(-9), Some(after(0))), (after(0), None)] {
        let mut status = to_be_started(SourceKind::Disk);
        assert_eq!(status.manifest.uploaded_at, after(0));
        let seen = seen_task(TaskKind::ImportSnapshot, "active");
        let resumed = Resumed {
            attempt: Attempt {
                uploaded_at,
                number: 3,
            },
            name: "web-before".to_owned(),
            task: Task::started(TaskKind::ImportSnapshot, REGION, &seen, after(3)),
        };
        let attempt = resumed.attempt;
        advance(&mut status, Evidence::TaskResumed(resumed), 3);
        assert_eq!(Attempt::of(&status), attempt);
        assert_eq!(status.manifest.repeated_at, repeated_at);
        assert_eq!(status.build.name.as_deref(), Some("web-before"));
        assert_eq!(status.place(), "working/await-task");
        assert_eq!(status.build.tasks.len(), 1);
    }
}

/// What ends before it begins an import has not looked what EC2 does either, and what only finds one may not have.
#[test]
fn it_is_known_whether_an_attempt_before_has_looked_for_imports() {
    let looked = |status: &Status| status.build.looked_for_imports_at;
    let first = to_be_started(SourceKind::Disk);
    let second = open(Some(first.clone()), manifest("1111"), after(1));
    assert_eq!((second.build.attempt, looked(&second)), (1, None));

    let mut found = first;
    let seen = seen_task(TaskKind::ImportSnapshot, "active");
    let task = Task::started(TaskKind::ImportSnapshot, REGION, &seen, after(3));
    let origin = Origin::Found;
    advance(
        &mut found,
        Evidence::TaskStarted {
            task,
            origin,
            owners: Default::default(),
        },
        3,
    );
    for status in [&found, &started(TaskKind::CopyImage)] {
        assert_eq!((status.build.tasks.len(), looked(status)), (1, None));
    }

    for kind in [TaskKind::ImportSnapshot, TaskKind::ImportImage] {
        let first = started(kind);
        let at = looked(&first);
        assert!(at.is_some(), "{kind}");
        let second = open(Some(first), manifest("1111"), after(9));
        let third = open(Some(second.clone()), manifest("2222"), after(10));
        assert_eq!([looked(&second), looked(&third)], [at; 2], "{kind}");
    }
}

/// EC2 has begun something with the token before, and does not show it yet.
#[test]
fn imports_are_looked_for_again_once_another_token_is_used() {
    let mut status = to_be_started(SourceKind::Disk);
    status.build.looked_for_imports_at = Some(after(0));
    let ended = |task| Evidence::AttemptEnded { task, next: 2 };
    advance(&mut status, ended(Some("import-snap-1".to_owned())), 3);
    assert_eq!(status.build.looked_for_imports_at, Some(after(0)));
    advance(&mut status, ended(None), 4);
    assert_eq!(status.build.looked_for_imports_at, None);
}

/// Its tags and its client token are others then.
#[test]
fn an_attempt_that_ec2_knows_by_a_task_that_has_ended_is_followed_by_another() {
    let mut status = to_be_started(SourceKind::Disk);
    let tokens = |status: &Status| (client_token(status), creation_tags(status));
    let before = tokens(&status);
    let task = Some("import-snap-1".to_owned());
    advance(&mut status, Evidence::AttemptEnded { task, next: 2 }, 3);
    assert_eq!((status.build.attempt, &status.build.waiting), (2, &None));
    assert_eq!(status.place(), "working/start-task");
    let after = tokens(&status);
    assert!(before.0 != after.0 && before.1 != after.1);
    assert_eq!(
        last_change(&status),
        "import-snap-1, begun for the same upload before, has ended: another attempt begins"
    );
}

/// It may have ended unnoticed.
#[test]
fn a_task_that_was_found_at_its_end_is_not_awaited() {
    for kind in own_tasks() {
        for (seen, expected) in [
            (
                completed(kind),
                if kind == TaskKind::BundleInstance {
                    "working/check-bundle"
                } else {
                    "working/tag-imported"
                },
            ),
            (seen_task(kind, "failed"), "working/clean-up"),
        ] {
            let mut status = started(kind);
            status.build.tasks.clear();
            status.build.step = Step::StartTask;
            let task = Task::started(kind, REGION, &seen, after(3));
            let origin = Origin::Found;
            advance(
                &mut status,
                Evidence::TaskStarted {
                    task,
                    origin,
                    owners: Default::default(),
                },
                3,
            );
            assert_eq!(status.place(), expected, "{kind} {}", seen.state);
        }
    }
}

#[test]
fn progress_and_words_are_kept_and_are_news_once() {
    let mut status = importing();
    assert_eq!(status.build.progress, Some(42));
    assert_eq!(status.build.tasks[0].message.as_deref(), Some("converting"));
    let seen = ObservedTask {
        progress: Some(42),
        message: Some("converting".to_owned()),
        ..seen_task(TaskKind::ImportSnapshot, "active")
    };
    let before = status.clone();
    assert!(!poll_task(&mut status, Some(&seen), 6));
    assert_eq!(status, before);
    assert_eq!(status.place(), "working/await-task");
}

#[test]
fn an_imported_disk_is_tagged_and_then_registered() {
    let mut status = started(TaskKind::ImportSnapshot);
    assert!(poll_task(
        &mut status,
        Some(&completed(TaskKind::ImportSnapshot)),
        30
    ));
    assert_eq!(status.place(), "working/tag-imported");
    assert_eq!(
        last_change(&status),
        "import-snapshot import-snap-1 is complete"
    );
    assert_eq!(status.build.tasks[0].snapshots, ["snap-1"]);
    advance(&mut status, import_tagged(TaskKind::ImportSnapshot), 31);
    assert_eq!(status.place(), "working/register-image");
    assert!(status.regions.is_empty());
    assert_eq!(kinds(&status), []);
}

#[test]
fn an_imported_machine_is_tagged_and_then_awaited() {
    let mut status = started(TaskKind::ImportImage);
    assert!(poll_task(
        &mut status,
        Some(&completed(TaskKind::ImportImage)),
        30
    ));
    assert_eq!(status.place(), "working/tag-imported");
    advance(&mut status, import_tagged(TaskKind::ImportImage), 31);
    assert_eq!(status.place(), "working/await-image");
    let mut expected = RegionStatus::pending("ami-1".to_owned());
    expected.snapshots = vec!["snap-1".to_owned()];
    assert_eq!(status.regions[REGION], expected);
    poll_image(&mut status, Some(&seen("available")), 32);
    assert_eq!(status.state, State::Available);
}

#[test]
fn an_import_that_names_nothing_that_it_made_has_failed() {
    for (kind, what) in [
        (TaskKind::ImportSnapshot, "snapshot"),
        (TaskKind::ImportImage, "AMI"),
    ] {
        let mut status = started(kind);
        assert!(poll(&mut status, kind, "completed", 30));
        assert_eq!(status.place(), "working/clean-up", "{kind}");
        clean_up(&mut status, 31);
        assert_eq!(kinds(&status), [NoticeKind::Failed]);
        assert_eq!(
            status.build.failure.unwrap().message,
            format!("EC2 says that it is completed but names no {what}")
        );
    }
}

#[test]
fn a_bundle_that_ec2_made_is_checked_like_any_other() {
    let mut status = started(TaskKind::BundleInstance);
    assert!(poll(&mut status, TaskKind::BundleInstance, "complete", 30));
    assert_eq!(status.place(), "working/check-bundle");
    assert_eq!(last_change(&status), "bundle-instance bun-1 is complete");
    advance(&mut status, bundle_checked("b1"), 31);
    assert_eq!(status.place(), "working/register-image");
}

#[test]
fn a_copy_and_a_restoration_are_complete_when_their_ami_is_available() {
    for kind in [TaskKind::CopyImage, TaskKind::RestoreImage] {
        let mut status = started(kind);
        assert!(poll(&mut status, kind, "pending", 1));
        assert_eq!(status.state, State::Working);
        assert!(poll(&mut status, kind, "available", 2));
        assert_eq!(status.state, State::Available, "{kind}");
        assert_eq!(status.build.tasks[0].state, "available");
        assert_eq!(kinds(&status), [NoticeKind::Completed]);
    }
}

#[test]
fn every_bad_end_fails_with_ec2s_own_words() {
    for kind in own_tasks() {
        for state in ["failed", "error", "deleted", "cancelled", "canceled"] {
            let mut status = started(kind);
            let shown = ObservedTask {
                message: Some("it broke".to_owned()),
                code: Some("Client.Broken".to_owned()),
                ..seen_task(kind, state)
            };
            assert!(poll_task(&mut status, Some(&shown), 1));
            assert_eq!(status.place(), "working/clean-up", "{kind} {state}");
            assert_eq!(status.build.ending, Some(TerminalReason::Failed));
            let failure = status.build.failure.clone().unwrap();
            assert_eq!(
                failure.doing,
                format!("waiting for {kind} {}", task_id(kind))
            );
            assert_eq!(failure.code.as_deref(), Some("Client.Broken"));
            assert_eq!(failure.message, "it broke");
            clean_up(&mut status, 2);
            assert_eq!((status.state, status.build.ending), (State::Failed, None));
            assert_eq!(kinds(&status), [NoticeKind::Failed]);
        }
    }
}

#[test]
fn a_copy_that_fails_is_recorded_with_its_reason() {
    for kind in [TaskKind::CopyImage, TaskKind::RestoreImage] {
        let mut status = started(kind);
        let mut image = seen_copy("failed");
        image.reason = Some(("Client.Broken".to_owned(), "it broke".to_owned()));
        assert!(poll_image(&mut status, Some(&image), 1));
        assert_eq!(status.place(), "working/clean-up", "{kind}");
        assert_eq!(status.build.tasks[0].message.as_deref(), Some("it broke"));
        let failure = status.build.failure.unwrap();
        assert_eq!(failure.code.as_deref(), Some("Client.Broken"));
        assert_eq!(failure.message, "it broke");
    }
}

#[test]
fn a_copy_whose_ami_stays_unlisted_is_lost() {
    let mut status = started(TaskKind::CopyImage);
    assert!(poll_image(&mut status, None, 1));
    assert!(!poll_image(&mut status, None, 16));
    assert!(poll_image(&mut status, None, 17));
    assert_eq!(status.build.ending, Some(TerminalReason::Lost));
    clean_up(&mut status, 18);
    assert_eq!(kinds(&status), [NoticeKind::Lost]);
}

#[test]
fn a_bad_end_without_a_word_is_described_by_its_state() {
    let mut status = started(TaskKind::ImportImage);
    poll(&mut status, TaskKind::ImportImage, "deleted", 1);
    assert_eq!(
        status.build.failure.unwrap().message,
        "EC2 says that it is deleted and gives no reason"
    );
}

#[test]
fn a_task_that_is_being_undone_fails_when_that_does_not_end() {
    let mut status = started(TaskKind::ImportSnapshot);
    let shown = ObservedTask {
        message: Some("ClientError: Disk validation failed".to_owned()),
        ..seen_task(TaskKind::ImportSnapshot, "deleting")
    };
    let grace = ENDING_GRACE.as_mins();
    assert!(poll_task(&mut status, Some(&shown), 5));
    assert!(!poll_task(&mut status, Some(&shown), 5 + grace));
    assert_eq!(status.place(), "working/await-task");
    assert!(poll_task(&mut status, Some(&shown), 6 + grace));
    assert_eq!(status.place(), "working/clean-up");
    assert_eq!(
        status.build.failure.unwrap().message,
        "ClientError: Disk validation failed"
    );
}

#[test]
fn unknown_states_are_shown_and_waited_on() {
    for (kind, _) in MAKERS {
        let mut status = started(kind);
        assert!(poll(&mut status, kind, "quantum", 1), "{kind}");
        assert_eq!(status.state, State::Working);
        assert_eq!(status.build.tasks[0].state, "quantum");
        assert!(!poll(&mut status, kind, "quantum", 2), "{kind}");
    }
}

#[test]
fn an_answer_without_a_task_to_it_changes_nothing() {
    let mut status = registered();
    let before = status.clone();
    assert!(!poll(&mut status, TaskKind::ImportSnapshot, "active", 3));
    assert!(!poll_task(&mut status, None, 3));
    assert_eq!(status, before);
}
