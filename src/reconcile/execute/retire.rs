//! The step `retire`: AMIs that are deprecated or deregistered because this image replaces them. What is to be done is
//! decided by the pure [`crate::image::publish::retire`]; here is what it needs to see, and who does it.

pub(super) mod observe;
mod shares;

use jiff::SignedDuration;

use crate::aws::{Aws, AwsError};
use crate::image::message::wait_text;
use crate::image::outcome::{Claim, Evidence, PublishIntent, Retired, StepOutcome};
use crate::image::plan::{PUBLISH_GRACE, VISIBILITY_GRACE};
use crate::image::publish::STALE_READS;
use crate::image::publish::retire::{
    Pending, Plan, Target, given_up, plan, protect_again, retirement, targets,
};
use crate::image::publish::withdraw::{gone, withdraw};
use crate::image::status::{
    Action, KeptReason, KeptSnapshot, RegionAction, Retire, RetireOutcome, SnapshotKept,
};
use crate::image::words::WaitReason;
use crate::manifest::image::Parameter;
use crate::reconcile::context::Error;
use crate::reconcile::manifest_reader::ManifestRead;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::{StepContext, is_final, retrying};
use observe::Observed;
pub(super) use observe::all as look;

/// How long a snapshot may be in use by an AMI that was deregistered: minutes are usual (public reports of other tools).
const SNAPSHOT_GRACE: SignedDuration = SignedDuration::from_hours(1);

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
    next(&step, &spec.publish().parameters, asked).await
}

async fn next(
    step: &StepContext<'_>,
    moved: &[Parameter],
    asked: Retire,
) -> Result<StepOutcome, Error> {
    let seen = Box::pin(observe::all(step, moved, asked)).await?;
    let found = plan(asked, &seen.targets, step.now());
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
    let outcome = Box::pin(next(step, &[], asked)).await?;
    // It may be there again, and its event on its way.
    let manifest = &step.status.manifest;
    if matches!(outcome, StepOutcome::Claim(_))
        && let Some(_) = step
            .aws()
            .head_object(&manifest.bucket, &manifest.key)
            .await?
    {
        return Ok(StepOutcome::Unchanged);
    }
    Ok(outcome)
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
    let nothing = Retire {
        deregister: false,
        delete_snapshots: false,
    };
    let seen = Box::pin(observe::these(step, begun, &[], nothing, false)).await?;
    let mut found = withdraw(&seen.targets, why, step.now());
    let others = others.iter().map(|it| given_up(it, None, why, step.now()));
    found.ended.extend(others);
    Ok(decide(step, found, &seen, why))
}

/// What the difference comes to.
fn decide(
    step: &StepContext<'_>,
    plan: Plan,
    seen: &Observed,
    why_kept: &KeptReason,
) -> StepOutcome {
    let mut retired = Retired {
        done: plan.done,
        ended: plan.ended,
        ..Retired::default()
    };
    if !plan.ready.is_empty() {
        return StepOutcome::Claim(Claim::Publish(PublishIntent {
            actions: plan.ready,
            ..PublishIntent::default()
        }));
    }
    for (region, image, why) in plan.pending {
        let reason = wait_reason(step, &region, &image, &why, seen);
        let limit = match why {
            Pending::NotShown => VISIBILITY_GRACE,
            Pending::Unknown | Pending::NoSuccessor | Pending::Cooldown(_) => PUBLISH_GRACE,
        };
        let is_long = step.has_waited(&reason, limit);
        if matches!(why, Pending::Cooldown(_)) || !is_long {
            keep_sooner(&mut retired.later, reason);
            continue;
        }
        let of = seen.targets.iter().map(|(target, _)| target);
        let of = of.filter(|it| it.region == region && it.known.image == image);
        let ended = |it| match why {
            Pending::NotShown => gone(it, why_kept, step.now()),
            Pending::NoSuccessor => given_up(it, None, &KeptReason::NoSuccessor, step.now()),
            Pending::Unknown | Pending::Cooldown(_) => {
                given_up(it, None, &not_known(&reason), step.now())
            }
        };
        retired.ended.extend(of.map(ended));
    }
    retired.is_finished = retired.later.is_none() && retired.done.is_empty();
    StepOutcome::Advance(Evidence::Retired(retired))
}

