//! Images that do not come to be: cancelled, lost, failed; and what is left of them.

use super::{
    MAKERS, REGION, after, available, first_state, opened, registered, seen_task, started, storing,
    to_be_started, to_be_stored, told,
};
use crate::image::NoticeKind;
use crate::image::observed::ObservedTask;
use crate::image::status::{Cancel, CancelBy, Ending, Failure, Left, State, Status};
use crate::image::task::TaskKind;
use crate::image::transition::{
    NotCancellable, ask_cancel, cancel_sent, cleaned_up, could_not_remove, fail_as_it_is,
    found_leftovers, give_up, reject, task_seen,
};
use crate::manifest::Problem;

fn failure() -> Failure {
    Failure {
        doing: "following import-snapshot import-snap-1".to_owned(),
        code: Some("Client.Broken".to_owned()),
        message: "it broke".to_owned(),
        request_id: None,
        hint: "mend it".to_owned(),
    }
}

fn cancelled(mut status: Status) -> Status {
    ask_cancel(&mut status, CancelBy::Command, after(1)).unwrap();
    status
}

fn last_change(status: &Status) -> &str {
    &status.history.last().unwrap().why
}

/// Failed, with this found and not all of it removed.
fn cleaned(found: &[&str], left: &[&str]) -> Status {
    let mut status = registered();
    give_up(&mut status, Ending::Failed, Some(failure()), after(1));
    let found: Vec<String> = found.iter().map(|id| (*id).to_owned()).collect();
    found_leftovers(&mut status, &found);
    for what in left {
        let left = Left {
            what: (*what).to_owned(),
            why: "OperationNotPermitted".to_owned(),
        };
        could_not_remove(&mut status, left);
    }
    cleaned_up(&mut status, after(2));
    status
}

#[test]
fn whatever_a_task_comes_to_the_image_is_cancelled_when_that_was_asked_for() {
    for (kind, _) in MAKERS.iter().filter(|(kind, _)| !kind.is_image()) {
        for state in ["completed", "complete", "failed", "deleted", "cancelled"] {
            let mut status = cancelled(started(*kind));
            cancel_sent(&mut status, after(1));
            let seen = ObservedTask {
                snapshots: vec!["snap-1".to_owned()],
                image: Some("ami-1".to_owned()),
                message: Some("it broke".to_owned()),
                ..seen_task(*kind, state)
            };
            assert!(task_seen(&mut status, Some(&seen), after(2)));
            assert_eq!(status.place(), "working/clean-up", "{kind} {state}");
            assert_eq!(status.ending, Some(Ending::Cancelled));
            cleaned_up(&mut status, after(3));
            assert_eq!(status.state, State::Cancelled);
            assert_eq!(told(&status), [NoticeKind::Cancelled]);
            assert_eq!(status.failure, None);
        }
    }
}

#[test]
fn a_wish_to_cancel_is_news_once() {
    let mut status = started(TaskKind::ImportSnapshot);
    let by = CancelBy::ManifestRemoved;
    assert_eq!(ask_cancel(&mut status, by, after(1)), Ok(true));
    assert_eq!(
        last_change(&status),
        "the manifest was removed, so it is cancelled"
    );
    // The first wish stays.
    assert_eq!(
        ask_cancel(&mut status, CancelBy::Command, after(2)),
        Ok(false)
    );
    let first = Cancel {
        asked_at: after(1),
        by,
        uploaded_at: after(0),
    };
    assert_eq!(status.cancel, Some(first));
    assert_eq!(status.place(), "working/await-task");
    cancel_sent(&mut status, after(3));
    assert_eq!(
        last_change(&status),
        "EC2 was asked to cancel import-snap-1"
    );
    assert_eq!(told(&status), []);
}

