//! The progress of an image as text, in EC2's own terms: for `status`, `watch` and `demo`.

use jiff::Timestamp;

use super::text::{plain, span};
use crate::image::Status;
use crate::image::message::wait_text;
use crate::image::task::Task;
use crate::image::words::{CancelBy, State, Step, TerminalReason, counted};

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
        Step::Retire => "retiring the previous AMIs".to_owned(),
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

/// How far an image with this status is; `open` says whether it has an open marker, if that is known.
pub(super) fn stage(status: Option<&Status>, open: Option<bool>) -> String {
    match status {
        None => "uploaded".to_owned(),
        Some(status) if !status.state.is_final() => summary(status),
        Some(status) => ended(status, open),
    }
}

/// How far an image is that is final: done once its email is sent and its open marker is removed.
fn ended(status: &Status, open: Option<bool>) -> String {
    let mut text = outcome(status);
    if status.unsent().next().is_some() {
        return text;
    }
    if !status.notices.is_empty() {
        text.push_str(", email sent");
    }
    if open == Some(false) {
        text.push_str(", done");
    }
    text
}

fn outcome(status: &Status) -> String {
    let ids: Vec<&str> = status
        .regions
        .values()
        .map(|region| region.image.as_str())
        .collect();
    let ids = ids.join(" ");
    let what = match status.state {
        State::Rejected => format!("rejected, {}", counted(status.problem_count(), "problem")),
        State::Failed => {
            let failure = status.build.failure.as_ref();
            let why = failure.map(|failure| failure.code.as_ref().unwrap_or(&failure.message));
            why.map_or_else(|| "failed".to_owned(), |why| format!("failed, {why}"))
        }
        State::Cancelled if !status.build.deleted.is_empty() => {
            format!("cancelled, deleted {}", status.build.deleted.join(" "))
        }
        state if ids.is_empty() => state.to_string(),
        state => format!("{ids} {state}"),
    };
    plain(&what)
}

/// Who requested a cancellation.
pub(super) fn requester(by: CancelBy) -> &'static str {
    match by {
        CancelBy::Command => "amiwright cancel",
        CancelBy::ManifestRemoved => "removing the manifest",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::observed::ObservedTask;
    use crate::image::status::ManifestVersion;
    use crate::image::task::TaskKind;

    fn status() -> Status {
        let uploaded_at = "2026-11-21T09:00:00Z".parse().unwrap();
        let manifest = ManifestVersion::sample("web.image.yaml", uploaded_at);
        Status::new(manifest, uploaded_at)
    }

    #[test]
    fn a_stage_is_said_in_the_terms_of_ec2() {
        let mut status = status();
        assert_eq!(stage(None, None), "uploaded");
        assert_eq!(stage(Some(&status), None), "checking");
        let seen = ObservedTask {
            id: "import-snap-1".to_owned(),
            state: "active".to_owned(),
            progress: Some(50),
            message: Some("converting".to_owned()),
            ..ObservedTask::default()
        };
        let since = status.build.step_since;
        let task = Task::started(TaskKind::ImportSnapshot, "us-east-1", &seen, since);
        status.build.tasks.push(task);
        status.build.step = Step::AwaitTask;
        assert_eq!(
            stage(Some(&status), None),
            "import-snapshot 50 % converting"
        );
    }

    #[test]
    fn an_image_is_done_without_its_open_marker() {
        let mut status = status();
        status.state = State::Cancelled;
        status.build.deleted = vec!["snap-1".to_owned()];
        let text = "cancelled, deleted snap-1";
        assert_eq!(stage(Some(&status), Some(true)), text);
        assert_eq!(stage(Some(&status), Some(false)), format!("{text}, done"));
        assert_eq!(stage(Some(&status), None), text);
    }
}
