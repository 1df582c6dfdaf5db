//! The driver: runs the steps of an image as far as they go at once, and saves what they came to, as one write if it can.

use crate::aws::{AwsError, Object, Remedy, Saved, Which};
use crate::image::apply::{apply, note_stalled, request_cancel, withdraw_retry};
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::plan::{self, Next};
use crate::image::status::Status;
use crate::image::task::TaskKind;
use crate::image::words::CancelBy;
use crate::limits;
use crate::status_store::{self, Loaded, OpenMarker};

use super::arrival::{Decision, decide};
use super::build;
use super::context::{CONFLICTS_MAX, Context, Error, Outcome};
use super::draft::{Draft, change, contended};
use super::spec::{ManifestRead, ManifestReader};
use super::step_context::{StepContext, retrying};

/// How many steps are done for an image at once; no workflow has more that need no waiting.
const STEPS_MAX: usize = 16;

/// After how long an open marker without its status means that its writer died: longer than the functions may run
/// (template.yaml).
pub(crate) const STARTED_GRACE: jiff::SignedDuration = jiff::SignedDuration::from_mins(2);

/// Brings the image of what is at a manifest's key now as far as it goes at once. `marker` is its open marker, where
/// that was listed.
///
/// # Errors
/// If S3 or EC2 fails before the state of things could be saved.
pub async fn reconcile(
    context: Context<'_>,
    key: &str,
    marker: Option<&OpenMarker>,
) -> Result<Outcome, Error> {
    // Boxed: a future this deep is too large for the stack.
    Box::pin(reconcile_now(context, key, marker)).await
}

async fn reconcile_now(
    context: Context<'_>,
    key: &str,
    marker: Option<&OpenMarker>,
) -> Result<Outcome, Error> {
    let Context { aws, config, .. } = context;
    for _ in 0..CONFLICTS_MAX {
        let object = aws
            .get_object(&config.bucket, key, Which::Current, limits::MANIFEST_BYTES)
            .await?;
        let before = status_store::load(aws, config, key).await?;
        let (object, before) = match (object, before) {
            (None, None) => return Ok(Outcome::NoManifest),
            (None, Some(before)) => return without_manifest(context, before).await,
            (Some(object), before) => (object, before),
        };
        match decide(context, &object, before).await? {
            Decision::Continue(loaded) => {
                return run(context, Draft::loaded(*loaded), Some(&object), None).await;
            }
            // Should the manifest be replaced meanwhile, and that event be lost: the sweep does not trust a status that is
            // hardly newer than its manifest.
            Decision::Note(mut status, etag) => {
                mark_unsent(context, &mut status).await?;
                let saved = status_store::save(aws, config, &status, Some(&etag)).await?;
                if let Saved::Yes(etag) = saved {
                    let loaded = Loaded {
                        status: *status,
                        etag,
                    };
                    return run(context, Draft::saved(loaded), Some(&object), None).await;
                }
            }
            Decision::Open(status, before) => {
                match open(context, *status, before.as_deref(), marker).await? {
                    Opened::Draft(draft) => return run(context, *draft, Some(&object), None).await,
                    Opened::Elsewhere => return Ok(Outcome::StartedElsewhere),
                    Opened::Conflict => {}
                }
            }
        }
    }
    Err(contended(key))
}

