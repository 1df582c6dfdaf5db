//! Whose the snapshots and the AMI are that a manifest names: only AWS knows, so they are described before anything is
//! made of them. What another account shares, the stack's owner has to allow.

use crate::aws::{AwsError, Remedy};
use crate::image::outcome::StepOutcome;
use crate::image::plan::REGISTER_GRACE;
use crate::manifest::Problem;
use crate::manifest::guardrails::Owner;
use crate::manifest::image::NamedSource;
use crate::reconcile::context::Error;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::{StepContext, retrying};

/// What keeps the sources from being used; none if they are this account's, or of owners that the stack allows.
pub(super) async fn check(
    step: &StepContext<'_>,
    spec: &Spec,
) -> Result<Option<StepOutcome>, Error> {
    Ok(owners(step, spec).await?.err())
}

/// The owners of the sources, by the sources' ids; or what keeps them from being used.
pub(super) async fn owners(
    step: &StepContext<'_>,
    spec: &Spec,
) -> Result<Result<Vec<(String, Owner)>, StepOutcome>, Error> {
    if spec.named_sources().is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let own = step.config().account_id()?;
    let (snapshots, images): (Vec<&NamedSource>, _) = spec
        .named_sources()
        .iter()
        .partition(|source| source.region.is_none());
    let mut owners = Vec::new();
    if !snapshots.is_empty() {
        let mut ids: Vec<String> = snapshots.iter().map(|source| source.id.clone()).collect();
        ids.sort();
        ids.dedup();
        match step.aws().snapshot_owners(&ids).await {
            Ok(found) => owners.extend(found),
            Err(error) => return Ok(Err(not_seen(step, "DescribeSnapshots", error))),
        }
    }
    for image in images {
        let region = image.region.as_deref().unwrap_or_default();
        let aws = step.aws().in_region(region);
        match aws.image_owner(&image.id).await {
            Ok(owner) => owners.push((image.id.clone(), owner)),
            Err(error) => return Ok(Err(not_seen(step, "DescribeImages", error))),
        }
    }
    let refuse = |source: &NamedSource| {
        let owner = owners.iter().find(|(id, _)| *id == source.id);
        let owner = owner.map(|(_, owner)| owner.clone()).unwrap_or_default();
        let foreign = (owner.id != own).then_some(owner)?;
        step.config().guardrails.foreign_source(source, &foreign)
    };
    let problems: Vec<Problem> = spec.named_sources().iter().filter_map(refuse).collect();
    Ok(match problems.is_empty() {
        true => Ok(owners),
        false => Err(StepOutcome::Reject(problems)),
    })
}

/// Without an answer nothing is made. A Region that is not there does not answer, either: that ends after a while.
pub(super) fn not_seen(step: &StepContext<'_>, action: &str, error: AwsError) -> StepOutcome {
    let waiting = retrying(&error);
    let passes = error.is_throttled() || error.is_rate_limited_locally();
    let may_pass = error.remedy != Remedy::Never && !step.has_waited(&waiting, REGISTER_GRACE);
    if passes || may_pass {
        return StepOutcome::Wait(waiting);
    }
    step.refused(action, error)
}
