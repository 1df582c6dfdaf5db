//! The step `retire`: AMIs that are deprecated or deregistered because this image replaces them. What is to be done is
//! decided by the pure [`crate::image::publish::retire`]; here is what it needs to see, and who does it.

pub(super) mod observe;
mod perform;
mod shares;
mod unlisted;

use std::collections::BTreeSet;

use crate::image::message::wait_text;
use crate::image::outcome::{Claim, Evidence, Gone, PublishIntent, Retired, StepOutcome};
use crate::image::plan::{PUBLISH_GRACE, VISIBILITY_GRACE, WAITING_LONG};
use crate::image::publish::retire::{
    PassedOn, Pending, Plan, Seen, Target, given_up, not_shown, plan, protect_again, targets,
};
use crate::image::publish::withdraw::{gone, leaves_shares, withdraw};
use crate::image::publish::{Asked, Observation, copying};
use crate::image::status::{KeptReason, RegionAction, Retire};
use crate::image::words::WaitReason;
use crate::manifest::image::PublishSpec;
use crate::reconcile::context::Error;
use crate::reconcile::manifest_reader::ManifestRead;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::{StepContext, retrying};
use observe::Observed;
pub(super) use observe::all as look;
pub(super) use perform::{perform, perform_all};

/// Nothing is to be retired: what is there is looked at, and not what uses it.
pub(super) const NOTHING: Retire = Retire {
    deregister: false,
    delete_snapshots: false,
};

pub(crate) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    if let Some(Claim::Publish(intent)) = step.claimed {
        return Ok(perform_all(&step, &intent.actions).await);
    }
    if step.status.is_removed() {
        return of_removed(&step).await;
    }
    let spec = match step.manifest {
        ManifestRead::Spec(spec) => spec,
        ManifestRead::Invalid(problems) => {
            let first = problems.first().map(ToString::to_string);
            return not_allowed(&step, first.unwrap_or_default()).await;
        }
        ManifestRead::Gone | ManifestRead::Unread => {
            let why = "the manifest was removed or replaced before they were retired";
            return not_allowed(&step, why.to_owned()).await;
        }
    };
    let Some(asked) = spec.retires() else {
        return not_asked(&step).await;
    };
    if !is_released(&step, spec) {
        return Ok(StepOutcome::Unchanged);
    }
    next(&step, Some(&spec.publish()), asked).await
}

/// The accounts of a share that the AMI which needs it has from then on: the current one those that the manifest names, if there
/// is a manifest; another only if it is to be deregistered, too, so that the share may end with it.
fn may_receive(
    step: &StepContext<'_>,
    publish: Option<&PublishSpec>,
    (asked, targets): (Retire, &[(Target, Seen)]),
    share: &PassedOn,
) -> BTreeSet<String> {
    let current = step.status.image_in(&share.region);
    if current.is_some_and(|it| it.image == share.image) {
        let asked = publish.map(|it| Asked::of(it, &step.config().region, None));
        let asked = asked.as_ref().and_then(|it| it.regions.get(&share.region));
        let wanted = asked.map(|it| copying(&it.desired)).unwrap_or_default();
        return &share.accounts & &wanted;
    }
    let may_go = |(target, seen): &(Target, Seen)| {
        let is_it = target.region == share.region && target.known.image == share.image;
        is_it && matches!(&seen.image, Observation::Seen(shown) if shown.is_ours)
    };
    match asked.deregister && targets.iter().any(may_go) {
        true => share.accounts.clone(),
        false => BTreeSet::new(),
    }
}

/// Leaves of the shares that AMIs need those which an AMI has from then on: of these AMIs, one that may go, too, or the current
/// one.
pub(super) fn keep_received(
    step: &StepContext<'_>,
    publish: Option<&PublishSpec>,
    retiring: (Retire, &[(Target, Seen)]),
    passed_on: &mut Vec<PassedOn>,
) {
    passed_on.retain_mut(|share| {
        share.accounts = may_receive(step, publish, retiring, share);
        !share.accounts.is_empty()
    });
}

/// Retires what the manifest asks for; where it was removed, its own AMIs.
async fn next(
    step: &StepContext<'_>,
    publish: Option<&PublishSpec>,
    asked: Retire,
) -> Result<StepOutcome, Error> {
    let moved = publish.map_or(&[][..], |it| &it.parameters);
    let seen = Box::pin(observe::all(step, moved, asked)).await?;
    let mut found = plan(asked, &seen.targets, step.now());
    let retiring = (asked, seen.targets.as_slice());
    keep_received(step, publish, retiring, &mut found.passed_on);
    // An AMI that is not shown for so long, and that EC2 was asked to deregister, is asked for once more.
    let why = KeptReason::NotAskedAnyMore;
    Ok(decide(step, found, &seen, &why))
}

