//! What to do next for an image: one look-up, so that the whole life of an image can be read here.
//!
//! | state                         | step             | next                                              |
//! |-------------------------------|------------------|---------------------------------------------------|
//! | working                       | `check-manifest` | read and check the manifest                       |
//! | working                       | `check-bundle`   | read the bundle's manifest, look for its parts    |
//! | working                       | `register-image` | look for the AMI; register it if there is none    |
//! | working                       | `await-image`    | look at the AMI                                   |
//! | available, failed, rejected, superseded | any    | send the notices that are due, then settle        |
//!
//! A final state is settled, and its open marker removed, when every notice was sent. Nothing is skipped by time:
//! limits end in `failed` or in a notice, never in silence.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::status::{State, Status, Step};

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
    /// Look for the AMI; register it if there is none.
    RegisterImage,
    /// Look at the AMI.
    AwaitImage,
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
    match (status.state, status.step) {
        (State::Working, Step::CheckManifest) => Next::CheckManifest,
        (State::Working, Step::CheckBundle) => Next::CheckBundle,
        (State::Working, Step::RegisterImage) => Next::RegisterImage,
        (State::Working, Step::AwaitImage) => Next::AwaitImage,
        (State::Available | State::Failed | State::Rejected | State::Superseded, _) => {
            if status.unsent().any(|notice| notice.is_due(now)) {
                Next::SendNotices
            } else if status.unsent().next().is_some() {
                Next::AwaitNotices
            } else {
                Next::Settle
            }
        }
    }
}

/// Whether a new version of the manifest may take the place of this one now.
///
/// Once an AMI may have been created, its version is finished first: an AMI must not be lost without a word.
#[must_use]
pub fn may_be_superseded(status: &Status) -> bool {
    status.state.is_final() || matches!(status.step, Step::CheckManifest | Step::CheckBundle)
}

/// Whether the step has lasted longer than `limit`.
#[must_use]
pub fn step_exceeds(status: &Status, limit: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(status.step_since) > limit
}
