//! The driver: runs the steps of an image as far as they go at once, and saves what they came to, as one write if it
//! can.

use crate::aws::{AwsError, Object, Remedy, Saved, Which};
use crate::image::apply::{apply, note_stalled, request_cancel, withdraw_retry};
use crate::image::outcome::{Claim, Evidence, StepOutcome};
use crate::image::plan::{self, Next};
use crate::image::status::Status;
use crate::image::task::TaskKind;
use crate::image::words::CancelBy;
use crate::limits;
use crate::status_store::{self, Loaded, OpenMarker};

use super::arrival::{Decision, decide};
use super::build::{self, Rate};
use super::context::{CONFLICTS_MAX, Context, Error, Outcome};
use super::draft::{Draft, Save, Start, change, contended};
use super::proof::{self, Observed};
use super::spec::{ManifestRead, ManifestReader};
use super::step_context::{StepContext, retrying};

/// How many steps are done for an image at once; no workflow has more that need no waiting.
const STEPS_MAX: usize = 16;

/// After how long an open marker without its status means that its writer died: longer than the functions may run
/// (template.yaml).
pub(crate) const STARTED_GRACE: jiff::SignedDuration = jiff::SignedDuration::from_mins(2);

/// Whether the invocation that wrote an open marker is over.
pub(crate) fn is_dead(context: Context<'_>, marker: &OpenMarker) -> bool {
    context.now.duration_since(marker.opened_at) > STARTED_GRACE
}

/// Brings the image of what is at a manifest's key now as far as it goes at once. `marker` is its open marker, where
/// that was listed, and what it may hold was recovered ([`super::recovery`]).
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
    // The open marker that we have written, if the status was written by another invocation meanwhile.
    let mut ours = None;
    for _ in 0..CONFLICTS_MAX {
        let object = aws
            .get_object(&config.bucket, key, Which::Current, limits::MANIFEST_BYTES)
            .await?;
        let before = status_store::load(aws, config, key).await?;
        let (object, before) = match (object, before) {
            (None, None) => return Ok(Outcome::NoManifest),
            (None, Some(before)) => return Box::pin(without_manifest(context, before)).await,
            (Some(object), before) => (object, before),
        };
        let draft = match Box::pin(decide(context, &object, before)).await? {
            Decision::Continue(loaded) => Draft::loaded(*loaded),
            // Should the manifest be replaced meanwhile, and that event be lost: the sweep does not trust a status that
            // is hardly newer than its manifest.
            Decision::Note(mut status, etag) => {
                mark_unsent(context, &mut status).await?;
                let saved = status_store::save(aws, config, &status, Some(&etag)).await?;
                let Saved::Yes(etag) = saved else {
                    continue;
                };
                let status = *status;
                Draft::saved(Loaded { status, etag })
            }
            Decision::Publish(mut status, etag) => {
                let known = status.open_marker.as_deref();
                let marked =
                    status_store::mark_open(aws, config, &status.manifest, known, context.now);
                if let Saved::Yes(marker) = marked.await? {
                    status.open_marker = Some(marker);
                }
                let saved = status_store::save(aws, config, &status, Some(&etag)).await?;
                let Saved::Yes(etag) = saved else {
                    continue;
                };
                let status = *status;
                Draft::saved(Loaded { status, etag })
            }
            Decision::Open(status, before) => {
                let before = before.as_deref();
                match Box::pin(open(context, *status, before, ours.as_deref(), marker)).await? {
                    Opened::Draft(draft) => *draft,
                    Opened::Elsewhere => return Ok(Outcome::StartedElsewhere),
                    Opened::Conflict => continue,
                }
            }
        };
        match run(context, draft, Some(&object), None).await? {
            Ran::Done(outcome) => return Ok(outcome),
            Ran::Outdated(marker) => ours = marker,
        }
    }
    Err(contended(key))
}

/// Marks an image as open that ended before and has a notice due now: ticks send what `notify` is not invoked for.
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
    /// It is ours to continue with.
    Draft(Box<Draft>),
    /// Another invocation has started it, and may be at it.
    Elsewhere,
    /// Another invocation wrote the status meanwhile.
    Conflict,
}

/// Starts a version. The open marker comes before the status: what is not finalized can always be found. It is written
/// conditionally, so that only one invocation starts a version. Where there is no status yet it is written later, with
/// or right before the first call that makes something: see [`Draft::ready`]. `ours` is one that we have written
/// before.
async fn open(
    context: Context<'_>,
    mut status: Status,
    before: Option<&Loaded>,
    ours: Option<&str>,
    marker: Option<&OpenMarker>,
) -> Result<Opened, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    // What a dead invocation may have sent has to be looked for: see below.
    let dead = marker.filter(|it| is_dead(context, it));
    if before.is_none() && ours.is_none() && dead.is_none() {
        let draft = Draft::opened(status, None, Start::Unmarked);
        return Ok(Opened::Draft(Box::new(draft)));
    }
    let known = before.and_then(|before| before.status.open_marker.as_deref());
    let etag = before.map(|before| before.etag.clone());
    if let Saved::Yes(marker) =
        status_store::mark_open(aws, config, &status.manifest, ours.or(known), now).await?
    {
        status.open_marker = Some(marker);
        let draft = Draft::opened(status, etag, Start::Marked);
        return Ok(Opened::Draft(Box::new(draft)));
    }
    // Another invocation has started this version. If it died, what it may have sent has to be looked for.
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

