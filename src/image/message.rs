//! The words of a notice.

mod text;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::notice::{Message, NoticeKind};
use super::plan;
use super::status::Status;
use super::transition::counted;
pub(crate) use text::on_one_line;

/// Longest subject: SNS takes fewer than 100 characters (Publish, parameter Subject).
const SUBJECT_MAX: usize = 99;
/// Problems that a notice lists; the status has them all.
const PROBLEMS_SHOWN: usize = 30;
/// Longest notice in bytes, both bodies as they are sent. SNS takes 256 KiB with the attributes, but counts every
/// 64 KiB as one more message (SNS pricing), and a status keeps all notices that were not sent yet.
const MESSAGE_MAX: usize = 60 * 1024;

/// Writes the notice out, with as many problems as there is room for.
pub(super) fn compose(status: &Status, kind: NoticeKind, seq: u64, now: Timestamp) -> Message {
    let mut shown = PROBLEMS_SHOWN.min(status.problems.len());
    loop {
        let message = Message {
            subject: subject(status, kind),
            text: text::compose(status, kind, shown, now),
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
    let ids: Vec<&str> = status
        .images
        .values()
        .map(|image| image.id.as_str())
        .collect();
    let ids = ids.join(" ");
    let text = match kind {
        NoticeKind::Completed => format!("AMI available: {ids} {what}"),
        NoticeKind::Failed | NoticeKind::Lost if is_about_storing(status) => {
            format!("AMI available but not stored: {ids} {what}")
        }
        NoticeKind::Failed => format!("AMI failed: {what}"),
        NoticeKind::Rejected => {
            format!(
                "Manifest rejected ({}): {what}",
                counted(status.problems.len(), "problem")
            )
        }
        NoticeKind::WaitingLong => format!("AMI waits for long: {what}"),
        NoticeKind::Started => format!("AMI started: {what}"),
        NoticeKind::Cancelled => format!("AMI cancelled: {what}"),
        NoticeKind::Stalled => format!("AMI stalled: {what}"),
        NoticeKind::Lost => format!("AMI lost: {what}"),
    };
    clean_subject(&text)
}

/// Whether the AMI is there, and the notice is about the storing of it.
fn is_about_storing(status: &Status) -> bool {
    !status.images.is_empty() && plan::is_being_stored(status)
}

/// A foreign text as one word of a shell's command line, as somebody will paste it there.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@:,".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
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
        "object": status.object,
        "tasks": status.tasks,
        "cancel": status.cancel,
        "removed": status.removed,
        "left": status.left,
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