/// Marks an image as open that ended before and has something to tell now: ticks send what `notify` is not woken for.
/// Where another invocation has just marked it, its marker does as well.
async fn mark_unsent(context: Context<'_>, status: &mut Status) -> Result<(), Error> {
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

/// What became of starting a version.
enum Opened {
    /// It is ours to go on with.
    Draft(Box<Draft>),
    /// Another invocation has started it, and may be at it.
    Elsewhere,
    /// Somebody else wrote the status meanwhile.
    Conflict,
}

/// Starts a version. The open marker comes before the status: what is not finalized can always be found. It is written
/// conditionally, so that only one invocation starts a version.
async fn open(
    context: Context<'_>,
    mut status: Status,
    before: Option<&Loaded>,
    marker: Option<&OpenMarker>,
) -> Result<Opened, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    let known = before.and_then(|before| before.status.open_marker.as_deref());
    let etag = before.map(|before| before.etag.clone());
    if let Saved::Yes(marker) =
        status_store::mark_open(aws, config, &status.manifest, known, now).await?
    {
        status.open_marker = Some(marker);
        return Ok(Opened::Draft(Box::new(Draft::opened(status, etag))));
    }
    // Another invocation has started this version. If it died, what it may have sent has to be looked for.
    let dead = marker.filter(|it| now.duration_since(it.opened_at) > STARTED_GRACE);
    let Some(dead) = dead else {
        return Ok(Opened::Elsewhere);
    };
    let Saved::Yes(marker) =
        status_store::mark_open(aws, config, &status.manifest, Some(&dead.etag), now).await?
    else {
        return Ok(Opened::Elsewhere);
    };
    status.open_marker = Some(marker);
    match status_store::save(aws, config, &status, etag.as_deref()).await? {
        Saved::Yes(etag) => Ok(Opened::Draft(Box::new(Draft::loaded(Loaded {
            status,
            etag,
        })))),
        Saved::Conflict => Ok(Opened::Conflict),
    }
}

/// The manifest is gone: somebody no longer wants the image. One that is final stays.
async fn without_manifest(context: Context<'_>, before: Loaded) -> Result<Outcome, Error> {
    let etag = before.etag.clone();
    // Saved before anything is cancelled: a request that is lost to another writer would look like EC2's own failure.
    let after = change(context, before, |status| {
        // What cannot be cancelled any more is finished, and without a manifest there is nothing to try again.
        withdraw_retry(status, context.now)
            || request_cancel(status, CancelBy::ManifestRemoved, context.now).unwrap_or(false)
    })
    .await?;
    let draft = if after.etag == etag {
        Draft::loaded(after)
    } else {
        Draft::saved(after)
    };
    run(context, draft, None, None).await
}

/// Does what can be done at once for an image whose status was just read.
///
/// # Errors
/// If S3 or EC2 fails.
pub(crate) async fn run_steps(context: Context<'_>, loaded: Loaded) -> Result<Outcome, Error> {
    run(context, Draft::loaded(loaded), None, None).await
}

/// Writes what was seen of the task or the AMI that an image waits for, and does what can be done then.
///
/// # Errors
/// If S3 or EC2 fails.
pub(crate) async fn polled(
    context: Context<'_>,
    loaded: Loaded,
    evidence: Evidence,
) -> Result<Outcome, Error> {
    // Somebody else may have moved it on meanwhile.
    let is_awaited = plan::next(&loaded.status, context.now) == Next::Poll;
    let first = is_awaited.then_some(StepOutcome::Advance(evidence));
    run(context, Draft::loaded(loaded), None, first).await
}

/// Runs steps until one waits, and saves. `first` is what is known already, before any step; `at_hand` is the manifest,
/// where it was just read.
async fn run(
    context: Context<'_>,
    draft: Draft,
    at_hand: Option<&Object>,
    first: Option<StepOutcome>,
) -> Result<Outcome, Error> {
    // Boxed, as above.
    Box::pin(run_to_rest(context, draft, at_hand, first)).await
}

