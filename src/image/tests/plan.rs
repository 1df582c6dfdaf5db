//! What comes next in every place that an image can be in.

use std::fmt::Write as _;

use super::*;
use crate::image::plan::{CANCEL_AGAIN, Next, VISIBILITY_GRACE, may_be_superseded, next};
use crate::image::status::Retry;
use crate::image::words::{State, Step};

const STATES: [State; 7] = [
    State::Working,
    State::Available,
    State::Failed,
    State::Cancelled,
    State::Rejected,
    State::Superseded,
    State::Deleted,
];

/// At this step, as if all before it had been done.
fn at(step: Step) -> Status {
    let mut status = to_be_started(SourceKind::Disk);
    status.build.step = step;
    status
}

fn cancelled(status: Status) -> Status {
    cancelled_by(status, CancelBy::Command, 2)
}

fn cancel_sent(status: &mut Status, minutes: i64) {
    advance(status, Evidence::CancelSent(None), minutes);
}

/// What comes next at every step, in a table: also with a request to cancel, and with a task that EC2 no longer lists.
#[test]
fn every_step_has_what_comes_next() {
    let mut table = String::new();
    let columns = ["step", "next", "to be cancelled", "task not listed"];
    let mut row = |cells: [&str; 4]| {
        writeln!(
            table,
            "{:<28} {:<22} {:<22} {}",
            cells[0], cells[1], cells[2], cells[3]
        )
        .unwrap();
    };
    row(columns);
    let wish = cancelled(opened()).cancel;
    for step in Step::ALL {
        let status = at(step);
        let mut to_cancel = status.clone();
        to_cancel.cancel = wish;
        let mut unlisted = status.clone();
        unlisted.build.tasks = started(TaskKind::ImportSnapshot).build.tasks;
        unlisted.build.tasks[0].unseen_since = Some(after(0));
        row([
            &status.place(),
            &format!("{:?}", next(&status, after(1))),
            &format!("{:?}", next(&to_cancel, after(2))),
            &format!("{:?}", next(&unlisted, after(60))),
        ]);
    }
    insta::assert_snapshot!("plan", table);
}

/// What comes next in a final state at this step: all notices sent, a new attempt asked for, a notice due, a notice
/// being sent.
fn ended(state: State, step: Step) -> [Next; 4] {
    let mut status = at(step);
    status.state = state;
    let all_told = next(&status, after(1));
    status.retry = Some(Retry { asked_at: after(1) });
    let retry = next(&status, after(1));
    status.notices = available().notices;
    let due = next(&status, after(1));
    status.retry = None;
    assert!(status.claim_notice(after(1)).is_some());
    [all_told, retry, due, next(&status, after(1))]
}

/// In a final state the step no longer counts.
#[test]
fn every_final_state_has_what_comes_next_at_whatever_step() {
    let mut table = String::new();
    let mut row = |cells: [&str; 5]| {
        let [state, sent, retry, due, sending] = cells;
        writeln!(
            table,
            "{state:<12} {sent:<10} {retry:<18} {due:<12} {sending}"
        )
        .unwrap();
    };
    row([
        "state",
        "all sent",
        "and to be retried",
        "notice due",
        "notice being sent",
    ]);
    for state in STATES.into_iter().filter(|state| state.is_final()) {
        let following = ended(state, Step::CheckManifest);
        for step in Step::ALL {
            assert_eq!(ended(state, step), following, "{state} {step}");
        }
        let [sent, retry, due, sending] = following.map(|next| format!("{next:?}"));
        row([&state.to_string(), &sent, &retry, &due, &sending]);
    }
    insta::assert_snapshot!("plan_ended", table);
}

#[test]
fn a_final_state_is_finalized_only_when_every_notice_was_sent() {
    let mut status = available();
    let notice = status.claim_notice(after(1)).unwrap();
    assert_eq!(next(&status, after(5)), Next::AwaitNotices);
    assert_eq!(next(&status, after(6)), Next::SendNotices);
    assert!(status.notice_sent(notice.seq, "id", after(6)));
    assert_eq!(next(&status, after(6)), Next::Finalize);
}

