//! Starting a version: its open marker first, so that what is not finished can always be found.

use std::collections::BTreeSet;

use tokio::sync::OnceCell;

use super::context::{Context, Error};
use super::draft::{Draft, Start, change};
use super::marking::{Marked, find, has_draft, is_dead, mark};
use crate::aws::{AwsError, Saved};
use crate::image::plan::{self, Next};
use crate::image::status::Status;
use crate::status_store::{self, Loaded, OpenMarker};

/// Marks an image as open that ended before and has a notice due now: ticks send what `notify` is not invoked for.
/// Where another invocation has just marked it, its marker does as well. One that has just deleted the marker had read that
/// the notice is sent: then this status is not saved.
pub(super) async fn mark_unsent(context: Context<'_>, status: &mut Status) -> Result<(), Error> {
    if !status.state.is_final() || status.unsent().next().is_none() {
        return Ok(());
    }
    let Context {
        aws, config, now, ..
    } = context;
    let known = status.open_marker.as_deref();
    let marked = status_store::mark_open(aws, config, &status.manifest, known, now).await?;
    if let Saved::Yes(marker) = marked {
        status.open_marker = Some(marker);
    }
    Ok(())
}

/// The images that have an open marker: listed once for all that an audit reads, when the first of them is not finished. One that
/// is not among them may have been marked since, or be one too many to be held: its marker is looked for.
#[derive(Debug, Default)]
pub(crate) struct ListedMarkers(OnceCell<Result<BTreeSet<String>, AwsError>>);

impl ListedMarkers {
    async fn has(&self, context: Context<'_>, manifest_key: &str) -> Result<bool, AwsError> {
        let list = || async {
            let open = status_store::list_open(context.aws, context.config).await?;
            Ok(open.into_iter().map(|it| it.manifest_key).collect())
        };
        let listed = self.0.get_or_init(list).await;
        let listed: &BTreeSet<String> = listed.as_ref().map_err(AwsError::clone)?;
        Ok(listed.contains(manifest_key))
    }
}

/// Marks an image as open that has something left to be done and no marker, so that no tick would ever come to it: somebody
/// has restored its status, or has deleted the marker. Returns the status as it is then.
///
/// # Errors
/// If S3 fails, or others never stop writing.
pub(crate) async fn mark_lost(
    context: Context<'_>,
    listed: &ListedMarkers,
    loaded: Loaded,
) -> Result<Loaded, Error> {
    let is_open = |status: &Status| plan::next(status, context.now) != Next::Finalize;
    let version = &loaded.status.manifest;
    if !is_open(&loaded.status)
        || listed.has(context, &version.key).await?
        || find(context, &version.key).await?.is_some()
    {
        return Ok(loaded);
    }
    // Ticks come to it as well if another invocation has written one just now.
    let Marked::Ours(marker) = mark(context, version, None).await? else {
        return Ok(loaded);
    };
    let (manifest, lost) = (version.key.clone(), loaded.status.open_marker.clone());
    // It may have been finalized since it was read: then nothing is written, and a tick deletes the marker. Or another marker
    // may have replaced this one.
    let marked = change(context, loaded, |status| {
        let is_left = is_open(status) && status.open_marker == lost;
        if is_left {
            status.open_marker = Some(marker.clone());
        }
        is_left
    })
    .await?;
    if marked.status.open_marker.as_ref() == Some(&marker) {
        tracing::warn!(manifest, "had no open marker: it is continued");
    }
    Ok(marked)
}

/// What became of starting a version.
pub(super) enum Opened {
    /// It is ours to continue with.
    Draft(Box<Draft>),
    /// Another invocation has started it, and may be at it. Its marker is there, for ticks to go on by.
    Elsewhere,
    /// Another invocation wrote the status meanwhile, or deleted the marker: both are to be read again.
    Conflict,
}

/// Starts a version. The open marker comes before the status: what is not finalized can always be found. It is written
/// conditionally, so that only one invocation starts a version. Where there is no status yet it is written later, with
/// or right before the first call that makes something: see [`Draft::ready`]. `ours` is one that we have written
/// before.
pub(super) async fn open(
    context: Context<'_>,
    mut status: Status,
    before: Option<&Loaded>,
    ours: Option<&str>,
    marker: Option<&OpenMarker>,
) -> Result<Opened, Error> {
    // What a dead invocation may have sent has to be looked for: see below.
    let listed = marker.filter(|it| is_dead(context, it));
    if before.is_none() && ours.is_none() && listed.is_none() {
        let draft = Draft::opened(status, None, Start::Unmarked);
        return Ok(Opened::Draft(Box::new(draft)));
    }
    let known = before.and_then(|before| before.status.open_marker.as_deref());
    let etag = before.map(|before| before.etag.clone());
    let theirs = match mark(context, &status.manifest, ours.or(known)).await? {
        Marked::Ours(marker) => {
            status.open_marker = Some(marker);
            let draft = Draft::opened(status, etag, Start::Marked);
            return Ok(Opened::Draft(Box::new(draft)));
        }
        // The version before was just finalized, by who did not know of this one.
        Marked::Unclear => return Ok(Opened::Conflict),
        Marked::Theirs(theirs) => theirs,
    };
    // Another invocation has started this version. If it died, what it may have sent has to be looked for.
    let dead = match listed {
        Some(listed) => &listed.etag,
        // A tick may be about to delete it, with the version before, whose end it was written beside.
        None if is_dead(context, &theirs) && !has_draft(context, &theirs).await? => &theirs.etag,
        None => return Ok(Opened::Elsewhere),
    };
    match mark(context, &status.manifest, Some(dead)).await? {
        Marked::Ours(marker) => status.open_marker = Some(marker),
        Marked::Unclear => return Ok(Opened::Conflict),
        Marked::Theirs(_) => return Ok(Opened::Elsewhere),
    }
    let Context { aws, config, .. } = context;
    match status_store::save(aws, config, &status, etag.as_deref()).await? {
        Saved::Yes(etag) => Ok(Opened::Draft(Box::new(Draft::loaded(Loaded {
            status,
            etag,
        })))),
        Saved::Conflict => Ok(Opened::Conflict),
    }
}
