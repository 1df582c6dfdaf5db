//! The step `publish`: brings the AMI to what its manifest says, in every Region. What is to be done is decided by the
//! pure [`crate::image::publish`]; here is what it needs to see, and who does it. One file per stage.
//!
//! What is about to be done is claimed, so that it is written down before; then it is done; then it is looked at again.
//! No progress is kept: whoever comes next takes a new difference.

mod account;
mod copy;
mod describe;
pub(super) mod in_place;
pub(super) mod observe;
mod preview;
mod product_codes;
mod protect;
mod refused;
pub(super) mod release;
mod retire;
mod share;

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};
use jiff::SignedDuration;

use crate::aws::{Aws, AwsError};
use crate::image::message::failures;
use crate::image::observed::ObservedImage;
use crate::image::outcome::{
    Claim, Evidence, PublishIntent, PublishObserved, PublishPerformed, ReleasePerformed,
    StepOutcome, Written,
};
use crate::image::plan::{PUBLISH_GRACE, VISIBILITY_GRACE};
use crate::image::publish::{self, Asked, Observation, Pending, Plan, Shown};
use crate::image::status::{Action, Failure, RegionAction};
use crate::image::words::WaitReason;
use crate::manifest::Problem;

use super::context::{Error, REGIONS_AT_ONCE};
use super::manifest_reader::ManifestRead;
use super::step_context::{StepContext, is_final, retrying};
pub(crate) use in_place::Replacing;
use observe::Seen;
pub(crate) use preview::{Publishing, Retiring};
pub(super) use preview::{publishing as preview_publishing, retiring as preview_retiring};
use refused::Refused;
pub(super) use retire::run as retire;

/// How long a Region may refuse to show the AMI: permissions take minutes to come into force.
const REFUSED_GRACE: SignedDuration = VISIBILITY_GRACE;

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
    let mut seen = Box::pin(observe::all(&step, &spec)).await?;
    let home = &step.config().region;
    let asked = Asked::of_known(&spec, home, seen.created_at, step.status);
    Box::pin(account::add(&step, &asked, &mut seen)).await;
    let mut plan = publish::plan(&asked, step.status, &seen.observed, step.now());
    let found = Box::pin(copy::unanswered(&step, &mut plan)).await;
    if !found.is_empty() {
        return Ok(StepOutcome::Advance(Evidence::PublishPerformed(
            PublishPerformed {
                done: found,
                ..PublishPerformed::default()
            },
        )));
    }
    // No parameter is read before it may be written: what is still to be done then is done in Regions that need not be
    // waited for.
    if !plan.release.pending.is_empty() {
        Box::pin(release::observe(&step, &plan.release, &mut seen)).await?;
        let pending = std::mem::take(&mut plan.pending);
        plan = publish::plan(&asked, step.status, &seen.observed, step.now());
        plan.pending.extend(pending);
        Box::pin(release::prove(&step, &asked, &mut plan, &mut seen)).await;
        Box::pin(release::prove_own(&step, &asked, &mut plan, &mut seen)).await?;
    }
    Ok(decide(&step, &asked, plan, seen))
}

/// The manifest asks for what the stack's owner has closed meanwhile.
fn not_allowed(problems: &[Problem]) -> Failure {
    let first = problems.first().map(Problem::to_string);
    failures::manifest_not_allowed(first.unwrap_or_default())
}

/// What the difference comes to.
fn decide(step: &StepContext<'_>, asked: &Asked, plan: Plan, seen: Seen) -> StepOutcome {
    let confirmed = |region: &String| {
        let wanted = &asked.regions.get(region)?.desired;
        let applied = publish::confirm(&step.status.applied_in(region), wanted);
        Some((region.clone(), applied))
    };
    let verified: BTreeMap<_, _> = plan.verified.iter().filter_map(confirmed).collect();
    if !plan.ready.is_empty() {
        let intent = PublishIntent {
            parameters: release::intend(step, &plan.ready),
            ..intend(step, asked, plan.ready, seen.images)
        };
        let intent = match intent.parameters.is_empty() {
            true => intent,
            // What is released is verified: both are written down at once.
            false => PublishIntent { verified, ..intent },
        };
        return StepOutcome::Claim(Claim::Publish(intent));
    }
    let release = release::decide(step, &plan, &seen);
    let mut failed = BTreeMap::new();
    for (what, blocker) in &plan.blocked {
        let failure = failures::blocked(what, *blocker);
        failed.entry(what.region.clone()).or_insert(failure);
    }
    for (region, fault) in &plan.failed {
        failed.insert(region.clone(), failures::not_copied(region, fault));
    }
    for region in plan.in_vain {
        let reason = WaitReason::SettingsNotVisible {
            region: region.clone(),
        };
        let failure = failures::not_published(&region, &reason);
        failed.insert(region, failure);
    }
    let mut pending = BTreeMap::new();
    for (region, why) in &plan.pending {
        let reason = wait_reason(step, region, *why, &seen);
        let is_refused = *why == Pending::Unknown && seen.errors.get(region).is_some_and(is_final);
        let limit = match is_refused {
            true => Some(REFUSED_GRACE),
            false => grace(*why).filter(|_| !is_rate_limited(&seen, region)),
        };
        if limit.is_some_and(|limit| has_waited(step, region, &reason, limit)) {
            let failure = match (why, step.status.image_in(region)) {
                (Pending::NoImage, Some(known)) => failures::deregistered(region, &known.image),
                _ => failures::not_published(region, &reason),
            };
            failed.entry(region.clone()).or_insert(failure);
        } else {
            pending.insert(region.clone(), reason);
        }
    }
    let is_known = |region: &&String| step.status.image_in(region).is_some();
    let absent = |(region, it): (&String, &Observation<Shown>)| {
        (*it == Observation::Absent).then(|| region.clone())
    };
    StepOutcome::Advance(Evidence::PublishObserved(PublishObserved {
        verified,
        failed,
        pending,
        unseen: seen
            .observed
            .regions
            .iter()
            .filter_map(absent)
            .filter(|it| is_known(&it))
            .collect(),
        seen: seen.images,
        unlisted: plan.unlisted,
        release,
    }))
}

