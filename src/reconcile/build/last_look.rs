//! An image does not end, and does not begin anew, at a step that makes something before it was looked for long enough what an
//! earlier attempt of that step may have made: its answer may have been lost, and EC2 may not show it yet. Nothing else would
//! ever look for it.

use super::start_task;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::ownership::Lookup;
use crate::image::plan::{Next, VISIBILITY_GRACE};
use crate::image::words::{FailureKind, Step, WaitReason};
use crate::reconcile::context::Error;
use crate::reconcile::lookup;
use crate::reconcile::step_context::StepContext;

/// What the step comes to: what was made before, if that shows now; a wait, while it may still come into sight; or what it would
/// have come to.
pub(super) async fn take(
    next: Next,
    step: &StepContext<'_>,
    outcome: StepOutcome,
) -> Result<StepOutcome, Error> {
    let status = step.status;
    // What is known is cleaned up. What an AMI is made of does not lead to one that EC2 does not show yet.
    let is_known = match next {
        Next::Do(Step::RegisterImage) => !status.regions.is_empty(),
        _ => status.has_begun_work(),
    };
    let may_be_lost = !step.is_first && !is_known;
    let Some(reason) = ends(&outcome).filter(|_| may_be_lost) else {
        return Ok(outcome);
    };
    let made = match next {
        Next::Do(Step::StartTask) => Box::pin(start_task::adopt(step)).await?,
        Next::Do(Step::RegisterImage) => match lookup::by_tag(step.context, status).await? {
            Lookup::Ours(image) => lookup::outcome(step, Lookup::Ours(image)),
            Lookup::NameTaken(_) | Lookup::Several(_) | Lookup::Absent => None,
        },
        _ => return Ok(outcome),
    };
    let wait = || step.wait_up_to(reason, VISIBILITY_GRACE);
    Ok(made.or_else(wait).unwrap_or(outcome))
}

/// Why the image would end, or begin anew, if the step has not waited itself before it says so.
fn ends(outcome: &StepOutcome) -> Option<WaitReason> {
    let (code, message) = match outcome {
        StepOutcome::Fail(failure) => match failure.kind {
            // An AMI that has to go first has no code: it was looked at.
            FailureKind::NameTaken { .. } if failure.code.is_none() => return None,
            FailureKind::NameTaken { .. }
            | FailureKind::SeveralImages { .. }
            | FailureKind::BundleKeyUnusable
            | FailureKind::NotShareable { .. } => (failure.code.clone(), failure.message.clone()),
            _ => return None,
        },
        StepOutcome::Reject(problems) => (None, problems.first()?.message.clone()),
        StepOutcome::Advance(Evidence::ObjectReplaced) => (
            None,
            "the object was replaced before it was known to be imported".to_owned(),
        ),
        _ => return None,
    };
    Some(WaitReason::Retrying { code, message })
}
