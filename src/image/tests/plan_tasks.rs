//! What comes next where EC2 has a task, or somebody wants none any more.

use super::{
    MAKERS, after, opened, registered, seen_task, started, storing, to_be_started, to_be_stored,
};
use crate::image::Status;
use crate::image::plan::{CANCEL_AGAIN, Next, VISIBILITY_GRACE, may_be_superseded, next};
use crate::image::status::{CancelBy, State, Step};
use crate::image::task::TaskKind;
use crate::image::transition::{ask_cancel, cancel_sent, task_seen};

/// At this step, as if all before it had been done.
fn at(step: Step) -> Status {
    let mut status = to_be_started("disk");
    status.step = step;
    status
}

fn cancelled(mut status: Status) -> Status {
    assert_eq!(
        ask_cancel(&mut status, CancelBy::Command, after(2)),
        Ok(true)
    );
    status
}

#[test]
fn each_step_has_what_comes_next() {
    let cases = [
        (Step::CheckManifest, Next::CheckManifest),
        (Step::CheckBundle, Next::CheckBundle),
        (Step::CheckObject, Next::CheckObject),
        (Step::StartTask, Next::StartTask),
        (Step::AwaitTask, Next::AwaitTask),
        (Step::TagImported, Next::TagImported),
        (Step::RegisterImage, Next::RegisterImage),
        (Step::AwaitImage, Next::AwaitImage),
        (Step::StoreImage, Next::StoreImage),
        (Step::CleanUp, Next::CleanUp),
    ];
    for (step, expected) in cases {
        assert_eq!(next(&at(step), after(1)), expected, "{step}");
    }
}

#[test]
fn a_copy_and_a_restoration_are_followed_by_their_ami() {
    for (kind, _) in MAKERS {
        let expected = if kind.is_image() {
            Next::AwaitImage
        } else {
            Next::AwaitTask
        };
        assert_eq!(next(&started(kind), after(1)), expected, "{kind}");
    }
    assert_eq!(next(&to_be_stored(), after(1)), Next::StoreImage);
    assert_eq!(next(&storing(), after(1)), Next::AwaitTask);
}

#[test]
fn a_wish_to_cancel_comes_first_at_every_step_but_the_last_ones() {
    for step in [
        Step::CheckManifest,
        Step::CheckBundle,
        Step::CheckObject,
        Step::StartTask,
        Step::AwaitTask,
        Step::TagImported,
        Step::RegisterImage,
        Step::AwaitImage,
    ] {
        assert_eq!(next(&cancelled(at(step)), after(2)), Next::Cancel, "{step}");
    }
    // What is being stored is made, and what is being cleaned up has ended: the wish came too late.
    let wish = cancelled(opened()).cancel;
    for (mut status, expected) in [
        (to_be_stored(), Next::StoreImage),
        (storing(), Next::AwaitTask),
        (at(Step::CleanUp), Next::CleanUp),
    ] {
        status.cancel = wish;
        assert_eq!(next(&status, after(2)), expected, "{}", status.place());
    }
}

#[test]
fn ec2_is_asked_to_cancel_once_and_again_if_the_task_does_not_end() {
    let mut status = cancelled(started(TaskKind::ImportSnapshot));
    cancel_sent(&mut status, after(3));
    assert_eq!(status.tasks[0].cancel_sent_at, Some(after(3)));
    assert_eq!(next(&status, after(4)), Next::AwaitTask);
    assert_eq!(next(&status, after(3) + CANCEL_AGAIN), Next::AwaitTask);
    assert_eq!(next(&status, after(4) + CANCEL_AGAIN), Next::Cancel);
    cancel_sent(&mut status, after(20));
    assert_eq!(next(&status, after(21)), Next::AwaitTask);
}

#[test]
fn a_task_that_is_missing_for_long_is_probed_and_one_that_comes_back_is_not() {
    let mut status = started(TaskKind::ImportSnapshot);
    assert!(task_seen(&mut status, None, after(5)));
    assert!(!task_seen(&mut status, None, after(6)));
    let limit = after(5) + VISIBILITY_GRACE;
    assert_eq!(next(&status, limit), Next::AwaitTask);
    let later = after(6) + VISIBILITY_GRACE;
    assert_eq!(next(&status, later), Next::ProbeTask);

    let seen = seen_task(TaskKind::ImportSnapshot, "active");
    assert!(task_seen(&mut status, Some(&seen), later));
    assert_eq!(next(&status, later), Next::AwaitTask);
}

#[test]
fn a_missing_task_is_probed_though_it_is_to_be_cancelled() {
    let mut status = cancelled(started(TaskKind::BundleInstance));
    task_seen(&mut status, None, after(2));
    // Asked at minute 2 and, as it did not end, at minute 13.
    cancel_sent(&mut status, after(2));
    assert_eq!(next(&status, after(13)), Next::Cancel);
    cancel_sent(&mut status, after(13));
    assert_eq!(next(&status, after(18)), Next::ProbeTask);
}

#[test]
fn a_version_is_superseded_only_while_no_task_can_have_been_started() {
    let cases = [
        (at(Step::CheckObject), true),
        (at(Step::StartTask), false),
        (started(TaskKind::ImportSnapshot), false),
        (started(TaskKind::CopyImage), false),
        (to_be_stored(), false),
        (storing(), false),
        (at(Step::TagImported), false),
        (at(Step::CleanUp), false),
        (registered(), false),
    ];
    for (status, expected) in cases {
        assert_eq!(may_be_superseded(&status), expected, "{}", status.place());
    }
    // A bundle that EC2 made is checked like an uploaded one, but belongs to a task.
    let mut bundled = started(TaskKind::BundleInstance);
    bundled.step = Step::CheckBundle;
    assert!(!may_be_superseded(&bundled));
    for state in [State::Failed, State::Cancelled] {
        bundled.state = state;
        assert!(may_be_superseded(&bundled), "{state}");
    }
}
