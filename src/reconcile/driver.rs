//! The driver: what is to be done for an image, which [`super::run`] does as far as it goes at once.

use crate::aws::{AwsError, Remedy, Saved, Which};
use crate::image::apply::{apply, note_stalled};
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::plan::{self, Next};
use crate::image::task::TaskKind;
use crate::limits;
use crate::status_store::{self, Loaded, OpenMarker};

use super::arrival::{Decision, decide};
use super::context::{CONFLICTS_MAX, Context, Error, Outcome};
use super::described::Described;
use super::draft::{Draft, change, contended};
use super::opening::{Opened, mark_unsent, open};
use super::removal::{removed, reopened};
use super::run::{Known, Ran, run};
use super::step_context::retrying;

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
        // In this order: what a status knows of was uploaded before it was written, so the manifest that is read after it is
        // at least as new. What is written after it was read makes the save a conflict.
        let before = status_store::load(aws, config, key).await?;
        let object = aws
            .get_object(&config.bucket, key, Which::Current, limits::MANIFEST_BYTES)
            .await?;
        let (object, before) = match (object, before) {
            (None, None) => return Ok(Outcome::NoManifest),
            (None, Some(before)) => match Box::pin(removed(context, before, marker)).await? {
                Some(draft) => return run_known(context, draft, Known::default()).await,
                None => continue,
            },
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
            Decision::Publish(status, etag) => {
                match Box::pin(reopened(context, *status, &etag, marker)).await? {
                    Some(draft) => draft,
                    None => continue,
                }
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
        match run(context, draft, Some(&object), Known::default()).await? {
            Ran::Done(outcome) => return Ok(outcome),
            Ran::Outdated(marker) => ours = marker,
        }
    }
    Err(contended(key))
}

/// Does what can be done at once for an image whose status was just read.
///
/// # Errors
/// If S3 or EC2 fails.
pub(crate) async fn run_steps(context: Context<'_>, loaded: Loaded) -> Result<Outcome, Error> {
    run_known(context, Draft::loaded(loaded), Known::default()).await
}

/// Does what can be done at once for an image that is being published, whose AMIs were described with those of others.
///
/// # Errors
/// If S3 or EC2 fails.
pub(crate) async fn publish(
    context: Context<'_>,
    loaded: Loaded,
    described: &Described,
) -> Result<Outcome, Error> {
    let known = Known {
        described: Some(described),
        ..Known::default()
    };
    run_known(context, Draft::loaded(loaded), known).await
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
    let status = &loaded.status;
    let is_awaited =
        plan::next(status, context.now) == Next::Poll && evidence.is_of(status.build.step);
    let known = Known {
        polled: is_awaited.then_some(StepOutcome::Advance(evidence)),
        ..Known::default()
    };
    run_known(context, Draft::loaded(loaded), known).await
}

/// Runs the steps of an image whose status is there.
async fn run_known(context: Context<'_>, draft: Draft, known: Known<'_>) -> Result<Outcome, Error> {
    let key = draft.status.manifest.key.clone();
    match run(context, draft, None, known).await? {
        Ran::Done(outcome) => Ok(outcome),
        Ran::Outdated(_) => Err(contended(&key)),
    }
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
