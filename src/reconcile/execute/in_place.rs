//! Before an AMI is registered: an AMI of an earlier version that has to go first. What is to be done is decided by the pure
//! [`crate::image::publish::in_place`].

use super::retire::{observe, perform_all, wait_reason};
use crate::image::message::failures;
use crate::image::observed::ObservedImage;
use crate::image::outcome::{Claim, PublishIntent, StepOutcome};
use crate::image::plan::{PUBLISH_GRACE, REGISTER_GRACE};
use crate::image::publish::in_place::{self, Because, Next};
use crate::image::publish::retire::{Pending, Target};
use crate::image::status::{KeptReason, Retire};
use crate::image::words::WaitReason;
use crate::reconcile::context::Error;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::StepContext;

/// Whether this AMI, which has the name, is to be deregistered for the new one: the manifest says so, and it is an earlier
/// version's.
pub(crate) fn is_asked(step: &StepContext<'_>, spec: &Spec, taken: &ObservedImage) -> bool {
    let region = &step.config().region;
    let targets = in_place::of_name(step.status, region, Some(&taken.id));
    let is_target = targets.iter().any(|it| it.known.image == taken.id);
    is_target && spec.retires().is_some_and(|asked| asked.deregister)
}

/// Does what was written down.
pub(crate) async fn claimed(step: &StepContext<'_>) -> Option<StepOutcome> {
    match step.claimed {
        Some(Claim::Publish(intent)) => Some(perform_all(step, &intent.actions).await),
        _ => None,
    }
}

/// Makes room for the AMI that is to be registered; `taken` has its name. None once there is room.
pub(crate) async fn make_room(
    step: &StepContext<'_>,
    spec: &Spec,
    taken: Option<&ObservedImage>,
) -> Result<Option<StepOutcome>, Error> {
    let region = &step.config().region;
    if let Some(asked) = spec.retires().filter(|asked| asked.deregister) {
        let id = taken.map(|image| image.id.as_str());
        let targets = in_place::of_name(step.status, region, id);
        let outcome = go(step, spec, Because::Name, asked, targets, taken).await?;
        if outcome.is_some() {
            return Ok(outcome);
        }
    }
    if !step.config().guardrails.allow_retire {
        return Ok(None);
    }
    let asked = spec.retires().unwrap_or(Retire {
        deregister: true,
        delete_snapshots: false,
    });
    let asked = Retire {
        deregister: true,
        ..asked
    };
    let targets = in_place::of_bundle(step.status, region);
    go(step, spec, Because::Bundle, asked, targets, None).await
}

async fn go(
    step: &StepContext<'_>,
    spec: &Spec,
    because: Because,
    asked: Retire,
    targets: Vec<Target>,
    taken: Option<&ObservedImage>,
) -> Result<Option<StepOutcome>, Error> {
    if targets.is_empty() {
        return Ok(None);
    }
    // EC2 has refused it for this version already.
    let mut stay = step.status.retired.iter().rev();
    let stays = stay.find(|it| targets.iter().any(|target| target.known.image == it.image));
    if because == Because::Name
        && let Some(kept) = stays
    {
        let why = kept.why.clone().unwrap_or(KeptReason::Unproven);
        let failure = failures::name_kept(step.status, &kept.image, &why);
        return Ok(Some(StepOutcome::Fail(failure)));
    }
    let moved = &spec.publish().parameters;
    let is_guarded = because == Because::Name;
    let seen = Box::pin(observe::these(step, targets, moved, asked, is_guarded)).await?;
    Ok(
        match in_place::next(because, asked, &seen.targets, step.now()) {
            Next::Register => None,
            Next::Do(actions) => Some(StepOutcome::Claim(Claim::Publish(PublishIntent {
                actions,
                ..PublishIntent::default()
            }))),
            Next::Stays(image, why) => {
                let failure = failures::name_kept(step.status, &image, &why);
                Some(StepOutcome::Fail(failure))
            }
            Next::Wait(image, why) => {
                let reason = match (taken, &why) {
                    (Some(taken), Pending::Unknown)
                        if taken.id == image && seen.errors.is_empty() =>
                    {
                        WaitReason::DeletionNotVisible
                    }
                    _ => wait_reason(step, &step.config().region, &image, &why, &seen),
                };
                let limit = match reason {
                    WaitReason::DeletionNotVisible => REGISTER_GRACE,
                    _ => PUBLISH_GRACE,
                };
                let is_long =
                    !matches!(why, Pending::Cooldown(_)) && step.has_waited(&reason, limit);
                match taken.filter(|_| is_long) {
                    Some(taken) => {
                        Some(StepOutcome::Fail(failures::name_taken(step.status, taken)))
                    }
                    None => Some(StepOutcome::Wait(reason)),
                }
            }
        },
    )
}
