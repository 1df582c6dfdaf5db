//! EC2's tasks from their start to their end.

use jiff::SignedDuration;

use super::{
    MAKERS, REGION, after, first_state, opened, seen, seen_task, started, task_id, to_be_started,
    told,
};
use crate::image::NoticeKind;
use crate::image::observed::{ObservedImage, ObservedTask};
use crate::image::plan::ENDING_GRACE;
use crate::image::status::{Ending, Image, SourceObject, State, Status, Step};
use crate::image::task::TaskKind;
use crate::image::transition::{
    Accepted, accept, cleaned_up, image_seen, imported_is_tagged, object_checked, task_seen,
};

/// The AMI of a copy or a restoration, in this state.
fn seen_image(state: &str) -> ObservedImage {
    ObservedImage {
        id: "ami-2".to_owned(),
        ..seen(state)
    }
}

/// Looks at what is followed: a task, or an AMI.
fn look(status: &mut Status, kind: TaskKind, state: &str, minutes: i64) -> bool {
    if kind.is_image() {
        image_seen(status, REGION, Some(&seen_image(state)), after(minutes))
    } else {
        task_seen(status, Some(&seen_task(kind, state)), after(minutes))
    }
}

fn complete(kind: TaskKind, seen: &ObservedTask) -> Status {
    let mut status = started(kind);
    assert!(task_seen(&mut status, Some(seen), after(30)));
    status
}

#[test]
fn an_object_that_was_checked_leads_to_the_task() {
    let mut status = to_be_started("disk");
    status.step = Step::CheckObject;
    let object = SourceObject {
        bucket: "images".to_owned(),
        key: "golden/web.vmdk".to_owned(),
        etag: "\"89ab\"".to_owned(),
        size: 4096,
    };
    object_checked(&mut status, object.clone(), after(1));
    assert_eq!(status.place(), "working/start-task");
    assert_eq!(status.object, Some(object));
    assert_eq!(
        status.history.last().unwrap().why,
        "s3://images/golden/web.vmdk is there"
    );
}

#[test]
fn a_task_of_its_own_is_awaited_and_one_that_is_an_ami_by_that() {
    for (kind, source) in MAKERS {
        let status = started(kind);
        assert_eq!(status.source.as_deref(), Some(source));
        assert_eq!(status.tasks.len(), 1, "{kind}");
        assert_eq!(status.followed_task(), status.tasks.first(), "{kind}");
        assert_eq!(
            status.history.last().unwrap().why,
            format!("started: {kind} {} in us-east-1", task_id(kind))
        );
        if kind.is_image() {
            assert_eq!(status.step, Step::AwaitImage, "{kind}");
            assert_eq!(status.images[REGION].id, task_id(kind));
        } else {
            assert_eq!(status.step, Step::AwaitTask, "{kind}");
            assert!(status.images.is_empty(), "{kind}");
        }
    }
}

#[test]
fn progress_and_words_are_kept_and_told_as_news_once() {
    let mut status = started(TaskKind::ImportSnapshot);
    let shown = ObservedTask {
        progress: Some(42),
        message: Some("converting".to_owned()),
        ..seen_task(TaskKind::ImportSnapshot, "active")
    };
    assert!(task_seen(&mut status, Some(&shown), after(2)));
    assert_eq!(status.progress, Some(42));
    assert_eq!(status.tasks[0].message.as_deref(), Some("converting"));
    assert!(!task_seen(&mut status, Some(&shown), after(3)));
    assert_eq!(status.place(), "working/await-task");
}

#[test]
fn an_imported_disk_is_tagged_and_then_registered() {
    let mut status = complete(
        TaskKind::ImportSnapshot,
        &ObservedTask {
            snapshots: vec!["snap-1".to_owned()],
            ..seen_task(TaskKind::ImportSnapshot, "completed")
        },
    );
    assert_eq!(status.place(), "working/tag-imported");
    assert_eq!(status.tasks[0].snapshots, ["snap-1"]);
    imported_is_tagged(&mut status, after(31));
    assert_eq!(status.place(), "working/register-image");
    assert_eq!(told(&status), []);
}

