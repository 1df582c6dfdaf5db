//! The body of the e-mail.

use std::fmt::Write as _;

use jiff::{Timestamp, Unit};

use crate::image::notice::NoticeKind;
use crate::image::status::{CancelBy, Failure, Status};
use crate::image::task::{Task, TaskKind};
use crate::image::transition::counted;

/// Longest piece of foreign text in a notice, in characters.
const TEXT_MAX: usize = 1000;

/// The body of the e-mail.
pub(super) fn compose(status: &Status, kind: NoticeKind, shown: usize, now: Timestamp) -> String {
    let mut text = headline(status, kind);
    text.push_str("\n\n");
    for (name, value) in facts(status, now) {
        let _ = writeln!(text, "  {name:<10} {}", on_one_line(&value));
    }
    match kind {
        NoticeKind::Rejected => text.push_str(&problems(status, shown)),
        NoticeKind::Failed | NoticeKind::Lost => {
            if let Some(failure) = &status.failure {
                text.push_str(&failure_text(failure));
            }
        }
        NoticeKind::WaitingLong => {
            text.push_str(
                "\nNothing is given up: the image goes on by itself when this is there.\n",
            );
        }
        NoticeKind::Stalled => text.push_str(
            "\nNothing is given up: it is looked at on and on, and goes on by itself when EC2 does.\n\
             To end it: amiwright cancel, or remove the manifest.\n",
        ),
        NoticeKind::Completed | NoticeKind::Started | NoticeKind::Cancelled => {}
    }
    if !status.left.is_empty() {
        text.push_str("\nWhat may be left in AWS, and could not be removed:\n");
        for left in &status.left {
            let _ = writeln!(text, "  - {}: {}", left.what, on_one_line(&left.why));
        }
    }
    if !status.previous.is_empty() && kind.is_last_word() {
        text.push_str(&previous_text(status));
    }
    text
}

fn headline(status: &Status, kind: NoticeKind) -> String {
    let name = on_one_line(status.name.as_deref().unwrap_or(&status.manifest.key));
    match kind {
        NoticeKind::Completed => format!("The image {name} is registered and available."),
        NoticeKind::Failed => format!("The image {name} failed."),
        NoticeKind::Rejected => format!(
            "The manifest was rejected: {}. Nothing was changed in AWS.",
            counted(status.problems.len(), "problem")
        ),
        NoticeKind::WaitingLong => format!(
            "The image {name} has been waiting since {}.",
            status.step_since
        ),
        NoticeKind::Started => {
            format!("The manifest passed the checks: the image {name} is being made.")
        }
        NoticeKind::Cancelled => format!(
            "The image {name} was cancelled: {}.",
            match status.cancel.map(|cancel| cancel.by) {
                Some(CancelBy::ManifestRemoved) => "its manifest was removed",
                Some(CancelBy::Command) | None => "somebody ran amiwright cancel",
            }
        ),
        NoticeKind::Stalled => format!(
            "Nothing has changed about the image {name} since {}.",
            status.still_since()
        ),
        NoticeKind::Lost => format!("The image {name} is lost."),
    }
}

fn facts(status: &Status, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    for (region, image) in &status.images {
        facts.push(("AMI", format!("{} in {region} ({})", image.id, image.state)));
        if !image.snapshots.is_empty() {
            facts.push(("Snapshots", image.snapshots.join(", ")));
        }
    }
    if let Some(name) = &status.name {
        facts.push(("Name", name.clone()));
    }
    facts.push(("Manifest", status.manifest.uri()));
    if let Some(version) = &status.manifest.version_id {
        facts.push(("Version", version.clone()));
    }
    let kind = if status.manifest.was_read() {
        "SHA-256"
    } else {
        "ETag"
    };
    facts.push((kind, status.manifest.sha256.clone()));
    if let Some(source) = &status.source {
        facts.push(("Source", source.clone()));
    }
    if let Some(object) = &status.object {
        let (bucket, key, size) = (&object.bucket, &object.key, object.size);
        facts.push(("Object", format!("s3://{bucket}/{key} ({size} bytes)")));
    }
    if let Some(bundle) = &status.bundle {
        facts.push(("Bundle", format!("s3://{}/{}", bundle.bucket, bundle.key)));
    }
    for task in &status.tasks {
        facts.push(("Task", task_text(task)));
        if let (TaskKind::StoreImage, Some(object)) = (task.kind, &task.object) {
            facts.push(("Stored", object.clone()));
        }
    }
    if !status.removed.is_empty() {
        facts.push(("Removed", status.removed.join(", ")));
    }
    if let Some(waiting) = &status.waiting {
        facts.push(("Waits for", waiting.message.clone()));
    }
    facts.push(("Took", took(status, now)));
    facts
}

