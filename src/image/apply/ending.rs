//! How an image ends that does not come to be: failed, lost, cancelled; what is deleted then, and how it begins again.

use jiff::{SignedDuration, Timestamp};

use super::changes::{all_told, move_to, note, record_notice, stop_waiting, wait};
use crate::image::message;
use crate::image::plan;
use crate::image::status::{Cancel, Failure, Orphan, Retry, Status};
use crate::image::words::{
    CancelBy, FailureKind, NoticeKind, State, Step, TerminalReason, WaitReason,
};

/// The image will not come to be.
pub(super) fn fail(status: &mut Status, failure: Failure, now: Timestamp) {
    let reason = failure.kind.terminal_reason();
    let is_for_a_person = matches!(
        failure.kind,
        FailureKind::SeveralImages { .. } | FailureKind::ImageDisabled { .. }
    );
    if is_for_a_person {
        // A person has to check what is there, or has disabled it: nothing is deleted.
        let why = message::failure_line(&failure);
        status.build.failure = Some(failure);
        return end(status, reason, why, now);
    }
    abort(status, reason, Some(failure), now);
}

/// The image will not come to be: what was made for it is deleted first, so that its notice can say so.
pub(super) fn abort(
    status: &mut Status,
    reason: TerminalReason,
    failure: Option<Failure>,
    now: Timestamp,
) {
    let why = match &failure {
        Some(failure) => message::failure_line(failure),
        None => "it was cancelled".to_owned(),
    };
    status.build.failure = failure;
    if may_have_made_something(status) {
        status.build.ending = Some(reason);
        move_to(status, State::Working, Step::CleanUp, why, now);
    } else {
        end(status, reason, why, now);
    }
}

/// Whether anything was, or may have been, made for the image. An AMI that is only being published or stored is kept.
fn may_have_made_something(status: &Status) -> bool {
    status.has_begun_work() && !status.is_built()
}

fn end(status: &mut Status, reason: TerminalReason, why: impl Into<String>, now: Timestamp) {
    let (state, notice) = match reason {
        TerminalReason::Failed | TerminalReason::Lost if status.is_built() => {
            (State::Incomplete, NoticeKind::Incomplete)
        }
        TerminalReason::Failed => (State::Failed, NoticeKind::Failed),
        TerminalReason::Lost => (State::Failed, NoticeKind::Lost),
        TerminalReason::Cancelled => (State::Cancelled, NoticeKind::Cancelled),
    };
    status.build.ending = None;
    move_to(status, state, status.build.step, why, now);
    all_told(status);
    record_notice(status, notice, now);
    // Nothing is repaired any more.
    status.drift = None;
}

/// This could not be deleted.
pub(super) fn keep(status: &mut Status, orphan: Orphan) {
    let build = &mut status.build;
    build.deleted.retain(|deleted| *deleted != orphan.what);
    build.deleting.retain(|deleting| *deleting != orphan.what);
    build.orphans.retain(|known| known.what != orphan.what);
    build.orphans.push(orphan);
}

/// Nothing is left that could be deleted.
pub(super) fn cleaned_up(status: &mut Status, now: Timestamp) {
    status.build.deleting.clear();
    let deleted = &status.build.deleted;
    status
        .regions
        .retain(|_, region| !deleted.contains(&region.image));
    let why = message::cleaned_up(&status.build);
    let reason = status.build.ending.unwrap_or(TerminalReason::Failed);
    end(status, reason, why, now);
}

/// EC2 was asked to cancel the task that runs. Returns whether that is new.
pub(super) fn cancel_sent(
    status: &mut Status,
    refused: Option<WaitReason>,
    now: Timestamp,
) -> bool {
    let Some(task) = status.build.tasks.last_mut() else {
        return false;
    };
    let again = task.cancel_sent_at.replace(now).is_some();
    let why = format!("EC2 was asked to cancel {}", task.id);
    if !again {
        note(status, why, now);
    }
    // The same refusal once more is waited for since the first.
    match refused {
        Some(reason) => {
            wait(status, reason, now);
        }
        None => stop_waiting(status, now),
    }
    true
}

/// Why an image is not cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCancellable {
    /// It has ended.
    #[error("it is already {0}")]
    Ended(State),
    /// It is about to end.
    #[error("it has already failed, and what was made for it is being deleted")]
    Ending,
    /// The AMI is there, and is being published.
    #[error(
        "its AMI is already available and is being published: to undo settings, remove them from the manifest"
    )]
    Published,
    /// The AMI is there, and others are being retired.
    #[error(
        "its AMI is already available, and those before it are being retired: to keep them, remove `replaces` from the \
         manifest"
    )]
    Retiring,
    /// Its manifest was removed, and it is being retired.
    #[error(
        "its manifest was removed, and its AMI is being retired: to keep it, upload the manifest again"
    )]
    Removed,
    /// The AMI is there, and is being stored.
    #[error("its AMI is already available and is being stored, for which EC2 has no cancellation")]
    Stored,
}