/// The manifest was removed: its own AMIs are retired as it had said. Where its bucket has versions, it says so still, and
/// that counts; else what was written down of it. A parameter that names the AMI still does: it is in use.
async fn of_removed(step: &StepContext<'_>) -> Result<StepOutcome, Error> {
    let asked = match step.manifest {
        ManifestRead::Spec(spec) => spec.on_delete(),
        ManifestRead::Invalid(_) | ManifestRead::Gone | ManifestRead::Unread => {
            step.status.on_delete
        }
    };
    let Some(asked) = asked else {
        return not_asked(step).await;
    };
    if asked.deregister && !step.config().guardrails.allow_retire {
        let why = "this stack deregisters no AMI: its parameter AllowRetire is not true";
        return not_allowed(step, why.to_owned()).await;
    }
    let outcome = Box::pin(next(step, None, asked)).await?;
    if !matches!(outcome, StepOutcome::Claim(_)) {
        return Ok(outcome);
    }
    Ok(uploaded_again(step).await?.unwrap_or(outcome))
}

/// Before something is done about the AMIs of a removed manifest: it may be there again, and its event on its way. An empty
/// object may be about to get its content; one that stays empty asks for nothing, as if nothing were there.
async fn uploaded_again(step: &StepContext<'_>) -> Result<Option<StepOutcome>, Error> {
    let manifest = &step.status.manifest;
    let (bucket, key) = (&manifest.bucket, &manifest.key);
    let Some(found) = step.aws().head_object(bucket, key).await? else {
        return Ok(None);
    };
    if found.size > 0 {
        return Ok(Some(StepOutcome::Unchanged));
    }
    let is_left = step.now().duration_since(found.modified_at) > WAITING_LONG;
    Ok((!is_left).then(|| {
        StepOutcome::Wait(WaitReason::ObjectEmpty {
            bucket: bucket.clone(),
            key: key.clone(),
        })
    }))
}

/// Whether people who follow the manifest's parameters get the new AMI. Where it has none, there is nothing to wait for.
fn is_released(step: &StepContext<'_>, spec: &Spec) -> bool {
    spec.publish().parameters.is_empty() || step.status.is_released()
}

/// Nothing may be retired any more: all stay.
async fn not_allowed(step: &StepContext<'_>, message: String) -> Result<StepOutcome, Error> {
    let why = KeptReason::NotAllowed { message };
    leave(step, targets(step.status), &why).await
}

/// Nothing is to be retired any more: only what was begun is told of.
async fn not_asked(step: &StepContext<'_>) -> Result<StepOutcome, Error> {
    let mut targets = targets(step.status);
    targets.retain(|it| it.known.retiring.is_begun());
    leave(step, targets, &KeptReason::NotAskedAnyMore).await
}

/// Retires these no further. Those that were begun are looked at: EC2 may have deregistered them.
async fn leave(
    step: &StepContext<'_>,
    targets: Vec<Target>,
    why: &KeptReason,
) -> Result<StepOutcome, Error> {
    let (begun, others): (Vec<_>, Vec<_>) = targets
        .into_iter()
        .partition(|it| it.known.retiring.is_begun());
    let seen = Box::pin(observe::these(step, begun, &[], NOTHING, false)).await?;
    let mut found = withdraw(&seen.targets, why, step.now());
    let others = others.iter().map(|it| given_up(it, None, why, step.now()));
    found.ended.extend(others);
    Ok(decide(step, found, &seen, why))
}

/// What stays protected as it was while nothing takes its place: an AMI that was to go, and whose successor has not been there for
/// a while. Where that is given up, it is told whether it is protected.
fn protected_meanwhile(step: &StepContext<'_>, plan: &Plan, seen: &Observed) -> Vec<RegionAction> {
    // One wait is remembered, and stands for all.
    let waiting = plan
        .pending
        .iter()
        .filter(|(.., why)| *why == Pending::NoSuccessor);
    let has_waited = |limit| {
        waiting.clone().any(|(region, image, why)| {
            let reason = wait_reason(step, region, image, why, seen);
            step.has_waited(&reason, limit)
        })
    };
    if !has_waited(VISIBILITY_GRACE) || has_waited(PUBLISH_GRACE) {
        return Vec::new();
    }
    let protect = |(region, image, _): &(String, String, Pending)| {
        let mut targets = seen.targets.iter();
        let (target, _) =
            targets.find(|(it, _)| it.region == *region && it.known.image == *image)?;
        let action = protect_again(target)?;
        let region = region.clone();
        Some(RegionAction { region, action })
    };
    waiting.filter_map(protect).collect()
}

