//! Runs the steps of an image as far as they go at once, and saves what they came to, as one write if it can. Whatever keeps
//! it from going on comes to one place, where what was done before is saved.

use jiff::Timestamp;

use super::build::{self, Rate};
use super::context::{CONFLICTS_MAX, Context, Error, Outcome};
use super::described::Described;
use super::draft::{Draft, Save, contended};
use super::made::Made;
use super::manifest_reader::{ManifestRead, ManifestReader};
use super::overtaken::{Followed, follow};
use super::proof::{self, Observed};
use super::record::Record;
use super::step_context::{StepContext, retrying};
use crate::aws::{Object, Remedy};
use crate::image::outcome::{Claim, StepOutcome};
use crate::image::plan::{self, Next, WAITING_LONG};
use crate::image::status::Status;
use crate::image::words::Step;

/// How many steps are done for an image at once; no workflow has more that need no waiting.
const STEPS_MAX: usize = 16;

/// What EC2 has shown before any step.
#[derive(Default)]
pub(super) struct Known<'a> {
    /// What the image waits for.
    pub(super) polled: Option<StepOutcome>,
    /// Its AMIs, among those of others.
    pub(super) described: Option<&'a Described>,
}

/// What running the steps came to.
pub(super) enum Ran {
    /// This.
    Done(Outcome),
    /// Another invocation wrote the status before anything was made; the open marker that was written, if one was.
    Outdated(Option<String>),
}

/// Runs steps until one waits, and saves. `at_hand` is the manifest, where it was just read.
pub(super) async fn run(
    context: Context<'_>,
    draft: Draft,
    at_hand: Option<&Object>,
    known: Known<'_>,
) -> Result<Ran, Error> {
    let polled = known.polled;
    let run = Run {
        first: polled.map(|polled| proof::checked(context.config, &draft.status, polled)),
        context,
        draft,
        manifest: ManifestReader::new(at_hand),
        described: known.described,
        observed: None,
        claimed: None,
        unsaved: None,
        made: None,
    };
    // Boxed: a future this deep is too large for the stack.
    Box::pin(to_rest(run)).await
}

async fn to_rest(mut run: Run<'_>) -> Result<Ran, Error> {
    for _ in 0..STEPS_MAX {
        match Box::pin(run.go_on()).await {
            Ok(After::Step) => {}
            Ok(After::Rest) => return Ok(Ran::Done(run.draft.into_outcome())),
            Ok(After::NotSaved(save)) => return Ok(not_saved(run.draft, &save)),
            Err(error) => return Err(Box::pin(run.refused(error)).await),
        }
    }
    let error = contended(&run.draft.status.manifest.key);
    Err(Box::pin(run.refused(error)).await)
}

/// A version that was to be started, and was not.
fn not_saved(draft: Draft, save: &Save) -> Ran {
    match save {
        Save::Elsewhere => Ran::Done(Outcome::StartedElsewhere),
        _ => Ran::Outdated(draft.status.open_marker),
    }
}

/// The steps of one image in one invocation.
struct Run<'a> {
    context: Context<'a>,
    draft: Draft,
    manifest: ManifestReader<'a>,
    /// What the next step comes to, where that is known.
    first: Option<StepOutcome>,
    /// What was described for many images together. Of the first step alone: it is not looked at again after a change.
    described: Option<&'a Described>,
    /// What EC2 has shown in this invocation, as far as it is still so.
    observed: Option<Observed>,
    /// What the last step claimed, once that is saved.
    claimed: Option<Claim>,
    /// What was done then, and is not saved yet.
    unsaved: Option<Record>,
    /// The AMI that was made, and is not saved yet.
    made: Option<Made>,
}

/// What comes after a step.
enum After {
    /// The next one.
    Step,
    /// Nothing: it waits, and all is saved.
    Rest,
    /// Nothing: the version was not started.
    NotSaved(Save),
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
}

/// What is saved.
#[derive(Clone, Copy)]
enum Saving {
    /// What is known before a step that makes something.
    BeforeMaking,
    /// What was changed.
    Changes,
}

