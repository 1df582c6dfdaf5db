//! The single changes that all else is made of: moving on, waiting, recording a notice or a line of history.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::conditions;
use super::lately::forget_retired;
use crate::image::message;
use crate::image::plan::{PUBLISH_GRACE, WAITING_BEGINS, WAITING_LONG};
use crate::image::publish;
use crate::image::publish::retire::COOLDOWN;
use crate::image::status::{AppliedChange, Facts, Notice, RegionAction, Status, Waiting};
use crate::image::task::TaskKind;
use crate::image::words::{NoticeKind, State, Step, WaitReason};
use crate::image::workflow::{self, After};

/// Changes that a status keeps; the oldest go first.
const CHANGES_KEPT: usize = 200;

/// The step cannot proceed yet. Returns whether that is new.
pub(super) fn wait(status: &mut Status, reason: WaitReason, now: Timestamp) -> bool {
    let since = status.waiting_since(&reason, now);
    let has_date = has_date(status, &reason, now);
    let is_put_off = reason.has_date() && !has_date;
    // The same error in other words (a time, a request id) is not worth a write.
    let before = status.build.waiting.as_ref();
    let mut changed = !before.is_some_and(|before| before.reason.is_same(&reason));
    if changed {
        stop_waiting(status, now);
        status.build.waiting = Some(Waiting { reason, since });
    }
    // Polling for hours is usual; then only what keeps it from polling counts.
    let is_usual_for = match status.build.waiting.as_ref().map(|waiting| &waiting.reason) {
        Some(reason) if reason.takes_its_time() => Some(TaskKind::CopyImage.stalled_after()),
        // It may have been written long after the step began.
        Some(WaitReason::ParameterNotConfirmed { .. }) => Some(WAITING_LONG),
        _ => None,
    };
    let step = status.build.step;
    let is_long = if has_date || is_put_off {
        is_put_off
    } else if let Some(usual) = is_usual_for {
        now.duration_since(since) > usual
    } else if step.polls() || step.retires() {
        now.duration_since(since) > WAITING_LONG
    } else {
        // One thing after the other may keep it in its step: only one that began with the step counts by itself.
        let kept_since = status.kept_since();
        let has_begun_with_it = since.duration_since(kept_since) < WAITING_BEGINS;
        let from = if has_begun_with_it { since } else { kept_since };
        now.duration_since(from) > WAITING_LONG
    };
    if is_long && !has_notice_since(status, NoticeKind::WaitingLong, status.build.step_since) {
        record_notice(status, NoticeKind::WaitingLong, now);
        changed = true;
    }
    changed
}

/// Whether it is known until when this is waited for. A date that is put off again and again is none.
fn has_date(status: &Status, reason: &WaitReason, now: Timestamp) -> bool {
    let WaitReason::ProtectionCooldown { image, .. } = reason else {
        return false;
    };
    // It may have begun long after its step, as that of another AMI before.
    let versions = status.previous.iter().map(|it| &it.regions);
    let known = versions.chain([&status.regions]).flat_map(BTreeMap::values);
    let off = known.filter(|it| it.image == *image);
    let off = off.filter_map(|it| it.retiring.unprotected_at).max();
    let step_since = status.build.step_since;
    let began = off.map_or(step_since, |it| it.max(step_since));
    now.duration_since(began) <= COOLDOWN + PUBLISH_GRACE
}

/// What was waited for is over. What took its time is no reason to tell at once of what comes after it.
pub(super) fn stop_waiting(status: &mut Status, now: Timestamp) {
    let Some(Waiting { reason, .. }) = status.build.waiting.take() else {
        return;
    };
    // Whoever waits for it longer than that is told. Each copy has that time.
    let asked = match &reason {
        WaitReason::CopyPending { region } => {
            status.copies.get(region).and_then(|it| it.asked_since)
        }
        _ => None,
    };
    let since = asked.map_or(status.build.step_since, |it| {
        it.max(status.build.step_since)
    });
    let may_last = now.duration_since(since) <= TaskKind::CopyImage.stalled_after();
    if has_date(status, &reason, now) || (reason.takes_its_time() && may_last) {
        status.build.usual_until = Some(now);
    }
}

/// Continues with the next step of the workflow; after the last the AMI is available.
pub(super) fn next_step(status: &mut Status, why: impl Into<String>, now: Timestamp) {
    let step = status.build.step;
    if step == Step::AwaitImage {
        let replaced = status.replaced.iter_mut();
        replaced.for_each(|it| it.until = it.until.or(Some(now)));
    }
    let after = After {
        publishes: status.publishes || step.publishes() || status.has_unanswered_earlier(),
        stores: status.store.is_some(),
        retires: publish::retire::is_due(status),
    };
    let source = status.build.source;
    match source.and_then(|source| workflow::next(source, after, step)) {
        // The AMI is finished, and people can be told: what is left is about others.
        Some(Step::Retire) => {
            forget_retired(status, now);
            complete(status, State::Working, Step::Retire, why, now);
        }
        Some(next) => move_to(status, State::Working, next, why, now),
        None => complete(status, State::Available, step, why, now),
    }
}