#[test]
fn an_imported_machine_is_tagged_and_then_awaited() {
    let mut status = complete(
        TaskKind::ImportImage,
        &ObservedTask {
            snapshots: vec!["snap-1".to_owned()],
            image: Some("ami-1".to_owned()),
            ..seen_task(TaskKind::ImportImage, "completed")
        },
    );
    assert_eq!(status.place(), "working/tag-imported");
    imported_is_tagged(&mut status, after(31));
    assert_eq!(status.place(), "working/await-image");
    let expected = Image {
        id: "ami-1".to_owned(),
        state: "pending".to_owned(),
        unseen_since: None,
        snapshots: vec!["snap-1".to_owned()],
    };
    assert_eq!(status.images[REGION], expected);
    image_seen(&mut status, REGION, Some(&seen("available")), after(32));
    assert_eq!(status.state, State::Available);
}

#[test]
fn an_import_that_names_nothing_it_made_has_failed() {
    for (kind, what) in [
        (TaskKind::ImportSnapshot, "snapshot"),
        (TaskKind::ImportImage, "AMI"),
    ] {
        let mut status = complete(kind, &seen_task(kind, "completed"));
        assert_eq!(status.place(), "working/clean-up", "{kind}");
        cleaned_up(&mut status, after(31));
        assert_eq!(told(&status), [NoticeKind::Failed]);
        assert_eq!(
            status.failure.unwrap().message,
            format!("EC2 says that it is completed but names no {what}")
        );
    }
}

#[test]
fn a_bundle_that_ec2_made_is_checked_like_any_other() {
    let status = complete(
        TaskKind::BundleInstance,
        &seen_task(TaskKind::BundleInstance, "complete"),
    );
    assert_eq!(status.place(), "working/check-bundle");
    assert_eq!(
        status.history.last().unwrap().why,
        "bundle-instance bun-1 is complete"
    );
}

#[test]
fn a_copy_and_a_restoration_are_complete_when_their_ami_is_available() {
    for kind in [TaskKind::CopyImage, TaskKind::RestoreImage] {
        let mut status = started(kind);
        assert!(look(&mut status, kind, "pending", 1));
        assert_eq!(status.state, State::Working);
        assert!(look(&mut status, kind, "available", 2));
        assert_eq!(status.state, State::Available, "{kind}");
        assert_eq!(status.tasks[0].state, "available");
        assert_eq!(told(&status), [NoticeKind::Completed]);
    }
}

#[test]
fn every_bad_end_fails_with_ec2s_own_words() {
    for (kind, _) in MAKERS.iter().filter(|(kind, _)| !kind.is_image()) {
        for state in ["failed", "error", "deleted", "cancelled", "canceled"] {
            let mut status = started(*kind);
            let shown = ObservedTask {
                message: Some("it broke".to_owned()),
                code: Some("Client.Broken".to_owned()),
                ..seen_task(*kind, state)
            };
            assert!(task_seen(&mut status, Some(&shown), after(1)));
            assert_eq!(status.place(), "working/clean-up", "{kind} {state}");
            assert_eq!(status.ending, Some(Ending::Failed));
            let failure = status.failure.clone().unwrap();
            assert_eq!(
                failure.doing,
                format!("following {kind} {}", task_id(*kind))
            );
            assert_eq!(failure.code.as_deref(), Some("Client.Broken"));
            assert_eq!(failure.message, "it broke");
            assert!(failure.hint.ends_with("and upload it again"));
            cleaned_up(&mut status, after(2));
            assert_eq!((status.state, status.ending), (State::Failed, None));
            assert_eq!(told(&status), [NoticeKind::Failed]);
        }
    }
}

#[test]
fn a_copy_that_fails_is_told_with_its_reason() {
    for kind in [TaskKind::CopyImage, TaskKind::RestoreImage] {
        let mut status = started(kind);
        let mut image = seen_image("failed");
        image.reason = Some(("Client.Broken".to_owned(), "it broke".to_owned()));
        assert!(image_seen(&mut status, REGION, Some(&image), after(1)));
        assert_eq!(status.place(), "working/clean-up", "{kind}");
        assert_eq!(status.tasks[0].message.as_deref(), Some("it broke"));
        let failure = status.failure.unwrap();
        assert_eq!(failure.code.as_deref(), Some("Client.Broken"));
        assert_eq!(failure.message, "it broke");
    }
}

#[test]
fn a_copy_whose_ami_stays_unseen_is_lost() {
    let mut status = started(TaskKind::CopyImage);
    assert!(image_seen(&mut status, REGION, None, after(1)));
    assert!(!image_seen(&mut status, REGION, None, after(16)));
    assert!(image_seen(&mut status, REGION, None, after(17)));
    assert_eq!(status.ending, Some(Ending::Lost));
    cleaned_up(&mut status, after(18));
    assert_eq!(told(&status), [NoticeKind::Lost]);
}

