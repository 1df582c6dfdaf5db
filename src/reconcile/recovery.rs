//! What an invocation leaves that dies before it has written the first status of its image: an open marker, which holds the
//! draft of the status if something may have been made.

use crate::aws::Saved;
use crate::image::apply::recover;
use crate::status_store::{self, Loaded, OpenMarker};

use super::context::{Context, Error};
use super::driver::is_dead;

/// Writes the status that a dead invocation did not come to write, from the draft in its open marker. Returns whether
/// there was one: then the image is to be reconciled. `current` is the status that is there.
///
/// The draft may be of another version than what is at the manifest's key now, which waits until this one has ended.
///
/// # Errors
/// If S3 fails, or what the marker holds cannot be used.
pub(crate) async fn recover_draft(
    context: Context<'_>,
    marker: &OpenMarker,
    current: Option<&Loaded>,
) -> Result<bool, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    let known = current.and_then(|current| current.status.open_marker.as_ref());
    if known == Some(&marker.etag) || !is_dead(context, marker) {
        return Ok(false);
    }
    let Some(draft) = status_store::load_draft(aws, config, marker).await? else {
        return Ok(false);
    };
    let status = current.map(|current| current.status.clone());
    let Some(mut status) = recover(draft, status, now) else {
        return Ok(false);
    };
    status.open_marker = Some(marker.etag.clone());
    let etag = current.map(|current| &*current.etag);
    // Who else has written it has recovered it, or is read now.
    let saved = status_store::save(aws, config, &status, etag).await?;
    let manifest = &marker.manifest_key;
    let is_saved = saved != Saved::Conflict;
    tracing::info!(manifest, is_saved, "recovered a draft");
    Ok(true)
}
