//! Texts, made of what a status records: notices, hints, reasons. Nothing parses them.

pub mod advice;
pub mod billing;
mod document;
mod drift;
mod email;
pub mod facts;
pub mod failures;
mod headline;
pub mod problems;
mod publishing_advice;
mod quoting;
pub mod release;
mod remains;
mod retiring;
mod settings;
mod waiting;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::notice::Message;
use super::status::{Build, Facts, Failure, Notice, Status};
use super::words::{NoticeKind, State};
use crate::manifest::text;
pub use document::schema;
use document::{Document, ShortDocument};
pub(crate) use drift::drift_line;
pub use headline::Sender;
pub(crate) use quoting::{on_one_line, shell_word};
pub use quoting::{quoted, word};
pub use release::raced_line;
pub use retiring::{begun_text, kept_text, retirement_line};
pub(crate) use retiring::{retired, unnamed_text};
pub use settings::{change_line, protection_text, share_left};
pub use waiting::{orphan_text, wait_text};

/// Problems that a notice lists; the status has them all.
const PROBLEMS_SHOWN: usize = 30;
/// Entries of each other list (tasks, snapshots, what was deleted or left over) that a notice shows.
const LISTED: usize = 100;
/// Longest text in the part for machines once that has to be made shorter, in characters.
const STRING_MAX: usize = 1000;
/// Longest notice in bytes, both bodies as they are sent. SNS takes 256 KiB with the attributes, but counts every
/// 64 KiB as one more message (SNS pricing), and a status keeps all notices that were not sent yet.
const MESSAGE_MAX: usize = 60 * 1024;

/// Writes a notice of this status out as it is to be sent, with as many problems and entries of lists as there is room
/// for: of the facts that it recorded, or of the status as it is now.
#[must_use]
pub fn compose(status: &Status, notice: &Notice, sender: Sender<'_>) -> Message {
    let status = notice.facts.as_ref().map_or(status, Facts::status);
    let (kind, now) = (notice.kind, notice.at);
    let mut shown = PROBLEMS_SHOWN;
    let mut listed = LISTED;
    while listed > 0 {
        let mut data = json!(Document::of(status, notice, shown, sender));
        if listed < LISTED || lists_more(&data, listed) {
            shorten(&mut data, listed);
            data["truncated"] = true.into();
        }
        let message = Message {
            subject: headline::subject(status, kind, sender),
            text: email::compose(status, kind, email::Room { shown, listed }, now, sender),
            data,
            attributes: attributes(status, kind),
        };
        if size(&message) <= MESSAGE_MAX {
            return message;
        }
        shown /= 2;
        listed /= 2;
    }
    minimal(status, notice, sender)
}

/// What is sent where nothing else is short enough: a notice that cannot be sent reaches no one.
fn minimal(status: &Status, notice: &Notice, sender: Sender<'_>) -> Message {
    let kind = notice.kind;
    let mut data = json!(ShortDocument::of(status, notice, sender));
    shorten(&mut data, LISTED);
    Message {
        subject: headline::subject(status, kind, sender),
        text: email::minimal(status, kind, notice.at, sender),
        data,
        attributes: attributes(status, kind),
    }
}

/// Whether a list in this JSON has more entries.
fn lists_more(value: &Value, most: usize) -> bool {
    match value {
        Value::Array(items) => {
            items.len() > most || items.iter().any(|item| lists_more(item, most))
        }
        Value::Object(fields) => fields.values().any(|field| lists_more(field, most)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Leaves out of each list what is beyond so many entries, and of each text what is beyond [`STRING_MAX`].
fn shorten(value: &mut Value, most: usize) {
    match value {
        Value::Array(items) => {
            items.truncate(most);
            items.iter_mut().for_each(|item| shorten(item, most));
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| shorten(field, most)),
        Value::String(text) if text.len() > STRING_MAX => *text = text::cut(text, STRING_MAX),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The size of both bodies, escaped as they are in the one JSON that is sent: a hostile text may grow to six times its
/// size.
fn size(message: &Message) -> usize {
    json!({ "default": message.data.to_string(), "email": message.text })
        .to_string()
        .len()
}

fn attributes(status: &Status, kind: NoticeKind) -> BTreeMap<String, String> {
    let name = status.build.name.as_ref();
    let name = name.unwrap_or(&status.manifest.key).clone();
    let mut attributes = BTreeMap::from([
        ("event".to_owned(), kind.to_string()),
        ("imageName".to_owned(), on_one_line(&name)),
    ]);
    if let Some(source) = status.build.source {
        attributes.insert("sourceKind".to_owned(), source.to_string());
    }
    attributes
}

/// `DOING: CODE: MESSAGE`.
#[must_use]
pub fn failure_line(failure: &Failure) -> String {
    match &failure.code {
        Some(code) => format!("{}: {code}: {}", failure.doing, failure.message),
        None => format!("{}: {}", failure.doing, failure.message),
    }
}

/// What was deleted after a failure or a cancellation, and what was not.
pub(super) fn cleaned_up(build: &Build) -> String {
    match (build.deleted.as_slice(), build.orphans.len()) {
        ([], 0) => "nothing was left over".to_owned(),
        ([], left) => format!("{left} could not be deleted"),
        (deleted, 0) => format!("deleted {}", deleted.join(", ")),
        (deleted, left) => format!("deleted {}; {left} could not be", deleted.join(", ")),
    }
}

/// Why an AMI is not as its manifest says.
pub(super) fn incomplete(status: &Status) -> String {
    if let Some(failure) = &status.build.failure {
        return failure_line(failure);
    }
    let lines = status
        .failed_places()
        .map(|(region, failure)| format!("{region}: {}", failure_line(failure)));
    lines.collect::<Vec<_>>().join("; ")
}

/// Why the parameters do not point to the AMI.
pub(super) fn not_released(status: &Status) -> String {
    let lines: Vec<String> = status
        .release
        .failures()
        .map(|(_, failure)| failure_line(failure))
        .collect();
    match lines.as_slice() {
        [] => "a Region that is required is not as the manifest says".to_owned(),
        lines => lines.join("; "),
    }
}

/// Why an image is in the state that it is in, for its conditions.
pub(super) fn condition(status: &Status) -> String {
    let build = &status.build;
    match status.state {
        State::Working => match &build.waiting {
            Some(waiting) => wait_text(&waiting.reason),
            None => format!("step {}", build.step),
        },
        State::Failed => build.failure.as_ref().map(failure_line).unwrap_or_default(),
        State::Rejected => problems::summary(status.problem_count()),
        State::Available
        | State::Incomplete
        | State::Cancelled
        | State::Superseded
        | State::Deleted => String::new(),
    }
}
