//! The stage `release`: the SSM parameters that point to the AMI.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::{Aws, AwsError};
use crate::image::message::{release as texts, wait_text};
use crate::image::observed::ObservedParameter;
use crate::image::outcome::{ReleaseObserved, Written};
use crate::image::ownership;
use crate::image::plan::PUBLISH_GRACE;
use crate::image::publish::{
    Asked, Conflict, ConflictReason, Observation, PUTS_MAX, Pending, PendingParameter, Plan,
    ReleasePlan, intend_put, may_change,
};
use crate::image::status::{Action, ParameterId, ParameterPut, RegionAction, Status};
use crate::image::words::WaitReason;
use crate::reconcile::context::Error;
use crate::reconcile::parameters::Parameters;
use crate::reconcile::proof::is_own_image;
use crate::reconcile::step_context::{StepContext, is_refused_for_good, request_refused, retrying};

use super::observe::Seen;

/// Looks at the parameters that the plan waits to see.
pub(super) async fn observe(
    step: &StepContext<'_>,
    plan: &ReleasePlan,
    seen: &mut Seen,
) -> Result<(), Error> {
    let read = Parameters::read(step.aws(), plan.pending.keys()).await;
    if let Some(error) = read.rate_limited() {
        return Err(error.clone().into());
    }
    seen.observed.parameters.extend(read.seen);
    seen.parameter_errors.extend(read.errors);
    Ok(())
}

/// Takes back what would point a parameter to an AMI that was not seen, in this visit and by a request of its own, to be
/// available and ours: that it was once is what the status says, and what was described together with the AMIs of other images
/// may have been so a while ago.
///
/// Where a Region that is required has none any more, no parameter is written: the Region is waited for, and fails as any that
/// does not show its AMI.
pub(super) async fn prove(step: &StepContext<'_>, asked: &Asked, plan: &mut Plan, seen: &mut Seen) {
    let puts = plan.ready.iter().filter(|what| what.parameter().is_some());
    let of_puts: BTreeSet<String> = puts.map(|what| what.region.clone()).collect();
    if of_puts.is_empty() {
        return;
    }
    let is_required = |region: &String| asked.regions.get(region).is_some_and(|it| it.required);
    let is_fresh = step.described.is_none() && step.observed.is_none();
    let is_proven = |region: &String| {
        let image = seen.images.get(region).filter(|_| is_fresh);
        image.is_some_and(|image| image.state == "available")
    };
    // One whose parameters could not be read has no put, and holds back those of the others.
    let required = asked.regions.keys().filter(|it| is_required(it));
    let regions: BTreeSet<&String> = of_puts.iter().chain(required).collect();
    let unseen = regions.into_iter().filter(|it| !is_proven(it));
    let mut missing: BTreeMap<String, Option<AwsError>> = BTreeMap::new();
    for region in unseen {
        match is_available(step, region).await {
            Ok(true) => {}
            Ok(false) => drop(missing.insert(region.clone(), None)),
            Err(error) => drop(missing.insert(region.clone(), Some(error))),
        }
    }
    let is_held = missing.keys().any(is_required);
    let withdrawn = plan.ready.extract_if(.., |what| {
        what.parameter().is_some() && (is_held || missing.contains_key(&what.region))
    });
    let withdrawn: Vec<ParameterId> = withdrawn.filter_map(|what| what.parameter()).collect();
    if is_held {
        plan.release.pending.clear();
        missing.retain(|region, _| is_required(region));
        for (region, error) in missing {
            plan.pending.insert(region.clone(), Pending::Unknown);
            seen.errors.extend(error.map(|error| (region, error)));
        }
        return;
    }
    for id in withdrawn {
        if let Some(Some(error)) = missing.get(&id.region) {
            seen.parameter_errors.insert(id.clone(), error.clone());
        }
        plan.release.pending.insert(id, PendingParameter::NoImage);
    }
}

