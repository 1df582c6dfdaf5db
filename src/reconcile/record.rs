//! What was done to AMIs that exist, and what was deleted, until it is saved: should somebody else write the status first, as
//! `notify` does that has sent an email, it is written into theirs, for the emails that list it.

use super::context::{Context, Error};
use super::draft::{Draft, contended};
use super::marking::mark_anew;
use crate::image::apply::{look_again, made_late, remember_done};
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::status::Status;
use crate::image::words::Step;

/// What was done, and what it was done for.
pub(super) struct Record {
    at: Place,
    outcome: StepOutcome,
}

/// What a record is about.
#[derive(PartialEq)]
struct Place {
    digest: Option<String>,
    step: Step,
    attempt: u32,
    publish_digest: Option<String>,
}

impl Place {
    fn of(status: &Status) -> Self {
        Self {
            digest: status.build.digest.clone(),
            step: status.build.step,
            attempt: status.build.attempt,
            publish_digest: status.manifest.publish_digest.clone(),
        }
    }

    /// Whether a status is about the same AMIs, which are to have other settings by now.
    fn is_of_other_settings(&self, status: &Status) -> bool {
        let now = Self::of(status);
        (&self.digest, self.attempt) == (&now.digest, now.attempt)
            && self.publish_digest != now.publish_digest
            && status.is_built()
            && !status.is_removed()
    }
}

impl Record {
    /// The record that a claim has come to; none if nothing was done.
    pub(super) fn of(status: &Status, outcome: &StepOutcome) -> Option<Self> {
        let is_record = matches!(
            outcome,
            StepOutcome::Advance(
                Evidence::PublishPerformed(_) | Evidence::Retired(_) | Evidence::Deleted(_)
            )
        );
        is_record.then(|| Self {
            at: Place::of(status),
            outcome: outcome.clone(),
        })
    }

    /// What is to be written into the status that somebody else wrote, if that is still about what was done. Otherwise only
    /// what was made is remembered, with the version that it was made for; and AMIs that were, or may have been, changed as the
    /// manifest said before are looked at once more.
    ///
    /// # Errors
    /// If S3 fails, or another invocation is just starting a version. What the draft has by then is to be saved all the
    /// same: an audit shows what has become of the AMIs.
    pub(super) async fn keep(
        &self,
        context: Context<'_>,
        draft: &mut Draft,
    ) -> Result<Option<StepOutcome>, Error> {
        let status = &mut draft.status;
        if self.at == Place::of(status) && !status.state.is_final() {
            return Ok(Some(self.outcome.clone()));
        }
        let StepOutcome::Advance(Evidence::PublishPerformed(performed)) = &self.outcome else {
            return Ok(None);
        };
        let digest = self.at.digest.as_deref();
        draft.dirty |= remember_done(status, digest, &performed.done, context.now);
        let sent: Vec<_> = performed.sent().cloned().collect();
        if sent.is_empty() || !self.at.is_of_other_settings(status) {
            return Ok(None);
        }
        made_late(status, &sent, context.now);
        draft.dirty = true;
        // One that has not ended is marked already.
        if status.state.is_final() {
            let Some(marker) = mark_anew(context, status, None).await? else {
                return Err(contended(&status.manifest.key));
            };
            status.open_marker = Some(marker);
        }
        look_again(status, context.now);
        Ok(None)
    }
}