/// The image is to be cancelled. Returns whether the request is new.
///
/// # Errors
/// If it is too late.
pub fn request_cancel(
    status: &mut Status,
    by: CancelBy,
    now: Timestamp,
) -> Result<bool, NotCancellable> {
    if status.state.is_final() {
        return Err(NotCancellable::Ended(status.state));
    }
    if status.cancel.is_some() {
        return Ok(false);
    }
    if status.build.ending.is_some() {
        return Err(NotCancellable::Ending);
    }
    if !plan::may_be_cancelled(status) {
        return Err(if status.build.step.stores() {
            NotCancellable::Stored
        } else if status.is_removed() {
            NotCancellable::Removed
        } else if status.build.step.retires() {
            NotCancellable::Retiring
        } else {
            NotCancellable::Published
        });
    }
    status.cancel = Some(Cancel {
        asked_at: now,
        by,
        uploaded_at: status.manifest.last_uploaded_at(),
    });
    let why = match by {
        CancelBy::Command => "an operator cancelled it",
        CancelBy::ManifestRemoved => "the manifest was removed, so it is cancelled",
    };
    note(status, why, now);
    Ok(true)
}

/// An operator's request to cancel that was written then, by S3's clock, is about all that was uploaded before: also about what no
/// function has heard of yet, which does not begin the image again. What was uploaded since does, also where that was heard of
/// before the request. S3 tells whole seconds: an upload of the same second counts as a later one, but for the one that this
/// attempt is of.
pub(super) fn cancel_until(
    status: &mut Status,
    written_at: Timestamp,
    is_new: bool,
    now: Timestamp,
) {
    let (began_at, last) = (
        status.manifest.uploaded_at,
        status.manifest.last_uploaded_at(),
    );
    let Some(cancel) = status.cancel.as_mut() else {
        return;
    };
    let is_by_removal = cancel.by == CancelBy::ManifestRemoved;
    // One that is not known to be there again may come back under any date.
    if is_by_removal && last <= cancel.uploaded_at {
        return;
    }
    let before = written_at.checked_sub(SignedDuration::from_secs(1));
    let until = began_at.max(before.unwrap_or(written_at));
    // Who asks again has seen what was uploaded meanwhile.
    cancel.uploaded_at = if is_new {
        until
    } else {
        until.max(cancel.uploaded_at)
    };
    cancel.by = CancelBy::Command;
    if is_by_removal {
        note(
            status,
            "the manifest is there again, and an operator cancelled it",
            now,
        );
    }
}

/// Why there is no new attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRetryable {
    /// It is in progress.
    #[error("it is in progress: wait for its end, or cancel it first")]
    Working,
    /// Its AMI is there.
    #[error("its AMI is available: there is nothing to retry")]
    Available,
    /// The AMI is there, and only storing it failed.
    #[error(
        "its AMI is available, and only storing it failed: store it manually (aws ec2 create-store-image-task)"
    )]
    NotStored,
    /// The manifest itself is wrong.
    #[error("its manifest was rejected: fix the manifest and upload it again")]
    Rejected,
    /// There is no manifest any more.
    #[error("its manifest was removed: upload it again")]
    Removed,
    /// Another manifest decides.
    #[error("the image manifest beside this bundle decides: retry that one")]
    Superseded,
}

/// A new attempt is requested. Returns whether the request is new.
///
/// # Errors
/// If it makes no sense.
pub fn request_retry(status: &mut Status, now: Timestamp) -> Result<bool, NotRetryable> {
    match status.state {
        State::Working => return Err(NotRetryable::Working),
        State::Available if status.drift.is_none() => return Err(NotRetryable::Available),
        State::Rejected => return Err(NotRetryable::Rejected),
        State::Superseded => return Err(NotRetryable::Superseded),
        State::Deleted => return Err(NotRetryable::Removed),
        _ if status.is_removed() => return Err(NotRetryable::Removed),
        State::Incomplete if status.only_storing() && status.drift.is_none() => {
            return Err(NotRetryable::NotStored);
        }
        State::Available | State::Incomplete | State::Failed | State::Cancelled => {}
    }
    if status.retry.is_some() {
        return Ok(false);
    }
    status.retry = Some(Retry { asked_at: now });
    note(status, "an operator asked for a new attempt", now);
    Ok(true)
}

/// The manifest was removed before the new attempt began. Returns whether one was asked for.
pub fn withdraw_retry(status: &mut Status, now: Timestamp) -> bool {
    let asked = status.retry.take().is_some();
    if asked {
        note(
            status,
            "the manifest was removed, so there is no new attempt",
            now,
        );
    }
    asked
}
