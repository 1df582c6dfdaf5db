//! The manifest of an image is gone: it is cancelled, or what the manifest had said of its AMI is done.

use super::context::{Context, Error};
use super::draft::{Draft, save};
use super::marking::mark_anew;
use super::opening::mark_unsent;
use crate::aws::Saved;
use crate::image::apply::{can_be_removed, remove, request_cancel, withdraw_retry};
use crate::image::status::Status;
use crate::image::words::CancelBy;
use crate::status_store::{self, Loaded, OpenMarker};

/// Saves that something is to be done about an image that had ended. It is marked as open before. `marker` is its open
/// marker, where that was listed. None if another invocation wrote its status meanwhile, or is just starting a version.
pub(super) async fn reopened(
    context: Context<'_>,
    mut status: Status,
    etag: &str,
    marker: Option<&OpenMarker>,
) -> Result<Option<Draft>, Error> {
    let Context { aws, config, .. } = context;
    // Without a marker nobody would ever come to what is to be done.
    let Some(marker) = mark_anew(context, &status, marker).await? else {
        return Ok(None);
    };
    status.open_marker = Some(marker);
    Ok(
        match status_store::save(aws, config, &status, Some(etag)).await? {
            Saved::Yes(etag) => Some(Draft::saved(Loaded { status, etag })),
            Saved::Conflict => None,
        },
    )
}

/// The manifest of an image is gone. `marker` is its open marker, where that was listed. None if another invocation wrote
/// the status meanwhile: the manifest may be there again, and has to be looked for before anything else is written.
pub(super) async fn removed(
    context: Context<'_>,
    before: Loaded,
    marker: Option<&OpenMarker>,
) -> Result<Option<Draft>, Error> {
    if can_be_removed(&before.status) {
        retired(context, before, marker).await
    } else {
        unwanted(context, before).await
    }
}

/// The manifest of an AMI that exists is gone: what it said of that is done.
async fn retired(
    context: Context<'_>,
    before: Loaded,
    marker: Option<&OpenMarker>,
) -> Result<Option<Draft>, Error> {
    let Loaded { mut status, etag } = before;
    remove(&mut status, context.now);
    if !status.state.is_final() {
        return reopened(context, status, &etag, marker).await;
    }
    mark_unsent(context, &mut status).await?;
    let saved = status_store::save(context.aws, context.config, &status, Some(&etag)).await?;
    Ok(match saved {
        Saved::Yes(etag) => Some(Draft::saved(Loaded { status, etag })),
        Saved::Conflict => None,
    })
}

/// The manifest is gone: the image is no longer wanted. One that is final stays.
async fn unwanted(context: Context<'_>, before: Loaded) -> Result<Option<Draft>, Error> {
    let Loaded { mut status, etag } = before;
    // What cannot be cancelled any more is finished, and without a manifest there is nothing to try again.
    let is_changed = withdraw_retry(&mut status, context.now)
        || request_cancel(&mut status, CancelBy::ManifestRemoved, context.now).unwrap_or(false);
    if !is_changed {
        return Ok(Some(Draft::loaded(Loaded { status, etag })));
    }
    // Saved before anything is cancelled: a request that is lost to another writer would look like EC2's own failure.
    Ok(match save(context, &status, Some(&etag)).await? {
        Saved::Yes(etag) => Some(Draft::saved(Loaded { status, etag })),
        Saved::Conflict => None,
    })
}
