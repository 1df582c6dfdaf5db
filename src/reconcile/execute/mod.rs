//! The step `publish`: brings the AMI to what its manifest says, in every Region. What is to be done is decided by the
//! pure [`crate::image::publish`]; here is what it needs to see, and who does it. One file per stage.
//!
//! What is about to be done is claimed, so that it is written down before; then it is done; then it is looked at again.
//! No progress is kept: whoever comes next takes a new difference.

mod account;
mod copy;
mod describe;
mod ending;
pub(super) mod in_place;
pub(super) mod observe;
mod perform;
mod preview;
mod product_codes;
mod protect;
mod puts;
mod refused;
pub(super) mod release;
mod retire;
mod share;

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::aws::AwsError;
use crate::image::message::failures;
use crate::image::outcome::{
    Claim, Evidence, PublishIntent, PublishObserved, PublishPerformed, ReleasePerformed,
    StepOutcome,
};
use crate::image::plan::{PUBLISH_GRACE, VISIBILITY_GRACE};
use crate::image::publish::{self, Asked, Observation, Pending, Plan, Shown};
use crate::image::status::{Action, Failure};
use crate::image::words::WaitReason;

use super::context::Error;
use super::named_sources;
use super::step_context::{StepContext, is_final, retrying};
pub(super) use account::encrypting;
use copy::Searched;
pub(crate) use in_place::Replacing;
use observe::Seen;
use perform::{by_region, perform, waited_for};
pub(crate) use preview::{Publishing, Retiring};
pub(super) use preview::{publishing as preview_publishing, retiring as preview_retiring};
use refused::has_waited;
pub(super) use retire::run as retire;

/// How long a Region may refuse to show the AMI: permissions take minutes to come into force.
const REFUSED_GRACE: SignedDuration = VISIBILITY_GRACE;

pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    if let Some(Claim::Publish(intent)) = step.claimed {
        return Ok(perform(&step, intent).await);
    }
    if !step.status.publishes {
        return Ok(only_search(&step).await);
    }
    let spec = match Box::pin(named_sources::allowed(&step, failures::settings_gone)).await {
        Ok(spec) => spec.publish(),
        Err(StepOutcome::Fail(failure)) => return Box::pin(ending::run(&step, failure)).await,
        Err(outcome) => return Ok(outcome),
    };
    let mut seen = Box::pin(observe::all(&step, &spec)).await?;
    let home = &step.config().region;
    let asked = Asked::of_known(&spec, home, seen.created_at, step.status);
    Box::pin(account::add(&step, &asked, &mut seen)).await;
    let mut plan = publish::plan(&asked, step.status, &seen.observed, step.now());
    let mut searched = Searched::default();
    // What is to be done now is done first.
    if plan.ready.is_empty() {
        searched = Box::pin(copy::search(&step, &mut plan)).await;
    }
    if !searched.found.is_empty() {
        return Ok(performed(PublishPerformed {
            done: searched.found,
            ..PublishPerformed::default()
        }));
    }
    // No parameter is read before it may be written: what is still to be done then is done in Regions that need not be
    // waited for.
    if !plan.release.pending.is_empty() {
        Box::pin(release::observe(&step, &plan.release, &mut seen)).await?;
        let pending = std::mem::take(&mut plan.pending);
        plan = publish::plan(&asked, step.status, &seen.observed, step.now());
        plan.pending.extend(pending);
        puts::keep_some(step.status, &mut plan);
        Box::pin(release::prove(&step, &asked, &mut plan, &mut seen)).await;
        Box::pin(release::prove_own(&step, &asked, &mut plan, &mut seen)).await?;
    }
    if plan.ready.is_empty() {
        let shown = Box::pin(release::settle_left(&step, &mut plan.release)).await?;
        if !shown.is_empty() {
            return Ok(performed(PublishPerformed {
                release: ReleasePerformed {
                    shown,
                    ..ReleasePerformed::default()
                },
                ..PublishPerformed::default()
            }));
        }
    }
    Box::pin(account::disabled(&step, &asked, &mut plan, &mut seen)).await;
    for (region, error) in std::mem::take(&mut searched.errors) {
        seen.errors.entry(region).or_insert(error);
    }
    Ok(decide(&step, &asked, plan, (seen, searched)))
}