async fn run_to_rest(
    context: Context<'_>,
    mut draft: Draft,
    at_hand: Option<&Object>,
    mut first: Option<StepOutcome>,
) -> Result<Outcome, Error> {
    let mut manifest = ManifestReader::new(at_hand);
    let mut claimed = false;
    for _ in 0..STEPS_MAX {
        let outcome = match first.take() {
            Some(outcome) => Ok(outcome),
            None => {
                if !ready(context, &mut draft).await? {
                    continue;
                }
                Box::pin(step(context, &draft, &mut manifest, claimed)).await
            }
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            // Nothing was sent; the schedule comes back to this.
            Err(Error::Aws(error)) if error.is_rate_limited_locally() => StepOutcome::Unchanged,
            Err(error) => return Err(refused(context, draft, error).await),
        };
        claimed = matches!(outcome, StepOutcome::Claim(_));
        let before = draft.status.build.step;
        let changed = apply(&mut draft.status, outcome, context.now);
        draft.dirty |= changed;
        if draft.status.build.step != before {
            draft.is_first = true;
        }
        let goes_on = changed && draft.status.build.waiting.is_none();
        if goes_on && !claimed {
            continue;
        }
        let saved = draft.save(context).await?;
        if goes_on && saved {
            continue;
        }
        if saved {
            return Ok(draft.into_outcome());
        }
        claimed = false;
    }
    Err(contended(&draft.status.manifest.key))
}

/// Sees to it that only one invocation enters a step that makes something, and that what it makes can be found should
/// it die: by saving before it. Returns whether the draft is still the same.
async fn ready(context: Context<'_>, draft: &mut Draft) -> Result<bool, Error> {
    match plan::next(&draft.status, context.now) {
        Next::Do(step) if step.creates() => draft.save(context).await,
        _ => Ok(true),
    }
}

/// Does the next missing thing.
async fn step(
    context: Context<'_>,
    draft: &Draft,
    manifest: &mut ManifestReader<'_>,
    claimed: bool,
) -> Result<StepOutcome, Error> {
    let next = plan::next(&draft.status, context.now);
    if !claimed && let Some(wait) = build::rate_limited(context, next, &draft.status) {
        return Ok(wait);
    }
    let manifest = if build::reads_manifest(next) {
        manifest.read(context, &draft.status).await?
    } else {
        &ManifestRead::Unread
    };
    let context = StepContext {
        context,
        status: &draft.status,
        manifest,
        is_first: draft.is_first,
        claimed,
    };
    build::run(next, context).await
}

/// Saves what was done before an error, and records a refusal: a function that may not look would go on in silence.
async fn refused(context: Context<'_>, mut draft: Draft, error: Error) -> Error {
    if let Error::Aws(refused) = &error
        && refused.remedy == Remedy::Never
        && !draft.status.state.is_final()
    {
        let wait = StepOutcome::Wait(retrying(refused));
        draft.dirty |= apply(&mut draft.status, wait, context.now);
    }
    if let Err(error) = Box::pin(draft.save(context)).await {
        tracing::warn!(%error, "what was done before an error could not be saved");
    }
    error
}

/// Polls the task of one image now, whether that is due or not, and does what can be done then.
///
/// # Errors
/// If S3 or EC2 fails.
pub(crate) async fn poll_task(context: Context<'_>, loaded: Loaded) -> Result<Outcome, Error> {
    let id = match loaded.status.polled_task() {
        Some(task) if task.kind == TaskKind::BundleInstance => task.id.clone(),
        _ => return run_steps(context, loaded).await,
    };
    let seen = context.aws.find_bundle_tasks("bundle-id", &[id]).await?;
    polled(
        context,
        loaded,
        Evidence::TaskPolled(seen.into_iter().next()),
    )
    .await
}

/// Records that EC2 cannot be asked about what an image waits for.
///
/// # Errors
/// If S3 fails, or others never stop writing.
pub(crate) async fn not_observed(
    context: Context<'_>,
    loaded: Loaded,
    error: &AwsError,
) -> Result<Loaded, Error> {
    change(context, loaded, |status| {
        if plan::next(status, context.now) != Next::Poll {
            return false;
        }
        match error.remedy {
            Remedy::Never => {
                let wait = StepOutcome::Wait(retrying(error));
                apply(status, wait, context.now)
            }
            Remedy::Later | Remedy::Ambiguous => note_stalled(status, context.now),
        }
    })
    .await
}
