//! The progress of an image as text, in EC2's own terms: for `status`, `watch` and `demo`.

use jiff::Timestamp;

use super::text::{plain, span};
use crate::image::Status;
use crate::image::message::wait_text;
use crate::image::task::Task;
use crate::image::words::{CancelBy, Step, TerminalReason, counted};

/// What is being done for an image that is not final, as `import-snapshot 42 % converting`.
pub(super) fn summary(status: &Status) -> String {
    let what = match &status.build.waiting {
        Some(waiting) => plain(&wait_text(&waiting.reason)),
        None => doing(status),
    };
    // The text of a clean-up names its reason.
    if status.cancel.is_some() && status.build.step != Step::CleanUp {
        format!("cancelling: {what}")
    } else {
        what
    }
}

/// [`summary`] with the age of what is running, as `import-snapshot 42 % converting (3 min)`.
pub(super) fn summary_with_age(status: &Status, now: Timestamp) -> String {
    let since = status
        .polled_task()
        .map_or(status.build.step_since, |task| task.started_at);
    let mut text = summary(status);
    text.push_str(&format!(" ({})", span(now.duration_since(since))));
    if status.build.stalls > 0 {
        let still = span(now.duration_since(status.unchanged_since()));
        text.push_str(&format!(", no change for {still}"));
    }
    text
}

fn doing(status: &Status) -> String {
    if let Some(task) = status.polled_task() {
        return task_summary(task);
    }
    match status.build.step {
        Step::CheckManifest | Step::CheckBundle | Step::CheckObject => "checking".to_owned(),
        Step::StartTask => "starting".to_owned(),
        Step::AwaitTask | Step::AwaitStore => "waiting".to_owned(),
        Step::TagImported => "tagging".to_owned(),
        Step::RegisterImage => "registering".to_owned(),
        Step::AwaitImage => status
            .regions
            .values()
            .map(|image| plain(&format!("{} {}", image.image, image.image_state)))
            .collect::<Vec<_>>()
            .join(", "),
        Step::Publish => "publishing".to_owned(),
        Step::StoreImage => "storing".to_owned(),
        Step::CleanUp => cleaning_up(status),
    }
}

/// A task: its kind, progress and state.
fn task_summary(task: &Task) -> String {
    let percent = task
        .progress
        .map(|progress| format!(" {progress} %"))
        .unwrap_or_default();
    plain(&format!("{}{percent} {}", task.kind, task_state(task)))
}

/// EC2's state of a task and its message. The state of import tasks is always `active`: only their message says more.
pub(super) fn task_state(task: &Task) -> String {
    let gone = match task.unseen_since {
        Some(_) => ", not listed by EC2",
        None => "",
    };
    let text = match &task.message {
        Some(message) if task.state == "active" => message.clone(),
        Some(message) if *message != task.state => format!("{}: {message}", task.state),
        _ => task.state.clone(),
    };
    plain(&format!("{text}{gone}"))
}

fn cleaning_up(status: &Status) -> String {
    let reason = match status.build.ending {
        Some(TerminalReason::Cancelled) => "cancelled",
        Some(TerminalReason::Lost) => "lost",
        Some(TerminalReason::Failed) | None => "failed",
    };
    match status.build.deleted.len() {
        0 => format!("{reason}, cleaning up"),
        count => format!("{reason}, deleting {}", counted(count, "resource")),
    }
}

/// Who requested a cancellation.
pub(super) fn requester(by: CancelBy) -> &'static str {
    match by {
        CancelBy::Command => "amiwright cancel",
        CancelBy::ManifestRemoved => "removing the manifest",
    }
}
