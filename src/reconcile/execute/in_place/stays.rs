//! An AMI that was to go first stays: its protection, which was switched off for that, is switched on again before its
//! successor ends.

use crate::image::outcome::{Claim, PublishIntent, StepOutcome};
use crate::image::plan::PUBLISH_GRACE;
use crate::image::publish::Observation;
use crate::image::publish::in_place::unprotected;
use crate::image::publish::retire::{COOLDOWN, PassedOn, Shown, protect_again};
use crate::image::status::{Failure, RegionAction};
use crate::reconcile::context::Error;
use crate::reconcile::execute::retire::NOTHING;
use crate::reconcile::execute::retire::observe::{self, Observed};
use crate::reconcile::step_context::{StepContext, retrying};

pub(super) fn claim(actions: Vec<RegionAction>, passed_on: Vec<PassedOn>) -> StepOutcome {
    StepOutcome::Claim(Claim::Publish(PublishIntent {
        actions,
        passed_on: passed_on.into(),
        ..PublishIntent::default()
    }))
}

/// The AMIs stay, so this version fails; but a protection that was switched off for it, and is still off, is switched on
/// again first.
pub(super) fn ends(seen: &Observed, failure: Failure) -> StepOutcome {
    protects(seen).unwrap_or(StepOutcome::Fail(failure))
}

/// What the step comes to; where that is an end, whatever for, earlier AMIs are protected first as they were. What cannot be
/// seen for hours is left, and the email says so.
pub(crate) async fn protecting(
    step: &StepContext<'_>,
    outcome: StepOutcome,
) -> Result<StepOutcome, Error> {
    let targets = match outcome {
        StepOutcome::Reject(_) | StepOutcome::Fail(_) => {
            unprotected(step.status, &step.config().region)
        }
        _ => return Ok(outcome),
    };
    let seen = Box::pin(observe::these(step, targets, &[], NOTHING, false)).await?;
    if let Some(claimed) = protects(&seen) {
        return Ok(claimed);
    }
    // Other waits may come between: then only the step tells how long it has been.
    let is_long = step.step_exceeds(COOLDOWN + PUBLISH_GRACE);
    let error = seen.into_error().filter(|_| !is_long);
    let wait = error.and_then(|error| step.wait_up_to(retrying(&error), PUBLISH_GRACE));
    Ok(wait.unwrap_or(outcome))
}

/// Protects those of these AMIs again that are there without the protection that was switched off.
fn protects(seen: &Observed) -> Option<StepOutcome> {
    let is_bare = |it: &Observation<Shown>| matches!(it, Observation::Seen(shown) if shown.is_ours && !shown.protection.starts_with("enabled"));
    let bare = seen.targets.iter().filter(|(_, it)| is_bare(&it.image));
    let actions = bare.filter_map(|(target, _)| {
        Some(RegionAction {
            region: target.region.clone(),
            action: protect_again(target)?,
        })
    });
    let actions: Vec<_> = actions.collect();
    (!actions.is_empty()).then(|| claim(actions, Vec::new()))
}
