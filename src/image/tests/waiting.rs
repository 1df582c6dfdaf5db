//! What is waited for, and silence: since when, and when people are notified.

use super::*;
use crate::image::apply::note_stalled;
use crate::image::outcome::{Claim, PublishPerformed, Retired};
use crate::image::status::{Action, CopyRequest, Protection, RegionAction, Replaced};
use crate::image::words::{CancelBy, State, Step, WaitReason};

fn missing(first: &str) -> WaitReason {
    WaitReason::PartsMissing {
        missing: 1,
        of: 2,
        first: first.to_owned(),
    }
}

fn retrying(code: Option<&str>, message: &str) -> WaitReason {
    WaitReason::Retrying {
        code: code.map(str::to_owned),
        message: message.to_owned(),
    }
}

fn wait(status: &mut Status, reason: WaitReason, minutes: i64) -> bool {
    apply(status, StepOutcome::Wait(reason), after(minutes))
}

#[test]
fn waiting_is_recorded_once_and_notified_once_a_step() {
    let mut status = accepted(SourceKind::Bundle);
    assert!(wait(&mut status, missing("a"), 1));
    assert!(!wait(&mut status, missing("a"), 16));
    assert!(wait(&mut status, missing("a"), 17));
    assert!(!wait(&mut status, missing("a"), 600));
    assert_eq!(kinds(&status), [NoticeKind::WaitingLong]);
    assert!(wait(&mut status, missing("b"), 601));
    assert_eq!(kinds(&status), [NoticeKind::WaitingLong]);
}

/// Of a limit of its own that is as long: people are not told a minute before it ends.
#[test]
fn a_wait_that_began_with_its_step_counts_by_itself_and_a_later_one_with_the_step() {
    for (began, told) in [(0, 16), (1, 17), (9, 25), (10, 16), (12, 16), (20, 20)] {
        let mut status = accepted(SourceKind::Bundle);
        wait(&mut status, missing("a"), 0);
        wait(&mut status, missing("b"), began);
        assert_eq!(kinds(&status).len(), usize::from(told == began), "{began}");
        wait(&mut status, missing("b"), told - 1);
        assert_eq!(kinds(&status).len(), usize::from(told == began), "{began}");
        wait(&mut status, missing("b"), told);
        assert_eq!(kinds(&status), [NoticeKind::WaitingLong], "{began}");
    }
}

/// Whoever waits for what there is a date for, and is told of it, has not waited too long when that is over.
#[test]
fn what_an_ami_that_had_to_go_first_took_does_not_count() {
    for is_cancelled in [false, true] {
        let mut status = accepted(SourceKind::Bundle);
        if is_cancelled {
            let cancel = request_cancel(&mut status, CancelBy::Command, after(600));
            assert_eq!(cancel, Ok(true));
        } else {
            status.replaced.push(Replaced {
                region: REGION.to_owned(),
                image: "ami-0".to_owned(),
                at: after(600),
                until: None,
            });
        }
        wait(&mut status, missing("b"), 600);
        wait(&mut status, missing("b"), 615);
        assert_eq!(kinds(&status), [NoticeKind::WaitingLong; 0]);
        wait(&mut status, missing("b"), 616);
        assert_eq!(kinds(&status), [NoticeKind::WaitingLong]);
        let since = format!("since {}", after(600));
        assert!(
            newest(&status).text.contains(&since),
            "{}",
            newest(&status).text
        );
    }
}

fn cooldown(until: i64) -> WaitReason {
    WaitReason::ProtectionCooldown {
        image: "ami-0".to_owned(),
        until: after(until),
    }
}

fn copy_pending() -> WaitReason {
    let region = "us-west-2".to_owned();
    WaitReason::CopyPending { region }
}

/// What comes after it counts by itself, whether it follows at once or after something was done.
#[test]
fn what_takes_its_time_or_has_a_date_is_over_before_people_are_told_to_wait() {
    type Then = fn(&mut Status, i64);
    let at_once: Then = |_, _| {};
    let performed: Then = |status, minutes| {
        let done = PublishPerformed {
            done: vec![RegionAction {
                region: REGION.to_owned(),
                action: Action::SetDescription {
                    text: "Web".to_owned(),
                },
            }],
            ..PublishPerformed::default()
        };
        advance(status, Evidence::PublishPerformed(done), minutes);
    };
    let protected: Then = |status, minutes| {
        let done = Retired {
            done: vec![RegionAction {
                region: REGION.to_owned(),
                action: Action::ProtectPrevious {
                    image: "ami-0".to_owned(),
                    protection: Protection::WithCooldown,
                },
            }],
            ..Retired::default()
        };
        advance(status, Evidence::Retired(done), minutes);
    };
    let settling = || WaitReason::SettingsNotVisible {
        region: REGION.to_owned(),
    };
    for (step, usual, then, next) in [
        (Step::Publish, copy_pending(), at_once, settling()),
        (Step::Publish, copy_pending(), performed, settling()),
        (
            Step::RegisterImage,
            cooldown(200),
            at_once,
            retrying(None, "closed"),
        ),
        (
            Step::RegisterImage,
            cooldown(200),
            protected,
            retrying(None, "closed"),
        ),
    ] {
        let mut status = registered();
        status.build.step = step;
        wait(&mut status, usual, 2);
        then(&mut status, 200);
        for minutes in [200, 215] {
            wait(&mut status, next.clone(), minutes);
            assert_eq!(kinds(&status), [NoticeKind::WaitingLong; 0], "{next:?}");
        }
        wait(&mut status, next.clone(), 216);
        assert_eq!(kinds(&status), [NoticeKind::WaitingLong], "{next:?}");
        let since = format!("since {}.", after(200));
        let text = newest(&status).text;
        assert!(text.contains(&since), "{text}");
    }
}