/// What is to be looked at at the next tick comes before what has a date, and that before what has a later one.
fn keep_sooner(later: &mut Option<WaitReason>, reason: WaitReason) {
    let date = |reason: &WaitReason| match reason {
        WaitReason::ProtectionCooldown { until, .. } => Some(*until),
        _ => None,
    };
    if later
        .as_ref()
        .is_none_or(|known| date(&reason) < date(known))
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
        Pending::NoSuccessor => {
            let current = step.status.image_in(region);
            unproven(current.map_or(image, |it| it.image.as_str()))
        }
        Pending::NotShown => WaitReason::ImageNotVisible {
            image: image.to_owned(),
        },
        Pending::Unknown => match seen.error(region, image) {
            Some(error) => retrying(error),
            None => unproven(image),
        },
    }
}

/// Why an AMI stays of which EC2 did not say for hours what has to be known.
pub(super) fn not_known(reason: &WaitReason) -> KeptReason {
    KeptReason::NotKnown {
        message: match reason {
            WaitReason::Retrying { message, .. } => message.clone(),
            reason => wait_text(reason),
        },
    }
}

/// Does what was written down.
pub(super) async fn perform_all(step: &StepContext<'_>, actions: &[RegionAction]) -> StepOutcome {
    let mut retired = Retired::default();
    for what in actions {
        // The shares of a snapshot end after all AMIs that have it and go.
        if let Action::RevokePrevious {
            image, snapshot, ..
        } = &what.action
        {
            let going = actions.iter().filter_map(|it| match &it.action {
                Action::DeregisterPrevious {
                    image, snapshots, ..
                } => snapshots.contains(snapshot).then_some(image),
                _ => None,
            });
            let mut images = going.chain([image]);
            if !images.all(|it| is_deregistered(step, it, &retired)) {
                continue;
            }
        }
        let aws = step.aws().in_region(&what.region);
        match Box::pin(perform(&aws, &what.action)).await {
            Ok(()) => retired.done.push(what.clone()),
            Err(error) if is_for_good(step, what, &error) => {
                Box::pin(refused(step, &aws, what, error, &mut retired)).await;
            }
            Err(error) => {
                retired.later.get_or_insert(retrying(&error));
            }
        }
    }
    StepOutcome::Advance(Evidence::Retired(retired))
}

/// Whether this AMI is known to be deregistered, before or by what was just done.
fn is_deregistered(step: &StepContext<'_>, image: &str, retired: &Retired) -> bool {
    let is_done = |it: &RegionAction| matches!(&it.action, Action::DeregisterPrevious { image: of, .. } if of == image);
    let mut targets = targets(step.status).into_iter();
    retired.done.iter().any(is_done)
        || targets.any(|it| it.known.image == image && it.known.retiring.deregistered_at.is_some())
}

/// What is gone already is as it should be.
pub(super) async fn perform(aws: &Aws, action: &Action) -> Result<(), AwsError> {
    match action {
        Action::DeprecatePrevious { image, at, .. } => aws.set_deprecation(image, Some(*at)).await,
        Action::UnprotectPrevious { image, .. } => aws.set_protection(image, None).await,
        Action::ProtectPrevious { image, protection } => {
            aws.set_protection(image, Some(*protection)).await
        }
        Action::DeregisterPrevious { image, .. } => aws.deregister_image(image).await,
        Action::RevokePrevious {
            snapshot, accounts, ..
        } => aws.revoke_snapshot(snapshot, accounts).await,
        Action::DeleteSnapshot { snapshot, .. } => aws.delete_snapshot(snapshot).await,
        _ => Ok(()),
    }
}