fn performed(performed: PublishPerformed) -> StepOutcome {
    StepOutcome::Advance(Evidence::PublishPerformed(performed))
}

/// Nothing is to be set on the AMI: only copies of earlier versions are searched for.
async fn only_search(step: &StepContext<'_>) -> StepOutcome {
    let mut plan = Plan::default();
    let searched = Box::pin(copy::search(step, &mut plan)).await;
    let reason = |region: &String| copy::pending(region, None);
    let pending = plan.pending.keys();
    StepOutcome::Advance(Evidence::PublishObserved(PublishObserved {
        pending: pending.map(|it| (it.clone(), reason(it))).collect(),
        earlier: searched.earlier,
        ..PublishObserved::default()
    }))
}

/// What the difference comes to.
fn decide(
    step: &StepContext<'_>,
    asked: &Asked,
    plan: Plan,
    (seen, searched): (Seen, Searched),
) -> StepOutcome {
    let confirmed = |region: &String| {
        let wanted = &asked.regions.get(region)?.desired;
        let applied = publish::confirm(&plan.applied_in(step.status, region), wanted);
        Some((region.clone(), applied))
    };
    let verified: BTreeMap<_, _> = plan.verified.iter().filter_map(confirmed).collect();
    if !plan.ready.is_empty() {
        let intent = PublishIntent {
            parameters: release::intend(step, &plan.ready),
            ..intend(step, asked, &plan, seen)
        };
        let intent = match intent.parameters.is_empty() {
            true => intent,
            // What is released is verified: both are written down at once.
            false => PublishIntent {
                verified,
                left: plan.left.into(),
                ..intent
            },
        };
        return StepOutcome::Claim(Claim::Publish(intent));
    }
    let mut release = release::decide(step, &plan, &seen);
    let mut failed = ended(step, &plan, &seen);
    let mut pending = BTreeMap::new();
    for (region, why) in &plan.pending {
        let reason = wait_reason(step, region, *why, &seen);
        let is_refused = *why == Pending::Unknown && seen.errors.get(region).is_some_and(is_final);
        let limit = match is_refused {
            true => Some(REFUSED_GRACE),
            false => grace(*why).filter(|_| !is_rate_limited(&seen, region)),
        };
        if limit.is_some_and(|limit| has_waited(step, region, &reason, limit)) {
            // Nothing was asked for where the manifest names no copy any more.
            if !asked.regions.contains_key(region) {
                continue;
            }
            let failure = match (why, step.status.image_in(region)) {
                (Pending::NoImage, Some(known)) => failures::deregistered(region, &known.image),
                _ => failures::not_published(region, &reason),
            };
            failed.entry(region.clone()).or_insert(failure);
        } else {
            pending.insert(region.clone(), reason);
        }
    }
    // Nothing counts as released while a Region that is required has ended without what it is to have.
    let is_required = |region: &String| asked.regions.get(region).is_some_and(|it| it.required);
    release.is_held |= failed.keys().any(is_required);
    let is_known = |region: &&String| step.status.image_in(region).is_some();
    let absent = |(region, it): (&String, &Observation<Shown>)| {
        (*it == Observation::Absent).then(|| region.clone())
    };
    let unseen = seen.observed.regions.iter().filter_map(absent);
    StepOutcome::Advance(Evidence::PublishObserved(PublishObserved {
        verified,
        unprotected: plan.unprotected,
        adopted: plan.adopted,
        left: plan.left,
        failed,
        pending,
        unseen: unseen.filter(|it| is_known(&it)).collect(),
        seen: seen.images,
        unlisted: plan.unlisted,
        not_made: searched.not_made,
        earlier: searched.earlier,
        release,
    }))
}

