//! Notices that `notify` has not sent.

use jiff::Timestamp;

use crate::image::plan;
use crate::notify;
use crate::reconcile::{Context, Error};
use crate::status_store::Loaded;

/// Notices are usually sent by `notify`, within seconds; one that is older had no event, or a failing one.
pub(super) async fn send(context: Context<'_>, loaded: Loaded) -> Result<(), Error> {
    let late = |at: Timestamp| context.now.duration_since(at) >= plan::NOTICE_LATE;
    if loaded
        .status
        .unsent()
        .any(|notice| notice.is_due(context.now) && late(notice.at))
    {
        notify::send_due(context, loaded).await?;
    }
    Ok(())
}
