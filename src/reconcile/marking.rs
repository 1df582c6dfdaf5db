//! Open markers: what is not finalized can always be found by its own. Who writes one may meet another invocation that
//! deletes it at just this moment, or has written its own.

use jiff::SignedDuration;

use super::context::{CONFLICTS_MAX, Context, Error};
use crate::aws::Saved;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{ManifestVersion, Status};
use crate::keys;
use crate::status_store::{self, OpenMarker};

/// After how long whatever an invocation was about to do is done, or it died: longer than the functions may run (a minute,
/// template.yaml), and than the clock of who looks may be ahead of S3's besides.
pub(super) const STARTED_GRACE: SignedDuration = SignedDuration::from_mins(5);

/// Whether the invocation that wrote an open marker is over.
pub(crate) fn is_dead(context: Context<'_>, marker: &OpenMarker) -> bool {
    context.now.duration_since(marker.opened_at) > STARTED_GRACE
}

/// Whether the invocation that wrote an open marker has been over for so long that whatever it made would show.
pub(super) fn is_late(context: Context<'_>, marker: &OpenMarker) -> bool {
    context.now.duration_since(marker.opened_at) > STARTED_GRACE + VISIBILITY_GRACE
}

/// What became of marking an image as open.
pub(super) enum Marked {
    /// The marker is ours, and has this `ETag`.
    Ours(String),
    /// Another one is there than was known: that of an invocation that has just written it, or that died.
    Theirs(OpenMarker),
    /// The one that was known was deleted at this moment, or is being written: the next attempt shows which.
    Unclear,
}

/// Marks an image as open where it has no marker, or in place of the one whose `ETag` is `known`.
pub(super) async fn mark(
    context: Context<'_>,
    version: &ManifestVersion,
    known: Option<&str>,
) -> Result<Marked, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    if let Saved::Yes(marker) = status_store::mark_open(aws, config, version, known, now).await? {
        return Ok(Marked::Ours(marker));
    }
    let there = find(context, &version.key).await?;
    let theirs = there.filter(|marker| known != Some(&*marker.etag));
    Ok(theirs.map_or(Marked::Unclear, Marked::Theirs))
}

/// Marks an image as open, whoever else has marked it, before its status says that something is to be done. Returns the
/// marker's `ETag`. Of whoever has just written the marker that was there, and us, only one saves the status: the other
/// one reads again.
///
/// None if the marker there has a draft: only that leads to what its writer makes, who is just starting. A draft of
/// `recovered`, the marker that a tick has listed, has led to all that it could once it is late.
pub(super) async fn mark_anew(
    context: Context<'_>,
    status: &Status,
    recovered: Option<&OpenMarker>,
) -> Result<Option<String>, Error> {
    let mut known = status.open_marker.clone();
    for _ in 0..CONFLICTS_MAX {
        match mark(context, &status.manifest, known.as_deref()).await? {
            Marked::Ours(marker) => return Ok(Some(marker)),
            Marked::Theirs(marker) => {
                let mut recovered = recovered.iter().filter(|it| it.etag == marker.etag);
                let is_recovered = recovered.any(|it| is_late(context, it));
                if !is_recovered && has_draft(context, &marker).await? {
                    return Ok(None);
                }
                known = Some(marker.etag);
            }
            Marked::Unclear => {}
        }
    }
    Ok(None)
}

/// Whether its writer left in the marker what it was about to make.
pub(super) async fn has_draft(context: Context<'_>, marker: &OpenMarker) -> Result<bool, Error> {
    let draft = status_store::load_draft(context.aws, context.config, marker).await?;
    Ok(draft.is_some())
}

/// The open marker of a manifest's image; none if it has none.
pub(super) async fn find(
    context: Context<'_>,
    manifest_key: &str,
) -> Result<Option<OpenMarker>, Error> {
    let key = keys::open_key(manifest_key);
    let bucket = &context.config.state_bucket;
    let object = context.aws.head_object(bucket, &key).await?;
    Ok(object.map(|object| OpenMarker {
        manifest_key: manifest_key.to_owned(),
        etag: object.etag,
        opened_at: object.modified_at,
    }))
}