#[test]
fn a_copy_and_a_restoration_are_polled_by_their_ami() {
    for (kind, _) in MAKERS {
        let status = started(kind);
        let expected = if kind.is_image() {
            Step::AwaitImage
        } else {
            Step::AwaitTask
        };
        assert_eq!(status.build.step, expected, "{kind}");
        assert_eq!(next(&status, after(1)), Next::Poll, "{kind}");
    }
    assert_eq!(next(&to_be_stored(), after(1)), Next::Do(Step::StoreImage));
    assert_eq!(next(&storing(), after(1)), Next::Poll);
}

#[test]
fn ec2_is_asked_to_cancel_once_and_again_if_the_task_does_not_end() {
    let mut status = cancelled(started(TaskKind::ImportSnapshot));
    cancel_sent(&mut status, 3);
    assert_eq!(status.build.tasks[0].cancel_sent_at, Some(after(3)));
    assert_eq!(next(&status, after(4)), Next::Poll);
    assert_eq!(next(&status, after(3) + CANCEL_AGAIN), Next::Poll);
    assert_eq!(next(&status, after(4) + CANCEL_AGAIN), Next::Cancel);
    cancel_sent(&mut status, 20);
    assert_eq!(next(&status, after(21)), Next::Poll);
}

#[test]
fn a_task_that_stays_unlisted_is_probed_and_one_that_comes_back_is_not() {
    let mut status = started(TaskKind::ImportSnapshot);
    assert!(poll_task(&mut status, None, 5));
    assert!(!poll_task(&mut status, None, 6));
    assert_eq!(next(&status, after(5) + VISIBILITY_GRACE), Next::Poll);
    assert_eq!(next(&status, after(6) + VISIBILITY_GRACE), Next::ProbeTask);

    let seen = seen_task(TaskKind::ImportSnapshot, "active");
    assert!(poll_task(&mut status, Some(&seen), 21));
    assert_eq!(next(&status, after(21)), Next::Poll);
}

#[test]
fn an_unlisted_task_is_probed_though_it_is_to_be_cancelled() {
    let mut status = cancelled(started(TaskKind::BundleInstance));
    poll_task(&mut status, None, 2);
    // Asked at minute 2 and, as it did not end, at minute 13.
    cancel_sent(&mut status, 2);
    assert_eq!(next(&status, after(13)), Next::Cancel);
    cancel_sent(&mut status, 13);
    assert_eq!(next(&status, after(18)), Next::ProbeTask);
}

#[test]
fn a_version_is_superseded_only_while_nothing_can_have_been_started() {
    let cases = [
        (opened(), true),
        (accepted(SourceKind::Bundle), true),
        (at(Step::CheckObject), true),
        (to_be_registered(), false),
        (registered(), false),
        (available(), true),
        (at(Step::StartTask), false),
        (started(TaskKind::ImportSnapshot), false),
        (started(TaskKind::CopyImage), false),
        (at(Step::TagImported), false),
        (to_be_stored(), false),
        (storing(), false),
        (at(Step::CleanUp), false),
    ];
    for (status, expected) in cases {
        assert_eq!(may_be_superseded(&status), expected, "{}", status.place());
    }
    // A bundle that EC2 made is checked like an uploaded one, but belongs to a task.
    let mut bundled = started(TaskKind::BundleInstance);
    bundled.build.step = Step::CheckBundle;
    assert!(!may_be_superseded(&bundled));
    for state in STATES.into_iter().filter(|state| state.is_final()) {
        bundled.state = state;
        assert!(may_be_superseded(&bundled), "{state}");
    }
}

#[test]
fn a_limit_is_exceeded_after_it_and_counts_from_the_beginning_of_the_step() {
    let limit = SignedDuration::from_mins(15);
    assert!(!registered().step_exceeds(limit, after(15)));
    assert!(registered().step_exceeds(limit, after(16)));
}