/// The Regions that end now, whatever else is waited for.
fn ended(step: &StepContext<'_>, plan: &Plan, seen: &Seen) -> BTreeMap<String, Failure> {
    let off = seen.disabled.iter();
    let mut failed: BTreeMap<_, _> = off.map(|it| (it.clone(), disabled(step, it))).collect();
    for (what, blocker) in &plan.blocked {
        let failure = failures::blocked(what, *blocker);
        failed.entry(what.region.clone()).or_insert(failure);
    }
    for (region, fault) in &plan.failed {
        failed.insert(region.clone(), failures::not_copied(region, fault));
    }
    for region in &plan.in_vain {
        let reason = WaitReason::SettingsNotVisible {
            region: region.clone(),
        };
        failed.insert(region.clone(), failures::not_published(region, &reason));
    }
    failed
}

/// The account has disabled a Region.
fn disabled(step: &StepContext<'_>, region: &str) -> Failure {
    let known = step.status.image_in(region);
    failures::region_disabled(region, known.map(|it| it.image.as_str()))
}

/// How long a Region may be kept by this; none for what takes as long as it takes.
fn grace(why: Pending) -> Option<SignedDuration> {
    match why {
        Pending::NoImage => Some(VISIBILITY_GRACE),
        Pending::Settling | Pending::Unknown | Pending::NotAvailable => Some(PUBLISH_GRACE),
        Pending::Copying => None,
    }
}

/// Whether a Region was not asked, because that many requests would be too many.
fn is_rate_limited(seen: &Seen, region: &str) -> bool {
    let error = seen.errors.get(region);
    error.is_some_and(AwsError::is_rate_limited_locally)
}

fn wait_reason(step: &StepContext<'_>, region: &str, why: Pending, seen: &Seen) -> WaitReason {
    let error = seen.errors.get(region);
    if let Some(known) = error.and_then(|error| waited_for(step, region, error)) {
        return known;
    }
    let image = step.status.regions.get(region);
    let image = image.map(|known| known.image.clone()).unwrap_or_default();
    match why {
        Pending::Settling => WaitReason::SettingsNotVisible {
            region: region.to_owned(),
        },
        Pending::NoImage => WaitReason::ImageNotVisible { image },
        Pending::Copying | Pending::NotAvailable => copy::pending(region, error),
        Pending::Unknown => match error {
            Some(error) => retrying(error),
            None => WaitReason::Unproven { what: image },
        },
    }
}

/// What is written down before it is done.
fn intend(step: &StepContext<'_>, asked: &Asked, plan: &Plan, seen: Seen) -> PublishIntent {
    let mut intent = PublishIntent::default();
    let of_images = plan.ready.iter().filter(|it| it.parameter().is_none());
    for (region, actions) in by_region(of_images) {
        let known = plan.applied_in(step.status, region);
        if step.status.image_in(region).is_some() {
            let actions: Vec<Action> = actions.iter().map(|it| it.action.clone()).collect();
            let shown = match seen.observed.regions.get(region) {
                Some(Observation::Seen(shown)) => Some(shown),
                _ => None,
            };
            let applied = publish::intend(&known, &actions, shown, step.now());
            intent.applied.insert(region.to_owned(), applied);
        }
        // Where nothing is asked for any more, only what is left is deleted.
        let wanted = asked.regions.get(region);
        let wanted = wanted.map(|it| it.desired.clone()).unwrap_or_default();
        for what in actions {
            copy::intend(step, what, &wanted, &mut intent);
        }
    }
    PublishIntent {
        actions: plan.ready.clone(),
        unprotected: Box::new(plan.unprotected.clone()),
        adopted: plan.adopted.clone(),
        seen: seen.images,
        ..intent
    }
}
