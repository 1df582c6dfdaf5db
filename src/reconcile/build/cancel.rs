//! The image is no longer wanted: what runs is ended, and polled to its end like any other task.

use super::start_task::Earlier;
use super::{probe_task, proven, start_task};
use crate::aws::{AwsError, Remedy};
use crate::image::outcome::Origin;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::ownership::Lookup;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{Orphan, OrphanReason};
use crate::image::task::{Phase, Task, TaskKind, phase};
use crate::image::words::{Step, WaitReason};
use crate::reconcile::context::Error;
use crate::reconcile::lookup;
use crate::reconcile::marking::STARTED_GRACE;
use crate::reconcile::step_context::{StepContext, retrying};

pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    let build = &step.status.build;
    match (build.step, build.tasks.last()) {
        (Step::StartTask, _) => {
            if let Some(found) = start_task::adopt(&step).await? {
                return Ok(found);
            }
            // Nobody may have looked for it yet.
            if let Earlier::GoesOn(found) = start_task::resume(&step, None).await? {
                return Ok(found);
            }
            if start_task::is_refused_until_now(&step).await? {
                // Another invocation may be about to ask once more, and the other task to end.
                let is_long = |at| step.now().duration_since(at) > STARTED_GRACE;
                let cancel = step.status.cancel.as_ref();
                return Ok(match cancel.is_some_and(|it| is_long(it.asked_at)) {
                    true => ended(Vec::new()),
                    false => StepOutcome::Unchanged,
                });
            }
            Ok(nothing_found(&step))
        }
        (Step::RegisterImage, _) => Ok(match lookup::by_tag(step.context, step.status).await? {
            Lookup::Absent | Lookup::NameTaken(_) => nothing_found(&step),
            // It is an earlier version's, and EC2 only still shows it.
            Lookup::Ours(image) if lookup::is_going(step.status, &image.id, step.now()) => {
                nothing_found(&step)
            }
            Lookup::Ours(image) => lookup::registered(&step, &image, Origin::Found),
            Lookup::Several(ids) => ended(ids.into_iter().map(several).collect()),
        }),
        (Step::AwaitTask, Some(task)) => end_task(&step, task).await,
        // A pending AMI is deregistered with all that is left over.
        _ => Ok(ended(Vec::new())),
    }
}

fn ended(orphans: Vec<Orphan>) -> StepOutcome {
    StepOutcome::Advance(Evidence::Cancelled { orphans })
}

fn several(what: String) -> Orphan {
    Orphan {
        what,
        reason: OrphanReason::Ambiguous,
    }
}

/// Nothing can be seen that was started; it may still come into sight, as an answer may have been lost.
fn nothing_found(step: &StepContext<'_>) -> StepOutcome {
    let reason = WaitReason::CancelUnanswered;
    if step.is_first || step.has_waited(&reason, VISIBILITY_GRACE) {
        return ended(Vec::new());
    }
    StepOutcome::Wait(reason)
}

/// Asks EC2 to cancel a task that is proven to be ours.
async fn end_at_ec2(step: &StepContext<'_>, task: &Task) -> Result<(), AwsError> {
    match task.kind {
        TaskKind::ImportSnapshot | TaskKind::ImportImage => {
            let reason = "cancelled by amiwright";
            step.aws().cancel_import_task(&task.id, reason).await
        }
        TaskKind::BundleInstance => step.aws().cancel_bundle_task(&task.id).await,
        // They have no cancellation, and are not in this step or not to be cancelled.
        TaskKind::CopyImage | TaskKind::RestoreImage | TaskKind::StoreImage => Ok(()),
    }
}

/// Ends a task that EC2 shows as ours. One that it does not is looked for until its silence counts.
async fn end_task(step: &StepContext<'_>, task: &Task) -> Result<StepOutcome, Error> {
    let Some(seen) = proven::task(step, task).await? else {
        let is_lost = |since| step.now().duration_since(since) > VISIBILITY_GRACE;
        if task.unseen_since.is_some_and(is_lost) {
            return probe_task::run(*step).await;
        }
        return Ok(StepOutcome::Advance(Evidence::TaskPolled(None)));
    };
    if matches!(phase(&seen.state), Phase::Complete | Phase::Failed) {
        return Ok(StepOutcome::Advance(Evidence::TaskPolled(Some(seen))));
    }
    let refused = match end_at_ec2(step, task).await {
        Ok(()) => None,
        // It has ended already, or may not be cancelled: polled to its end, what it made is deleted then.
        Err(error) if error.remedy == Remedy::Never => Some(WaitReason::CancelRefused {
            code: error.code,
            message: error.message,
        }),
        Err(error) => return Ok(StepOutcome::Wait(retrying(&error))),
    };
    Ok(StepOutcome::Advance(Evidence::CancelSent(refused)))
}
