//! How an image ends that does not come to be: failed, lost, cancelled; and what it leaves behind.

use jiff::Timestamp;

use crate::image::notice::NoticeKind;
use crate::image::plan;
use crate::image::status::{Cancel, CancelBy, Ending, Failure, Left, State, Status, Step};

/// The image will not come to be.
pub fn fail(status: &mut Status, failure: Failure, now: Timestamp) {
    give_up(status, Ending::Failed, Some(failure), now);
}

/// The image will not come to be, and a person has to look at what is there: nothing is removed.
pub fn fail_as_it_is(status: &mut Status, failure: Failure, now: Timestamp) {
    let why = format!("{}: {}", failure.doing, failure.message);
    status.failure = Some(failure);
    end(status, Ending::Failed, why, now);
}

/// The image will not come to be: what was made for it is removed first, so that its notice can say so.
pub fn give_up(status: &mut Status, ending: Ending, failure: Option<Failure>, now: Timestamp) {
    let why = match (&failure, ending) {
        (Some(failure), _) => {
            let code = failure.code.as_deref().map(|code| format!("{code}: "));
            let code = code.unwrap_or_default();
            format!("{}: {code}{}", failure.doing, failure.message)
        }
        (None, Ending::Cancelled) => "it was cancelled".to_owned(),
        (None, _) => "it was given up".to_owned(),
    };
    status.failure = failure;
    if may_leave_something(status) {
        status.ending = Some(ending);
        status.move_to(State::Working, Step::CleanUp, why, now);
    } else {
        end(status, ending, why, now);
    }
}

/// Whether anything was, or may have been, made for the image. What is only stored is made, and stays.
fn may_leave_something(status: &Status) -> bool {
    let made = !status.tasks.is_empty() || !status.images.is_empty();
    made && !plan::is_being_stored(status)
}

fn end(status: &mut Status, ending: Ending, why: impl Into<String>, now: Timestamp) {
    let (state, notice) = match ending {
        Ending::Failed => (State::Failed, NoticeKind::Failed),
        Ending::Lost => (State::Failed, NoticeKind::Lost),
        Ending::Cancelled => (State::Cancelled, NoticeKind::Cancelled),
    };
    status.ending = None;
    status.move_to(state, status.step, why, now);
    status.tell(notice, now);
}

/// This was found, made for an image that does not come to be. It is recorded before it is removed, so that the notice
/// names it whatever happens in between. Returns whether it is news.
pub fn found_leftovers(status: &mut Status, found: &[String]) -> bool {
    let mut news = false;
    for found in found {
        if !status.removed.contains(found) {
            status.removed.push(found.clone());
            news = true;
        }
    }
    news
}

/// This could not be removed.
pub fn could_not_remove(status: &mut Status, left: Left) {
    status.removed.retain(|removed| *removed != left.what);
    status.left.push(left);
}

/// Nothing is left that could be removed.
pub fn cleaned_up(status: &mut Status, now: Timestamp) {
    let removed = &status.removed;
    status
        .images
        .retain(|_, image| !removed.contains(&image.id));
    let why = match (removed.as_slice(), status.left.len()) {
        ([], 0) => "nothing was left behind".to_owned(),
        ([], left) => format!("{left} could not be removed"),
        (removed, 0) => format!("removed {}", removed.join(", ")),
        (removed, left) => format!("removed {}; {left} could not be", removed.join(", ")),
    };
    let ending = status.ending.unwrap_or(Ending::Failed);
    end(status, ending, why, now);
}

/// Why an image is not cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCancellable {
    /// It has ended.
    #[error("it is {0} already")]
    Settled(State),
    /// It is on its way to another end.
    #[error("it failed already, and what it left behind is being removed")]
    Ending,
    /// The AMI is there, and is being stored.
    #[error("its AMI is available already and is being stored, for which EC2 has no cancellation")]
    Stored,
}

/// Somebody does not want the image any more. Returns whether that is news.
///
/// # Errors
/// If it is too late.
pub fn ask_cancel(
    status: &mut Status,
    by: CancelBy,
    now: Timestamp,
) -> Result<bool, NotCancellable> {
    if status.state.is_final() {
        return Err(NotCancellable::Settled(status.state));
    }
    if status.cancel.is_some() {
        return Ok(false);
    }
    if status.ending.is_some() {
        return Err(NotCancellable::Ending);
    }
    if !plan::may_be_cancelled(status) {
        return Err(NotCancellable::Stored);
    }
    let manifest = &status.manifest;
    status.cancel = Some(Cancel {
        asked_at: now,
        by,
        uploaded_at: manifest.repeated_at.unwrap_or(manifest.uploaded_at),
    });
    let why = match by {
        CancelBy::Command => "somebody asked to cancel it",
        CancelBy::ManifestRemoved => "the manifest was removed, so it is cancelled",
    };
    status.note(why, now);
    Ok(true)
}

/// EC2 was asked to cancel the task that runs.
pub fn cancel_sent(status: &mut Status, now: Timestamp) {
    if let Some(task) = status.tasks.last_mut() {
        let again = task.cancel_sent_at.replace(now).is_some();
        let why = format!("EC2 was asked to cancel {}", task.id);
        status.waiting = None;
        if !again {
            status.note(&why, now);
        }
    }
}
