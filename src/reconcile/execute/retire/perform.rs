//! Does what was written down of AMIs that are retired, and says what EC2 did not take.

use jiff::{SignedDuration, Timestamp};

use crate::aws::{Aws, AwsError};
use crate::image::outcome::{
    Evidence, Retired, SnapshotStays, StaysShared, StaysUnprotected, StepOutcome,
};
use crate::image::plan::PUBLISH_GRACE;
use crate::image::publish::STALE_READS;
use crate::image::publish::retire::{Target, may_be_protected, protect_again, retirement, targets};
use crate::image::status::{
    Action, KeptReason, KeptSnapshot, RegionAction, RetireOutcome, SnapshotKept, Status,
};
use crate::image::words::WaitReason;
use crate::reconcile::step_context::{StepContext, is_final, is_refused_for_good, retrying};

/// How long a snapshot may be in use by an AMI that was deregistered: minutes are usual (public reports of other tools).
const SNAPSHOT_GRACE: SignedDuration = SignedDuration::from_hours(1);

/// Does what was written down.
pub(in crate::reconcile::execute) async fn perform_all(
    step: &StepContext<'_>,
    actions: &[RegionAction],
) -> StepOutcome {
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
            Err(error) => match goes_on_waiting(step.status, &what.action, step.now()) {
                Some(reason) => retired.later = Some(reason),
                None => {
                    retired.later.get_or_insert(retrying(&error));
                }
            },
        }
    }
    StepOutcome::Advance(Evidence::Retired(retired))
}

/// What goes on being waited for although an AMI could not be protected meanwhile: a wait for its successor would begin anew each
/// time, and never last for long.
fn goes_on_waiting(status: &Status, action: &Action, now: Timestamp) -> Option<WaitReason> {
    let reason = &status.build.waiting.as_ref()?.reason;
    let is_meanwhile = matches!(action, Action::ProtectPrevious { .. })
        && matches!(reason, WaitReason::NoSuccessor { .. });
    // Else another reason for which it is protected would never be waited for.
    let is_over = status.has_waited(reason, PUBLISH_GRACE, now);
    (is_meanwhile && !is_over).then(|| reason.clone())
}

/// Whether this AMI is known to be deregistered, before or by what was just done.
fn is_deregistered(step: &StepContext<'_>, image: &str, retired: &Retired) -> bool {
    let is_done = |it: &RegionAction| matches!(&it.action, Action::DeregisterPrevious { image: of, .. } if of == image);
    let mut targets = targets(step.status).into_iter();
    retired.done.iter().any(is_done)
        || targets.any(|it| it.known.image == image && it.known.retiring.deregistered_at.is_some())
}

/// What is gone already is as it should be.
pub(in crate::reconcile::execute) async fn perform(
    aws: &Aws,
    action: &Action,
) -> Result<(), AwsError> {
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
    if !is_refused_for_good(error) {
        return step.has_waited(&retrying(error), PUBLISH_GRACE);
    }
    let (Action::DeleteSnapshot { image, .. } | Action::DeregisterPrevious { image, .. }) =
        &what.action
    else {
        return true;
    };
    let targets = targets(step.status);
    let of = targets.iter().find(|it| it.known.image == *image);
    if let Action::DeregisterPrevious { .. } = &what.action {
        // What was read may be older than the protection that was set for its version: it shows by and by.
        let is_protected = of.is_some_and(may_be_protected);
        return !is_protected || step.has_waited(&retrying(error), STALE_READS);
    }
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
            let (region, image) = (what.region.clone(), image.clone());
            return retired.kept.push(SnapshotStays {
                region,
                image,
                kept,
            });
        }
        Action::RevokePrevious {
            image, snapshot, ..
        } => {
            return retired.shared.push(StaysShared {
                region: what.region.clone(),
                image: image.clone(),
                snapshot: snapshot.clone(),
            });
        }
        Action::ProtectPrevious { image, .. } => {
            let (region, image) = (what.region.clone(), image.clone());
            return retired.unprotected.push(StaysUnprotected { region, image });
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
        match Box::pin(is_there(step, aws, target, &what.action)).await {
            Ok(true) => {}
            Ok(false) => {
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

/// Whether an AMI is surely there of which a request was refused: an earlier one to deregister it, whose answer was lost, may
/// have been heard. It may still be shown although it is not there, and one answer that does not show it does not make it gone: what
/// EC2 shows by and by tells.
async fn is_there(
    step: &StepContext<'_>,
    aws: &Aws,
    target: &Target,
    action: &Action,
) -> Result<bool, AwsError> {
    let retiring = &target.known.retiring;
    // Another than the request that was refused.
    let was_asked = match action {
        Action::DeregisterPrevious { .. } => retiring.is_asked_again,
        _ => retiring.asked_at.is_some(),
    };
    if !was_asked {
        return Ok(true);
    }
    let ids = std::slice::from_ref(&target.known.image);
    let found = aws.find_images("image-id", ids).await?;
    let is_listed = found.iter().any(|it| it.state != "deregistered");
    let is_stale = |at| step.now().duration_since(at) < STALE_READS;
    Ok(is_listed && !retiring.asked_since.is_some_and(is_stale))
}

/// Whether a request to switch protection on again was refused, or not answered for long: then the email says that it may be
/// off.
fn is_given_up(step: &StepContext<'_>, error: &AwsError) -> bool {
    is_final(error)
        || (!error.is_about_capacity() && step.has_waited(&retrying(error), PUBLISH_GRACE))
}
