//! Leaves an image whose steps were run until there is something to do again.

use super::late_notices;
use super::pause;
use super::polling_history::PollingHistory;
use crate::image::plan::{self, Next};
use crate::reconcile::{Context, Error, Outcome};
use crate::status_store::{OpenMarker, StatusObject};

/// Remembers for how long nothing can be done for an image whose steps were run, and sends what is late. Returns whether
/// its status changed.
pub(super) async fn leave(
    context: Context<'_>,
    history: &PollingHistory,
    marker: &OpenMarker,
    outcome: Outcome,
) -> Result<bool, Error> {
    keep_written(context, history, &outcome);
    let advanced = outcome.has_advanced();
    if let Outcome::Status { loaded, .. } = outcome {
        if let Some(pause) = pause::of(&loaded.status, marker, context.now) {
            history.record_pause(marker, pause, context.now);
        }
        late_notices::send(context, *loaded).await?;
    }
    Ok(advanced)
}

/// Keeps a status that was written as if it had been read, if its image waits for EC2: the next tick need not read it. Not
/// where the answer was lost: then it is not known which of the two is in the bucket, and it is read.
pub(super) fn keep_written(context: Context<'_>, history: &PollingHistory, outcome: &Outcome) {
    let Outcome::Status {
        loaded,
        advanced: true,
        is_saved: true,
    } = outcome
    else {
        return;
    };
    let status = &loaded.status;
    // Who sends a notice writes the status once more.
    let is_last = status.unsent().next().is_none();
    if is_last
        && plan::next(status, context.now) == Next::Poll
        && let Some(object) = StatusObject::written(context.config, loaded)
    {
        history.record_object(&status.manifest.key, &object);
    }
}
