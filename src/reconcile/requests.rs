//! Requests to cancel and to retry, which operators write as objects of their own: each is recorded in the status of its
//! image, and only then deleted. What it asks for is done by the next tick, for which the image's open marker is written
//! anew. An invocation that dies in between answers again, finds that nothing is new, and writes the marker once more.

use super::arrival::is_outdated;
use super::context::{Context, Error};
use super::draft::change;
use crate::aws::Saved;
use crate::image::Status;
use crate::image::apply::{Ignored, follow};
use crate::keys;
use crate::status_store::{self, OpenMarker, StoreError, StoredRequest};

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There is none with this key.
    Absent,
    /// It is recorded in the status of its image, now or before.
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
    status_store::delete_request(aws, config, key, &stored.etag).await?;
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
        // A person has to repair it first, and may ask again then.
        Err(broken) => return Ok(Err(Reason::BrokenStatus(broken))),
    };
    let request = || stored.request.as_ref().map_err(|malformed| *malformed);
    let now = context.now;
    let marker = match follow(&mut loaded.status.clone(), request(), now) {
        // Also where it was recorded before: who asks again may do so because nothing has come of it.
        Ok(_) => renew_marker(context, &loaded.status).await?,
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
        let before = status.history.last().cloned();
        followed = follow(status, request(), now);
        let is_marked = followed.is_ok() && marker.is_some();
        if is_marked {
            status.open_marker.clone_from(&marker);
        }
        // That it was ignored is in the history, once.
        is_marked || matches!(followed, Ok(true)) || status.history.last() != before.as_ref()
    })
    .await?;
    Ok(followed.map_err(Reason::from))
}

/// Ticks read only what is marked as open, and what waits only if its marker is new: so the marker is written again, before
/// the status. One too many is removed by a tick, a missing one is not replaced. None if somebody else has just written it.
async fn renew_marker(context: Context<'_>, status: &Status) -> Result<Option<String>, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    let manifest_key = &status.manifest.key;
    let key = keys::open_key(manifest_key);
    let existing = aws.head_object(&config.state_bucket, &key).await?;
    let known = existing.as_ref().map(|marker| marker.etag.clone());
    if let Some(existing) = existing
        && known != status.open_marker
    {
        let marker = OpenMarker {
            manifest_key: manifest_key.clone(),
            etag: existing.etag,
            opened_at: existing.modified_at,
        };
        // What a dead invocation may have made is found by the draft in its marker.
        if status_store::load_draft(aws, config, &marker)
            .await?
            .is_some()
        {
            return Ok(None);
        }
    }
    let marked = status_store::mark_open(aws, config, &status.manifest, known.as_deref(), now);
    Ok(match marked.await? {
        Saved::Yes(etag) => Some(etag),
        Saved::Conflict => None,
    })
}
