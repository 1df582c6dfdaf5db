//! Look before creating: the AMIs that are, or could be taken for, the one that is to be made.

use jiff::Timestamp;

use super::context::{Context, Error};
use super::step_context::StepContext;
use crate::aws::{Aws, AwsError};
use crate::image::message::failures;
use crate::image::observed::{MANIFEST_TAG, ObservedImage, ObservedSnapshot};
use crate::image::outcome::{Evidence, Origin, StepOutcome};
use crate::image::ownership::{self, Lookup};
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{Owners, RegionStatus, Status};
use crate::image::words::WaitReason;

/// Looks for AMIs with this manifest's ownership tag.
pub(super) async fn by_tag(context: Context<'_>, status: &Status) -> Result<Lookup, Error> {
    let mut found = tagged(context, status).await?;
    add_known(context.aws, status, &context.config.region, &mut found).await?;
    Ok(judge(status, &found, context.now))
}

/// Looks for AMIs with this manifest's ownership tag, or with the name.
pub(super) async fn by_tag_and_name(
    context: Context<'_>,
    status: &Status,
) -> Result<Lookup, Error> {
    let mut found = tagged(context, status).await?;
    add_known(context.aws, status, &context.config.region, &mut found).await?;
    found.extend(named(context, status).await?);
    Ok(judge(status, &found, context.now))
}

/// Adds the AMI of this very version that an earlier time of it has made, where a listing misses it: another one would be made.
pub(super) async fn add_known(
    aws: &Aws,
    status: &Status,
    region: &str,
    found: &mut Vec<ObservedImage>,
) -> Result<(), AwsError> {
    let digest = status.build.digest.as_ref();
    let versions = status.previous.iter();
    let same = versions.filter(|it| digest.is_some() && it.digest.as_ref() == digest);
    let known = same.filter_map(|it| it.regions.get(region));
    for known in known.filter(|it| !it.is_known_to_be_gone()) {
        if found.iter().all(|it| it.id != known.image) {
            found.extend(aws.own_image(&known.image).await?);
        }
    }
    Ok(())
}

/// Judges the AMIs that have the manifest's ownership tag or the name.
pub(super) fn judge(status: &Status, found: &[ObservedImage], now: Timestamp) -> Lookup {
    ownership::judge(status, found, |image| is_going(status, image, now))
}

async fn named(context: Context<'_>, status: &Status) -> Result<Vec<ObservedImage>, Error> {
    match &status.build.name {
        Some(name) => Ok(context
            .aws
            .find_images("name", std::slice::from_ref(name))
            .await?),
        None => Ok(Vec::new()),
    }
}

/// The AMIs with this manifest's ownership tag.
pub(super) async fn tagged(
    context: Context<'_>,
    status: &Status,
) -> Result<Vec<ObservedImage>, Error> {
    let tag = format!("tag:{MANIFEST_TAG}");
    Ok(context
        .aws
        .find_images(&tag, &[status.manifest.uri()])
        .await?)
}

/// The snapshots with this manifest's ownership tag.
pub(super) async fn tagged_snapshots(
    context: Context<'_>,
    status: &Status,
) -> Result<Vec<ObservedSnapshot>, Error> {
    let tag = format!("tag:{MANIFEST_TAG}");
    Ok(context
        .aws
        .find_snapshots(&tag, &[status.manifest.uri()])
        .await?)
}

/// What is to be done about what was found; none if nothing is in the way of making the AMI.
pub(super) fn outcome(step: &StepContext<'_>, found: Lookup) -> Option<StepOutcome> {
    Some(match found {
        // Its name is about to be free, too.
        Lookup::Ours(image) | Lookup::NameTaken(image)
            if is_going(step.status, &image.id, step.now()) =>
        {
            StepOutcome::Wait(WaitReason::DeletionNotVisible)
        }
        Lookup::Ours(image) => registered(step, &image, Origin::Found),
        Lookup::NameTaken(image) => StepOutcome::Fail(failures::name_taken(step.status, &image)),
        Lookup::Several(ids) => StepOutcome::Fail(failures::several_images(ids)),
        Lookup::Absent => return None,
    })
}

/// Whether EC2 was asked a moment ago to deregister this AMI, when it was an earlier version's: another invocation may
/// still be about to ask, and what is shown may be from before.
pub(super) fn is_going(status: &Status, image: &str, now: Timestamp) -> bool {
    let versions = status.previous.iter();
    let known = versions.flat_map(|version| version.regions.values());
    let known = known.filter(|it| it.image == image);
    let asked_at = known.filter_map(|it| it.retiring.asked_at);
    let gone_at = status.build.deregistered_before.get(image).copied();
    let mut all = asked_at.chain(gone_at);
    all.any(|at| now.duration_since(at) < VISIBILITY_GRACE)
}

/// EC2 has the AMI.
pub(super) fn registered(
    step: &StepContext<'_>,
    image: &ObservedImage,
    origin: Origin,
) -> StepOutcome {
    StepOutcome::Advance(Evidence::ImageRegistered {
        region: step.config().region.clone(),
        image: Box::new(RegionStatus {
            image_state: image.state.clone(),
            created_at: image.created_at,
            snapshots: image.snapshots.clone(),
            ..RegionStatus::pending(image.id.clone())
        }),
        origin,
        owners: Owners::new(),
    })
}