/// All that the manifest asks for is so: for the first time, or again after its settings changed.
fn complete(status: &mut Status, state: State, step: Step, why: impl Into<String>, now: Timestamp) {
    move_to(status, state, step, why, now);
    let notice = match status.completed_at {
        None => NoticeKind::Completed,
        Some(_) => NoticeKind::Changed,
    };
    status.completed_at.get_or_insert(now);
    // The AMIs were only looked at once more, and nothing came of it.
    let is_told = std::mem::take(&mut status.looked_at_again) && status.untold == 0;
    all_told(status);
    if !is_told {
        record_notice(status, notice, now);
    }
    // What was repaired is in the notice.
    status.drift = None;
}

/// People are told of all that was changed.
pub(super) fn all_told(status: &mut Status) {
    status.untold = 0;
    for known in status.regions.values_mut() {
        known.told = None;
    }
}

/// Moves on, and records why.
pub(super) fn move_to(
    status: &mut Status,
    state: State,
    step: Step,
    why: impl Into<String>,
    now: Timestamp,
) {
    let from = status.place();
    if step != status.build.step {
        (status.build.step_since, status.build.usual_until) = (now, None);
    }
    (status.state, status.build.step) = (state, step);
    status.build.waiting = None;
    status.build.progress = None;
    status.build.stalls = 0;
    status.record(from, why.into(), now);
}

/// Records that something happened that moved nothing.
pub(super) fn note(status: &mut Status, why: impl Into<String>, now: Timestamp) {
    status.record(status.place(), why.into(), now);
}

/// Records a change that was made to the AMI, or to what points to it, for the notice that lists them. Two invocations may
/// have made the same one at the same time: it is listed once. What was changed back in between is listed last.
pub(super) fn record_change(status: &mut Status, what: &RegionAction, now: Timestamp) {
    note(status, message::change_line(what), now);
    let change = AppliedChange::of(what);
    let known = status.changes.iter().position(|it| *it == change);
    // Of one that is cut, what is not named may be another, unless nothing has come since.
    let is_same = |at: &usize| {
        let mut later = status.changes.iter().skip(at + 1);
        change.omitted == 0 || later.all(|it| it.what.region != change.what.region)
    };
    if let Some(at) = known.filter(is_same) {
        let untold = usize::try_from(status.untold).unwrap_or(usize::MAX);
        if at >= status.changes.len().saturating_sub(untold) {
            status.changes.remove(at);
            status.changes.push(change);
        }
        return;
    }
    status.changes.push(change);
    status.untold = status.untold.saturating_add(1);
    let surplus = status.changes.len().saturating_sub(CHANGES_KEPT);
    status.changes.drain(..surplus);
}

/// Records a notice of this kind about this status as it is now.
pub(super) fn record_notice(status: &mut Status, kind: NoticeKind, now: Timestamp) {
    conditions::update(status, now);
    let seq = status.notices.last().map_or(1, |notice| notice.seq + 1);
    let facts = Facts::of(status);
    // It names the AMIs that no version retires any more.
    status.forgotten.told |= kind.is_final() && !status.forgotten.is_empty();
    status.notices.push(Notice {
        seq,
        kind,
        at: now,
        facts: Some(facts),
        claimed_at: None,
        attempts: 0,
        attempt_failed: false,
        sent_at: None,
        message_id: None,
    });
}

/// Whether a notice of this kind was recorded at or after `since`.
fn has_notice_since(status: &Status, kind: NoticeKind, since: Timestamp) -> bool {
    status
        .notices
        .iter()
        .any(|notice| notice.kind == kind && notice.at >= since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::status::Action;

    fn described(text: &str) -> RegionAction {
        RegionAction {
            region: "us-east-1".to_owned(),
            action: Action::SetDescription {
                text: text.to_owned(),
            },
        }
    }

    /// Records these changes, the first ones of which people were told; what is listed then, and how many are untold.
    fn listed(told: &[&str], untold: &[&str]) -> (Vec<String>, u32) {
        let now = Timestamp::UNIX_EPOCH;
        let manifest = serde_json::json!({
            "bucket": "images", "key": "web.image.yaml", "etag": "e", "sha256": "0", "uploadedAt": now,
        });
        let mut status = Status::new(serde_json::from_value(manifest).unwrap(), now);
        told.iter()
            .for_each(|it| record_change(&mut status, &described(it), now));
        all_told(&mut status);
        untold
            .iter()
            .for_each(|it| record_change(&mut status, &described(it), now));
        let texts = status.changes.iter().map(|it| match &it.what.action {
            Action::SetDescription { text } => text.clone(),
            other => panic!("{other:?}"),
        });
        (texts.collect(), status.untold)
    }

    #[test]
    fn a_change_is_listed_once_and_the_last_one_last() {
        let list = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(listed(&[], &["a", "b", "a"]), (list(&["b", "a"]), 2));
        assert_eq!(listed(&["a", "b"], &["a", "b"]), (list(&["a", "b"]), 0));
        assert_eq!(listed(&["a"], &["b", "b"]), (list(&["a", "b"]), 1));
    }
}