impl Run<'_> {
    /// Does the next missing thing.
    async fn go_on(&mut self) -> Result<After, Error> {
        let outcome = match self.first.take() {
            Some(outcome) => outcome,
            None => match Box::pin(self.prepare()).await? {
                Prepared::Step => match Box::pin(self.step()).await {
                    // Nothing was sent; the schedule comes back to this.
                    Err(Error::Aws(error)) if error.is_rate_limited_locally() => {
                        StepOutcome::Unchanged
                    }
                    outcome => outcome?,
                },
                Prepared::Again => return Ok(After::Step),
                Prepared::Nothing => StepOutcome::Unchanged,
                Prepared::NotSaved(save) => return Ok(After::NotSaved(save)),
            },
        };
        self.made = Made::of(&self.draft.status, &outcome).or(self.made.take());
        let performed = self.claimed.take();
        if let StepOutcome::Claim(claim) = &outcome {
            self.claimed = Some(claim.clone());
        }
        // What was seen before a change is not what is there after it.
        let before = self.observed.take().filter(|_| performed.is_none());
        self.observed = Observed::of(&outcome).or(before);
        if performed.is_some() {
            let record = Record::of(&self.draft.status, &outcome);
            self.unsaved = record.or(self.unsaved.take());
        }
        let changed = self.draft.apply(outcome, self.context.now);
        let goes_on =
            changed && (self.claimed.is_some() || self.draft.status.build.waiting.is_none());
        if goes_on && self.claimed.is_none() {
            return Ok(After::Step);
        }
        Ok(match Box::pin(self.save(Saving::Changes)).await? {
            Save::Done if !goes_on => After::Rest,
            Save::Done | Save::Reloaded => After::Step,
            save => After::NotSaved(save),
        })
    }

    /// Sees to what comes before the next step, unless that was claimed: what the manifest says now, and that what the step
    /// makes will be found.
    async fn prepare(&mut self) -> Result<Prepared, Error> {
        if self.claimed.is_none() {
            match follow(self.context, &mut self.draft, &mut self.manifest).await? {
                Followed::AsBefore => {}
                Followed::Settings => return Ok(Prepared::Again),
                Followed::Version => return Ok(Prepared::Nothing),
            }
        }
        let next = plan::next(&self.draft.status, self.context.now);
        if !matches!(next, Next::Do(step) if step.creates()) {
            return Ok(Prepared::Step);
        }
        Ok(match Box::pin(self.save(Saving::BeforeMaking)).await? {
            Save::Done => Prepared::Step,
            Save::Reloaded => Prepared::Again,
            save => Prepared::NotSaved(save),
        })
    }

    async fn step(&mut self) -> Result<StepOutcome, Error> {
        let (context, status) = (self.context, &self.draft.status);
        let (claimed, described) = (self.claimed.as_ref(), self.described.take());
        let next = plan::next(status, context.now);
        let is_held = matches!(next, Next::Do(Step::RegisterImage | Step::Retire));
        if claimed.is_none() && is_held && status.is_cooling_down(context.now) {
            return Ok(StepOutcome::Unchanged);
        }
        let reserved = if claimed.is_some() {
            None
        } else {
            match build::within_rate(context, next, status).await {
                Rate::Within(reserved) => reserved,
                Rate::UsedUp(wait) => return Ok(*wait),
            }
        };
        let manifest = if build::reads_manifest(next) {
            self.manifest.read(context, status).await?
        } else {
            &ManifestRead::Unread
        };
        let step = StepContext {
            context,
            status,
            manifest,
            is_first: self.draft.is_first,
            claimed,
            observed: self.observed.as_ref(),
            uploaded: None,
            described,
            reserved: reserved.as_ref(),
        };
        build::run(next, step).await
    }

    /// Saves. Where another invocation has written the status, what was done is written into theirs.
    async fn save(&mut self, what: Saving) -> Result<Save, Error> {
        let saved = match what {
            Saving::BeforeMaking => Box::pin(self.draft.ready(self.context)).await,
            Saving::Changes => Box::pin(self.draft.save(self.context)).await,
        };
        match &saved {
            Ok(Save::Done) => (self.unsaved, self.made) = (None, None),
            Ok(Save::Reloaded) => {
                self.claimed = None;
                if let Some(made) = self.made.take() {
                    made.take_back(self.context, &self.draft.status).await?;
                }
                // Others may write once more before this is saved.
                if let Some(record) = &self.unsaved {
                    self.first = Box::pin(record.keep(self.context, &mut self.draft)).await?;
                }
            }
            Ok(Save::Outdated | Save::Elsewhere) => {}
            // The schedule is the next try.
            Err(_) => self.draft.dirty = false,
        }
        saved
    }

    /// Saves what was done before an error, and records a refusal: a function that is denied a lookup would continue in
    /// silence. So it would where AWS throttles a call again and again, which is no failure of a tick; but what the image waits
    /// for besides stays as it was, and so does the time since when.
    async fn refused(mut self, error: Error) -> Error {
        let (status, now) = (&self.draft.status, self.context.now);
        if let Error::Aws(refused) = &error
            && (refused.remedy == Remedy::Never || refused.is_throttled() && is_kept(status, now))
            && !status.state.is_final()
        {
            let wait = StepOutcome::Wait(retrying(refused));
            self.draft.apply(wait, now);
        }
        for _ in 0..CONFLICTS_MAX {
            match Box::pin(self.save(Saving::Changes)).await {
                Ok(Save::Reloaded) => {
                    if let Some(outcome) = self.first.take() {
                        self.draft.apply(outcome, self.context.now);
                    }
                }
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "what was done before an error could not be saved");
                    if !self.draft.dirty {
                        break;
                    }
                }
            }
        }
        error
    }
}

/// Whether an image has been in its step for so long that people are to know what keeps it there, and nothing is known to.
fn is_kept(status: &Status, now: Timestamp) -> bool {
    status.build.waiting.is_none() && status.step_exceeds(WAITING_LONG, now)
}
