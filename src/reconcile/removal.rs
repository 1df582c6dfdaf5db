//! The manifest of an image is gone: it is cancelled, or what the manifest had said of its AMI is done.

use super::context::{Context, Error};
use super::draft::{Draft, change};
use super::opening::mark_unsent;
use crate::aws::Saved;
use crate::image::apply::{remove, request_cancel, withdraw_retry};
use crate::image::status::Status;
use crate::image::words::CancelBy;
use crate::status_store::{self, Loaded};

/// Saves that something is to be done about an image that had ended. It is marked as open before. None if another
/// invocation wrote its status meanwhile.
pub(super) async fn reopened(
    context: Context<'_>,
    mut status: Status,
    etag: &str,
) -> Result<Option<Draft>, Error> {
    let Context { aws, config, .. } = context;
    mark_open(context, &mut status).await?;
    Ok(
        match status_store::save(aws, config, &status, Some(etag)).await? {
            Saved::Yes(etag) => Some(Draft::saved(Loaded { status, etag })),
            Saved::Conflict => None,
        },
    )
}

/// Marks an image that had ended as open, before its status says that something is to be done.
pub(super) async fn mark_open(context: Context<'_>, status: &mut Status) -> Result<(), Error> {
    let Context { aws, config, .. } = context;
    let known = status.open_marker.as_deref();
    let marked = status_store::mark_open(aws, config, &status.manifest, known, context.now);
    if let Saved::Yes(marker) = marked.await? {
        status.open_marker = Some(marker);
    }
    Ok(())
}

/// The manifest of an AMI that exists is gone: what it said of that is done. None if another invocation wrote the status
/// meanwhile: the manifest may be there again.
pub(super) async fn removed(context: Context<'_>, before: Loaded) -> Result<Option<Draft>, Error> {
    let Loaded { mut status, etag } = before;
    remove(&mut status, context.now);
    if !status.state.is_final() {
        return reopened(context, status, &etag).await;
    }
    mark_unsent(context, &mut status).await?;
    let saved = status_store::save(context.aws, context.config, &status, Some(&etag)).await?;
    Ok(match saved {
        Saved::Yes(etag) => Some(Draft::saved(Loaded { status, etag })),
        Saved::Conflict => None,
    })
}

/// The manifest is gone: the image is no longer wanted. One that is final stays.
pub(super) async fn unwanted(context: Context<'_>, before: Loaded) -> Result<Draft, Error> {
    let etag = before.etag.clone();
    // Saved before anything is cancelled: a request that is lost to another writer would look like EC2's own failure.
    let after = change(context, before, |status| {
        // What cannot be cancelled any more is finished, and without a manifest there is nothing to try again.
        withdraw_retry(status, context.now)
            || request_cancel(status, CancelBy::ManifestRemoved, context.now).unwrap_or(false)
    })
    .await?;
    Ok(if after.etag == etag {
        Draft::loaded(after)
    } else {
        Draft::saved(after)
    })
}