#[test]
fn what_has_ended_or_is_made_is_not_cancelled_and_the_error_says_why() {
    let mut ending = started(TaskKind::ImportSnapshot);
    give_up(&mut ending, Ending::Failed, Some(failure()), after(1));
    let mut failed = ending.clone();
    cleaned_up(&mut failed, after(1));
    let cases = [
        (
            available(),
            NotCancellable::Settled(State::Available),
            "it is available already",
        ),
        (
            failed,
            NotCancellable::Settled(State::Failed),
            "it is failed already",
        ),
        (
            ending,
            NotCancellable::Ending,
            "it failed already, and what it left behind is being removed",
        ),
        (
            to_be_stored(),
            NotCancellable::Stored,
            "its AMI is available already and is being stored, for which EC2 has no cancellation",
        ),
        (
            storing(),
            NotCancellable::Stored,
            "its AMI is available already and is being stored, for which EC2 has no cancellation",
        ),
    ];
    for (mut status, error, words) in cases {
        let before = status.clone();
        let refused = ask_cancel(&mut status, CancelBy::Command, after(2)).unwrap_err();
        assert_eq!(refused, error);
        assert_eq!(refused.to_string(), words);
        assert_eq!(status, before);
    }
}

#[test]
fn cancelled_before_anything_was_started_there_is_nothing_to_clean_up() {
    for mut status in [opened(), to_be_started("disk")] {
        status = cancelled(status);
        give_up(&mut status, Ending::Cancelled, None, after(2));
        assert_eq!(status.state, State::Cancelled);
        assert_eq!(last_change(&status), "it was cancelled");
        assert_eq!(told(&status), [NoticeKind::Cancelled]);
    }
}

#[test]
fn what_is_lost_is_cleaned_up_and_told_of_as_lost() {
    for (kind, _) in MAKERS {
        let mut status = started(kind);
        task_seen(
            &mut status,
            Some(&seen_task(kind, first_state(kind))),
            after(1),
        );
        give_up(&mut status, Ending::Lost, Some(failure()), after(60));
        assert_eq!(status.place(), "working/clean-up", "{kind}");
        assert_eq!(told(&status), []);
        cleaned_up(&mut status, after(61));
        assert_eq!(status.state, State::Failed);
        assert_eq!(told(&status), [NoticeKind::Lost]);
    }
}

#[test]
fn the_history_says_what_became_of_what_was_made() {
    for (found, left, words) in [
        (&[][..], &[][..], "nothing was left behind"),
        (&["ami-1", "snap-1"], &[], "removed ami-1, snap-1"),
        (&["ami-1"], &["ami-1"], "1 could not be removed"),
        (
            &["ami-1", "snap-1"],
            &["snap-1"],
            "removed ami-1; 1 could not be",
        ),
    ] {
        assert_eq!(last_change(&cleaned(found, left)), words);
    }
}

#[test]
fn a_removed_ami_is_no_ami_of_the_image_any_more() {
    assert!(cleaned(&["ami-1"], &[]).images.is_empty());
    // One that could not be removed is still there, and is not said to be removed.
    let status = cleaned(&["ami-1", "snap-1"], &["ami-1"]);
    assert_eq!(status.images[REGION].id, "ami-1");
    assert_eq!(status.removed, ["snap-1"]);
    assert_eq!(status.left[0].what, "ami-1");
}

#[test]
fn leftovers_are_recorded_once() {
    let mut status = registered();
    let both = ["ami-1".to_owned(), "snap-1".to_owned()];
    assert!(found_leftovers(&mut status, &both[..1]));
    assert!(found_leftovers(&mut status, &both));
    assert!(!found_leftovers(&mut status, &both));
    assert_eq!(status.removed, both);
}

#[test]
fn what_a_person_has_to_look_at_is_left_as_it_is() {
    let mut status = registered();
    fail_as_it_is(&mut status, failure(), after(1));
    assert_eq!(status.state, State::Failed);
    assert_eq!(status.images[REGION].id, "ami-1");
    assert_eq!(told(&status), [NoticeKind::Failed]);
}

#[test]
fn a_bundle_that_ec2_made_wrong_fails_and_is_nobodys_mistake() {
    let mut status = started(TaskKind::BundleInstance);
    let seen = seen_task(TaskKind::BundleInstance, "complete");
    task_seen(&mut status, Some(&seen), after(1));
    let problems = vec![Problem::new("not XML"), Problem::new("no parts")];
    reject(&mut status, problems, after(2));
    assert_eq!(status.place(), "working/clean-up");
    let failure = status.failure.unwrap();
    assert_eq!(failure.doing, "checking what bundle-instance bun-1 made");
    assert_eq!(failure.message, "not XML; no parts");
}
