//! What an invocation leaves that dies before it has written the first status of its image: an open marker, which holds the
//! draft of the status if something may have been made.

use crate::aws::Saved;
use crate::image::apply::recover;
use crate::status_store::{self, Loaded, OpenMarker};

use super::build;
use super::context::{Context, Error};
use super::manifest_reader::is_readable;
use super::marking::{is_dead, is_late};

/// What an open marker's draft led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// There is none that anything follows from.
    Nothing,
    /// Nothing shows yet that there ever was such a version.
    Later,
    /// Its status is written: the image is to be reconciled.
    Written,
}

/// Whether an open marker may be what a dead invocation has left: with a draft, or without any status. `current` is the status
/// that is there.
pub(crate) fn is_left(context: Context<'_>, marker: &OpenMarker, current: Option<&Loaded>) -> bool {
    let known = current.and_then(|current| current.status.open_marker.as_ref());
    known != Some(&marker.etag) && is_dead(context, marker)
}

/// Writes the status that a dead invocation did not come to write, from the draft in its open marker. `current` is the
/// status that is there. A draft counts only if S3 has the manifest's version, or EC2 shows what was made for it: who
/// may write a marker could make up an image otherwise.
///
/// The draft may be of another version than what is at the manifest's key now, which waits until this one has ended.
///
/// # Errors
/// If S3 fails, or what the marker holds cannot be used.
pub(crate) async fn recover_draft(
    context: Context<'_>,
    marker: &OpenMarker,
    current: Option<&Loaded>,
) -> Result<Recovery, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    if !is_left(context, marker, current) {
        return Ok(Recovery::Nothing);
    }
    let Some(draft) = status_store::load_draft(aws, config, marker).await? else {
        return Ok(Recovery::Nothing);
    };
    if !is_readable(context, &draft.manifest).await? && !build::is_made(context, &draft).await? {
        let is_late = is_late(context, marker);
        let manifest = &marker.manifest_key;
        tracing::warn!(manifest, is_late, "a draft of a version that nothing shows");
        return Ok(if is_late {
            Recovery::Nothing
        } else {
            Recovery::Later
        });
    }
    let status = current.map(|current| current.status.clone());
    let Some(mut status) = recover(draft, status, now) else {
        return Ok(Recovery::Nothing);
    };
    status.open_marker = Some(marker.etag.clone());
    let etag = current.map(|current| &*current.etag);
    // Who else has written it has recovered it, or is read now.
    let saved = status_store::save(aws, config, &status, etag).await?;
    let manifest = &marker.manifest_key;
    let is_saved = saved != Saved::Conflict;
    tracing::info!(manifest, is_saved, "recovered a draft");
    Ok(Recovery::Written)
}
