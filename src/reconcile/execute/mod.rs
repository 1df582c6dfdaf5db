//! The step `publish`: brings the AMI to what its manifest says, in every Region. What is to be done is decided by the
//! pure [`crate::image::publish`]; here is what it needs to see, and who does it. One file per stage.
//!
//! What is about to be done is claimed, so that it is written down before; then it is done; then it is looked at again.
//! No progress is kept: whoever comes next takes a new difference.

mod describe;
mod observe;
mod protect;
mod share;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::aws::{Aws, AwsError, Remedy};
use crate::image::message::failures;
use crate::image::outcome::{Claim, Evidence, PublishIntent, PublishObserved, StepOutcome};
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::publish::{self, Asked, Pending, Plan};
use crate::image::status::{Action, Failure, RegionAction, Status};
use crate::image::words::{FailureKind, WaitReason};
use crate::manifest::Problem;

use super::context::Error;
use super::spec::ManifestRead;
use super::step_context::{StepContext, failure, retrying};
use observe::Seen;

/// How long a Region may keep the AMI from becoming as it should be, by errors that may pass or by settings that do not
/// show.
const PUBLISH_GRACE: SignedDuration = SignedDuration::from_hours(6);

pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    if let Some(Claim::Publish(intent)) = step.claimed {
        return Ok(perform(&step, intent).await);
    }
    let spec = match step.manifest {
        ManifestRead::Spec(spec) => spec.publish(),
        ManifestRead::Invalid(problems) => return Ok(StepOutcome::Fail(not_allowed(problems))),
        ManifestRead::Gone | ManifestRead::Unread => {
            return Ok(StepOutcome::Fail(failures::settings_gone()));
        }
    };
    let seen = Box::pin(observe::all(&step, &spec)).await?;
    let asked = Asked::of(&spec, &step.config().region, seen.created_at);
    let plan = publish::plan(&asked, step.status, &seen.observed, step.now());
    Ok(decide(&step, plan, &seen))
}

/// The manifest asks for what the stack's owner has closed meanwhile.
fn not_allowed(problems: &[Problem]) -> Failure {
    let first = problems.first().map(Problem::to_string);
    failures::manifest_not_allowed(first.unwrap_or_default())
}

/// What the difference comes to.
fn decide(step: &StepContext<'_>, plan: Plan, seen: &Seen) -> StepOutcome {
    if !plan.ready.is_empty() {
        return StepOutcome::Claim(Claim::Publish(intend(step, plan.ready)));
    }
    let mut failed = BTreeMap::new();
    for (what, blocker) in &plan.blocked {
        let failure = failures::blocked(what, *blocker);
        failed.entry(what.region.clone()).or_insert(failure);
    }
    let mut pending = None;
    for (region, why) in &plan.pending {
        let reason = wait_reason(step, region, *why, seen);
        let limit = match why {
            Pending::NoImage => VISIBILITY_GRACE,
            Pending::Settling | Pending::Unknown | Pending::NotAvailable => PUBLISH_GRACE,
        };
        if step.has_waited(&reason, limit) {
            let failure = failures::not_published(region, &reason);
            failed.entry(region.clone()).or_insert(failure);
        } else {
            pending.get_or_insert(reason);
        }
    }
    let confirmed = |region: &String| {
        let applied = publish::confirm(step.status.applied_in(region));
        (region.clone(), applied)
    };
    StepOutcome::Advance(Evidence::PublishObserved(PublishObserved {
        verified: plan.verified.iter().map(confirmed).collect(),
        failed,
        pending,
    }))
}

fn wait_reason(step: &StepContext<'_>, region: &str, why: Pending, seen: &Seen) -> WaitReason {
    let image = step.status.regions.get(region);
    let image = image.map(|known| known.image.clone()).unwrap_or_default();
    let region = region.to_owned();
    match why {
        Pending::Settling => WaitReason::SettingsNotVisible { region },
        Pending::NoImage => WaitReason::ImageNotVisible { image },
        Pending::NotAvailable => WaitReason::CopyPending { region },
        Pending::Unknown => match seen.errors.get(&region) {
            Some(error) => retrying(error),
            None => WaitReason::Unproven { what: image },
        },
    }
}

/// What is written down before it is done.
fn intend(step: &StepContext<'_>, actions: Vec<RegionAction>) -> PublishIntent {
    let mut by_region: BTreeMap<String, Vec<Action>> = BTreeMap::new();
    for what in &actions {
        let actions = by_region.entry(what.region.clone()).or_default();
        actions.push(what.action.clone());
    }
    let applied = by_region.into_iter().map(|(region, actions)| {
        let known = step.status.applied_in(&region);
        let intended = publish::intend(&known, &actions, step.now());
        (region, intended)
    });
    PublishIntent {
        applied: applied.collect(),
        actions,
    }
}

/// Does what was written down. A Region that refuses one change gets none after it; the others go on.
async fn perform(step: &StepContext<'_>, intent: &PublishIntent) -> StepOutcome {
    let (mut done, mut failed, mut later) = (Vec::new(), BTreeMap::new(), None);
    let mut stopped = BTreeSet::new();
    for what in &intent.actions {
        if stopped.contains(&what.region) {
            continue;
        }
        let Some(image) = step.status.image_in(&what.region) else {
            continue;
        };
        let aws = step.aws().in_region(&what.region);
        match Box::pin(send(&aws, step.status, &image.image, what)).await {
            Ok(()) => done.push(what.clone()),
            Err(error) if is_final(&error) => {
                stopped.insert(what.region.clone());
                failed.insert(what.region.clone(), refused(error));
            }
            Err(error) => {
                stopped.insert(what.region.clone());
                later.get_or_insert(retrying(&error));
            }
        }
    }
    StepOutcome::Advance(Evidence::PublishPerformed {
        done,
        failed,
        later,
    })
}

async fn send(
    aws: &Aws,
    status: &Status,
    image: &str,
    what: &RegionAction,
) -> Result<(), AwsError> {
    match &what.action {
        Action::SetDescription { .. } | Action::SetTags { .. } | Action::RemoveTags { .. } => {
            describe::perform(aws, status, image, what).await
        }
        Action::ShareSnapshot { .. }
        | Action::ChangeGrants { .. }
        | Action::RevokeSnapshot { .. } => share::perform(aws, image, &what.action).await,
        Action::SetDeprecation { .. } | Action::SetProtection { .. } => {
            protect::perform(aws, image, &what.action).await
        }
    }
}

/// Whether the same request would be refused again.
fn is_final(error: &AwsError) -> bool {
    error.remedy == Remedy::Never && !error.is_rate_limited_locally()
}

fn refused(error: AwsError) -> Failure {
    let action = error.action.to_owned();
    failure(FailureKind::RequestRefused { action }, error)
}
