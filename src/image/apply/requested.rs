//! What a request to cancel or to retry does to a status.

use jiff::Timestamp;

use super::changes::note;
use super::ending::{NotCancellable, NotRetryable, cancel_until, request_cancel, request_retry};
use crate::image::request::{Ask, Malformed, Request, Seen};
use crate::image::status::{RequestVersion, Status};
use crate::image::words::CancelBy;

/// Why a request is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// It is not a request.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Who made it saw another version, or another attempt.
    #[error("it is about another version or attempt")]
    OtherVersion,
    /// It is too late to cancel.
    #[error(transparent)]
    NotCancellable(#[from] NotCancellable),
    /// There is nothing to retry.
    #[error(transparent)]
    NotRetryable(#[from] NotRetryable),
}

/// Does what a request asks for, as far as the status goes. Returns whether that is new. One that is ignored leaves a line
/// in the history. Each is answered once: what it asks for may make sense again when it is done, and would be done again
/// for as long as the request cannot be deleted.
///
/// # Errors
/// If it is ignored.
pub fn follow(
    status: &mut Status,
    version: &RequestVersion,
    request: Result<&Request, Malformed>,
    now: Timestamp,
) -> Result<bool, Ignored> {
    if status.answered.as_ref() == Some(version) {
        return Ok(false);
    }
    status.answered = Some(version.clone());
    let followed = request
        .map_err(Ignored::from)
        .and_then(|request| match request.ask {
            _ if request.about != Seen::of(status) => Err(Ignored::OtherVersion),
            Ask::Cancel => {
                let is_new = request_cancel(status, CancelBy::Command, now)?;
                cancel_until(status, version.written_at, is_new, now);
                Ok(is_new)
            }
            Ask::Retry => Ok(request_retry(status, now)?),
        });
    if let Err(reason) = followed {
        let what = request.map_or_else(|_| String::new(), |it| format!(" to {}", it.ask));
        let why = format!("a request{what} was ignored: {reason}");
        // The same once more, of somebody who asks again or of an invocation that died, says nothing new.
        if status.history.last().is_none_or(|last| last.why != why) {
            note(status, why, now);
        }
    }
    followed
}

/// Who asks to cancel what is being cancelled already means also what was uploaded since. Returns whether that is new.
pub fn cancel_again(
    status: &mut Status,
    version: &RequestVersion,
    request: &Request,
    now: Timestamp,
) -> bool {
    let is_about = request.ask == Ask::Cancel && request.about == Seen::of(status);
    if !is_about || status.state.is_final() {
        return false;
    }
    let before = status.cancel;
    cancel_until(status, version.written_at, false, now);
    status.cancel != before
}
