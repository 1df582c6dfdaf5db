//! The stage `describe`: description and tags.

use crate::aws::{Aws, AwsError};
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
            let ids = tagged(status, &what.region, image);
            aws.create_tags(&ids, tags).await
        }
        Action::RemoveTags { tags } => {
            let ids = tagged(status, &what.region, image);
            aws.delete_tags(&ids, tags).await
        }
        _ => Ok(()),
    }
}

/// The AMI, and those of its snapshots that were made for it: others that a manifest names are not ours. Which are its own
/// EC2 showed just before.
fn tagged(status: &Status, region: &str, image: &str) -> Vec<String> {
    let is_copy = status.copies.contains_key(region);
    let is_made = |id: &&String| {
        let mut tasks = status.build.tasks.iter();
        is_copy || tasks.any(|task| task.region == region && task.snapshots.contains(id))
    };
    let known = status.regions.get(region).into_iter();
    let own = known.flat_map(|image| &image.snapshots).filter(is_made);
    std::iter::once(image.to_owned())
        .chain(own.cloned())
        .collect()
}
