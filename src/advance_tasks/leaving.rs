//! Leaves an image whose steps were run until there is something to do again.

use super::late_notices;
use super::pause;
use super::polling_history::PollingHistory;
use crate::reconcile::{Context, Error, Outcome};
use crate::status_store::OpenMarker;

/// Remembers for how long nothing can be done for an image whose steps were run, and sends what is late. Returns whether
/// its status changed.
pub(super) async fn leave(
    context: Context<'_>,
    history: &PollingHistory,
    marker: &OpenMarker,
    outcome: Outcome,
) -> Result<bool, Error> {
    let advanced = outcome.has_advanced();
    if let Outcome::Status { loaded, .. } = outcome {
        if let Some(pause) = pause::of(&loaded.status, marker, context.now) {
            history.record_pause(marker, pause, context.now);
        }
        late_notices::send(context, *loaded).await?;
    }
    Ok(advanced)
}
