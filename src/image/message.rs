//! The words of a notice.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

use super::notice::{Message, NoticeKind};
use super::status::{Failure, Status};
use super::transition::counted;

/// Longest subject: SNS takes fewer than 100 characters (Publish, parameter Subject).
const SUBJECT_MAX: usize = 99;
/// Problems that a notice lists; the status has them all.
const PROBLEMS_SHOWN: usize = 30;
/// Longest piece of foreign text in a notice, in characters.
const TEXT_MAX: usize = 1000;
/// Longest notice in bytes, both bodies as they are sent. SNS takes 256 KiB with the attributes, but counts every
/// 64 KiB as one more message (SNS pricing), and a status keeps all notices that were not sent yet.
const MESSAGE_MAX: usize = 60 * 1024;

/// Writes the notice out, with as many problems as there is room for.
pub(super) fn compose(status: &Status, kind: NoticeKind, seq: u64, now: Timestamp) -> Message {
    let mut shown = PROBLEMS_SHOWN.min(status.problems.len());
    loop {
        let message = Message {
            subject: subject(status, kind),
            text: text(status, kind, shown, now),
            data: data(status, kind, seq, shown, now),
            attributes: attributes(status, kind),
        };
        if shown == 0 || size(&message) <= MESSAGE_MAX {
            return message;
        }
        shown /= 2;
    }
}

/// The size of both bodies, escaped as they are in the one JSON that is sent: a hostile text may grow to six times its size.
fn size(message: &Message) -> usize {
    json!({ "default": message.data.to_string(), "email": message.text })
        .to_string()
        .len()
}

fn subject(status: &Status, kind: NoticeKind) -> String {
    let what = status.name.as_deref().unwrap_or(&status.manifest.key);
    let text = match kind {
        NoticeKind::Completed => {
            let ids: Vec<&str> = status
                .images
                .values()
                .map(|image| image.id.as_str())
                .collect();
            format!("AMI available: {} {what}", ids.join(" "))
        }
        NoticeKind::Failed => format!("AMI failed: {what}"),
        NoticeKind::Rejected => {
            format!(
                "Manifest rejected ({}): {what}",
                counted(status.problems.len(), "problem")
            )
        }
        NoticeKind::WaitingLong => format!("AMI waits for long: {what}"),
    };
    clean_subject(&text)
}

/// SNS takes printable ASCII without line breaks, fewer than 100 characters, starting with a letter (Publish, Subject).
fn clean_subject(text: &str) -> String {
    let clean = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    if text.chars().count() <= SUBJECT_MAX {
        return text.chars().map(clean).collect();
    }
    text.chars()
        .take(SUBJECT_MAX - 3)
        .map(clean)
        .chain("...".chars())
        .collect()
}

fn text(status: &Status, kind: NoticeKind, shown: usize, now: Timestamp) -> String {
    let mut text = headline(status, kind);
    text.push_str("\n\n");
    for (name, value) in facts(status, now) {
        let _ = writeln!(text, "  {name:<10} {}", on_one_line(&value));
    }
    match kind {
        NoticeKind::Rejected => text.push_str(&problems(status, shown)),
        NoticeKind::Failed => {
            if let Some(failure) = &status.failure {
                text.push_str(&failure_text(failure));
            }
        }
        NoticeKind::WaitingLong => {
            text.push_str(
                "\nNothing is given up: the image goes on by itself when this is there.\n",
            );
        }
        NoticeKind::Completed => {}
    }
    if !status.previous.is_empty() && kind != NoticeKind::WaitingLong {
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
    if let Some(bundle) = &status.bundle {
        facts.push(("Bundle", format!("s3://{}/{}", bundle.bucket, bundle.key)));
    }
    if let Some(waiting) = &status.waiting {
        facts.push(("Waits for", waiting.message.clone()));
    }
    facts.push(("Took", took(status, now)));
    facts
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

fn data(status: &Status, kind: NoticeKind, seq: u64, shown: usize, now: Timestamp) -> Value {
    let elapsed = now.duration_since(status.began_at()).as_secs();
    let problems: Vec<_> = status.problems.iter().take(shown).collect();
    json!({
        "event": kind,
        "id": deduplication_id(status, seq),
        "at": now,
        "manifest": status.manifest,
        "name": status.name,
        "source": status.source,
        "bundle": status.bundle,
        "images": status.images,
        "previous": status.previous,
        "previousInvalid": status.invalidates_previous(),
        "seconds": elapsed,
        "problems": problems,
        "problemCount": status.problems.len(),
        "failure": status.failure,
        "waiting": status.waiting,
    })
}

/// The same for every try to send one notice, and for no other notice: with it a receiver knows a repetition.
fn deduplication_id(status: &Status, seq: u64) -> String {
    format!("{}#{seq}", status.manifest.uri())
}

fn attributes(status: &Status, kind: NoticeKind) -> BTreeMap<String, String> {
    let name = status
        .name
        .clone()
        .unwrap_or_else(|| status.manifest.key.clone());
    let mut attributes = BTreeMap::from([
        ("event".to_owned(), kind.to_string()),
        ("imageName".to_owned(), on_one_line(&name)),
    ]);
    if let Some(source) = &status.source {
        attributes.insert("sourceKind".to_owned(), source.clone());
    }
    attributes
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
