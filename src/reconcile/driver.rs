//! The driver: runs the steps of an image as far as they go at once, and saves what they came to, as one write if it
//! can.

use crate::aws::{AwsError, Object, Remedy, Saved, Which};
use crate::image::apply::{apply, can_be_removed, note_stalled};
use crate::image::outcome::{Claim, Evidence, StepOutcome};
use crate::image::plan::{self, Next};
use crate::image::task::TaskKind;
use crate::image::words::Step;
use crate::limits;
use crate::status_store::{self, Loaded, OpenMarker};

use super::arrival::{Decision, decide};
use super::build::{self, Rate};
use super::context::{CONFLICTS_MAX, Context, Error, Outcome};
use super::described::Described;
use super::draft::{Draft, Save, change, contended};
use super::manifest_reader::{ManifestRead, ManifestReader};
use super::opening::{Opened, mark_unsent, open};
use super::overtaken::{Followed, follow};
use super::proof::{self, Observed};
use super::record::Record;
use super::removal::{removed, reopened, unwanted};
use super::step_context::{StepContext, retrying};

/// How many steps are done for an image at once; no workflow has more that need no waiting.
const STEPS_MAX: usize = 16;

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
            (None, Some(before)) if can_be_removed(&before.status) => {
                match Box::pin(removed(context, before)).await? {
                    Some(draft) => return run_known(context, draft, Known::default()).await,
                    None => continue,
                }
            }
            (None, Some(before)) => {
                let draft = Box::pin(unwanted(context, before)).await?;
                return run_known(context, draft, Known::default()).await;
            }
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
                match Box::pin(reopened(context, *status, &etag)).await? {
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

/// What EC2 has shown before any step.
#[derive(Default)]
struct Known<'a> {
    /// What the image waits for.
    polled: Option<StepOutcome>,
    /// Its AMIs, among those of others.
    described: Option<&'a Described>,
}

/// What EC2 has shown in this invocation, as far as it is still so.
struct Seen<'a> {
    observed: Option<&'a Observed>,
    described: Option<&'a Described>,
}

/// Runs the steps of an image whose status is there.
async fn run_known(context: Context<'_>, draft: Draft, known: Known<'_>) -> Result<Outcome, Error> {
    let key = draft.status.manifest.key.clone();
    match run(context, draft, None, known).await? {
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

/// Runs steps until one waits, and saves. `at_hand` is the manifest, where it was just read.
async fn run(
    context: Context<'_>,
    draft: Draft,
    at_hand: Option<&Object>,
    known: Known<'_>,
) -> Result<Ran, Error> {
    // Boxed, as above.
    Box::pin(run_to_rest(context, draft, at_hand, known)).await
}

async fn run_to_rest(
    context: Context<'_>,
    mut draft: Draft,
    at_hand: Option<&Object>,
    known: Known<'_>,
) -> Result<Ran, Error> {
    let mut manifest = ManifestReader::new(at_hand);
    let mut claimed: Option<Claim> = None;
    let polled = known.polled;
    let mut first = polled.map(|polled| proof::checked(context.config, &draft.status, polled));
    // Of the first step alone: it is not looked at again after a change.
    let mut described = known.described;
    let mut observed = None;
    let mut unsaved: Option<Record> = None;
    for _ in 0..STEPS_MAX {
        let outcome = match first.take() {
            Some(outcome) => Ok(outcome),
            None => match Box::pin(prepare(
                context,
                &mut draft,
                &mut manifest,
                claimed.as_ref(),
            ))
            .await?
            {
                Prepared::Step => {
                    let seen = Seen {
                        observed: observed.as_ref(),
                        described: described.take(),
                    };
                    Box::pin(step(context, &draft, &mut manifest, claimed.as_ref(), seen)).await
                }
                Prepared::Again => continue,
                Prepared::Nothing => Ok(StepOutcome::Unchanged),
                Prepared::NotSaved(save) => return Ok(not_saved(draft, &save)),
                Prepared::Refused(error) => Err(error),
            },
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
        if performed.is_some() {
            unsaved = Record::of(&draft.status, &outcome).or(unsaved);
        }
        let changed = draft.apply(outcome, context.now);
        let goes_on = changed && (claimed.is_some() || draft.status.build.waiting.is_none());
        if goes_on && claimed.is_none() {
            continue;
        }
        match draft.save(context).await? {
            Save::Done if goes_on => unsaved = None,
            Save::Done => return Ok(Ran::Done(draft.into_outcome())),
            Save::Reloaded => {
                claimed = None;
                // Others may write once more before this is saved.
                first = match &unsaved {
                    Some(record) => Box::pin(record.keep(context, &mut draft)).await?,
                    None => None,
                };
            }
            save => return Ok(not_saved(draft, &save)),
        }
    }
    Err(contended(&draft.status.manifest.key))
}

/// What is due before a step.
enum Prepared {
    /// The step.
    Step,
    /// The status is another one now.
    Again,
    /// Nothing: the step is not due any more.
    Nothing,
    NotSaved(Save),
    /// What the manifest says now cannot be seen.
    Refused(Error),
}

/// Sees to what comes before the next step, unless that was claimed: what the manifest says now, and that what the step
/// makes will be found.
async fn prepare(
    context: Context<'_>,
    draft: &mut Draft,
    manifest: &mut ManifestReader<'_>,
    claimed: Option<&Claim>,
) -> Result<Prepared, Error> {
    if claimed.is_none() {
        match follow(context, draft, manifest).await {
            Ok(Followed::AsBefore) => {}
            Ok(Followed::Settings) => return Ok(Prepared::Again),
            Ok(Followed::Version) => return Ok(Prepared::Nothing),
            Err(error) => return Ok(Prepared::Refused(error)),
        }
    }
    if !creates(context, draft) {
        return Ok(Prepared::Step);
    }
    Ok(match draft.ready(context).await? {
        Save::Done => Prepared::Step,
        Save::Reloaded => Prepared::Again,
        save => Prepared::NotSaved(save),
    })
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
    seen: Seen<'_>,
) -> Result<StepOutcome, Error> {
    let next = plan::next(&draft.status, context.now);
    let is_held = matches!(next, Next::Do(Step::RegisterImage | Step::Retire));
    if claimed.is_none() && is_held && draft.status.is_cooling_down(context.now) {
        return Ok(StepOutcome::Unchanged);
    }
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
        observed: seen.observed,
        uploaded: None,
        described: seen.described,
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
