//! The snapshots and the AMI that a manifest names: what they are and whose only AWS knows, so they are described before
//! anything is made of them. What another account shares, the stack's owner has to allow.

use crate::aws::AwsError;
use crate::image::message::problems;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::plan::SOURCE_GRACE;
use crate::image::status::Owners;
use crate::manifest::Problem;
use crate::manifest::guardrails::Owner;
use crate::reconcile::context::Error;
use crate::reconcile::named_sources::{self, Sources};
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::{StepContext, retrying};

/// What keeps the sources from being used; none if they are this account's, or of owners that the stack allows.
pub(super) async fn check(
    step: &StepContext<'_>,
    spec: &Spec,
) -> Result<Option<StepOutcome>, Error> {
    Ok(look(step, spec).await?.err())
}

/// Looks at the sources; or what keeps them from being used.
pub(super) async fn look(
    step: &StepContext<'_>,
    spec: &Spec,
) -> Result<Result<Sources, StepOutcome>, Error> {
    if spec.named_sources().is_empty() {
        return Ok(Ok(Sources::default()));
    }
    // Without it nobody knows which are another account's.
    step.config().account_id()?;
    let found = match named_sources::see(step, spec).await {
        Ok(found) => found,
        Err(unseen) => return Ok(Err(unseen.outcome(step))),
    };
    let mut problems = spec.source_problems(step.config(), &found.owners);
    // What EC2 names no owner of is nobody's who is allowed.
    let is_known = |id: &String| found.owners.get(id).is_some_and(|it| !it.id.is_empty());
    let unknown = spec.named_sources().iter().filter(|it| !is_known(&it.id));
    let guardrails = &step.config().guardrails;
    problems.extend(unknown.filter_map(|it| guardrails.foreign_source(it, &Owner::default())));
    if problems.is_empty() {
        problems.extend(not_copyable(spec, &found));
    }
    Ok(match problems.is_empty() {
        true => Ok(found),
        false => Err(StepOutcome::Reject(problems)),
    })
}

/// The outcome of making the AMI, with whose its sources are.
pub(super) fn noted(mut outcome: StepOutcome, seen: Owners) -> StepOutcome {
    if let StepOutcome::Advance(
        Evidence::ImageRegistered { owners, .. } | Evidence::TaskStarted { owners, .. },
    ) = &mut outcome
    {
        *owners = seen;
    }
    outcome
}

/// What is wrong with the AMI that is to be copied.
fn not_copyable(spec: &Spec, found: &Sources) -> Option<Problem> {
    let place = spec.named_sources().iter().find(|it| it.region.is_some())?;
    let image = found.image.as_ref()?;
    if image.is_instance_store {
        return Some(problems::instance_store_copy(place));
    }
    None
}

/// Waits for a source that is still being made: a snapshot, or an AMI. EC2's answers are eventually consistent, so it may
/// say so, too, of what has just become ready. None if the error says anything else, or that has lasted too long.
pub(super) fn wait_until_ready(
    step: &StepContext<'_>,
    found: &Sources,
    error: &AwsError,
) -> Option<StepOutcome> {
    // "Error codes for the Amazon EC2 API"; "Snapshot is in invalid state - pending".
    let is_about_state =
        error.has_code("IncorrectState") || error.has_code("InvalidAMIID.Unavailable");
    if !is_about_state || found.has_failed {
        return None;
    }
    step.wait_up_to(retrying(error), SOURCE_GRACE)
}
