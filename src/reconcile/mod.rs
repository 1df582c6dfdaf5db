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
mod wanted;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::aws::{Aws, AwsError, Object, Saved, Which};
use crate::config::{Config, ConfigError};
use crate::image::observed::ObservedTask;
use crate::image::plan::{self, Next};
use crate::image::status::{CancelBy, ManifestVersion, State, Status};
use crate::image::task::TaskKind;
use crate::image::{look, transition};
use crate::manifest::Problem;
use crate::store::{self, Loaded, StoreError};
use wanted::Wanted;

/// Largest manifest that is read: a real one is below 200 kB.
pub const MANIFEST_MAX: u64 = 1024 * 1024;

/// How often a change is decided anew when others write the same status. Three functions can meet; more is a defect.
const CONFLICTS_MAX: usize = 8;

/// How many steps are done for an image at once; no way through [`plan`] has more that need no waiting.
const STEPS_MAX: usize = 16;

/// What one invocation works with.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// The way to AWS.
    pub aws: &'a Aws,
    /// The function's configuration.
    pub config: &'a Config,
    /// The time.
    pub now: Timestamp,
    /// When nothing new may be begun any more; none where the invocation has one thing to do.
    pub until: Option<Instant>,
}

impl<'a> Turn<'a> {
    /// A turn that takes the time it needs.
    #[must_use]
    pub fn new(aws: &'a Aws, config: &'a Config, now: Timestamp) -> Self {
        Self {
            aws,
            config,
            now,
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
pub async fn take_up(turn: Turn<'_>, key: &str) -> Result<Outcome, Error> {
    let Turn { aws, config, .. } = turn;
    for _ in 0..CONFLICTS_MAX {
        let object = aws
            .get_object(&config.bucket, key, Which::Current, MANIFEST_MAX)
            .await?;
        let before = store::load(aws, config, key).await?;
        let (status, etag) = match (&object, before) {
            (None, None) => return Ok(Outcome::NoManifest),
            (None, Some(before)) => return without_manifest(turn, before).await,
            (Some(object), before) => match decide(turn, object, before).await? {
                Decision::GoOn(loaded) => return drive(turn, *loaded, Some(object)).await,
                Decision::Write(status, etag) => (status, etag),
            },
        };
        // Also where nothing is left to do: the tick that settles it looks whether the manifest changed meanwhile.
        store::mark_open(aws, config, &status.manifest, turn.now).await?;
        if let Saved::Yes(etag) = store::save(aws, config, &status, etag.as_deref()).await? {
            let outcome = drive(
                turn,
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
async fn without_manifest(turn: Turn<'_>, before: Loaded) -> Result<Outcome, Error> {
    let etag = before.etag.clone();
    let after = change(turn, before, |status| {
        // What cannot be cancelled any more is finished.
        transition::ask_cancel(status, CancelBy::ManifestRemoved, turn.now).unwrap_or(false)
    })
    .await?;
    let asked = after.etag != etag;
    let outcome = drive(turn, after, None).await?;
    Ok(if asked { outcome.advanced() } else { outcome })
}

/// Whether a settled status is to be taken up again: its manifest, or the bundle that names, is another one now.
///
/// # Errors
/// If S3 does not answer, or refuses.
pub(crate) async fn is_outdated(turn: Turn<'_>, status: &Status) -> Result<bool, Error> {
    let manifest = &status.manifest;
    let current = turn
        .aws
        .head_object(&manifest.bucket, &manifest.key)
        .await?;
    match current {
        Some(current)
            if current.etag != manifest.etag || is_wanted_anew(status, current.modified_at) =>
        {
            Ok(true)
        }
        Some(_) => bundle::beside_is_replaced(turn, status).await,
        None => Ok(false),
    }
}

/// Whether the same content, uploaded at this time, asks for the image once more: it was given up because it was
/// removed, or cancelled before.
fn is_wanted_anew(status: &Status, uploaded_at: Timestamp) -> bool {
    let cancelled = status
        .cancel
        .filter(|_| status.state == State::Cancelled)
        .is_some_and(|cancel| {
            cancel.by == CancelBy::ManifestRemoved || uploaded_at > cancel.asked_at
        });
    hints::is_manifest_gone(status) || cancelled
}

enum Decision {
    /// Nothing new at the key.
    GoOn(Box<Loaded>),
    /// This is to be saved in place of the status with this `ETag`.
    Write(Box<Status>, Option<String>),
}

/// Compares what is at the key with what is known.
async fn decide(
    turn: Turn<'_>,
    object: &Object,
    before: Option<Loaded>,
) -> Result<Decision, Error> {
    let version = manifest_version(turn.config, object);
    let Some(before) = before else {
        return Ok(Decision::Write(
            Box::new(opened(turn, None, version, object)),
            None,
        ));
    };
    let known = &before.status.manifest;
    if known.sha256 != version.sha256 {
        if !plan::may_be_superseded(&before.status) {
            return Ok(Decision::GoOn(Box::new(before)));
        }
        let status = opened(turn, Some(before.status), version, object);
        return Ok(Decision::Write(Box::new(status), Some(before.etag)));
    }
    // What was given up because it was removed, or its bundle changed, starts anew.
    if before.status.state.is_final()
        && (is_wanted_anew(&before.status, version.uploaded_at)
            || bundle::has_changed(turn, &before.status).await?)
    {
        let status = opened(turn, Some(before.status), version, object);
        return Ok(Decision::Write(Box::new(status), Some(before.etag)));
    }
    if known.repeated_at.unwrap_or(known.uploaded_at) < version.uploaded_at {
        // The same content again: nothing is to be done, but the sweep should not come back to it.
        let mut status = before.status;
        status.manifest.repeated_at = Some(version.uploaded_at);
        (status.manifest.etag, status.manifest.version_id) = (version.etag, version.version_id);
        return Ok(Decision::Write(Box::new(status), Some(before.etag)));
    }
    Ok(Decision::GoOn(Box::new(before)))
}

fn manifest_version(config: &Config, object: &Object) -> ManifestVersion {
    let info = &object.info;
    ManifestVersion {
        bucket: config.bucket.clone(),
        key: info.key.clone(),
        etag: info.etag.clone(),
        version_id: info.version_id.clone(),
        // What is too large to be read is told apart by its `ETag`.
        sha256: object
            .content
            .as_deref()
            .map_or_else(|| info.etag.clone(), wanted::sha256_hex),
        uploaded_at: info.modified_at,
        repeated_at: None,
    }
}

/// The status of a manifest version that was just taken up and checked.
fn opened(
    turn: Turn<'_>,
    before: Option<Status>,
    version: ManifestVersion,
    object: &Object,
) -> Status {
    let mut status = transition::open(before, version, turn.now);
    match object.content.as_deref() {
        Some(content) => check(turn, &mut status, content),
        None => transition::reject(&mut status, vec![too_large(object.info.size)], turn.now),
    }
    status
}

fn check(turn: Turn<'_>, status: &mut Status, content: &[u8]) {
    let now = turn.now;
    let problems = match Wanted::parse(&status.manifest, content) {
        Ok(wanted) => match tag_problem(status) {
            None => {
                let accepted = wanted.accepted(&status.manifest);
                return transition::accept(status, accepted, turn.config.tell_started, now);
            }
            Some(problem) => vec![problem],
        },
        Err(problems) => problems,
    };
    transition::reject(status, problems, now);
}

/// The ownership tag has to hold the manifest's address: without it nobody could tell whose the AMI is.
fn tag_problem(status: &Status) -> Option<Problem> {
    if status.manifest.key.contains(char::is_control) {
        let problem =
            Problem::new("the manifest's key has a control character, which a tag cannot");
        return Some(problem.with_hint("name it with letters, digits and usual punctuation"));
    }
    let longest = look::ownership_tags(status)
        .values()
        .map(|value| value.chars().count())
        .max()
        .unwrap_or(0);
    (longest > look::TAG_VALUE_MAX).then(|| {
        Problem::new(format!(
            "the manifest's address has {longest} characters; a tag of the AMI has to hold it"
        ))
        .with_hint(format!(
            "give the manifest a shorter key: at most {} characters with s3://bucket/",
            look::TAG_VALUE_MAX
        ))
        .with_rule("EC2 User Guide, \"Tag restrictions\"")
    })
}

fn too_large(size: u64) -> Problem {
    Problem::new(format!(
        "the manifest has {size} bytes; at most {MANIFEST_MAX} are read"
    ))
    .with_hint("a manifest is a short text: is this the image itself?")
}

/// Does what can be done at once, and saves after each thing done.
/// `at_hand` is the manifest, where it was just read.
pub(crate) async fn drive(
    turn: Turn<'_>,
    mut loaded: Loaded,
    at_hand: Option<&Object>,
) -> Result<Outcome, Error> {
    let mut advanced = false;
    for _ in 0..STEPS_MAX {
        let mut status = loaded.status.clone();
        // Boxed: the compiler gives up on the size of a future this deep.
        let changed = Box::pin(do_next(turn, &mut status, at_hand)).await?;
        if !changed {
            return Ok(Outcome::Status {
                loaded: Box::new(loaded),
                advanced,
            });
        }
        loaded = match store::save(turn.aws, turn.config, &status, Some(&loaded.etag)).await? {
            Saved::Yes(etag) => {
                advanced = true;
                Loaded { status, etag }
            }
            Saved::Conflict => reload(turn, &status.manifest.key).await?,
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

/// Does the one next missing thing. Returns whether the status changed.
async fn do_next(
    turn: Turn<'_>,
    status: &mut Status,
    at_hand: Option<&Object>,
) -> Result<bool, Error> {
    Ok(match plan::next(status, turn.now) {
        Next::CheckManifest => {
            let content = wanted::pinned(turn, &status.manifest, at_hand).await?;
            match content {
                Some(content) => check(turn, status, &content),
                None => transition::fail(status, hints::manifest_gone(), turn.now),
            }
            true
        }
        Next::CheckObject => object::check(turn, status, at_hand).await?,
        Next::StartTask => start::start(turn, status, at_hand).await?,
        Next::ProbeTask => probe::probe(turn, status).await?,
        Next::TagImported => tag::tag(turn, status, at_hand).await?,
        Next::CheckBundle => bundle::check(turn, status, at_hand).await?,
        Next::RegisterImage => register::register(turn, status, at_hand).await?,
        Next::StoreImage => store_image::store(turn, status).await?,
        Next::Cancel => cancel::cancel(turn, status).await?,
        Next::CleanUp => clean_up::clean_up(turn, status).await?,
        Next::AwaitTask
        | Next::AwaitImage
        | Next::SendNotices
        | Next::AwaitNotices
        | Next::Settle => false,
    })
}

/// Reads a status that was there a moment ago.
pub(crate) async fn reload(turn: Turn<'_>, manifest_key: &str) -> Result<Loaded, Error> {
    let loaded = store::load(turn.aws, turn.config, manifest_key).await?;
    loaded.ok_or_else(|| Error::Contended {
        manifest: manifest_key.to_owned(),
    })
}

/// Looks at the task of one image, whatever its turn, and does what can be done then. Returns whether the status changed.
///
/// # Errors
/// If S3 or EC2 fails.
pub(crate) async fn look_at_task(turn: Turn<'_>, loaded: Loaded) -> Result<bool, Error> {
    let id = match loaded.status.followed_task() {
        Some(task) if task.kind == TaskKind::BundleInstance => task.id.clone(),
        _ => return Ok(drive(turn, loaded, None).await?.has_advanced()),
    };
    let seen = turn.aws.find_bundle_tasks("bundle-id", &[id]).await?;
    let etag = loaded.etag.clone();
    let after = task_seen(turn, loaded, seen.first()).await?;
    let changed = after.etag != etag;
    Ok(drive(turn, after, None).await?.has_advanced() || changed)
}

/// Keeps what was seen of the task that an image waits for.
///
/// # Errors
/// If S3 fails, or others never stop writing.
pub(crate) async fn task_seen(
    turn: Turn<'_>,
    loaded: Loaded,
    seen: Option<&ObservedTask>,
) -> Result<Loaded, Error> {
    let awaited = loaded.status.tasks.last().map(|task| task.id.clone());
    change(turn, loaded, |status| {
        // Somebody else may have moved it on meanwhile.
        plan::next(status, turn.now) == Next::AwaitTask
            && status.tasks.last().map(|task| &task.id) == awaited.as_ref()
            && transition::task_seen(status, seen, turn.now)
    })
    .await
}

/// Changes a status whatever others write meanwhile: `change` is asked again for each new state of things, and
/// returns whether there is anything to save. Returns the status as it is then.
///
/// # Errors
/// If S3 fails, or others never stop writing.
pub(crate) async fn change(
    turn: Turn<'_>,
    mut loaded: Loaded,
    mut change: impl FnMut(&mut Status) -> bool,
) -> Result<Loaded, Error> {
    for _ in 0..CONFLICTS_MAX {
        let mut status = loaded.status.clone();
        if !change(&mut status) {
            return Ok(loaded);
        }
        match store::save(turn.aws, turn.config, &status, Some(&loaded.etag)).await? {
            Saved::Yes(etag) => return Ok(Loaded { status, etag }),
            Saved::Conflict => loaded = reload(turn, &status.manifest.key).await?,
        }
    }
    Err(Error::Contended {
        manifest: loaded.status.manifest.key,
    })
}
