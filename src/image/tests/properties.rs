//! Whatever happens in whatever order: what must hold of every status that can be reached.
//!
//! A run is a list of numbers, each of which chooses among what the current step can come to, so that proptest shrinks
//! it like any list. Chosen from are also stale and unknown observations, requests and the passing of time.

mod outcomes;
mod publishing;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::*;
use crate::image::apply::request_retry;
use crate::image::plan::{Next, next};
use crate::image::publish::retire;
use crate::image::status::{ConditionKind, ConditionStatus, parse};
use crate::image::task::Phase;
use crate::image::words::{ConditionReason, State, Step};
use crate::image::workflow;
use outcomes::{Choice, any_outcome};

/// Largest status that such runs may make: far below the 512 KiB that are written.
const SIZE_MAX: usize = 256 * 1024;

/// One thing that happens. Returns whether it may leave a final state: a new version does.
fn happen(status: &mut Status, choice: &mut Choice, minutes: i64) -> bool {
    let now = after(minutes);
    match choice.of(vec![0, 0, 0, 0, 0, 0, 0, 1, 2, 3]) {
        1 => drop(request_cancel(status, CancelBy::Command, now)),
        2 => drop(request_retry(status, now)),
        3 if status.retry.is_some()
            || (status.state.is_final() && choice.of(vec![true, false])) =>
        {
            *status = open(Some(status.clone()), manifest("bbbb"), now);
            return true;
        }
        3 => {
            while let Some(notice) = status.claim_notice(now) {
                assert!(status.notice_sent(notice.seq, "id", now));
            }
        }
        _ => {
            check_out_of_place(status, minutes);
            let outcome = any_outcome(status, choice, minutes);
            check_apply(status, &outcome, minutes);
        }
    }
    false
}

/// What `apply` returns is true, and the same poll once more is not worth a second save.
fn check_apply(status: &mut Status, outcome: &StepOutcome, minutes: i64) {
    let before = status.clone();
    let worth = apply(status, outcome.clone(), after(minutes));
    if !worth {
        assert_eq!(*status, before, "changed, and not said to be: {outcome:?}");
    }
    let is_poll = matches!(
        outcome,
        StepOutcome::Unchanged
            | StepOutcome::Wait(_)
            | StepOutcome::Advance(Evidence::TaskPolled(_) | Evidence::ImagePolled { .. })
    );
    if is_poll && status.place() == before.place() {
        let mut again = status.clone();
        assert!(
            !apply(&mut again, outcome.clone(), after(minutes)),
            "worth a second save: {outcome:?}"
        );
        assert_eq!(again, *status);
    }
}

/// What was seen for another step, as EC2's events come at any time, changes nothing.
fn check_out_of_place(status: &Status, minutes: i64) {
    for (steps, evidence) in outcomes::observations(status) {
        if steps.contains(&status.build.step) {
            continue;
        }
        let mut after_it = status.clone();
        let outcome = StepOutcome::Advance(evidence);
        let place = status.place();
        assert!(
            !apply(&mut after_it, outcome.clone(), after(minutes)),
            "{place}: worth a save: {outcome:?}"
        );
        assert_eq!(after_it, *status, "{place}: {outcome:?}");
    }
}

fn notice_of(state: State) -> &'static [NoticeKind] {
    match state {
        State::Working | State::Superseded | State::Deleted => &[],
        State::Available => &[NoticeKind::Completed],
        State::Incomplete => &[NoticeKind::Incomplete],
        State::Failed => &[NoticeKind::Failed, NoticeKind::Lost],
        State::Cancelled => &[NoticeKind::Cancelled],
        State::Rejected => &[NoticeKind::Rejected],
    }
}

/// How an image has ended, as people are told: it is finished before the AMIs of earlier versions are retired.
fn told_end(status: &Status) -> Option<State> {
    match (status.state, status.build.step) {
        (State::Working, Step::Retire) => Some(State::Available),
        (state, _) => state.is_final().then_some(state),
    }
}

/// What must hold from one status to the next.
fn check_change(before: &Status, status: &Status, is_new_version: bool) {
    if before.state.is_final() && !is_new_version {
        assert_eq!((before.state, &before.build), (status.state, &status.build));
        assert_eq!(before.regions, status.regions);
    }
    let known = before.notices.last().map_or(0, |notice| notice.seq);
    let new: Vec<NoticeKind> = status
        .notices
        .iter()
        .filter(|it| it.seq > known && it.kind.is_final())
        .map(|it| it.kind)
        .collect();
    let end = told_end(status).filter(|end| told_end(before) != Some(*end));
    if let Some(end) = end.filter(|_| !before.state.is_final()) {
        let allowed = notice_of(end);
        assert_eq!(new.len(), allowed.len().min(1), "{end:?}: {new:?}");
        assert!(
            new.iter().all(|kind| allowed.contains(kind)),
            "{end:?}: {new:?}"
        );
    } else {
        assert_eq!(new, [], "{}", status.place());
    }
    if !is_new_version {
        check_step(before, status);
        for (before, task) in before.build.tasks.iter().zip(&status.build.tasks) {
            if matches!(before.phase(), Phase::Complete | Phase::Failed) {
                assert_eq!(before.state, task.state);
            }
            let went_back = matches!(
                (before.phase(), task.phase()),
                (Phase::Ending, Phase::Running)
            );
            assert!(!went_back, "{} after {}", task.state, before.state);
        }
    }
}

