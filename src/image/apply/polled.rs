//! What was seen of a task or an AMI: never backwards, unknown words waited on, silence reported.

use jiff::Timestamp;

use super::changes::{next_step, record_notice};
use super::ending::{abort, fail};
use crate::image::billing::Billing;
use crate::image::message::failures;
use crate::image::observed::{ObservedImage, ObservedTask};
use crate::image::ownership;
use crate::image::plan::{ENDING_GRACE, VISIBILITY_GRACE, WAITING_LONG};
use crate::image::status::{RegionStatus, Status, Waiting};
use crate::image::task::{Phase, Task, TaskKind};
use crate::image::words::{NoticeKind, TerminalReason, WaitReason};

/// The task was polled; `seen` is none where EC2 does not list it. Returns whether that is worth saving.
pub(super) fn task(status: &mut Status, seen: Option<&ObservedTask>, now: Timestamp) -> bool {
    let build = &mut status.build;
    let Some(task) = build.tasks.last_mut() else {
        return false;
    };
    let Some(seen) = seen else {
        let is_new = task.unseen_since.is_none();
        task.unseen_since.get_or_insert(now);
        return is_new;
    };
    let updated_at = task.updated_at;
    let changed = task.update(seen, now) | done_waiting(&mut build.waiting);
    if task.updated_at != updated_at {
        build.stalls = 0;
    }
    build.progress = task.progress;
    judge(status, now) || note_stalled(status, now) || changed
}

/// What kept the task or the AMI from being polled is over. That EC2 refuses to cancel is not: it holds until the task
/// ends. Returns whether that is new.
fn done_waiting(waiting: &mut Option<Waiting>) -> bool {
    let is_refused = |it: &mut Waiting| matches!(it.reason, WaitReason::CancelRefused { .. });
    waiting.take_if(|it| !is_refused(it)).is_some()
}

/// Acts on the state of the last task, if that is an end. Returns whether it is.
pub(super) fn judge(status: &mut Status, now: Timestamp) -> bool {
    let Some(task) = status.build.tasks.last().cloned() else {
        return false;
    };
    match task.phase() {
        Phase::Complete => complete(status, &task, now),
        Phase::Failed => failed(status, &task, now),
        Phase::Ending if now.duration_since(task.updated_at) > ENDING_GRACE => {
            failed(status, &task, now);
        }
        Phase::Ending | Phase::Running => return false,
    }
    true
}

fn complete(status: &mut Status, task: &Task, now: Timestamp) {
    if status.cancel.is_some() && task.kind != TaskKind::StoreImage {
        return abort(status, TerminalReason::Cancelled, None, now);
    }
    match task.kind {
        TaskKind::ImportSnapshot if task.snapshots.is_empty() => {
            fail(status, failures::made_nothing(task, "snapshot"), now);
        }
        TaskKind::ImportImage if task.image.is_none() => {
            fail(status, failures::made_nothing(task, "AMI"), now);
        }
        _ => next_step(
            status,
            format!("{} {} is complete", task.kind, task.id),
            now,
        ),
    }
}

fn failed(status: &mut Status, task: &Task, now: Timestamp) {
    if status.cancel.is_some() && task.kind != TaskKind::StoreImage {
        return abort(status, TerminalReason::Cancelled, None, now);
    }
    fail(status, failures::task_failed(task), now);
}

/// The AMI was polled; `seen` is none where EC2 does not list it. Returns whether that is worth saving.
pub(super) fn image(
    status: &mut Status,
    region: &str,
    seen: Option<&ObservedImage>,
    now: Timestamp,
) -> bool {
    let Some(seen) = seen else {
        return image_unlisted(status, region, now);
    };
    let mut changed = keep(status, region, seen) | status.build.waiting.take().is_some();
    let last = status.build.tasks.last_mut();
    if let Some(task) = last.filter(|task| task.kind.is_image()) {
        let before = task.updated_at;
        changed |= task.update(&seen.as_task(), now);
        if task.updated_at != before {
            status.build.stalls = 0;
        }
    }
    match seen.state.as_str() {
        "available" => {
            // What was set on it is known by no status: it has to be compared, whatever the manifest asks for.
            status.publishes |=
                status.is_unrecorded(region) && ownership::is_of_other_attempt(status, seen);
            next_step(status, format!("{} is available", seen.id), now);
            true
        }
        "failed" | "invalid" | "error" | "deregistered" => {
            fail(status, failures::image_failed(seen), now);
            true
        }
        "disabled" => {
            let doing = format!("waiting for {} to become available", seen.id);
            fail(
                status,
                failures::image_disabled(region, &seen.id, doing),
                now,
            );
            true
        }
        // `pending`, `transient` and words that EC2 may add: shown, and waited on.
        _ => note_stalled(status, now) || changed,
    }
}

/// Keeps what was seen of the AMI. Returns whether anything is new.
pub(super) fn keep(status: &mut Status, region: &str, seen: &ObservedImage) -> bool {
    let before = status.regions.get(region);
    let known = before.filter(|known| known.image == seen.id).cloned();
    let known = known.unwrap_or_else(|| RegionStatus::pending(seen.id.clone()));
    let snapshots = Some(&seen.snapshots).filter(|it| !it.is_empty());
    let billing = Some(seen.billing.clone()).filter(Billing::is_known);
    let image = RegionStatus {
        image_state: seen.state.clone(),
        created_at: seen.created_at.or(known.created_at),
        unseen_since: None,
        snapshots: snapshots.unwrap_or(&known.snapshots).clone(),
        billing: billing.or_else(|| known.billing.clone()),
        ..known
    };
    let changed = before != Some(&image);
    status.regions.insert(region.to_owned(), image);
    changed
}

/// One empty answer does not prove anything: EC2's answers are eventually consistent.
fn image_unlisted(status: &mut Status, region: &str, now: Timestamp) -> bool {
    let Some(image) = status.regions.get_mut(region) else {
        return false;
    };
    let Some(since) = image.unseen_since else {
        image.unseen_since = Some(now);
        return true;
    };
    if now.duration_since(since) <= VISIBILITY_GRACE {
        return false;
    }
    let failure = failures::image_lost(&image.image, region, since);
    fail(status, failure, now);
    true
}

/// Reports silence: after a time that is named for each kind, then after twice that, and so on. Nothing is aborted for
/// being slow. Returns whether there was something to report.
#[must_use]
pub fn note_stalled(status: &mut Status, now: Timestamp) -> bool {
    // RegisterImage takes seconds.
    let limit = status
        .polled_task()
        .map_or(WAITING_LONG, |task| task.kind.stalled_after());
    let silence = now.duration_since(status.unchanged_since());
    let reported = status.build.stalls;
    // It may not have been polled for a long time: then one notice stands for all that would have been sent meanwhile.
    while limit
        .checked_mul(2_i32.saturating_pow(status.build.stalls))
        .is_some_and(|limit| silence > limit)
    {
        status.build.stalls += 1;
    }
    if status.build.stalls == reported {
        return false;
    }
    record_notice(status, NoticeKind::Stalled, now);
    true
}