/// How long a Region may be kept by this; none for what takes as long as it takes.
fn grace(why: Pending) -> Option<SignedDuration> {
    match why {
        Pending::NoImage => Some(VISIBILITY_GRACE),
        Pending::Settling | Pending::Unknown | Pending::NotAvailable => Some(PUBLISH_GRACE),
        Pending::Copying => None,
    }
}

/// Whether just this was waited for longer than `limit` in a Region.
fn has_waited(
    step: &StepContext<'_>,
    region: &str,
    reason: &WaitReason,
    limit: SignedDuration,
) -> bool {
    match step.status.copies.get(region) {
        // What EC2 does not show for long is decided by when it was first missed.
        Some(_) if matches!(reason, WaitReason::ImageNotVisible { .. }) => false,
        Some(copy) => copy.waiting.as_ref().is_some_and(|waiting| {
            waiting.reason.is_same(reason) && step.now().duration_since(waiting.since) > limit
        }),
        None => step.has_waited(reason, limit),
    }
}

/// Whether a Region was not asked, because that many requests would be too many.
fn is_rate_limited(seen: &Seen, region: &str) -> bool {
    let error = seen.errors.get(region);
    error.is_some_and(AwsError::is_rate_limited_locally)
}

fn wait_reason(step: &StepContext<'_>, region: &str, why: Pending, seen: &Seen) -> WaitReason {
    // What was not asked says nothing new.
    let copy = step.status.copies.get(region);
    if let Some(known) = copy.and_then(|copy| copy.waiting.as_ref())
        && is_rate_limited(seen, region)
    {
        return known.reason.clone();
    }
    let image = step.status.regions.get(region);
    let image = image.map(|known| known.image.clone()).unwrap_or_default();
    let region = region.to_owned();
    match why {
        Pending::Settling => WaitReason::SettingsNotVisible { region },
        Pending::NoImage => WaitReason::ImageNotVisible { image },
        Pending::Copying | Pending::NotAvailable => WaitReason::CopyPending { region },
        Pending::Unknown => match seen.errors.get(&region) {
            Some(error) => retrying(error),
            None => WaitReason::Unproven { what: image },
        },
    }
}

/// What is written down before it is done.
fn intend(
    step: &StepContext<'_>,
    asked: &Asked,
    actions: Vec<RegionAction>,
    seen: BTreeMap<String, ObservedImage>,
) -> PublishIntent {
    let mut intent = PublishIntent::default();
    let of_images = actions.iter().filter(|it| release::id_of(it).is_none());
    for (region, actions) in by_region(of_images) {
        let known = step.status.applied_in(region);
        if step.status.image_in(region).is_some() {
            let actions: Vec<Action> = actions.iter().map(|it| it.action.clone()).collect();
            let applied = publish::intend(&known, &actions, step.now());
            intent.applied.insert(region.to_owned(), applied);
        }
        let Some(wanted) = asked.regions.get(region) else {
            continue;
        };
        for what in actions {
            copy::intend(step, what, &wanted.desired, &mut intent);
        }
    }
    PublishIntent {
        actions,
        seen,
        ..intent
    }
}

/// The actions of each Region, in their order.
fn by_region<'a>(
    actions: impl IntoIterator<Item = &'a RegionAction>,
) -> BTreeMap<&'a str, Vec<&'a RegionAction>> {
    let mut by_region: BTreeMap<&str, Vec<&RegionAction>> = BTreeMap::new();
    for what in actions {
        by_region.entry(&what.region).or_default().push(what);
    }
    by_region
}

