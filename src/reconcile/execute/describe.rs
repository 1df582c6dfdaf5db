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

/// The AMI, and the snapshots that were made for it: those that a manifest names are somebody else's.
fn tagged(status: &Status, region: &str, image: &str) -> Vec<String> {
    let tasks = status.build.tasks.iter().filter(|it| it.region == region);
    let made = tasks.flat_map(|task| task.snapshots.iter().cloned());
    let copied = status.copies.get(region).and(status.regions.get(region));
    let copied = copied.into_iter().flat_map(|it| it.snapshots.clone());
    let mut ids = vec![image.to_owned()];
    for id in made.chain(copied) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}