/// The status has the date, unless that is put off for longer than EC2 takes.
#[test]
fn a_cooldown_is_told_to_last_only_if_it_lasts_longer_than_ec2_says() {
    for step in [Step::RegisterImage, Step::Retire] {
        let mut status = registered();
        status.build.step = step;
        for minutes in [30, 24 * 60, 29 * 60] {
            wait(&mut status, cooldown(minutes + 60), minutes);
            wait(&mut status, cooldown(minutes + 60), minutes + 59);
        }
        assert_eq!(kinds(&status), []);
        for hours in [31, 32] {
            wait(&mut status, cooldown((hours + 1) * 60), hours * 60);
            assert_eq!(kinds(&status), [NoticeKind::WaitingLong], "{step:?}");
        }
    }
}

/// The AMI before it took a day, too.
#[test]
fn a_cooldown_that_begins_late_in_its_step_has_a_day_of_its_own() {
    let mut status = registered();
    status.build.step = Step::Retire;
    let mut known = RegionStatus::pending("ami-0".to_owned());
    known.retiring.unprotected_at = Some(after(25 * 60));
    status.previous = vec![earlier_version(known)];
    for hours in [25, 31, 48] {
        wait(&mut status, cooldown(49 * 60), hours * 60);
        assert_eq!(kinds(&status), [], "{hours}");
    }
    wait(&mut status, cooldown(57 * 60), 56 * 60);
    assert_eq!(kinds(&status), [NoticeKind::WaitingLong]);
}

/// The first one has failed, and each has its own hours.
#[test]
fn what_comes_after_the_second_copy_is_not_told_at_once() {
    let mut status = registered();
    status.build.step = Step::Publish;
    wait(&mut status, copy_pending(), 2);
    let second = CopyRequest {
        asked_since: Some(after(5 * 60)),
        ..CopyRequest::default()
    };
    status.copies.insert("us-west-2".to_owned(), second);
    wait(&mut status, copy_pending(), 5 * 60);
    wait(&mut status, retrying(Some("Slow"), "no"), 9 * 60);
    assert_eq!(kinds(&status), []);
}

/// Else what fails now and then, beside a copy that does not end, would never be told.
#[test]
fn a_copy_that_takes_longer_than_is_usual_is_told_with_what_comes_after_it() {
    let mut status = registered();
    status.build.step = Step::Publish;
    for minutes in (2..6 * 60).step_by(2) {
        wait(&mut status, copy_pending(), minutes);
        wait(&mut status, retrying(Some("Slow"), "no"), minutes + 1);
    }
    assert_eq!(kinds(&status), []);
    wait(&mut status, copy_pending(), 6 * 60 + 2);
    wait(&mut status, retrying(Some("Slow"), "no"), 6 * 60 + 30);
    assert_eq!(kinds(&status), [NoticeKind::WaitingLong]);
}

#[test]
fn since_is_kept_for_the_same_reason() {
    let mut status = accepted(SourceKind::Bundle);
    let since = |status: &Status| status.build.waiting.as_ref().unwrap().since;
    wait(&mut status, missing("a"), 1);
    wait(&mut status, missing("a"), 2);
    assert_eq!(since(&status), after(1));
    wait(&mut status, missing("b"), 3);
    assert_eq!(since(&status), after(3));
    // Of an error its code counts: its message may name times and request ids.
    wait(&mut status, retrying(Some("Slow"), "request 1"), 4);
    assert!(!wait(&mut status, retrying(Some("Slow"), "request 2"), 5));
    assert_eq!(since(&status), after(4));
    wait(&mut status, retrying(Some("Other"), "request 2"), 6);
    assert_eq!(since(&status), after(6));
    wait(&mut status, retrying(None, "request 2"), 7);
    wait(&mut status, retrying(None, "request 3"), 8);
    assert_eq!(since(&status), after(8));
}

#[test]
fn a_wait_is_measured_from_when_just_this_was_first_waited_for() {
    let limit = SignedDuration::from_mins(15);
    let mut status = accepted(SourceKind::Bundle);
    wait(&mut status, missing("a"), 1);
    let wrong = WaitReason::PartsSizeMismatch {
        size: 10,
        expected: 11,
    };
    assert!(!status.has_waited(&wrong, limit, after(60)));
    wait(&mut status, wrong.clone(), 60);
    assert!(!status.has_waited(&wrong, limit, after(75)));
    assert!(status.has_waited(&wrong, limit, after(76)));
}

