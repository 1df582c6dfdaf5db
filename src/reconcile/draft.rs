//! A status that is being worked on, and how it is saved whatever others write meanwhile.

use crate::aws::Saved;
use crate::image::apply::apply;
use crate::image::message::failures;
use crate::image::outcome::StepOutcome;
use crate::image::status::Status;
use crate::status_store::{self, Loaded, StoreError};

use super::context::{CONFLICTS_MAX, Context, Error, Outcome};

/// A status that is being worked on.
pub(super) struct Draft {
    pub(super) status: Status,
    /// The `ETag` of what is in the bucket; none if there is nothing yet.
    pub(super) etag: Option<String>,
    /// Whether it differs from what is in the bucket.
    pub(super) dirty: bool,
    /// Whether anything was saved.
    pub(super) advanced: bool,
    /// Whether nobody can have sent anything for its step yet.
    pub(super) is_first: bool,
}

impl Draft {
    pub(super) fn loaded(loaded: Loaded) -> Self {
        Self {
            status: loaded.status,
            etag: Some(loaded.etag),
            dirty: false,
            advanced: false,
            is_first: false,
        }
    }

    pub(super) fn saved(loaded: Loaded) -> Self {
        Self {
            advanced: true,
            ..Self::loaded(loaded)
        }
    }

    pub(super) fn opened(status: Status, etag: Option<String>) -> Self {
        Self {
            status,
            etag,
            dirty: true,
            advanced: false,
            is_first: true,
        }
    }

    /// Saves what was changed. If somebody else was faster, goes on with what is there. Returns whether it was saved.
    pub(super) async fn save(&mut self, context: Context<'_>) -> Result<bool, Error> {
        if !self.dirty {
            return Ok(true);
        }
        self.dirty = false;
        match save(context, &self.status, self.etag.as_deref()).await? {
            Saved::Yes(etag) => {
                self.etag = Some(etag);
                self.advanced = true;
                Ok(true)
            }
            Saved::Conflict => {
                let loaded = reload(context, &self.status.manifest.key).await?;
                (self.status, self.etag) = (loaded.status, Some(loaded.etag));
                self.is_first = false;
                Ok(false)
            }
        }
    }

    pub(super) fn into_outcome(self) -> Outcome {
        let loaded = Loaded {
            status: self.status,
            etag: self.etag.unwrap_or_default(),
        };
        Outcome::Status {
            loaded: Box::new(loaded),
            advanced: self.advanced,
        }
    }
}

/// Changes a status whatever others write meanwhile: `change` is asked again for each new state of things, and
/// returns whether there is anything to save. Returns the status as it is then.
///
/// # Errors
/// If S3 fails, or others never stop writing.
pub(crate) async fn change(
    context: Context<'_>,
    mut loaded: Loaded,
    mut change: impl FnMut(&mut Status) -> bool,
) -> Result<Loaded, Error> {
    for _ in 0..CONFLICTS_MAX {
        let mut status = loaded.status.clone();
        if !change(&mut status) {
            return Ok(loaded);
        }
        match save(context, &status, Some(&loaded.etag)).await? {
            Saved::Yes(etag) => return Ok(Loaded { status, etag }),
            Saved::Conflict => loaded = reload(context, &status.manifest.key).await?,
        }
    }
    Err(contended(&loaded.status.manifest.key))
}

/// Saves a status. The image of one that would be too large is not lost: it fails, with all that was seen of it if that
/// can be kept. That counts as somebody else's write.
async fn save(context: Context<'_>, status: &Status, etag: Option<&str>) -> Result<Saved, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    let saved = status_store::save(aws, config, status, etag).await;
    let Err(StoreError::TooLarge { size, .. }) = saved else {
        return Ok(saved?);
    };
    let mut candidates = vec![status.clone()];
    let before = status_store::load(aws, config, &status.manifest.key).await?;
    candidates.extend(before.map(|before| before.status));
    for mut failed in candidates {
        if failed.state.is_final() || failed.build.ending.is_some() {
            continue;
        }
        let failure = failures::status_too_large(size, crate::limits::STATUS_BYTES);
        apply(&mut failed, StepOutcome::Fail(failure), now);
        match status_store::save(aws, config, &failed, etag).await {
            Err(StoreError::TooLarge { .. }) => {}
            saved => return saved.map(|_| Saved::Conflict).map_err(Error::from),
        }
    }
    Ok(saved?)
}

/// Reads a status that was there a moment ago.
pub(crate) async fn reload(context: Context<'_>, manifest_key: &str) -> Result<Loaded, Error> {
    let loaded = status_store::load(context.aws, context.config, manifest_key).await?;
    loaded.ok_or_else(|| contended(manifest_key))
}

pub(super) fn contended(manifest_key: &str) -> Error {
    Error::Contended {
        manifest: manifest_key.to_owned(),
    }
}
