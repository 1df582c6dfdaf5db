//! The manifest of an AMI that is being published may not be done any more, or cannot be read: nothing more is begun, and the
//! image ends. What EC2 and SSM were asked for before, and have not answered, is looked at first: nobody would know of it.

use crate::image::outcome::{Evidence, PublishPerformed, ReleasePerformed, StepOutcome};
use crate::image::publish::Plan;
use crate::image::status::Failure;
use crate::reconcile::context::Error;
use crate::reconcile::step_context::StepContext;

use super::{copy, release};

/// Ends with this failure, once nothing may come into sight any more of what was asked for.
pub(super) async fn run(step: &StepContext<'_>, failure: Failure) -> Result<StepOutcome, Error> {
    // Whatever Regions the manifest names.
    let mut plan = Plan {
        unlisted: step.status.copies.keys().cloned().collect(),
        ..Plan::default()
    };
    let searched = Box::pin(copy::search(step, &mut plan)).await;
    let (shown, unseen) = Box::pin(release::look_back(step)).await?;
    if !searched.found.is_empty() || !searched.earlier.is_empty() || !shown.is_empty() {
        let performed = PublishPerformed {
            done: searched.found,
            earlier: searched.earlier,
            release: ReleasePerformed {
                shown,
                ..ReleasePerformed::default()
            },
            ..PublishPerformed::default()
        };
        return Ok(StepOutcome::Advance(Evidence::PublishPerformed(performed)));
    }
    let copied = plan.pending.into_keys().next();
    let copied = copied.map(|region| copy::pending(&region, searched.errors.get(&region)));
    Ok(copied
        .or(unseen)
        .map_or(StepOutcome::Fail(failure), StepOutcome::Wait))
}
