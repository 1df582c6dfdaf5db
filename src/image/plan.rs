//! What to do next for an image: one look-up, so that the whole life of an image can be read here.
//!
//! The steps of each source are in [`super::workflow`]. A final state is finalized, and its open marker removed, when
//! every notice was sent. Nothing is skipped by time: limits end in `failed` or in a notice, never in silence.

use jiff::{SignedDuration, Timestamp};

use super::status::Status;
use super::words::{State, Step};

/// How long a step may wait for an upload before people are notified. The uploaders put parts first; a gap of a quarter
/// of an hour means that an upload is slow or was interrupted.
pub const WAITING_LONG: SignedDuration = SignedDuration::from_mins(15);

/// How soon after its step has begun a wait has to begin for [`WAITING_LONG`] to count from then on. Most waits end after
/// a quarter of an hour of their own: nobody need be told that something is still waited for a few minutes before the
/// email of how it ended. What begins later has as long to go when people are told.
pub const WAITING_BEGINS: SignedDuration = SignedDuration::from_mins(10);

/// How long a bundle's parts may have the wrong total size: an upload over an older bundle may still be running.
pub const SIZE_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// How long EC2 may answer that it cannot read a bundle, or that a name is taken by an AMI that is not visible.
/// Both happen for minutes after an upload, a change of ACL or a deregistration (RegisterImage, errors).
pub const REGISTER_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// How long a snapshot or an AMI that a manifest names may still be in the making: the first snapshot of a large volume, or
/// a copy from another Region, takes hours.
pub const SOURCE_GRACE: SignedDuration = SignedDuration::from_hours(24);

/// How long something that was, or may have been, created may be missing from Describe calls. Seconds are usual.
pub const VISIBILITY_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// How long a task may be failing before it counts as failed: some are shown as `deleting` for good.
pub const ENDING_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// After how long EC2 is asked again to cancel a task that still runs: the first request may have been lost.
pub const CANCEL_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// How long deleting what a failed or cancelled image left in AWS is retried.
pub const CLEAN_UP_GRACE: SignedDuration = SignedDuration::from_hours(6);

/// How long a Region may keep the AMI from becoming as it should be, by errors that may pass or by settings that do not
/// show.
pub const PUBLISH_GRACE: SignedDuration = SignedDuration::from_hours(6);

/// After how long an AMI that is available or disabled is not deregistered by a clean-up any more. What a failed or cancelled
/// attempt leaves is found within hours; an AMI that was made a day ago may be in use, whatever a status says about it.
pub const AVAILABLE_FOR_GOOD: SignedDuration = SignedDuration::from_hours(24);

/// How old an unsent notice is when the schedule sends it: its event had time enough, also where the clock of who recorded it
/// is two minutes behind and that of who looks two minutes ahead. A sender that was invoked at once is over by then.
pub const NOTICE_LATE: SignedDuration = SignedDuration::from_mins(5);

/// How long after an audit saw settings that are not as the manifest says it is looked at them again: they may have been what was
/// before. EC2 has callers allow for that for up to five minutes (EC2 Developer Guide, "Eventual consistency").
pub const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// For how long ticks try to look at them again. Then that is left to the next audit: a Region may not answer for days.
pub const LOOK_AGAIN_MAX: SignedDuration = SignedDuration::from_mins(30);

/// The next thing to do for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Do this step.
    Do(Step),
    /// Poll what the step waits for.
    Poll,
    /// The task is no longer listed: search for what it would have made.
    ProbeTask,
    /// End what runs: its cancellation was requested.
    Cancel,
    /// Start a new attempt: one was requested.
    Retry,
    /// Send the notices that are due.
    SendNotices,
    /// A notice is being sent, or its next attempt is not due yet.
    AwaitNotices,
    /// Look again, once that is due, at settings that an audit saw to differ from the manifest.
    LookAgain,
    /// All is done and all notices are sent: remove the open marker.
    Finalize,
}

/// What to do next.
#[must_use]
pub fn next(status: &Status, now: Timestamp) -> Next {
    if status.state.is_final() {
        return if status.unsent().any(|notice| notice.is_due(now)) {
            Next::SendNotices
        } else if status.retry.is_some() {
            Next::Retry
        } else if status.unsent().next().is_some() {
            Next::AwaitNotices
        } else if is_in_doubt(status, now) {
            Next::LookAgain
        } else {
            Next::Finalize
        };
    }
    if is_to_be_cancelled(status, now) {
        return Next::Cancel;
    }
    match status.build.step {
        Step::AwaitTask | Step::AwaitStore if is_unlisted(status, now) => Next::ProbeTask,
        step if step.polls() => Next::Poll,
        step => Next::Do(step),
    }
}

/// Whether an audit saw a moment ago that a finished AMI differs from its manifest: one answer does not prove that.
fn is_in_doubt(status: &Status, now: Timestamp) -> bool {
    let is_finished = matches!(status.state, State::Available | State::Incomplete);
    let doubted_at = status.doubted_at().filter(|_| is_finished);
    doubted_at.is_some_and(|at| now.duration_since(at) < LOOK_AGAIN_MAX)
}

/// Whether something has to be done about a request to cancel. A task that EC2 was asked to cancel is polled to its end
/// like any other, and asked again if it does not end.
fn is_to_be_cancelled(status: &Status, now: Timestamp) -> bool {
    if status.cancel.is_none() || !may_be_cancelled(status) {
        return false;
    }
    match (status.build.step, status.build.tasks.last()) {
        (Step::CleanUp, _) => false,
        (Step::AwaitTask, Some(task)) => task
            .cancel_sent_at
            .is_none_or(|sent_at| now.duration_since(sent_at) > CANCEL_AGAIN),
        _ => true,
    }
}

/// Whether an image can still be cancelled: not once it has ended, and not once its AMI is available and is being
/// published or stored.
#[must_use]
pub fn may_be_cancelled(status: &Status) -> bool {
    let step = status.build.step;
    let is_made = step.publishes() || step.stores() || step.retires();
    !status.state.is_final() && status.build.ending.is_none() && !is_made
}

/// Whether the polled task has been missing from EC2's list for long enough to search for what it made.
fn is_unlisted(status: &Status, now: Timestamp) -> bool {
    let last = status.build.tasks.last();
    last.and_then(|task| task.unseen_since)
        .is_some_and(|since| now.duration_since(since) > VISIBILITY_GRACE)
}

/// Whether a new version of the manifest may replace this one now.
///
/// Once a task may have been started or an AMI created, its version is finished first: neither must be lost without
/// a word.
#[must_use]
pub fn may_be_superseded(status: &Status) -> bool {
    let nothing_started = status.build.tasks.is_empty()
        && matches!(
            status.build.step,
            Step::CheckManifest | Step::CheckObject | Step::CheckBundle
        );
    // What is not retired yet is retired by the next version.
    status.state.is_final() || nothing_started || status.build.step.retires()
}