/// `import-snapshot import-snap-1: active, 42 %, converting`.
fn task_text(task: &Task) -> String {
    let mut text = format!("{} {}: {}", task.kind, task.id, task.state);
    if let Some(progress) = task.progress {
        let _ = write!(text, ", {progress} %");
    }
    if let Some(message) = &task.message {
        let _ = write!(text, ", {message}");
    }
    text
}

fn took(status: &Status, now: Timestamp) -> String {
    let began = status.began_at();
    let elapsed = now
        .duration_since(began)
        .round(Unit::Second)
        .unwrap_or_default();
    format!("{elapsed:#} ({began} to {now})")
}

fn problems(status: &Status, shown: usize) -> String {
    let mut text = "\nWhat is wrong:\n".to_owned();
    for problem in status.problems.iter().take(shown) {
        let place = match (problem.line, problem.column) {
            (Some(line), Some(column)) => format!("{line}:{column} "),
            _ => String::new(),
        };
        let path = if problem.path.is_empty() {
            String::new()
        } else {
            format!("{}: ", problem.path)
        };
        let _ = writeln!(
            text,
            "  - {place}{}",
            on_one_line(&format!("{path}{}", problem.message))
        );
        if let Some(hint) = &problem.hint {
            let _ = writeln!(text, "    {}", on_one_line(hint));
        }
        if let Some(rule) = &problem.rule {
            let _ = writeln!(text, "    [{}]", on_one_line(rule));
        }
    }
    let left = status.problems.len().saturating_sub(shown);
    if left > 0 {
        let _ = writeln!(text, "  and {left} more, all in the status");
    }
    text.push_str("\nMend the manifest and upload it again.\n");
    text
}

fn failure_text(failure: &Failure) -> String {
    let mut text = format!("\nWhat failed: {}\n", on_one_line(&failure.doing));
    let code = failure
        .code
        .as_deref()
        .map(|code| format!("{code}: "))
        .unwrap_or_default();
    let reason = if failure.is_of_service() {
        "AWS said:"
    } else {
        "Reason:"
    };
    let _ = writeln!(
        text,
        "{reason:<12} {}",
        on_one_line(&format!("{code}{}", failure.message))
    );
    if let Some(request_id) = &failure.request_id {
        let _ = writeln!(text, "Request id:  {}", on_one_line(request_id));
    }
    let _ = writeln!(text, "What to do:  {}", on_one_line(&failure.hint));
    text
}

fn previous_text(status: &Status) -> String {
    let list: Vec<String> = status
        .previous
        .iter()
        .map(|(region, id)| format!("{id} in {region}"))
        .collect();
    let list = list.join(", ");
    if status.invalidates_previous() {
        return format!(
            "\nThe AMI of the version before, {list}, was registered from the same bundle. That has changed,\n\
             so its registration is no longer valid (RegisterImage): deregister it.\n"
        );
    }
    format!("\nThe AMI of the version before is kept: {list}.\n")
}

/// Foreign text, so that it cannot fake a line of the notice: no control characters, no end.
pub(crate) fn on_one_line(text: &str) -> String {
    let clean = |c: char| if acts(c) { ' ' } else { c };
    if text.chars().count() <= TEXT_MAX {
        return text.chars().map(clean).collect();
    }
    text.chars()
        .take(TEXT_MAX)
        .map(clean)
        .chain(" ...".chars())
        .collect()
}

/// Whether a character does something to the text around it: breaks the line, or turns its direction.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