#[test]
fn a_bad_end_without_a_word_is_told_by_its_state() {
    let mut status = started(TaskKind::ImportImage);
    look(&mut status, TaskKind::ImportImage, "deleted", 1);
    assert_eq!(
        status.failure.unwrap().message,
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
    assert!(task_seen(&mut status, Some(&shown), after(5)));
    assert!(!task_seen(
        &mut status,
        Some(&shown),
        after(5) + ENDING_GRACE
    ));
    assert_eq!(status.place(), "working/await-task");
    assert!(task_seen(
        &mut status,
        Some(&shown),
        after(6) + ENDING_GRACE
    ));
    assert_eq!(status.place(), "working/clean-up");
    assert_eq!(
        status.failure.unwrap().message,
        "ClientError: Disk validation failed"
    );
}

#[test]
fn unknown_states_are_shown_and_waited_on() {
    for (kind, _) in MAKERS {
        let mut status = started(kind);
        assert!(look(&mut status, kind, "quantum", 1), "{kind}");
        assert_eq!(status.state, State::Working);
        assert_eq!(status.tasks[0].state, "quantum");
        assert!(!look(&mut status, kind, "quantum", 2), "{kind}");
    }
}

#[test]
fn silence_is_told_after_a_time_and_then_twice_and_four_times_that() {
    for (kind, _) in MAKERS {
        let mut status = started(kind);
        look(&mut status, kind, first_state(kind), 0);
        let limit = kind.stalled_after();
        let second = SignedDuration::from_secs(1);
        for factor in [1, 2, 4, 8] {
            let edge = after(0) + limit * factor;
            let mut look_at = |now| match kind.is_image() {
                true => image_seen(&mut status, REGION, Some(&seen_image("pending")), now),
                false => task_seen(&mut status, Some(&seen_task(kind, first_state(kind))), now),
            };
            assert!(!look_at(edge), "{kind}: {factor} times");
            assert!(look_at(edge + second), "{kind}: {factor} times");
            assert!(!look_at(edge + second), "{kind}: told once");
        }
        assert_eq!(told(&status), [NoticeKind::Stalled; 4], "{kind}");
        assert_eq!(status.state, State::Working, "nothing is given up");
    }
}

#[test]
fn a_change_ends_the_silence() {
    let hours = |hours: i64| hours * 60;
    let mut status = started(TaskKind::ImportSnapshot);
    let shown = |progress| ObservedTask {
        progress: Some(progress),
        ..seen_task(TaskKind::ImportSnapshot, "active")
    };
    task_seen(&mut status, Some(&shown(1)), after(0));
    task_seen(&mut status, Some(&shown(1)), after(hours(1) + 1));
    assert_eq!((told(&status).len(), status.stalls), (1, 1));
    task_seen(&mut status, Some(&shown(2)), after(hours(1) + 2));
    assert_eq!(status.stalls, 0);
    // The first limit again, from the change on; a stale answer is no change.
    task_seen(&mut status, Some(&shown(1)), after(hours(2)));
    assert!(!task_seen(
        &mut status,
        Some(&shown(2)),
        after(hours(2) + 2)
    ));
    assert!(task_seen(&mut status, Some(&shown(2)), after(hours(2) + 3)));
    assert_eq!(told(&status), [NoticeKind::Stalled; 2]);
}

#[test]
fn one_notice_stands_for_all_that_nobody_looked_for() {
    let mut status = started(TaskKind::ImportSnapshot);
    look(&mut status, TaskKind::ImportSnapshot, "active", 9 * 60);
    assert_eq!(told(&status), [NoticeKind::Stalled]);
    assert!(!look(
        &mut status,
        TaskKind::ImportSnapshot,
        "active",
        16 * 60
    ));
    assert!(look(
        &mut status,
        TaskKind::ImportSnapshot,
        "active",
        17 * 60
    ));
    assert_eq!(told(&status), [NoticeKind::Stalled; 2]);
}

#[test]
fn that_it_started_is_told_only_when_asked_for() {
    for tell in [false, true] {
        let mut status = opened();
        let accepted = Accepted {
            source: "disk".to_owned(),
            identity: None,
            store: Some("archive".to_owned()),
            first: Step::CheckObject,
        };
        accept(&mut status, accepted, tell, after(0));
        assert_eq!(status.place(), "working/check-object");
        assert_eq!(status.store.as_deref(), Some("archive"));
        let expected: &[NoticeKind] = if tell { &[NoticeKind::Started] } else { &[] };
        assert_eq!(told(&status), expected);
    }
}
