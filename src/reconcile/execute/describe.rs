//! The stage `describe`: description and tags.

use super::refused::{Refused, has_asked, not_found_yet};
use crate::aws::Aws;
use crate::image::ownership::is_of_version;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{Action, RegionAction};
use crate::image::words::WaitReason;
use crate::reconcile::step_context::StepContext;

pub(super) async fn perform(
    step: &StepContext<'_>,
    aws: &Aws,
    image: &str,
    what: &RegionAction,
) -> Result<(), Refused> {
    let changed = match &what.action {
        Action::SetDescription { text } => aws.set_image_description(image, text).await,
        Action::SetTags { tags } => {
            let ids = tagged(step, aws, &what.region, image).await?;
            aws.create_tags(&ids, tags).await
        }
        Action::RemoveTags { tags } => {
            let ids = tagged(step, aws, &what.region, image).await?;
            aws.delete_tags(&ids, tags).await
        }
        _ => Ok(()),
    };
    changed.map_err(|error| not_found_yet(step, &what.region, error))
}

/// The AMI, and those of its snapshots that were made for it.
async fn tagged(
    step: &StepContext<'_>,
    aws: &Aws,
    region: &str,
    image: &str,
) -> Result<Vec<String>, Refused> {
    let mut ids = vec![image.to_owned()];
    ids.extend(made(step, aws, region).await?);
    Ok(ids)
}

/// The snapshots of an AMI that were made for it: others that a manifest names are not ours. Which are its own EC2 showed
/// just before.
async fn made(step: &StepContext<'_>, aws: &Aws, region: &str) -> Result<Vec<String>, Refused> {
    let status = step.status;
    let Some(known) = status.regions.get(region) else {
        return Ok(Vec::new());
    };
    if status.copies.contains_key(region) {
        return Ok(known.snapshots.clone());
    }
    let is_made = |id: &&String| {
        let mut tasks = status.build.tasks.iter();
        tasks.any(|task| task.region == region && task.snapshots.contains(id))
    };
    let made: Vec<_> = known.snapshots.iter().filter(is_made).cloned().collect();
    let makes = status.build.source.is_some_and(|it| it.makes_snapshots());
    if !made.is_empty() || known.snapshots.is_empty() || !makes {
        return Ok(made);
    }
    // An earlier attempt has made the AMI: its tags say which are its own.
    let found = aws.find_snapshots("snapshot-id", &known.snapshots).await?;
    let is_shown = |id: &&String| found.iter().any(|it| it.id == **id);
    if let Some(hidden) = known.snapshots.iter().find(|id| !is_shown(id)) {
        let reason = WaitReason::Unproven {
            what: hidden.clone(),
        };
        if !has_asked(step, region, VISIBILITY_GRACE) {
            return Err(Refused::NotYet(reason));
        }
    }
    let digest = status.build.digest.as_ref();
    let own = found
        .into_iter()
        .filter(|it| is_of_version(status, digest, &it.tags));
    Ok(own.map(|it| it.id).collect())
}
