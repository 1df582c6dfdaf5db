//! Requests to cancel and to retry, which operators write as objects of their own: each is recorded in the status of its
//! image, and only then deleted. What it asks for is done by the next tick, for which the image's open marker is written
//! anew, before the status: ticks read only what is marked as open, and what waits only if its marker is new.
//!
//! An invocation that dies before the status is written has answered nothing, and the next one begins again. Once it is
//! written, it names the request and its marker, and whoever has read that marker and leaves the image alone for a while
//! has read what was asked for. So the next one only deletes the request, however often that takes.

use super::arrival::is_outdated;
use super::context::{Context, Error};
use super::draft::change;
use super::marking::{find, mark_anew};
use crate::image::apply::{Ignored, cancel_again, follow};
use crate::image::plan::{self, Next};
use crate::keys;
use crate::status_store::{self, Loaded, StoreError, StoredRequest};

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There is none with this key.
    Absent,
    /// It is recorded in the status of its image, now, or was answered before.
    Recorded,
    /// It was of no use.
    Ignored,
}

/// Why a request is of no use.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("its key is not that of a request about a manifest")]
    Key,
    #[error("its manifest has no status")]
    NoStatus,
    #[error(transparent)]
    BrokenStatus(StoreError),
    #[error(transparent)]
    Ignored(#[from] Ignored),
}

/// Answers the request with this key of its own, and deletes it.
///
/// # Errors
/// If S3 fails, or others never stop writing the status: the request stays, and is answered later.
pub(crate) async fn answer(context: Context<'_>, key: &str) -> Result<Answer, Error> {
    let Context { aws, config, .. } = context;
    let Some(stored) = status_store::load_request(aws, config, key).await? else {
        return Ok(Answer::Absent);
    };
    let recorded = match keys::manifest_of_request(key) {
        Some(manifest_key) => Box::pin(record(context, manifest_key, &stored)).await?,
        None => Err(Reason::Key),
    };
    status_store::delete_request(aws, config, key, &stored.version.etag).await?;
    Ok(match recorded {
        Ok(is_new) => {
            tracing::info!(request = key, is_new, "recorded a request");
            Answer::Recorded
        }
        Err(reason) => {
            tracing::warn!(request = key, %reason, "ignored a request");
            Answer::Ignored
        }
    })
}

/// Records a request in the status of its manifest. Returns whether that is new, or why the request is of no use.
async fn record(
    context: Context<'_>,
    manifest_key: &str,
    stored: &StoredRequest,
) -> Result<Result<bool, Reason>, Error> {
    let loaded = match status_store::load(context.aws, context.config, manifest_key).await {
        Ok(Some(loaded)) => loaded,
        Ok(None) => return Ok(Err(Reason::NoStatus)),
        Err(StoreError::Aws(error)) => return Err(error.into()),
        // While a stack is updated, or after it was rolled back, functions meet statuses of newer ones, which do what is asked
        // for.
        Err(newer @ StoreError::Newer { .. }) => return Err(newer.into()),
        // A person has to repair it first, and may ask again then.
        Err(broken) => return Ok(Err(Reason::BrokenStatus(broken))),
    };
    let version = &stored.version;
    let is_repeated = stored.request.as_ref().is_ok_and(|it| it.is_repeated);
    if is_repeated || loaded.status.answered.as_ref() == Some(version) {
        let again = stored.request.as_ref().ok().filter(|_| is_repeated);
        let change = change(context, loaded, |status| {
            again.is_some_and(|request| cancel_again(status, version, request, context.now))
        });
        keep_marked(context, change.await?).await?;
        return Ok(Ok(false));
    }
    let request = || stored.request.as_ref().map_err(|malformed| *malformed);
    let now = context.now;
    let marker = match follow(&mut loaded.status.clone(), version, request(), now) {
        // Also where the same was asked for before: who asks again may do so because nothing has come of it.
        Ok(_) => mark_anew(context, &loaded.status, None).await?,
        // Who writes a status later than a manifest was uploaded says by that that the upload is known (the sweep relies on
        // it). While an image is open, that is looked at before it is finalized.
        Err(ignored)
            if loaded.status.state.is_final() && is_outdated(context, &loaded.status).await? =>
        {
            return Ok(Err(ignored.into()));
        }
        Err(_) => None,
    };
    let mut followed = Ok(false);
    change(context, loaded, |status| {
        let is_new = status.answered.as_ref() != Some(version);
        followed = follow(status, version, request(), now);
        let is_marked = followed.is_ok() && marker.is_some();
        if is_marked {
            status.open_marker.clone_from(&marker);
        }
        is_marked || is_new
    })
    .await?;
    Ok(followed.map_err(Reason::from))
}

/// Sees to it that ticks come to an image whose request was answered before, if anything is left to be done for it: its
/// marker may have been deleted by hand since.
async fn keep_marked(context: Context<'_>, loaded: Loaded) -> Result<(), Error> {
    let status = &loaded.status;
    if plan::next(status, context.now) == Next::Finalize {
        return Ok(());
    }
    let there = find(context, &status.manifest.key).await?;
    if there.is_some_and(|marker| status.open_marker == Some(marker.etag)) {
        return Ok(());
    }
    let Some(marker) = mark_anew(context, status, None).await? else {
        return Ok(());
    };
    change(context, loaded, |status| {
        status.open_marker = Some(marker.clone());
        true
    })
    .await?;
    Ok(())
}