/// Takes back what would overwrite a parameter that SSM does not prove to have been written for this manifest: that it was
/// is what the status says. One that is taken over needs no proof, unless that were a fight with another manifest
/// ([`is_fight`]).
pub(super) async fn prove_own(
    step: &StepContext<'_>,
    asked: &Asked,
    plan: &mut Plan,
    seen: &mut Seen,
) -> Result<(), Error> {
    let mut unproven: Vec<(ParameterId, Result<Conflict, AwsError>)> = Vec::new();
    for what in &plan.ready {
        let Action::PutParameter { name, after, .. } = &what.action else {
            continue;
        };
        let id = ParameterId {
            region: what.region.clone(),
            name: name.clone(),
        };
        let Some(Observation::Seen(shown)) = seen.observed.parameters.get(&id) else {
            continue;
        };
        let takes_over = asked.parameters.get(name) == Some(&true);
        if *after == 0 || (takes_over && !is_fight(step.status, &id, *after)) {
            continue;
        }
        let aws = step.aws().in_region(&id.region);
        let found = Box::pin(aws.parameter_description(name, *after)).await;
        let found = found.map(|it| it.unwrap_or_default());
        let owner =
            found.map(|it| ownership::parameter_owner(&it, &shown.value).map(str::to_owned));
        let why = match owner {
            Ok(Some(owner)) if owner == step.status.manifest.uri() => continue,
            Ok(Some(manifest)) if takes_over => ConflictReason::OtherManifest { manifest },
            Ok(_) if takes_over => continue,
            Ok(_) => ConflictReason::NotOurs,
            Err(error) if error.is_rate_limited_locally() => return Err(error.into()),
            Err(error) => {
                unproven.push((id, Err(error)));
                continue;
            }
        };
        let conflict = Conflict {
            parameter: id.clone(),
            shown: shown.clone(),
            why,
        };
        unproven.push((id, Ok(conflict)));
    }
    for (id, conflict) in unproven {
        plan.ready
            .retain(|what| what.parameter().as_ref() != Some(&id));
        match conflict {
            Ok(conflict) => plan.release.conflicts.push(conflict),
            Err(error) => {
                seen.parameter_errors.insert(id.clone(), error);
                plan.release.pending.insert(id, PendingParameter::Unknown);
            }
        }
    }
    Ok(())
}

/// Whether to take over a parameter, whose version `after` was read, would go on for good if another manifest does the same.
/// A person who uploads a manifest, or asks for a new attempt, takes it over once; what was written since is not taken back by
/// the same upload, nor by a repair.
fn is_fight(status: &Status, id: &ParameterId, after: u64) -> bool {
    let is_repair = status.drift.as_ref().is_some_and(|drift| drift.repairing);
    let known = status.release.parameters.get(id);
    let began = status.build.step_since;
    let is_overwritten = known.is_some_and(|known| {
        let put = known.put.as_ref().filter(|put| put.since.is_some());
        let written = put.and_then(|put| put.version);
        let confirmed = known.confirmed_at.filter(|at| *at >= began);
        let seen = confirmed.and(known.version);
        written.or(seen).is_some_and(|version| version < after)
    });
    is_repair || is_overwritten
}

async fn is_available(step: &StepContext<'_>, region: &str) -> Result<bool, AwsError> {
    let Some(known) = step.status.image_in(region) else {
        return Ok(false);
    };
    let aws = step.aws().in_region(region);
    let ids = std::slice::from_ref(&known.image);
    let found = aws.find_images("image-id", ids).await?;
    let mut found = found.iter();
    Ok(found.any(|image| image.state == "available" && is_own_image(step.status, image)))
}

/// What SSM was asked to write, and was not seen yet.
#[derive(Default)]
struct Late {
    /// What shows now.
    shown: BTreeMap<ParameterId, ObservedParameter>,
    /// What may still come to show something else.
    unsettled: BTreeSet<ParameterId>,
}

/// Looks at the values that SSM was asked for and that were not seen yet: those that show now, and what is waited for.
pub(super) async fn look_back(
    step: &StepContext<'_>,
) -> Result<(BTreeMap<ParameterId, ObservedParameter>, Option<WaitReason>), Error> {
    let late = look_at(step, |_| true).await?;
    let later = late.unsettled.iter().next_back().map(not_confirmed);
    Ok((late.shown, later))
}

/// Leaves a parameter that the manifest stopped naming only once nothing that SSM was asked for may take the place of what it
/// shows: people are told what it is left with. Returns those that show by now what was asked for.
pub(super) async fn settle_left(
    step: &StepContext<'_>,
    plan: &mut ReleasePlan,
) -> Result<BTreeMap<ParameterId, ObservedParameter>, Error> {
    let late = look_at(step, |id| plan.left.contains_key(id)).await?;
    for id in late.unsettled {
        plan.left.remove(&id);
        plan.pending.insert(id, PendingParameter::NotConfirmed);
    }
    Ok(late.shown)
}

/// Looks at what SSM was asked to write into these parameters. Nothing is read that the stack does not open.
async fn look_at(
    step: &StepContext<'_>,
    is_meant: impl Fn(&ParameterId) -> bool,
) -> Result<Late, Error> {
    let config = step.config();
    let is_open =
        |id: &ParameterId| config.opens(&id.region) && config.guardrails.allows_parameter(&id.name);
    let known = step.status.release.parameters.iter();
    let asked = known.filter_map(|(id, known)| Some((id, known, known.put.as_ref()?)));
    let asked: Vec<_> = asked
        .filter(|(id, ..)| is_meant(id) && is_open(id))
        .collect();
    let read = Parameters::read(step.aws(), asked.iter().map(|(id, ..)| *id)).await;
    if let Some(error) = read.rate_limited() {
        return Err(error.clone().into());
    }
    let mut late = Late::default();
    for (id, known, put) in asked {
        let seen = match read.seen.get(id) {
            Some(Observation::Seen(it)) => Some(it),
            Some(Observation::Absent | Observation::Unknown) | None => None,
        };
        if may_change(known, seen, step.now()) {
            late.unsettled.insert(id.clone());
        } else if let Some(it) = seen.filter(|it| it.value == put.value) {
            late.shown.insert(id.clone(), it.clone());
        }
    }
    Ok(late)
}

