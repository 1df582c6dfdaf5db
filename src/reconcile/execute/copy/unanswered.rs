//! Copies that EC2 was asked for, and whose answer was lost, where nothing else looks for them: in Regions that the manifest
//! does not name any more, and of earlier versions.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::found::find;
use crate::aws::AwsError;
use crate::image::observed::{MANIFEST_TAG, ObservedImage};
use crate::image::outcome::EarlierCopy;
use crate::image::ownership;
use crate::image::plan::{PUBLISH_GRACE, VISIBILITY_GRACE};
use crate::image::publish::{Pending, Plan, has_failed};
use crate::image::status::{Action, CopyRequest, PreviousVersion, RegionAction, Status};
use crate::reconcile::execute::refused::Refused;
use crate::reconcile::lookup;
use crate::reconcile::step_context::{StepContext, is_final};

/// How long a Region that does not answer is waited for. The manifest may have stopped naming it because it does not.
const REGION_GRACE: SignedDuration = SignedDuration::from_hours(1);

/// What came of them.
#[derive(Default)]
pub(in crate::reconcile::execute) struct Searched {
    /// Those of this version that EC2 shows now: they are kept, and known.
    pub(in crate::reconcile::execute) found: Vec<RegionAction>,
    /// The Regions in which there is none.
    pub(in crate::reconcile::execute) not_made: BTreeSet<String>,
    /// Those of earlier versions.
    pub(in crate::reconcile::execute) earlier: Vec<EarlierCopy>,
    /// Why Regions that are waited for could not be searched for a copy of this version.
    pub(in crate::reconcile::execute) errors: BTreeMap<String, AwsError>,
}

/// Searches for them. One that was asked for a moment ago is waited for, and so is for an hour a Region that does not answer. What
/// it does not tell by then is left as it is in the status: emails name it, and it is searched for once more whenever the AMI is
/// published.
pub(in crate::reconcile::execute) async fn search(
    step: &StepContext<'_>,
    plan: &mut Plan,
) -> Searched {
    let mut searched = Searched::default();
    // What the stack does not open is not called, whatever a status says.
    let opened = &step.config().guardrails.copy_regions;
    // Where a Region does not answer for hours, what nobody wants any more is searched for once nothing else is waited for.
    let is_last = plan.pending.is_empty();
    let is_due = |request: &CopyRequest| is_last || is_asked_within(PUBLISH_GRACE, step, request);
    for region in plan.unlisted.iter().filter(|it| opened.allows(it)) {
        let Some(request) = request(step.status, region).filter(|it| is_due(it)) else {
            continue;
        };
        let aws = step.aws().in_region(region);
        match Box::pin(find(step, &aws, request)).await {
            Ok(Some(image)) => {
                let action = Action::CopyImage {
                    attempt: request.attempt,
                    kms_key_id: request.kms_key_id.clone(),
                    was_there: ownership::is_of_other_attempt(step.status, &image),
                    image: Some(image.id),
                };
                let region = region.clone();
                searched.found.push(RegionAction { region, action });
            }
            Ok(None) if !is_fresh(step, request) => {
                searched.not_made.insert(region.clone());
            }
            Err(refused) if !is_fresh(step, request) && !may_pass(step, request, &refused) => {}
            looked => {
                plan.pending.insert(region.clone(), Pending::Copying);
                if let Err(Refused::Later(error)) = looked {
                    searched.errors.insert(region.clone(), error);
                }
            }
        }
    }
    for (region, requests) in of_earlier(step.status) {
        let mut asked = requests.iter();
        if opened.allows(region) && asked.any(|(_, request)| is_due(request)) {
            Box::pin(earlier(step, region, &requests, plan, &mut searched)).await;
        }
    }
    searched
}

/// What was asked of EC2 in a Region, if it is not known what came of it.
fn request<'a>(status: &'a Status, region: &str) -> Option<&'a CopyRequest> {
    let request = status.copies.get(region)?;
    (request.is_unanswered() && status.image_in(region).is_none()).then_some(request)
}

/// What was asked of EC2 for earlier versions, by Region.
fn of_earlier(status: &Status) -> BTreeMap<&String, Vec<(&PreviousVersion, &CopyRequest)>> {
    let mut by_region: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for version in &status.previous {
        for (region, request) in &version.copies {
            by_region
                .entry(region)
                .or_default()
                .push((version, request));
        }
    }
    by_region
}

/// Searches a Region for the copies of earlier versions, by one call for all of them.
async fn earlier(
    step: &StepContext<'_>,
    region: &str,
    requests: &[(&PreviousVersion, &CopyRequest)],
    plan: &mut Plan,
    searched: &mut Searched,
) {
    let status = step.status;
    let tag = format!("tag:{MANIFEST_TAG}");
    let manifest = [status.manifest.uri()];
    let found = step
        .aws()
        .in_region(region)
        .find_images(&tag, &manifest)
        .await;
    for (version, request) in requests {
        let image = match &found {
            Ok(found) => copy_of(step, version, request, found).cloned(),
            Err(_) => None,
        };
        let may_pass = |error| !is_final(error) && is_asked_within(REGION_GRACE, step, request);
        let is_repeated = found.as_ref().err().is_some_and(may_pass);
        if is_repeated || (image.is_none() && is_fresh(step, request)) {
            let pending = plan.pending.entry(region.to_owned());
            pending.or_insert(Pending::Copying);
        } else if found.is_ok() {
            searched.earlier.push(EarlierCopy {
                digest: version.digest.clone(),
                region: region.to_owned(),
                image,
            });
        }
    }
}

/// The copy that was made for an earlier version, by its tags: not one that is known, or that EC2 only still shows. One that
/// has not failed comes first.
fn copy_of<'a>(
    step: &StepContext<'_>,
    version: &PreviousVersion,
    request: &CopyRequest,
    found: &'a [ObservedImage],
) -> Option<&'a ObservedImage> {
    let status = step.status;
    let versions = status.previous.iter().map(|version| &version.regions);
    let known = versions.chain([&status.regions]);
    let known: BTreeSet<&String> = known
        .flat_map(|regions| regions.values().map(|it| &it.image))
        .collect();
    let is_meant = |it: &&ObservedImage| {
        it.state != "deregistered"
            // Without its digest nothing tells one of this version from others of the manifest.
            && version.digest.is_some()
            && !request.removed.contains(&it.id)
            && !known.contains(&it.id)
            && !lookup::is_going(status, &it.id, step.now())
            && ownership::is_of_version(status, version.digest.as_ref(), &it.tags)
    };
    let meant = found.iter().filter(is_meant);
    meant.min_by_key(|it| has_failed(&it.state))
}

/// Whether EC2 was asked for it no longer than this ago.
fn is_asked_within(limit: SignedDuration, step: &StepContext<'_>, request: &CopyRequest) -> bool {
    let asked_at = request.last_asked_at();
    asked_at.is_some_and(|at| step.now().duration_since(at) <= limit)
}

/// Whether EC2 may not show yet what it was asked for.
fn is_fresh(step: &StepContext<'_>, request: &CopyRequest) -> bool {
    is_asked_within(VISIBILITY_GRACE, step, request)
}

/// Whether it is looked for again where a look has failed: not where the next one would, too.
fn may_pass(step: &StepContext<'_>, request: &CopyRequest, refused: &Refused) -> bool {
    let is_lasting = match refused {
        Refused::Final(_) => true,
        Refused::Later(error) => is_final(error),
        Refused::NotYet(_) => false,
    };
    !is_lasting && is_asked_within(REGION_GRACE, step, request)
}
