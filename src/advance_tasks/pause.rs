//! How long nothing can be done for an image that only waits for time to pass: while EC2 copies its AMI to other Regions,
//! of which no events come here, or still makes an AMI that is to be retired, and while a protection of such an AMI holds on.

use jiff::{SignedDuration, Timestamp};

use crate::image::Status;
use crate::image::task::polling_interval;
use crate::image::words::WaitReason;
use crate::status_store::OpenMarker;

/// Until when an image need not be visited, if it only waits for that. Not if its marker is not the one that the status
/// knows: something may be about to be asked for.
pub(super) fn of(status: &Status, marker: &OpenMarker, now: Timestamp) -> Option<Pause> {
    let is_marked = status.open_marker.as_ref() == Some(&marker.etag);
    if !is_marked || status.state.is_final() || status.unsent().next().is_some() {
        return None;
    }
    let waiting = status.build.waiting.as_ref()?;
    match &waiting.reason {
        WaitReason::CopyPending { .. } => {
            let asked = status.copies.values().filter_map(|copy| copy.asked_at);
            let youngest = now.duration_since(asked.max()?);
            Some(Pause::For(polling_interval(youngest)))
        }
        WaitReason::ImagePending { .. } => {
            let since = now.duration_since(waiting.since);
            Some(Pause::For(polling_interval(since)))
        }
        WaitReason::ProtectionCooldown { until, .. } => Some(Pause::Until(*until)),
        _ => None,
    }
}

/// How long a pause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// An interval between two polls.
    For(SignedDuration),
    /// Until a date of EC2's.
    Until(Timestamp),
}
