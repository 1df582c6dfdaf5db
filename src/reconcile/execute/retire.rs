//! The step `retire`: AMIs that are deprecated or deregistered because this image replaces them. What is to be done is
//! decided by the pure [`crate::image::publish::retire`]; here is what it needs to see, and who does it.

pub(super) mod observe;

use jiff::SignedDuration;

use crate::aws::{Aws, AwsError};
use crate::image::outcome::{Claim, Evidence, PublishIntent, Retired, StepOutcome};
use crate::image::plan::{PUBLISH_GRACE, VISIBILITY_GRACE};
use crate::image::publish::retire::{Pending, Plan, given_up, plan, retirement, targets};
use crate::image::status::{
    Action, KeptReason, KeptSnapshot, RegionAction, Retire, RetireOutcome, SnapshotKept,
};
use crate::image::words::WaitReason;
use crate::manifest::image::Parameter;
use crate::reconcile::context::Error;
use crate::reconcile::spec::{ManifestRead, Spec};
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
            return Ok(not_allowed(&step, first.unwrap_or_default()));
        }
        ManifestRead::Gone | ManifestRead::Unread => {
            let why = "the manifest was removed or replaced before they were retired";
            return Ok(not_allowed(&step, why.to_owned()));
        }
    };
    let Some(asked) = spec.retires() else {
        return Ok(finished(Vec::new()));
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
    Ok(decide(step, found, &seen))
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
        return Ok(finished(Vec::new()));
    };
    if asked.deregister && !step.config().guardrails.allow_retire {
        let why = "this stack deregisters no AMI: its parameter AllowRetire is not true";
        return Ok(not_allowed(step, why.to_owned()));
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
fn not_allowed(step: &StepContext<'_>, message: String) -> StepOutcome {
    let why = KeptReason::NotAllowed { message };
    let targets = targets(step.status);
    let kept = targets.iter().map(|it| given_up(it, &why, step.now()));
    finished(kept.collect())
}

fn finished(ended: Vec<crate::image::status::Retirement>) -> StepOutcome {
    StepOutcome::Advance(Evidence::Retired(Retired {
        ended,
        is_finished: true,
        ..Retired::default()
    }))
}

/// What the difference comes to.
fn decide(step: &StepContext<'_>, plan: Plan, seen: &Observed) -> StepOutcome {
    let mut retired = Retired {
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
            Pending::NotShown => retirement(it, RetireOutcome::Gone, None, step.now()),
            Pending::NoSuccessor => given_up(it, &KeptReason::NoSuccessor, step.now()),
            Pending::Unknown | Pending::Cooldown(_) => {
                let message = message_of(&reason);
                given_up(it, &KeptReason::NotKnown { message }, step.now())
            }
        };
        retired.ended.extend(of.map(ended));
    }
    retired.is_finished = retired.later.is_none();
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
        Pending::Unknown => match seen.errors.get(region) {
            Some(error) => retrying(error),
            None => unproven(image),
        },
    }
}

fn message_of(reason: &WaitReason) -> String {
    match reason {
        WaitReason::Retrying { message, .. } => message.clone(),
        reason => crate::image::message::wait_text(reason),
    }
}

/// Does what was written down.
pub(super) async fn perform_all(step: &StepContext<'_>, actions: &[RegionAction]) -> StepOutcome {
    let mut retired = Retired::default();
    for what in actions {
        let aws = step.aws().in_region(&what.region);
        match Box::pin(perform(&aws, &what.action)).await {
            Ok(()) => retired.done.push(what.clone()),
            Err(error) if is_for_good(step, what, &error) => {
                refused(step, what, error, &mut retired);
            }
            Err(error) => {
                retired.later.get_or_insert(retrying(&error));
            }
        }
    }
    StepOutcome::Advance(Evidence::Retired(retired))
}

/// What is gone already is as it should be.
pub(super) async fn perform(aws: &Aws, action: &Action) -> Result<(), AwsError> {
    match action {
        Action::DeprecatePrevious { image, at, .. } => aws.set_deprecation(image, Some(*at)).await,
        Action::UnprotectPrevious { image, .. } => aws.set_protection(image, None).await,
        Action::DeregisterPrevious { image, .. } => aws.deregister_image(image).await,
        Action::DeleteSnapshot { snapshot, .. } => aws.delete_snapshot(snapshot).await,
        _ => Ok(()),
    }
}

/// Whether the same request is not sent again. A snapshot stays in use for a while after its AMI is gone.
fn is_for_good(step: &StepContext<'_>, what: &RegionAction, error: &AwsError) -> bool {
    if error.is_rate_limited_locally() {
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

fn refused(step: &StepContext<'_>, what: &RegionAction, error: AwsError, retired: &mut Retired) {
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
        Action::DeprecatePrevious { image, .. }
        | Action::UnprotectPrevious { image, .. }
        | Action::DeregisterPrevious { image, .. } => image,
        _ => return,
    };
    let why = KeptReason::Refused { code, message };
    let targets = targets(step.status);
    let refused = targets.iter().filter(|it| it.known.image == *image);
    let kept = |it| retirement(it, RetireOutcome::Kept, Some(why.clone()), step.now());
    retired.ended.extend(refused.map(kept));
}
