//! Keeps what was done to AMIs that exist, where another invocation writes the status first.

use super::context::Context;
use super::draft::Draft;
use crate::image::apply::remember_done;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::status::Status;
use crate::image::words::Step;

/// Whether this is what was done to AMIs that exist: should somebody else write the status first, as `notify` does that has
/// sent an email, it is written into theirs, for the emails that list it.
pub(super) fn is_record(outcome: &StepOutcome) -> bool {
    matches!(
        outcome,
        StepOutcome::Advance(Evidence::PublishPerformed(_) | Evidence::Retired(_))
    )
}

/// What was done, if the status is still about what it was done for. Otherwise only what was made is remembered, with the
/// version that it was made for.
pub(super) fn keep_record(
    context: Context<'_>,
    draft: &mut Draft,
    at: &Place,
    record: StepOutcome,
) -> Option<StepOutcome> {
    if *at == Place::of(&draft.status) && !draft.status.state.is_final() {
        return Some(record);
    }
    if let StepOutcome::Advance(Evidence::PublishPerformed(performed)) = &record {
        let done = &performed.done;
        let (status, digest) = (&mut draft.status, at.digest.as_deref());
        draft.dirty |= remember_done(status, digest, done, context.now);
    }
    None
}

/// What a record is about.
#[derive(Clone, PartialEq)]
pub(super) struct Place {
    digest: Option<String>,
    step: Step,
    attempt: u32,
    publish_digest: Option<String>,
}

impl Place {
    pub(super) fn of(status: &Status) -> Self {
        Self {
            digest: status.build.digest.clone(),
            step: status.build.step,
            attempt: status.build.attempt,
            publish_digest: status.manifest.publish_digest.clone(),
        }
    }
}
