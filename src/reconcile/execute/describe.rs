//! The stage `describe`: description and tags.

use crate::aws::{Aws, AwsError};
use crate::image::ownership::is_of_version;
use crate::image::status::{Action, RegionAction, Status};

pub(super) async fn perform(
    aws: &Aws,
    status: &Status,
    image: &str,
    what: &RegionAction,
) -> Result<(), AwsError> {
    match &what.action {
        Action::SetDescription { text } => aws.set_image_description(image, text).await,
        Action::SetTags { tags } => {
            let ids = tagged(aws, status, &what.region, image).await?;
            aws.create_tags(&ids, tags).await
        }
        Action::RemoveTags { tags } => {
            let ids = tagged(aws, status, &what.region, image).await?;
            aws.delete_tags(&ids, tags).await
        }
        _ => Ok(()),
    }
}

/// The AMI, and those of its snapshots that were made for it.
async fn tagged(
    aws: &Aws,
    status: &Status,
    region: &str,
    image: &str,
) -> Result<Vec<String>, AwsError> {
    let mut ids = vec![image.to_owned()];
    ids.extend(made(aws, status, region).await?);
    Ok(ids)
}

/// The snapshots of an AMI that were made for it: others that a manifest names are not ours. Which are its own EC2 showed
/// just before.
async fn made(aws: &Aws, status: &Status, region: &str) -> Result<Vec<String>, AwsError> {
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
    let digest = status.build.digest.as_ref();
    let own = found
        .into_iter()
        .filter(|it| is_of_version(status, digest, &it.tags));
    Ok(own.map(|it| it.id).collect())
}