/// Does what was written down, in several Regions at once. A Region that refuses one change gets none after it; the others
/// go on.
async fn perform(step: &StepContext<'_>, intent: &PublishIntent) -> StepOutcome {
    let regions = by_region(&intent.actions);
    let mut visits = Vec::new();
    for (region, actions) in regions {
        visits.push(Box::pin(perform_in(step, region, actions)));
    }
    let mut performed: Vec<_> = stream::iter(visits)
        .buffer_unordered(REGIONS_AT_ONCE)
        .collect()
        .await;
    performed.sort_by_key(|it| it.region);
    let mut all = PublishPerformed::default();
    for it in performed {
        let region = it.region;
        all.done.extend(it.done);
        all.unanswered.extend(it.unanswered);
        all.release.written.extend(it.release.written);
        all.release.later = all.release.later.or(it.release.later);
        match it.refused {
            None => {}
            Some(Refused::Final(failure)) => {
                all.failed.insert(region.to_owned(), failure);
            }
            Some(Refused::NotYet(reason)) => {
                all.later.insert(region.to_owned(), reason);
            }
            Some(Refused::Later(error)) => {
                let reason = retrying(&error);
                let is_given_up = step.status.copies.contains_key(region)
                    && !error.is_about_capacity()
                    && has_waited(step, region, &reason, PUBLISH_GRACE);
                if is_given_up {
                    let failure = failures::not_published(region, &reason);
                    all.failed.insert(region.to_owned(), failure);
                } else {
                    all.later.insert(region.to_owned(), reason);
                }
            }
        }
    }
    StepOutcome::Advance(Evidence::PublishPerformed(all))
}

/// What was done in one Region.
struct Performed<'a> {
    region: &'a str,
    done: Vec<RegionAction>,
    /// What may have been done.
    unanswered: Option<RegionAction>,
    /// Why the rest was not.
    refused: Option<Refused>,
    release: ReleasePerformed,
}

/// Does these in one Region, one after another. A parameter that is refused keeps nothing else from being done.
async fn perform_in<'a>(
    step: &StepContext<'_>,
    region: &'a str,
    actions: Vec<&RegionAction>,
) -> Performed<'a> {
    let aws = step.aws().in_region(region);
    let mut performed = Performed {
        region,
        done: Vec::new(),
        unanswered: None,
        refused: None,
        release: ReleasePerformed::default(),
    };
    for what in actions {
        if let Some(id) = release::id_of(what) {
            let put = release::perform(step, &aws, &id, &what.action);
            let (written, later) = Box::pin(put).await;
            if matches!(written, Written::Taken(_)) {
                performed.done.push(what.clone());
            }
            let release = &mut performed.release;
            release.later = release.later.take().or(later);
            release.written.insert(id, written);
            continue;
        }
        match Box::pin(send(step, &aws, what)).await {
            Ok(what) => performed.done.push(what),
            Err(refused) => {
                let is_sent = matches!(&refused, Refused::Later(error) if error.may_be_heard());
                performed.unanswered = is_sent.then(|| what.clone());
                performed.refused = Some(refused);
                break;
            }
        }
    }
    performed
}

async fn send(
    step: &StepContext<'_>,
    aws: &Aws,
    what: &RegionAction,
) -> Result<RegionAction, Refused> {
    let status = step.status;
    let known = status.image_in(&what.region);
    let image = known.map(|it| it.image.as_str()).unwrap_or_default();
    match &what.action {
        Action::CopyImage { .. } | Action::RemoveFailedCopy { .. } => {
            return copy::perform(step, aws, what).await;
        }
        Action::SetDescription { .. } | Action::SetTags { .. } | Action::RemoveTags { .. } => {
            describe::perform(aws, status, image, what).await?;
        }
        Action::SetProductCode { .. } => product_codes::perform(aws, image, &what.action).await?,
        Action::ShareSnapshot { .. }
        | Action::ChangeGrants { .. }
        | Action::RevokeSnapshot { .. } => share::perform(aws, image, &what.action).await?,
        Action::SetDeprecation { .. } | Action::SetProtection { .. } => {
            protect::perform(aws, image, &what.action).await?;
        }
        Action::DeprecatePrevious { .. }
        | Action::UnprotectPrevious { .. }
        | Action::ProtectPrevious { .. }
        | Action::DeregisterPrevious { .. }
        | Action::RevokePrevious { .. }
        | Action::DeleteSnapshot { .. } => retire::perform(aws, &what.action).await?,
        // They are of no AMI: see [`release::perform`].
        Action::PutParameter { .. } | Action::LeaveParameter { .. } => {}
    }
    Ok(what.clone())
}
