//! The snapshots and the AMI that a manifest names: what they are and whose only AWS knows, so they are described before
//! anything is made of them. What another account shares, the stack's owner has to allow.

use crate::aws::{AwsError, Remedy};
use crate::image::message::problems;
use crate::image::observed::NamedImage;
use crate::image::outcome::StepOutcome;
use crate::image::plan::{REGISTER_GRACE, SOURCE_GRACE};
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
    Ok(look(step, spec).await?.err())
}

/// What is known of the sources.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Their owners, by the sources' ids.
    pub(super) owners: Vec<(String, Owner)>,
    /// The AMI that is to be copied.
    pub(super) image: Option<NamedImage>,
    /// Whether one of them failed, so that it never becomes ready.
    pub(super) has_failed: bool,
}

/// Looks at the sources; or what keeps them from being used.
pub(super) async fn look(
    step: &StepContext<'_>,
    spec: &Spec,
) -> Result<Result<Sources, StepOutcome>, Error> {
    let mut found = Sources::default();
    if spec.named_sources().is_empty() {
        return Ok(Ok(found));
    }
    let (own, home) = (step.config().account_id()?, &step.config().region);
    let (snapshots, images): (Vec<&NamedSource>, _) = spec
        .named_sources()
        .iter()
        .partition(|source| source.region.is_none());
    if !snapshots.is_empty() {
        let mut ids: Vec<String> = snapshots.iter().map(|source| source.id.clone()).collect();
        ids.sort();
        ids.dedup();
        match step.aws().named_snapshots(&ids).await {
            Ok(snapshots) => {
                found.has_failed |= snapshots.iter().any(|snapshot| snapshot.has_failed);
                let owners = snapshots.into_iter().map(|it| (it.id, it.owner));
                found.owners.extend(owners);
            }
            Err(error) => return Ok(Err(not_seen(step, home, "DescribeSnapshots", error))),
        }
    }
    for image in images {
        let region = image.region.as_deref().unwrap_or_default();
        let aws = step.aws().in_region(region);
        match aws.named_image(&image.id).await {
            Ok(seen) => {
                found.owners.push((image.id.clone(), seen.owner.clone()));
                found.has_failed |= seen.has_failed;
                found.image = Some(seen);
            }
            Err(error) => return Ok(Err(not_seen(step, region, "DescribeImages", error))),
        }
    }
    let refuse = |source: &NamedSource| {
        let owner = found.owners.iter().find(|(id, _)| *id == source.id);
        let owner = owner.map(|(_, owner)| owner.clone()).unwrap_or_default();
        let foreign = (owner.id != own).then_some(owner)?;
        step.config().guardrails.foreign_source(source, &foreign)
    };
    let mut problems: Vec<Problem> = spec.named_sources().iter().filter_map(refuse).collect();
    if problems.is_empty() {
        problems.extend(not_copyable(spec, &found));
    }
    Ok(match problems.is_empty() {
        true => Ok(found),
        false => Err(StepOutcome::Reject(problems)),
    })
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

/// Without an answer nothing is made. A Region that is not there does not answer, either: that ends after a while. The stack's
/// is there; it, and a service that answers that it is not well, will answer again, however long that takes.
pub(super) fn not_seen(
    step: &StepContext<'_>,
    region: &str,
    action: &str,
    error: AwsError,
) -> StepOutcome {
    let waiting = retrying(&error);
    let is_busy = match error.status {
        Some(_) => error.remedy == Remedy::Later,
        None => error.remedy != Remedy::Never && region == step.config().region,
    };
    let passes = is_busy || error.is_throttled() || error.is_rate_limited_locally();
    let may_pass = error.remedy != Remedy::Never && !step.has_waited(&waiting, REGISTER_GRACE);
    if passes || may_pass {
        return StepOutcome::Wait(waiting);
    }
    step.refused(action, error)
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