/// What is written down before parameters are written.
pub(super) fn intend(
    step: &StepContext<'_>,
    actions: &[RegionAction],
) -> BTreeMap<ParameterId, ParameterPut> {
    let puts = actions.iter().filter_map(|what| {
        let Action::PutParameter { value, after, .. } = &what.action else {
            return None;
        };
        let id = what.parameter()?;
        let known = step.status.release.parameters.get(&id);
        let put = intend_put(known, value, *after, step.now());
        Some((id, put))
    });
    puts.collect()
}

/// Writes one parameter. What is to be waited for, too: even what SSM took is only asked for, and read on later ticks.
pub(super) async fn perform(
    step: &StepContext<'_>,
    aws: &Aws,
    id: &ParameterId,
    action: &Action,
) -> (Written, Option<WaitReason>) {
    let Action::PutParameter {
        name,
        value,
        after,
        data_type,
    } = action
    else {
        return (Written::NotTaken, None);
    };
    let description = ownership::parameter_description(step.status, value);
    let value = (value.as_str(), description.as_str());
    let put = aws.put_image_parameter(name, value, *data_type, *after > 0);
    match Box::pin(put).await {
        Ok(version) => (Written::Taken(version), Some(not_confirmed(id))),
        Err(error) if may_be_taken(step.status, id, &error) => {
            (Written::Unknown, Some(retrying(&error)))
        }
        Err(error) if is_refused_for_good(&error) => {
            (Written::Refused(request_refused(error)), None)
        }
        Err(error) => {
            let reason = retrying(&error);
            if !error.is_rate_limited_locally() && is_tried_for_long(step, id) {
                let unseen = texts::unseen(id, &wait_text(&reason));
                return (Written::Refused(unseen), None);
            }
            let written = match error.may_be_heard() {
                true => Written::Unanswered,
                false => Written::NotTaken,
            };
            (written, Some(reason))
        }
    }
}

/// Whether SSM was asked for this value again and again for hours.
fn is_tried_for_long(step: &StepContext<'_>, id: &ParameterId) -> bool {
    let put = step.status.release.parameters.get(id);
    let since = put.and_then(|known| known.put.as_ref()?.since);
    since.is_some_and(|since| step.now().duration_since(since) > PUBLISH_GRACE)
}

/// Whether a refusal says that the parameter may show the value all the same, or may take it once what SSM is at is over: then
/// it is looked at before it is written again.
///
/// Another write "while the validation is in process" is refused; neither the code nor the words of that are documented,
/// so `ValidationException` counts as that until the value was written as often as may be.
fn may_be_taken(status: &Status, id: &ParameterId, error: &AwsError) -> bool {
    let put = status.release.parameters.get(id);
    let put = put.and_then(|known| known.put.as_ref());
    let is_last = put.is_none_or(|put| put.attempts >= PUTS_MAX);
    match error.code.as_deref() {
        // Somebody created it after it was read; or an earlier request of ours did, whose answer was lost.
        Some("ParameterAlreadyExists") => true,
        Some("ValidationException") => !is_last,
        _ => false,
    }
}

fn not_confirmed(id: &ParameterId) -> WaitReason {
    WaitReason::ParameterNotConfirmed {
        region: id.region.clone(),
        name: id.name.clone(),
    }
}

/// What the parameters come to: what is set, what will not be, and what is waited for.
pub(super) fn decide(step: &StepContext<'_>, plan: &Plan, seen: &Seen) -> ReleaseObserved {
    let release = &plan.release;
    let mut failed = BTreeMap::new();
    for conflict in &release.conflicts {
        let failure = texts::conflict(conflict);
        failed.insert(conflict.parameter.clone(), failure);
    }
    for id in &release.not_validated {
        let failure = texts::not_validated(id, PUTS_MAX);
        failed.insert(id.clone(), failure);
    }
    let mut pending = None;
    for (id, why) in &release.pending {
        let error = seen.parameter_errors.get(id);
        let error = error.filter(|_| *why != PendingParameter::NotConfirmed);
        let image = step.status.image_in(&id.region);
        let reason = match (why, error) {
            (_, Some(error)) => retrying(error),
            (PendingParameter::NoImage, None) => WaitReason::Unproven {
                what: image.map(|it| it.image.clone()).unwrap_or_default(),
            },
            _ => not_confirmed(id),
        };
        let is_seen = *why == PendingParameter::NotConfirmed;
        if !is_seen && step.has_waited(&reason, PUBLISH_GRACE) {
            failed.insert(id.clone(), texts::unseen(id, &wait_text(&reason)));
        } else {
            pending.get_or_insert(reason);
        }
    }
    ReleaseObserved {
        named: release.named.clone(),
        left: release.left.keys().cloned().collect(),
        set: release.set.clone(),
        failed,
        is_held: release.is_held,
        pending,
    }
}
