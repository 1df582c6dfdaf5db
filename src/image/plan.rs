//! What to do next for an image: one look-up, so that the whole life of an image can be read here.
//!
//! | state                         | step             | next                                              |
//! |-------------------------------|------------------|---------------------------------------------------|
//! | working                       | `check-manifest` | read and check the manifest                       |
//! | working                       | `check-object`   | look at the disk, the machine, the stored AMI     |
//! | working                       | `start-task`     | look for the task; start it if there is none      |
//! | working                       | `await-task`     | look at the task; if it is listed no longer, for what it would have made |
//! | working                       | `tag-imported`   | tag what was imported                             |
//! | working                       | `check-bundle`   | read the bundle's manifest, look for its parts    |
//! | working                       | `register-image` | look for the AMI; register it if there is none    |
//! | working                       | `await-image`    | look at the AMI                                   |
//! | working                       | `store-image`    | look for the task that stores the AMI; start it if there is none |
//! | working                       | `clean-up`       | remove what a failed or cancelled image leaves behind |
//! | working, to be cancelled      | other            | end what runs, then clean up                      |
//! | available, failed, cancelled, rejected, superseded | any | send the notices that are due, then settle |
//!
//! A final state is settled, and its open marker removed, when every notice was sent. Nothing is skipped by time:
//! limits end in `failed` or in a notice, never in silence.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::status::{Status, Step};
use super::task::{Task, TaskKind};

/// How long a bundle's parts may be missing before somebody is told.
/// The uploaders put parts first; a gap of a quarter of an hour means that an upload is slow or was broken off.
pub const WAITING_LONG: SignedDuration = SignedDuration::from_mins(15);

/// How long a bundle's parts may have the wrong total size: an upload over an older bundle may still be running.
pub const SIZE_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// How long EC2 may answer that it cannot read a bundle, or that a name is taken by an AMI nobody can see.
/// Both happen for minutes after an upload, a change of ACL or a deregistration (FACTS: RegisterImage, errors).
pub const REGISTER_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// How long an AMI that was, or may have been, registered may be missing from DescribeImages. Seconds are usual.
pub const VISIBILITY_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// How long a task may be on its way to its bad end before it counts as failed: some are shown as `deleting` for good.
pub const ENDING_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// After how long EC2 is asked again to cancel a task that still runs: the first request may have been lost.
pub const CANCEL_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// How long it is tried to remove what a failed or cancelled image leaves behind.
pub const CLEAN_UP_GRACE: SignedDuration = SignedDuration::from_hours(6);

/// How long a notice that is being sent belongs to its sender: longer than the functions that send may run (30 s and
/// 50 s, template.yaml), shorter than the minute after which Lambda tries a failed invocation again.
pub const NOTICE_LEASE: Duration = Duration::from_secs(55);

/// The longest pause between two tries to send a notice.
pub const NOTICE_PAUSE_MAX: Duration = Duration::from_secs(60 * 60);

/// How old an unsent notice is when the schedule sends it: its event had time enough.
pub const NOTICE_LATE: SignedDuration = SignedDuration::from_mins(2);

/// The next thing to do for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Read and check the manifest.
    CheckManifest,
    /// Read the bundle's manifest and look for its parts.
    CheckBundle,
    /// Look at the object that the image is made from.
    CheckObject,
    /// Look for the task; start it if there is none.
    StartTask,
    /// Look at the task.
    AwaitTask,
    /// The task is listed no longer: look for what it would have made.
    ProbeTask,
    /// Tag what was imported.
    TagImported,
    /// Look for the AMI; register it if there is none.
    RegisterImage,
    /// Look at the AMI.
    AwaitImage,
    /// Look for the task that stores the AMI; start it if there is none.
    StoreImage,
    /// End what runs: somebody does not want it any more.
    Cancel,
    /// Remove what is left behind.
    CleanUp,
    /// Send the notices that are due.
    SendNotices,
    /// A notice is being sent, or its next try is not due yet.
    AwaitNotices,
    /// All is done and told: remove the open marker.
    Settle,
}

/// What to do next.
#[must_use]
pub fn next(status: &Status, now: Timestamp) -> Next {
    if status.state.is_final() {
        return if status.unsent().any(|notice| notice.is_due(now)) {
            Next::SendNotices
        } else if status.unsent().next().is_some() {
            Next::AwaitNotices
        } else {
            Next::Settle
        };
    }
    if is_to_be_cancelled(status, now) {
        return Next::Cancel;
    }
    match status.step {
        Step::CheckManifest => Next::CheckManifest,
        Step::CheckObject => Next::CheckObject,
        Step::StartTask => Next::StartTask,
        Step::AwaitTask if is_missing(status, now) => Next::ProbeTask,
        Step::AwaitTask => Next::AwaitTask,
        Step::TagImported => Next::TagImported,
        Step::CheckBundle => Next::CheckBundle,
        Step::RegisterImage => Next::RegisterImage,
        Step::AwaitImage => Next::AwaitImage,
        Step::StoreImage => Next::StoreImage,
        Step::CleanUp => Next::CleanUp,
    }
}

/// Whether something has to be done about somebody's wish to cancel. A task that EC2 was asked to cancel is followed
/// to its end like any other, and asked again if it does not end.
fn is_to_be_cancelled(status: &Status, now: Timestamp) -> bool {
    if status.cancel.is_none() || !may_be_cancelled(status) {
        return false;
    }
    match (status.step, status.tasks.last()) {
        (Step::CleanUp, _) => false,
        (Step::AwaitTask, Some(task)) => task
            .cancel_sent_at
            .is_none_or(|sent_at| now.duration_since(sent_at) > CANCEL_AGAIN),
        _ => true,
    }
}

/// Whether an image can still be cancelled: not once it has ended, and not once its AMI is available and is only being
/// stored, for which EC2 has no cancellation.
#[must_use]
pub fn may_be_cancelled(status: &Status) -> bool {
    !status.state.is_final() && status.ending.is_none() && !is_being_stored(status)
}

/// Whether the AMI is there and is only being stored.
#[must_use]
pub fn is_being_stored(status: &Status) -> bool {
    let stores = |task: &Task| task.kind == TaskKind::StoreImage;
    status.step == Step::StoreImage
        || (status.step == Step::AwaitTask && status.tasks.last().is_some_and(stores))
}

/// Whether the task that is followed has been missing from EC2's list for long enough to look for what it made.
fn is_missing(status: &Status, now: Timestamp) -> bool {
    status
        .tasks
        .last()
        .and_then(|task| task.unseen_since)
        .is_some_and(|since| now.duration_since(since) > VISIBILITY_GRACE)
}

/// Whether a new version of the manifest may take the place of this one now.
///
/// Once a task may have been started or an AMI created, its version is finished first: neither must be lost without
/// a word.
#[must_use]
pub fn may_be_superseded(status: &Status) -> bool {
    let nothing_started = status.tasks.is_empty()
        && matches!(
            status.step,
            Step::CheckManifest | Step::CheckObject | Step::CheckBundle
        );
    status.state.is_final() || nothing_started
}

/// Whether the step has lasted longer than `limit`.
#[must_use]
pub fn step_exceeds(status: &Status, limit: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(status.step_since) > limit
}