/// Whether the same request is not sent again. A snapshot stays in use for a while after its AMI is gone.
fn is_for_good(step: &StepContext<'_>, what: &RegionAction, error: &AwsError) -> bool {
    if error.is_about_capacity() {
        return false;
    }
    if !is_final(error) {
        return step.has_waited(&retrying(error), PUBLISH_GRACE);
    }
    let Action::DeleteSnapshot { image, .. } = &what.action else {
        return true;
    };
    let targets = targets(step.status);
    let of = targets.iter().find(|it| it.known.image == *image);
    let retiring = of.map(|target| &target.known.retiring);
    let gone_at = retiring.and_then(|it| it.deregistered_at.or(it.asked_at));
    let is_fresh = gone_at.is_some_and(|at| step.now().duration_since(at) < SNAPSHOT_GRACE);
    !(is_fresh && error.has_code("InvalidSnapshot.InUse"))
}

async fn refused(
    step: &StepContext<'_>,
    aws: &Aws,
    what: &RegionAction,
    error: AwsError,
    retired: &mut Retired,
) {
    let (code, message) = (error.code, error.message);
    let image = match &what.action {
        Action::DeleteSnapshot { image, snapshot } => {
            let kept = KeptSnapshot {
                snapshot: snapshot.clone(),
                why: SnapshotKept::Refused { code, message },
            };
            let of = (what.region.clone(), image.clone(), kept);
            return retired.kept.push(of);
        }
        Action::RevokePrevious {
            image, snapshot, ..
        } => {
            let of = (what.region.clone(), image.clone(), snapshot.clone());
            return retired.shared.push(of);
        }
        Action::ProtectPrevious { image, .. } => {
            let of = (what.region.clone(), image.clone());
            return retired.unprotected.push(of);
        }
        Action::DeprecatePrevious { image, .. }
        | Action::UnprotectPrevious { image, .. }
        | Action::DeregisterPrevious { image, .. } => image,
        _ => return,
    };
    let why = KeptReason::Refused { code, message };
    let mut targets = targets(step.status);
    targets.retain(|it| it.known.image == *image);
    for target in &targets {
        match Box::pin(is_there(step, aws, target)).await {
            Ok(Some(true)) => {}
            Ok(Some(false)) => return retired.done.push(what.clone()),
            Ok(None) => {
                retired.later.get_or_insert(WaitReason::DeletionNotVisible);
                return;
            }
            Err(error) => {
                retired.later.get_or_insert(retrying(&error));
                return;
            }
        }
        // It stays. Where this fails, it is told with what became of it.
        let Some(action) = protect_again(target) else {
            continue;
        };
        match Box::pin(perform(aws, &action)).await {
            Ok(()) => retired.done.push(RegionAction {
                region: target.region.clone(),
                action,
            }),
            // The refused request is repeated with this one: nothing is told before both are answered.
            Err(error) if !is_given_up(step, &error) => {
                retired.later.get_or_insert(retrying(&error));
                return;
            }
            Err(_) => {}
        }
    }
    let kept = |it| retirement(it, RetireOutcome::Kept, Some(why.clone()), step.now());
    retired.ended.extend(targets.iter().map(kept));
}

/// Whether an AMI is there of which a request was refused: an earlier one to deregister it, whose answer was lost, may have
/// been heard. None if it may still be shown although it is not.
async fn is_there(
    step: &StepContext<'_>,
    aws: &Aws,
    target: &Target,
) -> Result<Option<bool>, AwsError> {
    let retiring = &target.known.retiring;
    // The request that was refused is the first.
    if retiring.asked_since == retiring.asked_at {
        return Ok(Some(true));
    }
    let ids = std::slice::from_ref(&target.known.image);
    let found = aws.find_images("image-id", ids).await?;
    let is_listed = found.iter().any(|it| it.state != "deregistered");
    let is_stale = |at| step.now().duration_since(at) < STALE_READS;
    Ok(match (is_listed, retiring.asked_since) {
        (true, Some(at)) if is_stale(at) => None,
        (is_listed, _) => Some(is_listed),
    })
}

/// Whether a request to switch protection on again was refused, or not answered for long: then the email says that it may be
/// off.
fn is_given_up(step: &StepContext<'_>, error: &AwsError) -> bool {
    is_final(error)
        || (!error.is_about_capacity() && step.has_waited(&retrying(error), PUBLISH_GRACE))
}
