//! What is there: the AMI in each Region, with as much as the difference needs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::aws::{Aws, AwsError};
use crate::image::observed::ObservedImage;
use crate::image::publish::{Asked, Desired, Observation, Observed, Shown};
use crate::image::status::Settings;
use crate::manifest::image::PublishSpec;
use crate::reconcile::context::Error;
use crate::reconcile::proof::{self, is_own_image};
use crate::reconcile::step_context::StepContext;

/// What was seen.
pub(super) struct Seen {
    pub(super) observed: Observed,
    /// Why a Region could not be seen.
    pub(super) errors: BTreeMap<String, AwsError>,
    /// When the AMI of the stack's Region was made.
    pub(super) created_at: Option<Timestamp>,
}

/// Looks at the AMI in each Region that has one, or is to have one.
pub(super) async fn all(step: &StepContext<'_>, spec: &PublishSpec) -> Result<Seen, Error> {
    let asked = Asked::of(spec, &step.config().region, None);
    let mut seen = Seen {
        observed: Observed::default(),
        errors: BTreeMap::new(),
        created_at: None,
    };
    for (region, wanted) in &asked.regions {
        let aws = step.aws().in_region(region);
        let observation = match Box::pin(one(step, &aws, region, &wanted.desired)).await {
            Ok((observation, created_at)) => {
                if *region == asked.home {
                    seen.created_at = created_at;
                }
                observation
            }
            Err(error) if error.is_rate_limited_locally() => return Err(error.into()),
            Err(error) => {
                seen.errors.insert(region.clone(), error);
                Observation::Unknown
            }
        };
        seen.observed.regions.insert(region.clone(), observation);
    }
    Ok(seen)
}

async fn one(
    step: &StepContext<'_>,
    aws: &Aws,
    region: &str,
    desired: &Desired,
) -> Result<(Observation<Shown>, Option<Timestamp>), AwsError> {
    let Some(known) = step.status.image_in(region) else {
        return Ok((Observation::Absent, None));
    };
    let at_hand = match step.observed {
        Some(proof::Observed::Image(image)) if image.id == known.image => Some(image.clone()),
        _ => None,
    };
    let image = match at_hand {
        Some(image) => Some(image),
        None => {
            let found = aws.find_images("image-id", std::slice::from_ref(&known.image));
            found.await?.into_iter().next()
        }
    };
    let Some(image) = image else {
        return Ok((Observation::Absent, None));
    };
    if !is_own_image(step.status, &image) {
        return Ok((Observation::Unknown, None));
    }
    let applied = step.status.applied_in(region);
    let mut shown = shown(&image);
    if needs_grants(desired, &applied.settings) {
        shown.grants = Some(aws.launch_permissions(&image.id).await?);
    }
    for snapshot in snapshots_to_read(desired, &applied.settings, &image) {
        let accounts = aws.snapshot_accounts(&snapshot).await?;
        shown.snapshots.insert(snapshot, accounts);
    }
    Ok((Observation::Seen(shown), image.created_at))
}

fn shown(image: &ObservedImage) -> Shown {
    Shown {
        description: image.description.clone(),
        tags: image.tags.clone(),
        grants: None,
        snapshots: BTreeMap::new(),
        deprecate_at: image.deprecate_at,
        protection: image.protection.clone(),
        public: image.public,
        is_available: image.state == "available",
    }
}

/// Whether it matters who may launch the AMI.
fn needs_grants(desired: &Desired, applied: &Settings) -> bool {
    desired.exact || !desired.grants.is_empty() || !applied.grants.is_empty()
}

/// The snapshots of which it matters who they are shared with.
fn snapshots_to_read(
    desired: &Desired,
    applied: &Settings,
    image: &ObservedImage,
) -> BTreeSet<String> {
    let mut snapshots: BTreeSet<String> = applied.snapshots.keys().cloned().collect();
    if desired.copy {
        snapshots.extend(image.snapshots.iter().cloned());
    }
    snapshots
}
