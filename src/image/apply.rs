//! The one writer of statuses: turns what a step came to into a changed status, with its notice and its history entry,
//! so that one conditional write saves all of it.

mod arrival;
mod conditions;
mod ending;
mod polled;

use jiff::Timestamp;

pub use arrival::{note_repetition, note_settings_changed, open};
pub use ending::{NotCancellable, NotRetryable, request_cancel, request_retry};
pub use polled::note_stalled;

use super::message::{self, problems};
use super::notice::Notice;
use super::outcome::{Accepted, Claim, Evidence, Identity, Origin, StepOutcome};
use super::plan::WAITING_LONG;
use super::status::{RegionStatus, Status, StoreRequest, Waiting};
use super::task::{Phase, Task};
use super::words::{NoticeKind, State, Step, TerminalReason, WaitReason};
use super::workflow;
use crate::manifest::Problem;

/// Problems that a status keeps: more than anybody reads, few enough for an object that is rewritten often.
const PROBLEMS_KEPT: usize = 100;

/// Writes into the status what a step came to. Returns whether that is worth saving. What has ended stays as it is:
/// only a new version or attempt replaces it ([`open`]).
pub fn apply(status: &mut Status, outcome: StepOutcome, now: Timestamp) -> bool {
    if status.state.is_final() {
        return false;
    }
    let changed = match outcome {
        StepOutcome::Advance(evidence) => advance(status, evidence, now),
        StepOutcome::Wait(reason) => wait(status, reason, now),
        StepOutcome::Reject(problems) => {
            reject(status, problems, now);
            true
        }
        StepOutcome::Fail(failure) => {
            ending::fail(status, failure, now);
            true
        }
        StepOutcome::Claim(claim) => {
            self::claim(status, claim, now);
            true
        }
        StepOutcome::Unchanged => false,
    };
    if changed {
        conditions::update(status, now);
    }
    changed
}

fn advance(status: &mut Status, evidence: Evidence, now: Timestamp) -> bool {
    match evidence {
        Evidence::ManifestAccepted(accepted) => accept(status, accepted, now),
        Evidence::DecidedElsewhere { image_manifest } => {
            let why = format!("{image_manifest} beside the bundle decides about it");
            // There is nothing to tell: that manifest's image tells of itself.
            move_to(status, State::Superseded, status.build.step, why, now);
        }
        Evidence::ObjectChecked { object, identity } => {
            let why = format!("s3://{}/{} is there", object.bucket, object.key);
            status.build.object = Some(object);
            set_identity(status, identity);
            next_step(status, why, now);
        }
        Evidence::ObjectReplaced => {
            status.build.object = None;
            let why = "the object was replaced or removed since it was checked";
            move_to(status, State::Working, Step::CheckObject, why, now);
        }
        Evidence::BundleChecked { bundle, identity } => {
            status.build.bundle = Some(bundle);
            set_identity(status, identity);
            next_step(status, "the bundle and all its parts are there", now);
        }
        Evidence::TaskStarted { task, origin } => task_started(status, task, origin, now),
        Evidence::TaskPolled(seen) => return polled::task(status, seen.as_ref(), now),
        Evidence::ImportTagged => import_tagged(status, now),
        Evidence::ImageRegistered {
            region,
            image,
            origin,
        } => {
            let why = match origin {
                Origin::Created => format!("registered {} in {region}", image.image),
                Origin::Found => format!(
                    "found {} in {region}, registered by an earlier request",
                    image.image
                ),
            };
            status.regions.insert(region, image);
            // Also where it was found before the task that makes it was.
            move_to(status, State::Working, Step::AwaitImage, why, now);
        }
        Evidence::ImagePolled { region, image } => {
            return polled::image(status, &region, image.as_ref(), now);
        }
        Evidence::CancelSent(refused) => return ending::cancel_sent(status, refused, now),
        Evidence::Cancelled { orphans } => {
            orphans.into_iter().for_each(|it| ending::keep(status, it));
            ending::abort(status, TerminalReason::Cancelled, None, now);
        }
        Evidence::NotDeleted(orphans) => {
            orphans.into_iter().for_each(|it| ending::keep(status, it));
        }
        Evidence::CleanedUp { orphans } => {
            orphans.into_iter().for_each(|it| ending::keep(status, it));
            ending::cleaned_up(status, now);
        }
    }
    true
}

fn accept(status: &mut Status, accepted: Accepted, now: Timestamp) {
    status.build.source = Some(accepted.source);
    status.store = accepted.store.map(|bucket| StoreRequest {
        bucket,
        asked_at: None,
    });
    status.manifest.publish_digest = Some(accepted.publish_digest);
    if let Some(identity) = accepted.identity {
        set_identity(status, identity);
    }
    next_step(status, "the manifest passed the checks", now);
    if accepted.notify_started {
        record_notice(status, NoticeKind::Started, now);
    }
}

fn set_identity(status: &mut Status, identity: Identity) {
    status.build.name = Some(identity.name);
    status.build.digest = Some(identity.digest);
}

