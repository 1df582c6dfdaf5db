//! What publishing and retiring would come to, without doing any of it: what is seen is read as the steps read it, and
//! decided by the same functions.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::AwsError;
use crate::image::publish::{
    Asked, Observation, Rehearsed, Retired, Shown, rehearse, rehearse_retiring,
};
use crate::image::status::{Action, ParameterId, Retire};
use crate::reconcile::context::Error;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::StepContext;

use super::{account, observe, release, retire};

/// What publishing would come to.
#[derive(Debug)]
pub(crate) struct Publishing {
    /// The changes, and what is left then.
    pub(crate) rehearsed: Rehearsed,
    /// Why a Region could not be seen.
    pub(crate) errors: BTreeMap<String, AwsError>,
    /// Why a parameter could not be seen.
    pub(crate) parameter_errors: BTreeMap<ParameterId, AwsError>,
    /// Regions that are to get a copy and are not enabled in the account.
    pub(crate) disabled: Vec<String>,
}

/// What retiring would come to.
#[derive(Debug)]
pub(crate) struct Retiring {
    /// What is asked for.
    pub(crate) asked: Retire,
    /// The changes, and what stays.
    pub(crate) retired: Retired,
    /// Why a Region could not be seen.
    pub(crate) errors: BTreeMap<String, AwsError>,
}

/// Looks at the AMI in all Regions. `made` is what it will be where it is yet to be made.
pub(in crate::reconcile) async fn publishing(
    step: &StepContext<'_>,
    spec: &Spec,
    made: Option<Shown>,
) -> Result<Publishing, Error> {
    let wanted = spec.publish();
    let mut seen = Box::pin(observe::all(step, &wanted)).await?;
    let home = &step.config().region;
    let created_at = match made {
        None => seen.created_at,
        Some(made) => {
            let made = Observation::Seen(made);
            seen.observed.regions.insert(home.clone(), made);
            Some(step.now())
        }
    };
    let asked = Asked::of_known(&wanted, home, created_at, step.status);
    Box::pin(account::add(step, &asked, &mut seen)).await;
    let id = |region: &str| match region == home {
        true => "the new AMI".to_owned(),
        false => format!("the copy in {region}"),
    };
    let mut rehearsed = rehearse(&asked, step.status, &seen.observed, id, step.now());
    if !rehearsed.rest.release.pending.is_empty() {
        Box::pin(release::observe(step, &rehearsed.rest.release, &mut seen)).await?;
        rehearsed = rehearse(&asked, step.status, &seen.observed, id, step.now());
    }
    let mut disabled = Vec::new();
    for planned in &rehearsed.planned {
        let region = &planned.what.region;
        if matches!(planned.what.action, Action::CopyImage { .. })
            && !step.aws().is_enabled_region(region).await?
        {
            disabled.push(region.clone());
        }
    }
    Ok(Publishing {
        rehearsed,
        errors: seen.errors,
        parameter_errors: seen.parameter_errors,
        disabled,
    })
}

/// Looks at the AMIs that are to be retired; none where the manifest says nothing of them. Of those that are `replaced` before
/// that, only the snapshots are left then.
pub(in crate::reconcile) async fn retiring(
    step: &StepContext<'_>,
    spec: &Spec,
    replaced: &BTreeSet<String>,
) -> Result<Option<Retiring>, Error> {
    let Some(asked) = spec.retires() else {
        return Ok(None);
    };
    let publish = spec.publish();
    let mut seen = Box::pin(retire::look(step, &publish.parameters, asked)).await?;
    let named = Asked::of(&publish, &step.config().region, None).regions;
    for (target, seen) in &mut seen.targets {
        seen.is_last = !named.contains_key(&target.region);
    }
    let mut errors = seen.errors;
    for (target, _) in &seen.targets {
        let error = seen.errors_of.remove(&target.known.image);
        let error = error.map(|error| (target.region.clone(), error));
        errors.extend(error);
    }
    let mut retired = rehearse_retiring(asked, &seen.targets, step.now());
    retired.planned.retain(|what| match &what.action {
        Action::DeprecatePrevious { image, .. }
        | Action::UnprotectPrevious { image, .. }
        | Action::DeregisterPrevious { image, .. }
        | Action::RevokePrevious { image, .. } => !replaced.contains(image),
        _ => true,
    });
    retired.ended.retain(|it| !replaced.contains(&it.image));
    retired
        .pending
        .retain(|(_, image, _)| !replaced.contains(image));
    Ok(Some(Retiring {
        asked,
        retired,
        errors,
    }))
}