#[test]
fn a_step_that_goes_on_no_longer_waits() {
    let mut status = accepted(SourceKind::Bundle);
    wait(&mut status, missing("a"), 1);
    advance(&mut status, bundle_checked("b1"), 2);
    assert_eq!(status.build.waiting, None);
    let mut polled = importing();
    wait(&mut polled, retrying(Some("Slow"), "no"), 6);
    assert!(poll(&mut polled, TaskKind::ImportSnapshot, "active", 7));
    assert_eq!(polled.build.waiting, None);
}

#[test]
fn polling_for_hours_is_usual_and_only_what_keeps_it_from_polling_counts() {
    let mut status = importing();
    assert!(wait(&mut status, retrying(Some("Slow"), "no"), 50));
    assert_eq!(kinds(&status), []);
    assert!(!wait(&mut status, retrying(Some("Slow"), "no"), 65));
    assert!(wait(&mut status, retrying(Some("Slow"), "no"), 66));
    assert_eq!(kinds(&status), [NoticeKind::WaitingLong]);
    let text = newest(&status).text;
    assert!(
        text.starts_with("web is still waiting, 1h 6m after golden/web.image.yaml was uploaded: since 2026-11-21T10:50:00Z."),
        "{text}"
    );
}

#[test]
fn a_claim_to_store_is_over_when_nothing_was_sent() {
    let asked_at = |status: &Status| status.store.as_ref().unwrap().asked_at;
    let mut status = to_be_stored();
    assert!(apply(
        &mut status,
        StepOutcome::Claim(Claim::Store),
        after(2)
    ));
    assert_eq!(asked_at(&status), Some(after(2)));
    wait(&mut status, retrying(Some("Slow"), "no"), 3);
    assert_eq!(asked_at(&status), Some(after(2)));
    let action = "CreateStoreImageTask".to_owned();
    let limited = WaitReason::RateLimited { action };
    // Something else was not sent: what was claimed before may have been.
    wait(&mut status, limited.clone(), 3);
    assert_eq!(asked_at(&status), Some(after(2)));
    let not_begun = StepOutcome::NotBegun(limited);
    assert!(apply(&mut status, not_begun.clone(), after(4)));
    assert_eq!(asked_at(&status), None);
    assert!(!apply(&mut status, not_begun, after(5)));
}

#[test]
fn silence_is_reported_after_a_time_then_after_twice_and_four_times_that() {
    for (kind, _) in MAKERS {
        let mut status = started(kind);
        poll(&mut status, kind, first_state(kind), 0);
        let limit = kind.stalled_after().as_mins();
        for factor in [1, 2, 4, 8] {
            let edge = limit * factor;
            assert!(
                !poll(&mut status, kind, first_state(kind), edge),
                "{kind}: {factor} times"
            );
            assert!(
                poll(&mut status, kind, first_state(kind), edge + 1),
                "{kind}: {factor} times"
            );
            assert!(
                !poll(&mut status, kind, first_state(kind), edge + 1),
                "{kind}: reported once"
            );
        }
        assert_eq!(kinds(&status), [NoticeKind::Stalled; 4], "{kind}");
        assert_eq!(status.state, State::Working, "nothing is aborted");
    }
}

#[test]
fn a_change_ends_the_silence() {
    let mut status = started(TaskKind::ImportSnapshot);
    let shown = |progress| ObservedTask {
        progress: Some(progress),
        ..seen_task(TaskKind::ImportSnapshot, "active")
    };
    poll_task(&mut status, Some(&shown(10)), 0);
    poll_task(&mut status, Some(&shown(10)), 61);
    assert_eq!((kinds(&status).len(), status.build.stalls), (1, 1));
    poll_task(&mut status, Some(&shown(11)), 62);
    assert_eq!(status.build.stalls, 0);
    // The first limit again, from the change on; a stale answer is not a change.
    poll_task(&mut status, Some(&shown(10)), 120);
    assert!(!poll_task(&mut status, Some(&shown(11)), 122));
    assert!(poll_task(&mut status, Some(&shown(11)), 123));
    assert_eq!(kinds(&status), [NoticeKind::Stalled; 2]);
}

#[test]
fn one_notice_covers_all_silence_without_polls() {
    let (mut status, kind) = (started(TaskKind::ImportSnapshot), TaskKind::ImportSnapshot);
    poll(&mut status, kind, "active", 9 * 60);
    assert_eq!(kinds(&status), [NoticeKind::Stalled]);
    assert!(!poll(&mut status, kind, "active", 16 * 60));
    assert!(poll(&mut status, kind, "active", 17 * 60));
    assert_eq!(kinds(&status), [NoticeKind::Stalled; 2]);
}

#[test]
fn an_ami_without_a_task_is_silent_sooner() {
    let mut status = registered();
    poll_image(&mut status, Some(&seen("pending")), 1);
    assert!(!note_stalled(&mut status, after(15)));
    assert!(note_stalled(&mut status, after(16)));
    assert!(!note_stalled(&mut status, after(30)));
    assert!(note_stalled(&mut status, after(31)));
    assert_eq!(kinds(&status), [NoticeKind::Stalled; 2]);
}
