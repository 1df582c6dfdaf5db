//! The images that are being published: their AMIs are described together, with one call for each Region, and page.

use futures_util::stream::{self, StreamExt};

use super::beginnings::Changing;
use super::leaving::leave;
use super::polling_history::PollingHistory;
use super::read_ahead::{AT_ONCE, Awaiting};
use super::report::Polls;
use crate::aws::Aws;
use crate::reconcile::{self, Context, Described, Error};

/// Looks at the AMIs of these images, at most as many as one call can describe, by way of `aws`, and does for each image what
/// can be done then, in its turn among all that are advancing, if there is time for it.
pub(super) async fn advance(
    context: Context<'_>,
    history: &PollingHistory,
    aws: &Aws,
    changing: Changing<'_>,
    images: Vec<Awaiting>,
) -> Polls {
    let ids = images
        .iter()
        .flat_map(|image| reconcile::images_to_publish(context, &image.loaded.status));
    let described = &Described::of(aws, ids).await;
    let visits = images.into_iter().map(|image| async move {
        let key = image.marker.manifest_key.clone();
        let Some(_turn) = changing.turn().await else {
            return (key, None);
        };
        let visit = Box::pin(one(context, history, image, described));
        (key, Some(visit.await))
    });
    let mut visits = stream::iter(visits.collect::<Vec<_>>()).buffered(AT_ONCE);
    let mut polls = Polls::default();
    while let Some((key, visit)) = visits.next().await {
        polls.add(key, visit);
    }
    polls
}

/// Returns whether the image's status changed.
async fn one(
    context: Context<'_>,
    history: &PollingHistory,
    image: Awaiting,
    described: &Described,
) -> Result<bool, Error> {
    // The room that it takes is kept until it is done.
    let Awaiting {
        loaded,
        marker,
        room: _room,
        ..
    } = image;
    let outcome = reconcile::publish(context, loaded, described).await?;
    leave(context, history, &marker, outcome).await
}
