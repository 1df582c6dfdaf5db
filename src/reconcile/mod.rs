//! The one step that all functions share: read manifest and status, look at EC2, do the one next missing thing,
//! save the status. Everything here may be interrupted anywhere and run again, twice or at once.

pub(crate) mod bundle;
mod cancel;
mod clean_up;
mod hints;
mod object;
mod probe;
mod register;
mod start;
mod store_image;
mod tag;
mod version;
mod wanted;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::aws::{Aws, AwsError, Object, Remedy, Saved, Which};
use crate::config::{Config, ConfigError};
use crate::image::observed::ObservedTask;
use crate::image::plan::{self, Next};
use crate::image::status::{CancelBy, Status};
use crate::image::task::TaskKind;
use crate::image::transition;
use crate::store::{self, Loaded, StoreError};
pub(crate) use version::is_outdated;
use version::{Decision, check, decide};

/// Largest manifest that is read: a real one is below 200 kB.
pub const MANIFEST_MAX: u64 = 1024 * 1024;

/// How often a change is decided anew when others write the same status. Three functions can meet; more is a defect.
const CONFLICTS_MAX: usize = 8;

/// How many steps are done for an image at once; no way through [`plan`] has more that need no waiting.
const STEPS_MAX: usize = 16;

/// What one invocation works with.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The way to AWS.
    pub aws: &'a Aws,
    /// The function's configuration.
    pub config: &'a Config,
    /// The time.
    pub now: Timestamp,
    /// Whether this very turn has just entered the image's step: then nobody can have sent anything for it yet.
    pub(crate) is_first: bool,
    /// When nothing new may be begun any more; none where the invocation has one thing to do.
    pub until: Option<Instant>,
}

impl<'a> Context<'a> {
    /// A turn that takes the time it needs.
    #[must_use]
    pub fn new(aws: &'a Aws, config: &'a Config, now: Timestamp) -> Self {
        Self {
            aws,
            config,
            now,
            is_first: false,
            until: None,
        }
    }

    /// The same turn, that begins nothing new after `time_left`.
    #[must_use]
    pub fn within(self, time_left: Duration) -> Self {
        Self {
            until: Instant::now().checked_add(time_left),
            ..self
        }
    }

    /// Whether the time is up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// Why an image could not be advanced. Its status, if it has one, says nothing of it: the next try may go well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A status cannot be worked with.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The function is not configured for it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Others kept writing the status.
    #[error(
        "the status of {manifest} changed {CONFLICTS_MAX} times while it was being worked on; the next try goes on"
    )]
    Contended {
        /// The manifest's key.
        manifest: String,
    },
}

/// What a turn found or made of an image.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// There is no such manifest, and there never was a status for it.
    NoManifest,
    /// This is its status now; `advanced` says whether this turn changed it.
    Status {
        /// The status as it is in the bucket now.
        loaded: Box<Loaded>,
        /// Whether this turn changed it.
        advanced: bool,
    },
}

impl Outcome {
    /// Whether this turn changed the status.
    #[must_use]
    pub fn has_advanced(&self) -> bool {
        matches!(self, Self::Status { advanced: true, .. })
    }

    /// The same outcome, with something done before it.
    fn advanced(mut self) -> Self {
        if let Self::Status { advanced, .. } = &mut self {
            *advanced = true;
        }
        self
    }
}

/// Takes up what is at a manifest's key now, and does all that can be done at once.
///
/// # Errors
/// If S3 or EC2 fails before the state of things could be saved.
pub async fn take_up(context: Context<'_>, key: &str) -> Result<Outcome, Error> {
    let Context { aws, config, .. } = context;
    for _ in 0..CONFLICTS_MAX {
        let object = aws
            .get_object(&config.bucket, key, Which::Current, MANIFEST_MAX)
            .await?;
        let before = store::load(aws, config, key).await?;
        let (mut status, etag, is_new) = match (&object, before) {
            (None, None) => return Ok(Outcome::NoManifest),
            (None, Some(before)) => return without_manifest(context, before).await,
            (Some(object), before) => match decide(context, object, before).await? {
                Decision::GoOn(loaded) => {
                    return Box::pin(drive(context, *loaded, Some(object))).await;
                }
                Decision::Write(status, etag) => (status, etag, true),
                // Not marked as open. Should the manifest be replaced meanwhile, and that event be lost: the sweep
                // does not trust a status that is hardly newer than its manifest.
                Decision::Note(status, etag) => (status, Some(etag), false),
            },
        };
        if is_new {
            let marker = store::mark_open(aws, config, &status.manifest, context.now).await?;
            status.open_marker = Some(marker);
        }
        if let Saved::Yes(etag) = store::save(aws, config, &status, etag.as_deref()).await? {
            let context = Context {
                is_first: is_new,
                ..context
            };
            let outcome = drive(
                context,
                Loaded {
                    status: *status,
                    etag,
                },
                object.as_ref(),
            )
            .await?;
            return Ok(outcome.advanced());
        }
    }
    Err(Error::Contended {
        manifest: key.to_owned(),
    })
}

