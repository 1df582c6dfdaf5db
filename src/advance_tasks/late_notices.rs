//! Notices that `notify` has not sent.

use jiff::Timestamp;

use crate::image::plan;
use crate::image::status::{Notice, Status};
use crate::notify;
use crate::reconcile::{Context, Error};
use crate::status_store::{self, Loaded};

/// Notices are usually sent by `notify`, within seconds; one that is older had no event, or a failing one.
pub(super) async fn send(context: Context<'_>, loaded: Loaded) -> Result<(), Error> {
    let is_due = |notice: &Notice| notice.is_due(context.now) && is_late(notice.at, context.now);
    if loaded.status.unsent().any(is_due) {
        notify::send_due(context, loaded).await?;
    }
    Ok(())
}

/// Whether a notice that is not sent yet should have been by now.
pub(super) fn has_late(status: &Status, now: Timestamp) -> bool {
    status.unsent().any(|notice| is_late(notice.at, now))
}

fn is_late(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) >= plan::NOTICE_LATE
}

/// Sends those of an image that something keeps from going on: it may do so for hours, and that is what people are to be told.
pub(super) async fn send_of(context: Context<'_>, key: &str) {
    let sent = match status_store::load(context.aws, context.config, key).await {
        Ok(Some(loaded)) => send(context, loaded).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = sent {
        tracing::warn!(
            manifest = key,
            error = %error,
            "its notices are sent at the next tick"
        );
    }
}