/// The manifest is gone: the image is no longer wanted. One that is final stays.
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
    run_known(context, draft, None).await
}

/// Does what can be done at once for an image whose status was just read.
///
/// # Errors
/// If S3 or EC2 fails.
pub(crate) async fn run_steps(context: Context<'_>, loaded: Loaded) -> Result<Outcome, Error> {
    run_known(context, Draft::loaded(loaded), None).await
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
    // Another invocation may have moved it on meanwhile.
    let is_awaited = plan::next(&loaded.status, context.now) == Next::Poll;
    let first = is_awaited.then_some(StepOutcome::Advance(evidence));
    run_known(context, Draft::loaded(loaded), first).await
}

/// Runs the steps of an image whose status is there.
async fn run_known(
    context: Context<'_>,
    draft: Draft,
    first: Option<StepOutcome>,
) -> Result<Outcome, Error> {
    let key = draft.status.manifest.key.clone();
    match run(context, draft, None, first).await? {
        Ran::Done(outcome) => Ok(outcome),
        Ran::Outdated(_) => Err(contended(&key)),
    }
}

/// What running the steps came to.
enum Ran {
    /// This.
    Done(Outcome),
    /// Another invocation wrote the status before anything was made; the open marker that was written, if one was.
    Outdated(Option<String>),
}

/// Runs steps until one waits, and saves. `first` is what is known already, before any step; `at_hand` is the manifest,
/// where it was just read.
async fn run(
    context: Context<'_>,
    draft: Draft,
    at_hand: Option<&Object>,
    first: Option<StepOutcome>,
) -> Result<Ran, Error> {
    // Boxed, as above.
    Box::pin(run_to_rest(context, draft, at_hand, first)).await
}

async fn run_to_rest(
    context: Context<'_>,
    mut draft: Draft,
    at_hand: Option<&Object>,
    mut first: Option<StepOutcome>,
) -> Result<Ran, Error> {
    let mut manifest = ManifestReader::new(at_hand);
    let mut claimed: Option<Claim> = None;
    first = first.map(|polled| proof::checked(context.config, &draft.status, polled));
    let mut observed = None;
    for _ in 0..STEPS_MAX {
        let outcome = match first.take() {
            Some(outcome) => Ok(outcome),
            None => {
                if creates(context, &draft) {
                    match draft.ready(context).await? {
                        Save::Done => {}
                        Save::Reloaded => continue,
                        save => return Ok(not_saved(draft, &save)),
                    }
                }
                let seen = observed.as_ref();
                Box::pin(step(context, &draft, &mut manifest, claimed.as_ref(), seen)).await
            }
        };
        let outcome = match outcome {
            Ok(outcome) => outcome,
            // Nothing was sent; the schedule comes back to this.
            Err(Error::Aws(error)) if error.is_rate_limited_locally() => StepOutcome::Unchanged,
            Err(error) => return Err(refused(context, draft, error).await),
        };
        let performed = claimed.take();
        if let StepOutcome::Claim(claim) = &outcome {
            claimed = Some(claim.clone());
        }
        // What was seen before a change is not what is there after it.
        observed = Observed::of(&outcome).or(observed.filter(|_| performed.is_none()));
        let before = draft.status.build.step;
        let changed = apply(&mut draft.status, outcome, context.now);
        draft.dirty |= changed;
        if draft.status.build.step != before {
            draft.is_first = true;
        }
        let goes_on = changed && (claimed.is_some() || draft.status.build.waiting.is_none());
        if goes_on && claimed.is_none() {
            continue;
        }
        match draft.save(context).await? {
            Save::Done if goes_on => {}
            Save::Done => return Ok(Ran::Done(draft.into_outcome())),
            Save::Reloaded => claimed = None,
            save => return Ok(not_saved(draft, &save)),
        }
    }
    Err(contended(&draft.status.manifest.key))
}

/// A version that was to be started, and was not.
fn not_saved(draft: Draft, save: &Save) -> Ran {
    match save {
        Save::Elsewhere => Ran::Done(Outcome::StartedElsewhere),
        _ => Ran::Outdated(draft.status.open_marker),
    }
}

/// Whether the next step makes something.
fn creates(context: Context<'_>, draft: &Draft) -> bool {
    matches!(plan::next(&draft.status, context.now), Next::Do(step) if step.creates())
}

/// Does the next missing thing.
async fn step(
    context: Context<'_>,
    draft: &Draft,
    manifest: &mut ManifestReader<'_>,
    claimed: Option<&Claim>,
    observed: Option<&Observed>,
) -> Result<StepOutcome, Error> {
    let next = plan::next(&draft.status, context.now);
    let reserved = if claimed.is_some() {
        None
    } else {
        match build::within_rate(context, next, &draft.status).await {
            Rate::Within(reserved) => reserved,
            Rate::UsedUp(wait) => return Ok(*wait),
        }
    };
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
        observed,
        reserved: reserved.as_ref(),
    };
    build::run(next, context).await
}

/// Saves what was done before an error, and records a refusal: a function that is denied a lookup would continue in
/// silence.
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
