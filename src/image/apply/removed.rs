//! The manifest of an image that was made is removed, or of one whose last version did not become available.

use std::collections::btree_map::Values;

use jiff::Timestamp;

use super::changes::{move_to, note, record_notice};
use super::conditions;
use super::lately::forget_retired;
use crate::image::message;
use crate::image::status::{
    Failure, KeptReason, PreviousVersion, RegionStatus, RetireOutcome, Retirement, Status,
};
use crate::image::words::{CancelBy, FailureKind, NoticeKind, State, Step};

/// Whether the removal of its manifest is to be noted: its AMI is there, and nothing is being done about it, or the last version
/// has ended otherwise, and there are AMIs of which people expect something else. What is under way ends first.
#[must_use]
pub fn can_be_removed(status: &Status) -> bool {
    matches!(status.state, State::Available | State::Incomplete) || leaves_earlier(status)
}

/// Whether the last version did not become available, and there are AMIs, of the one before or that it has found again: whatever the
/// manifest had said of its removal, they stay. Who was told that the manifest is gone was told of them, too.
fn leaves_earlier(status: &Status) -> bool {
    let has_ended = matches!(
        status.state,
        State::Rejected | State::Failed | State::Cancelled
    );
    let is_by_removal = |by: CancelBy| by == CancelBy::ManifestRemoved;
    let is_gone = |it: &Failure| it.kind == FailureKind::ManifestGone;
    let is_told = status.cancel.is_some_and(|it| is_by_removal(it.by))
        || status.build.failure.as_ref().is_some_and(is_gone);
    let is_left = status.on_delete.is_some() && !left(status, status.build.started_at).is_empty();
    has_ended && !is_told && !status.is_removed() && is_left
}

/// The AMIs of the version before, and those of earlier ones that the last version has found again; without those that are gone, or
/// that EC2 was asked to deregister: of them an email has said what is known.
fn left(status: &Status, at: Timestamp) -> Vec<Retirement> {
    let is_in = |mut all: Values<'_, String, RegionStatus>, known: &RegionStatus| {
        all.any(|it| it.image == known.image)
    };
    let earlier = status.last_previous().into_iter();
    let earlier = earlier.flat_map(PreviousVersion::images);
    let earlier = earlier.filter(|(_, known)| !is_in(status.regions.values(), known));
    let found = status.regions.iter().filter(|(_, known)| {
        let mut versions = status.previous.iter();
        versions.any(|it| is_in(it.regions.values(), known))
    });
    let is_told = |known: &RegionStatus| {
        let failure = status.build.failure.as_ref().map(|it| &it.kind);
        let mut orphans = status.build.orphans.iter();
        matches!(failure, Some(FailureKind::ImageLost { image }) if *image == known.image)
            || orphans.any(|it| it.what == known.image)
    };
    let left = found.chain(earlier).filter(|(_, known)| {
        known.retiring.was_not_asked() && !known.is_known_to_be_gone() && !is_told(known)
    });
    let kept = left.map(|(region, known)| Retirement {
        why: Some(KeptReason::NotCurrent),
        unprotected: known.retiring.protection.is_some(),
        may_be_deprecated: known.retiring.deprecate_at.is_some(),
        ..Retirement::of(region, &known.image, RetireOutcome::Kept, at)
    });
    kept.collect()
}

/// The manifest of an image was removed: its AMIs are kept, or are retired now, as the manifest had said. Nothing is
/// reported where they are kept: nothing was done. It is where the manifest had said something else once.
pub fn remove(status: &mut Status, now: Timestamp) {
    if !can_be_removed(status) {
        return;
    }
    let is_left = leaves_earlier(status);
    if status.retry.take().is_some() {
        let why = "the manifest was removed, so there is no new attempt";
        note(status, why, now);
    }
    status.removed_at = Some(now);
    forget_retired(status, now);
    status.drift = None;
    if is_left {
        leave_earlier(status, now);
        return conditions::update(status, now);
    }
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

/// It stays what it is, and people are told that its AMIs do, too.
fn leave_earlier(status: &mut Status, now: Timestamp) {
    let why = "the manifest was removed; the AMIs that there are of it are kept";
    note(status, why, now);
    status.retired = left(status, now);
    for it in status.retired.clone() {
        note(status, message::retirement_line(&it), now);
    }
    record_notice(status, NoticeKind::Retired, now);
}
