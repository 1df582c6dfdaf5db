//! Where the next tick begins: with the first image for which this one had no time. So each is visited in turn, however many
//! there are.

use tokio::sync::oneshot;

use super::report::Polls;
use crate::aws::AwsError;
use crate::reconcile::Context;
use crate::status_store::{self, OpenMarker};

/// Saves the first image that is left as soon as it is known, and returns it: what is under way then may take longer than the
/// invocation has, and the next tick must not begin where this one did.
pub(super) async fn save_early<'a>(
    context: Context<'_>,
    first: oneshot::Receiver<&'a OpenMarker>,
) -> Result<Option<&'a OpenMarker>, AwsError> {
    let Ok(first) = first.await else {
        return Ok(None);
    };
    status_store::save_resume_point(context.aws, context.config, first).await?;
    Ok(Some(first))
}

/// The image with which the next tick begins: the first of those for which there was no time. If there are none, the first of
/// those for which there were too many requests. As these may be the same at every tick, they keep no others from their turn.
pub(super) fn next<'a>(
    open: &'a [OpenMarker],
    skipped: Option<&'a OpenMarker>,
    polls: &Polls,
) -> Option<&'a OpenMarker> {
    let is_left = |it: &&OpenMarker| skipped == Some(*it) || polls.left.contains(&it.manifest_key);
    let is_limited = |it: &&OpenMarker| polls.limited.contains(&it.manifest_key);
    let mut open = open.iter();
    let left = open.clone().find(is_left);
    left.or_else(|| open.find(is_limited))
}