/// The manifest is gone: somebody does not want the image any more. One that is settled stays.
async fn without_manifest(context: Context<'_>, before: Loaded) -> Result<Outcome, Error> {
    let etag = before.etag.clone();
    let after = change(context, before, |status| {
        // What cannot be cancelled any more is finished.
        transition::ask_cancel(status, CancelBy::ManifestRemoved, context.now).unwrap_or(false)
    })
    .await?;
    let asked = after.etag != etag;
    let outcome = Box::pin(drive(context, after, None)).await?;
    Ok(if asked { outcome.advanced() } else { outcome })
}

/// Does what can be done at once, and saves after each thing done.
/// `at_hand` is the manifest, where it was just read.
pub(crate) async fn drive(
    mut context: Context<'_>,
    mut loaded: Loaded,
    at_hand: Option<&Object>,
) -> Result<Outcome, Error> {
    let mut advanced = false;
    for _ in 0..STEPS_MAX {
        let mut next = loaded.clone();
        let mut before = loaded.clone();
        let step = next.status.step;
        // Boxed: the compiler gives up on the size of a future this deep.
        let changed = match Box::pin(do_next(context, &mut next, at_hand)).await {
            Ok(changed) => changed,
            // Nothing was sent: others have their turn before, and the schedule comes back to this.
            Err(Error::Aws(error)) if error.is_rate_limited_locally() => {
                return Ok(Outcome::Status {
                    loaded: Box::new(loaded),
                    advanced,
                });
            }
            Err(error) => return Err(told(context, next, error).await),
        };
        advanced |= next.etag != loaded.etag;
        loaded = next;
        if !changed {
            return Ok(Outcome::Status {
                loaded: Box::new(loaded),
                advanced,
            });
        }
        let Loaded { status, etag } = loaded;
        context.is_first = status.step != step;
        before.etag = etag;
        loaded = match save(context, &status, &before).await? {
            Saved::Yes(etag) => {
                advanced = true;
                Loaded { status, etag }
            }
            Saved::Conflict => {
                context.is_first = false;
                reload(context, &status.manifest.key).await?
            }
        };
        if loaded.status.waiting.is_some() {
            return Ok(Outcome::Status {
                loaded: Box::new(loaded),
                advanced,
            });
        }
    }
    Err(Error::Contended {
        manifest: loaded.status.manifest.key,
    })
}

/// Keeps a refusal that nobody was told of: a function that may not look would go on in silence.
async fn told(context: Context<'_>, loaded: Loaded, error: Error) -> Error {
    if let Error::Aws(refused) = &error
        && refused.remedy == Remedy::Never
    {
        let kept = change(context, loaded, |status| {
            !status.state.is_final() && start::wait_for(context, status, refused)
        });
        if let Err(error) = Box::pin(kept).await {
            tracing::warn!(%error, "a refusal could not be kept");
        }
    }
    error
}

/// Does the one next missing thing. Returns whether the status changed.
async fn do_next(
    context: Context<'_>,
    loaded: &mut Loaded,
    at_hand: Option<&Object>,
) -> Result<bool, Error> {
    let status = &mut loaded.status;
    Ok(match plan::next(status, context.now) {
        Next::CheckManifest => {
            let content = wanted::pinned(context, &status.manifest, at_hand).await?;
            match content {
                Some(content) => check(context, status, &content),
                None => transition::fail(status, hints::manifest_gone(), context.now),
            }
            true
        }
        Next::CheckObject => object::check(context, status, at_hand).await?,
        Next::StartTask => start::start(context, status, at_hand).await?,
        Next::ProbeTask => probe::probe(context, status).await?,
        Next::TagImported => tag::tag(context, status, at_hand).await?,
        Next::CheckBundle => bundle::check(context, status, at_hand).await?,
        Next::RegisterImage => register::register(context, status, at_hand).await?,
        Next::StoreImage => store_image::store(context, loaded).await?,
        Next::Cancel => cancel::cancel(context, status).await?,
        Next::CleanUp => clean_up::clean_up(context, status).await?,
        Next::AwaitTask
        | Next::AwaitImage
        | Next::SendNotices
        | Next::AwaitNotices
        | Next::Settle => false,
    })
}

