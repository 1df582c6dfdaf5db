//! The manifest of an image that was made is removed.

use jiff::Timestamp;

use super::changes::{move_to, note};
use super::conditions;
use crate::image::status::Status;
use crate::image::words::{State, Step};

/// Whether the removal of its manifest is to be noted: its AMI is there, and nothing is being done about it. What is under
/// way ends first; one that did not come to be stays as it is.
#[must_use]
pub fn can_be_removed(status: &Status) -> bool {
    matches!(status.state, State::Available | State::Incomplete)
}

/// The manifest of an image was removed: its AMIs are kept, or are retired now, as the manifest had said. Nothing is
/// reported where they are kept: nothing was done.
pub fn remove(status: &mut Status, now: Timestamp) {
    if !can_be_removed(status) {
        return;
    }
    if status.retry.take().is_some() {
        let why = "the manifest was removed, so there is no new attempt";
        note(status, why, now);
    }
    status.removed_at = Some(now);
    status.retired.clear();
    status.drift = None;
    // Whoever retires them writes down what is set on them then.
    status.regions = status.regions_with_applied();
    if status.on_delete.is_some() && !status.regions.is_empty() {
        let why = "the manifest was removed; its AMIs are retired, as it had said";
        move_to(status, State::Working, Step::Retire, why, now);
        // Also where the last step was to retire others.
        status.build.step_since = now;
    } else {
        let why = "the manifest was removed; its AMIs are kept";
        move_to(status, State::Deleted, status.build.step, why, now);
    }
    conditions::update(status, now);
}
