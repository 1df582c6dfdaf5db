//! A status that is being worked on, and how it is saved whatever others write meanwhile.

use jiff::Timestamp;

use crate::aws::Saved;
use crate::image::apply::apply;
use crate::image::message::failures;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::status::Status;
use crate::metrics::Metric;
use crate::status_store::{self, Loaded, StoreError};

use super::context::{CONFLICTS_MAX, Context, Error, Outcome};

/// A status that is being worked on.
pub(super) struct Draft {
    pub(super) status: Status,
    /// The `ETag` of what is in the bucket; none if there is nothing yet.
    pub(super) etag: Option<String>,
    /// Whether it differs from what is in the bucket.
    pub(super) dirty: bool,
    /// Whether it is just what is in the bucket: what changes without being worth saving makes it another one, too.
    is_saved: bool,
    /// Whether anything was saved.
    pub(super) advanced: bool,
    /// Whether nothing can have been sent for its step yet.
    pub(super) is_first: bool,
    /// How far it was started.
    pub(super) start: Start,
    /// Whether its manifest has passed the checks, and that is not saved yet.
    pub(super) is_accepted: bool,
}

/// How far a version was started whose status was not written yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Its open marker is not written: others may be starting it, too.
    Unmarked,
    /// Its open marker is written; nothing was made for it yet.
    Marked,
    /// Its open marker is written and holds the draft: something may have been made for it.
    MarkedWithDraft,
    /// Its status is written.
    Saved,
}

/// What became of a draft that was to be saved.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Save {
    /// It is in the bucket.
    Done,
    /// Another invocation has written the status, and the draft is what they wrote.
    Reloaded,
    /// Another invocation has written the status before anything was made for this version: what it means has to be
    /// decided again. Its open marker is ours.
    Outdated,
    /// Another invocation has started the version.
    Elsewhere,
}

impl Draft {
    pub(super) fn loaded(loaded: Loaded) -> Self {
        Self {
            status: loaded.status,
            etag: Some(loaded.etag),
            dirty: false,
            is_saved: true,
            advanced: false,
            is_first: false,
            start: Start::Saved,
            is_accepted: false,
        }
    }

    pub(super) fn saved(loaded: Loaded) -> Self {
        Self {
            advanced: true,
            ..Self::loaded(loaded)
        }
    }

    /// A version that is being started, in place of the status with this `ETag`.
    pub(super) fn opened(status: Status, etag: Option<String>, start: Start) -> Self {
        Self {
            status,
            etag,
            dirty: true,
            is_saved: false,
            advanced: false,
            is_first: true,
            start,
            is_accepted: false,
        }
    }

    /// Writes into the status what a step came to. Returns whether that is worth saving.
    pub(super) fn apply(&mut self, outcome: StepOutcome, now: Timestamp) -> bool {
        let before = self.status.build.step;
        self.is_saved &= outcome == StepOutcome::Unchanged;
        let accepts = matches!(
            &outcome,
            StepOutcome::Advance(Evidence::ManifestAccepted(_))
        );
        let changed = apply(&mut self.status, outcome, now);
        self.is_accepted |= changed && accepts;
        self.dirty |= changed;
        if self.status.build.step != before {
            self.is_first = true;
        }
        changed
    }

    /// Sees to it that only one invocation enters a step that makes something, and that what it makes can be found
    /// should it die: by an open marker that holds the draft where there is no status yet, and by saving before it
    /// elsewhere.
    pub(super) async fn ready(&mut self, context: Context<'_>) -> Result<Save, Error> {
        if self.start != Start::Unmarked {
            return self.save(context).await;
        }
        let Context {
            aws, config, now, ..
        } = context;
        let marked = status_store::mark_open_with_draft(aws, config, &self.status, now).await?;
        Ok(self.marked(marked, Start::MarkedWithDraft))
    }

    /// Saves what was changed. If another invocation was faster, continues with what is there.
    pub(super) async fn save(&mut self, context: Context<'_>) -> Result<Save, Error> {
        if !self.dirty {
            return Ok(Save::Done);
        }
        if self.start == Start::Unmarked {
            let Context {
                aws, config, now, ..
            } = context;
            let version = &self.status.manifest;
            let marked = status_store::mark_open(aws, config, version, None, now).await?;
            let marked = self.marked(marked, Start::Marked);
            if marked != Save::Done {
                return Ok(marked);
            }
        }
        self.dirty = false;
        match save(context, &self.status, self.etag.as_deref()).await? {
            Saved::Yes(etag) => {
                self.etag = Some(etag);
                self.is_saved = true;
                self.advanced = true;
                self.start = Start::Saved;
                if std::mem::take(&mut self.is_accepted) {
                    let source = self.status.build.source;
                    context.measure(|it| it.count_image(Metric::ImagesStarted, source));
                }
                Ok(Save::Done)
            }
            Saved::Conflict if self.start == Start::Marked => Ok(Save::Outdated),
            // What was made for a version that another one has overtaken is found by its draft (`super::recovery`).
            Saved::Conflict => {
                let loaded = reload(context, &self.status.manifest.key).await?;
                (self.status, self.etag) = (loaded.status, Some(loaded.etag));
                self.is_saved = true;
                self.is_first = false;
                self.is_accepted = false;
                self.start = Start::Saved;
                Ok(Save::Reloaded)
            }
        }
    }

    fn marked(&mut self, marked: Saved, start: Start) -> Save {
        match marked {
            Saved::Yes(marker) => {
                self.status.open_marker = Some(marker);
                self.start = start;
                Save::Done
            }
            Saved::Conflict => Save::Elsewhere,
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
            is_saved: self.is_saved && !self.dirty,
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
/// can be kept. That counts as another invocation's write.
pub(super) async fn save(
    context: Context<'_>,
    status: &Status,
    etag: Option<&str>,
) -> Result<Saved, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    let saved = status_store::save(aws, config, status, etag).await;
    let Err(StoreError::TooLarge { size, limit, .. }) = saved else {
        return Ok(saved?);
    };
    let mut candidates = vec![status.clone()];
    let before = status_store::load(aws, config, &status.manifest.key).await?;
    candidates.extend(before.map(|before| before.status));
    for mut failed in candidates {
        if failed.state.is_final() || failed.build.ending.is_some() {
            continue;
        }
        let failure = failures::status_too_large(size, limit);
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