fn check_step(before: &Status, status: &Status) {
    let (from, to) = (before.build.step, status.build.step);
    let mut allowed = vec![from, Step::CleanUp];
    if let Some(source) = status.build.source {
        let after = workflow::After {
            publishes: status.publishes,
            stores: status.store.is_some(),
            retires: retire::is_due(status),
        };
        let following = |step| workflow::next(source, after, step);
        let first = following(from);
        allowed.extend(first);
        // A task that is found at its end is not awaited.
        allowed.extend(
            first
                .and_then(following)
                .filter(|_| from.creates() || from == Step::StoreImage),
        );
        if matches!(from, Step::StartTask) {
            allowed.push(Step::CheckObject);
        }
    }
    assert!(allowed.contains(&to), "{from} to {to}");
}

/// What must hold of every status.
fn check(status: &Status) {
    let written = serde_json::to_vec(status).unwrap();
    assert_eq!(parse(&written).as_ref(), Ok(status));
    assert!(written.len() < SIZE_MAX, "{}", written.len());
    assert!(status.history.len() <= 100 && status.previous.len() <= 10);
    let built = status
        .conditions
        .iter()
        .find(|it| it.kind == ConditionKind::Built)
        .unwrap();
    let expected = match status.state {
        _ if status.is_built() => ConditionStatus::True,
        State::Working if status.build.ending.is_none() => ConditionStatus::Unknown,
        _ => ConditionStatus::False,
    };
    assert_eq!(built.status, expected, "{}", status.place());
    assert_eq!(
        built.reason == ConditionReason::Waiting,
        status.state == State::Working
            && status.build.waiting.is_some()
            && expected == ConditionStatus::Unknown
    );
    let in_sync = status
        .conditions
        .iter()
        .any(|it| it.kind == ConditionKind::InSync);
    assert_eq!(in_sync, status.is_built());
    let kinds = status.conditions.iter();
    let retired = kinds.filter(|it| it.kind == ConditionKind::Retired).count();
    assert_eq!(
        status.conditions.len(),
        1 + 2 * usize::from(in_sync) + retired
    );
    assert!(
        status
            .notices
            .is_sorted_by(|one, other| one.seq < other.seq)
    );
    assert!(
        status
            .notices
            .iter()
            .all(|it| it.facts.is_some() == it.sent_at.is_none())
    );
    assert_eq!(
        status.build.ending.is_some(),
        status.state == State::Working && status.build.step == Step::CleanUp
    );
    if status.state == State::Available {
        assert!(!status.regions.is_empty());
    }
    let orphans: Vec<&str> = status.build.orphans.iter().map(|it| &*it.what).collect();
    let mut unique = orphans.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), orphans.len(), "{orphans:?}");
}

/// What must hold of what is next.
fn check_plan(status: &Status, minutes: i64) {
    // Also long after: no time that passes finalizes what is in progress.
    for minutes in [minutes, minutes + 1_000_000] {
        let next = next(status, after(minutes));
        let is_of_final = matches!(
            next,
            Next::SendNotices | Next::AwaitNotices | Next::Retry | Next::Finalize
        );
        assert_eq!(is_of_final, status.state.is_final(), "{next:?}");
        if status.unsent().next().is_some() {
            assert_ne!(next, Next::Finalize, "{:?}", status.notices);
        }
    }
}

fn run(moves: &[(u32, u8)]) -> Status {
    let mut status = opened();
    let mut minutes = 0;
    check(&status);
    check_plan(&status, minutes);
    for (number, pause) in moves {
        minutes += [0, 1, 2, 16, 70, 400][usize::from(*pause)];
        let before = status.clone();
        let is_new_version = happen(&mut status, &mut Choice(*number), minutes);
        check_change(&before, &status, is_new_version);
        check(&status);
        check_plan(&status, minutes);
    }
    status
}

/// Always the same cases, and no file of earlier failures. With `PROPTEST_CASES` it is that many, of a new seed: the
/// weekly run of CI searches further than that of each push.
fn runner(cases: u32) -> TestRunner {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return TestRunner::new(config);
    }
    let config = ProptestConfig { cases, ..config };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Without failures every source ends `available`, without a notice of trouble.
#[test]
fn every_source_becomes_available_if_nothing_goes_wrong() {
    for source in SourceKind::ALL {
        for store in [false, true] {
            let mut status = opened();
            let mut minutes = 0;
            while !status.state.is_final() {
                minutes += 1;
                assert!(minutes < 30, "{source}: {}", status.place());
                let outcome = outcomes::good(&status, source, store, minutes);
                apply(&mut status, outcome, after(minutes));
            }
            assert_eq!(status.state, State::Available, "{source}");
            let kinds: Vec<NoticeKind> = status.notices.iter().map(|it| it.kind).collect();
            assert_eq!(kinds, [NoticeKind::Completed], "{source}");
        }
    }
}

/// Runs that reach few places would prove little: these reach every state and every step.
#[test]
fn any_outcome_of_the_current_step_leads_to_a_valid_status() {
    let moves = prop::collection::vec((any::<u32>(), 0..6_u8), 0..60);
    let reached = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let result = runner(600).run(&moves, |moves| {
        let history = run(&moves).history;
        reached
            .borrow_mut()
            .extend(history.into_iter().map(|it| it.to));
        Ok(())
    });
    result.unwrap();
    let ends = [
        State::Available,
        State::Incomplete,
        State::Failed,
        State::Cancelled,
        State::Rejected,
        State::Superseded,
    ];
    // Two versions that both come to be are too rare here: what is retired has tests of its own.
    let steps = Step::ALL.into_iter().filter(|step| !step.retires());
    let steps = steps.map(|step| format!("working/{step}"));
    for place in ends.map(|state| state.to_string()).into_iter().chain(steps) {
        assert!(
            reached.borrow().contains(&place),
            "{place} was never reached"
        );
    }
}