fn task_started(status: &mut Status, task: Task, origin: Origin, now: Timestamp) {
    let what = format!("{} {} in {}", task.kind, task.id, task.region);
    let why = match origin {
        Origin::Created => format!("started {what}"),
        Origin::Found => format!("found {what}, started by an earlier request"),
    };
    if task.kind.is_image() {
        let image = RegionStatus {
            image: task.id.clone(),
            image_state: task.state.clone(),
            unseen_since: None,
            snapshots: task.snapshots.clone(),
        };
        status.regions.insert(task.region.clone(), image);
    }
    let has_ended = matches!(task.phase(), Phase::Complete | Phase::Failed);
    let is_image = task.kind.is_image();
    status.build.tasks.push(task);
    next_step(status, why, now);
    if has_ended && !is_image {
        polled::judge(status, now);
    }
}

/// A snapshot is registered, an AMI polled.
fn import_tagged(status: &mut Status, now: Timestamp) {
    let task = status.build.tasks.last();
    if let Some(task) = task
        && let Some(id) = &task.image
    {
        let mut image = RegionStatus::pending(id.clone());
        image.snapshots.clone_from(&task.snapshots);
        status.regions.insert(task.region.clone(), image);
    }
    next_step(status, "what was imported is tagged", now);
}

/// What somebody uploaded does not pass the checks. A bundle that EC2 made is not a mistake of the manifest: its image
/// fails.
fn reject(status: &mut Status, mut found: Vec<Problem>, now: Timestamp) {
    if let Some(failure) = problems::of_task(status, &found) {
        return ending::fail(status, failure, now);
    }
    let why = problems::summary(found.len());
    let surplus = found.len().saturating_sub(PROBLEMS_KEPT);
    status.problems_omitted = u32::try_from(surplus).unwrap_or(u32::MAX);
    found.truncate(PROBLEMS_KEPT);
    found.iter_mut().for_each(Problem::shorten);
    status.problems = found;
    move_to(status, State::Rejected, status.build.step, why, now);
    record_notice(status, NoticeKind::Rejected, now);
}

/// The step cannot go on yet. Returns whether that is new.
fn wait(status: &mut Status, reason: WaitReason, now: Timestamp) -> bool {
    let since = status.waiting_since(&reason, now);
    if let (WaitReason::RateLimited { .. }, Some(store)) = (&reason, &mut status.store) {
        // The claim is over: nothing was sent, or nothing was begun.
        store.asked_at = None;
    }
    // The same error in other words (a time, a request id) is not worth a write.
    let before = status.build.waiting.as_ref();
    let mut changed = !before.is_some_and(|before| before.reason.is_same(&reason));
    if changed {
        status.build.waiting = Some(Waiting { reason, since });
    }
    // Polling for hours is usual; then only what keeps it from polling counts.
    let is_long = if status.build.step.polls() {
        now.duration_since(since) > WAITING_LONG
    } else {
        status.step_exceeds(WAITING_LONG, now)
    };
    if is_long && !has_notice_since(status, NoticeKind::WaitingLong, status.build.step_since) {
        record_notice(status, NoticeKind::WaitingLong, now);
        changed = true;
    }
    changed
}

fn claim(status: &mut Status, claim: Claim, now: Timestamp) {
    status.build.waiting = None;
    match claim {
        Claim::Store => {
            if let Some(store) = &mut status.store {
                store.asked_at = Some(now);
            }
        }
        Claim::Delete(names) => {
            for name in names {
                if !status.build.deleted.contains(&name) {
                    status.build.deleted.push(name);
                }
            }
        }
    }
}

/// Goes on with the next step of the workflow; after the last the AMI is available.
fn next_step(status: &mut Status, why: impl Into<String>, now: Timestamp) {
    let step = status.build.step;
    let next = status
        .build
        .source
        .and_then(|source| workflow::next(source, status.store.is_some(), step));
    match next {
        Some(next) => move_to(status, State::Working, next, why, now),
        None => {
            move_to(status, State::Available, step, why, now);
            record_notice(status, NoticeKind::Completed, now);
        }
    }
}

/// Moves on, and records why.
fn move_to(status: &mut Status, state: State, step: Step, why: impl Into<String>, now: Timestamp) {
    let from = status.place();
    if step != status.build.step {
        status.build.step_since = now;
    }
    (status.state, status.build.step) = (state, step);
    status.build.waiting = None;
    status.build.progress = None;
    status.build.stalls = 0;
    status.record(from, why.into(), now);
}

/// Records that something happened that moved nothing.
fn note(status: &mut Status, why: impl Into<String>, now: Timestamp) {
    status.record(status.place(), why.into(), now);
}

/// Records a notice of this kind about this status as it is now.
fn record_notice(status: &mut Status, kind: NoticeKind, now: Timestamp) {
    conditions::update(status, now);
    let seq = status.notices.last().map_or(1, |notice| notice.seq + 1);
    let message = message::compose(status, kind, seq, now);
    status.notices.push(Notice {
        seq,
        kind,
        at: now,
        message: Some(message),
        claimed_at: None,
        attempts: 0,
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