/// What the difference comes to.
fn decide(
    step: &StepContext<'_>,
    mut plan: Plan,
    seen: &Observed,
    why_kept: &KeptReason,
) -> StepOutcome {
    plan.ready.extend(protected_meanwhile(step, &plan, seen));
    let targets = seen.targets.iter();
    let not_shown = targets.filter_map(|(target, seen)| not_shown(target, seen, step.now()));
    let mut retired = Retired {
        not_shown: not_shown.collect(),
        done: plan.done,
        ended: plan.ended,
        passed_on: plan.passed_on,
        ..Retired::default()
    };
    if !plan.ready.is_empty() {
        return StepOutcome::Claim(Claim::Publish(PublishIntent {
            actions: plan.ready,
            passed_on: retired.passed_on.into(),
            not_shown: retired.not_shown.into(),
            ..PublishIntent::default()
        }));
    }
    for (region, image, why) in plan.pending {
        let reason = wait_reason(step, &region, &image, &why, seen);
        let limit = match why {
            Pending::NotShown => Some(VISIBILITY_GRACE),
            Pending::Unknown | Pending::Settling | Pending::NoSuccessor => Some(PUBLISH_GRACE),
            // EC2 ends these, however long that takes, and the plan itself the last.
            Pending::ImagePending
            | Pending::Cooldown(_)
            | Pending::AskedAndNotShown
            | Pending::SnapshotNotShown(_) => None,
        };
        if limit.is_none_or(|limit| !step.has_waited(&reason, limit)) {
            keep_sooner(&mut retired.later, reason);
            continue;
        }
        let of = seen.targets.iter();
        let of = of.filter(|(it, _)| it.region == region && it.known.image == image);
        if why == Pending::NotShown && of.clone().any(|(it, _)| leaves_shares(it)) {
            retired.gone.push(Gone { region, image });
            continue;
        }
        let ended = |(it, seen): &(Target, Seen)| match why {
            Pending::NotShown if seen.is_closed => gone(it, &KeptReason::RegionClosed, step.now()),
            Pending::NotShown => gone(it, why_kept, step.now()),
            Pending::NoSuccessor => given_up(it, None, &KeptReason::NoSuccessor, step.now()),
            Pending::Unknown
            | Pending::Settling
            | Pending::AskedAndNotShown
            | Pending::SnapshotNotShown(_)
            | Pending::ImagePending
            | Pending::Cooldown(_) => given_up(it, None, &not_known(&reason), step.now()),
        };
        retired.ended.extend(of.map(ended));
    }
    let is_left = !retired.done.is_empty() || !retired.gone.is_empty();
    retired.is_finished = retired.later.is_none() && !is_left;
    StepOutcome::Advance(Evidence::Retired(retired))
}

/// What is to be looked at at the next tick comes before what EC2 is still making, and that before what has a date, the sooner
/// one first: what has a limit is not hidden by what has none.
fn keep_sooner(later: &mut Option<WaitReason>, reason: WaitReason) {
    let rank = |reason: &WaitReason| match reason {
        WaitReason::ProtectionCooldown { until, .. } => (2, Some(*until)),
        WaitReason::ImagePending { .. } => (1, None),
        _ => (0, None),
    };
    if later
        .as_ref()
        .is_none_or(|known| rank(&reason) < rank(known))
    {
        *later = Some(reason);
    }
}

pub(super) fn wait_reason(
    step: &StepContext<'_>,
    region: &str,
    image: &str,
    why: &Pending,
    seen: &Observed,
) -> WaitReason {
    let unproven = |what: &str| WaitReason::Unproven {
        what: what.to_owned(),
    };
    match why {
        Pending::Cooldown(until) => WaitReason::ProtectionCooldown {
            image: image.to_owned(),
            until: *until,
        },
        Pending::ImagePending => WaitReason::ImagePending {
            region: region.to_owned(),
            image: image.to_owned(),
        },
        // The same for all AMIs of a Region: one wait stands for all.
        Pending::NoSuccessor => {
            let current = step.status.image_in(region);
            WaitReason::NoSuccessor {
                region: region.to_owned(),
                image: current.map_or(image, |it| it.image.as_str()).to_owned(),
            }
        }
        Pending::Settling => WaitReason::SettingsNotVisible {
            region: region.to_owned(),
        },
        Pending::NotShown | Pending::AskedAndNotShown => WaitReason::ImageNotVisible {
            image: image.to_owned(),
        },
        Pending::SnapshotNotShown(snapshot) => unproven(snapshot),
        Pending::Unknown => match seen.error(region, image) {
            Some(error) => retrying(error),
            None => unproven(image),
        },
    }
}

/// Why an AMI stays of which it was not clear for hours whether it can be deregistered.
pub(super) fn not_known(reason: &WaitReason) -> KeptReason {
    KeptReason::NotKnown {
        message: match reason {
            WaitReason::Retrying { message, .. } => message.clone(),
            reason => wait_text(reason),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_limit_is_not_hidden_by_what_ec2_is_still_making() {
        let image = || "ami-1".to_owned();
        let until = |second| WaitReason::ProtectionCooldown {
            image: image(),
            until: jiff::Timestamp::from_second(second).unwrap(),
        };
        let pending = || WaitReason::ImagePending {
            region: "eu-west-1".to_owned(),
            image: image(),
        };
        let limited = || WaitReason::ImageNotVisible { image: image() };
        for (reasons, first) in [
            ([pending(), limited(), until(1)], limited()),
            ([until(1), pending(), limited()], limited()),
            ([until(1), pending(), pending()], pending()),
            ([until(2), until(1), until(3)], until(1)),
        ] {
            let mut later = None;
            reasons
                .into_iter()
                .for_each(|it| keep_sooner(&mut later, it));
            assert_eq!(later, Some(first));
        }
    }
}