/// Saves a status in place of the one before it. The image of one that would be too large is not lost: it fails, with
/// all that was seen of it if that can be kept. That counts as somebody else's write.
async fn save(context: Context<'_>, status: &Status, before: &Loaded) -> Result<Saved, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    let saved = store::save(aws, config, status, Some(&before.etag)).await;
    let Err(mut error @ StoreError::TooLarge { .. }) = saved else {
        return Ok(saved?);
    };
    let failure = hints::status_too_large(&error);
    for candidate in [status, &before.status] {
        if candidate.state.is_final() || candidate.ending.is_some() {
            continue;
        }
        let mut failed = candidate.clone();
        transition::fail(&mut failed, failure.clone(), now);
        match store::save(aws, config, &failed, Some(&before.etag)).await {
            Err(too_large @ StoreError::TooLarge { .. }) => error = too_large,
            saved => return saved.map(|_| Saved::Conflict).map_err(Error::from),
        }
    }
    Err(error.into())
}

/// Reads a status that was there a moment ago.
pub(crate) async fn reload(context: Context<'_>, manifest_key: &str) -> Result<Loaded, Error> {
    let loaded = store::load(context.aws, context.config, manifest_key).await?;
    loaded.ok_or_else(|| Error::Contended {
        manifest: manifest_key.to_owned(),
    })
}

/// Looks at the task of one image, whatever its turn, and does what can be done then. Returns whether the status changed.
///
/// # Errors
/// If S3 or EC2 fails.
pub(crate) async fn look_at_task(context: Context<'_>, loaded: Loaded) -> Result<bool, Error> {
    let id = match loaded.status.followed_task() {
        Some(task) if task.kind == TaskKind::BundleInstance => task.id.clone(),
        _ => return Ok(drive(context, loaded, None).await?.has_advanced()),
    };
    let seen = context.aws.find_bundle_tasks("bundle-id", &[id]).await?;
    let etag = loaded.etag.clone();
    let after = task_seen(context, loaded, seen.first()).await?;
    let changed = after.etag != etag;
    Ok(drive(context, after, None).await?.has_advanced() || changed)
}

/// Keeps what was seen of the task that an image waits for.
///
/// # Errors
/// If S3 fails, or others never stop writing.
pub(crate) async fn task_seen(
    context: Context<'_>,
    loaded: Loaded,
    seen: Option<&ObservedTask>,
) -> Result<Loaded, Error> {
    let awaited = loaded.status.tasks.last().map(|task| task.id.clone());
    change(context, loaded, |status| {
        // Somebody else may have moved it on meanwhile.
        plan::next(status, context.now) == Next::AwaitTask
            && status.tasks.last().map(|task| &task.id) == awaited.as_ref()
            && transition::task_seen(status, seen, context.now)
    })
    .await
}

/// Keeps that EC2 cannot be asked about what an image waits for.
///
/// # Errors
/// If S3 fails, or others never stop writing.
pub(crate) async fn not_observed(
    context: Context<'_>,
    loaded: Loaded,
    error: &AwsError,
) -> Result<Loaded, Error> {
    change(context, loaded, |status| {
        if !matches!(
            plan::next(status, context.now),
            Next::AwaitTask | Next::AwaitImage
        ) {
            return false;
        }
        match error.remedy {
            Remedy::Never => start::wait_for(context, status, error),
            Remedy::Later | Remedy::Ambiguous => transition::stalled(status, context.now),
        }
    })
    .await
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
        match save(context, &status, &loaded).await? {
            Saved::Yes(etag) => return Ok(Loaded { status, etag }),
            Saved::Conflict => loaded = reload(context, &status.manifest.key).await?,
        }
    }
    Err(Error::Contended {
        manifest: loaded.status.manifest.key,
    })
}
