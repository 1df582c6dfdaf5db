//! Whether the email of a notice, and its form for machines, say what was true when it was recorded.

use amiwright::image::message::{quoted, word};
use localaws::faults::Call;
use serde_json::Value;

use super::super::{State, own_images, text};
use crate::simulation::script::{Manifest, Retire};

/// What both the facts of a notice and its form for machines have: where in the facts, and as which field.
const SAME: [(&str, &str); 9] = [
    ("/regions", "regions"),
    ("/changes", "changes"),
    ("/retired", "retired"),
    ("/replaced", "replaced"),
    ("/drift", "drift"),
    ("/build/tasks", "tasks"),
    ("/build/waiting", "waiting"),
    ("/build/deleted", "deleted"),
    ("/build/orphans", "orphans"),
];

/// What an email says in place of entries that it leaves out.
const MORE: &str = " more, see the status";

impl State {
    pub(in super::super) fn judge_words(&mut self, call: &Call, notice: &Value, email: &str) {
        let (id, event) = (text(notice, "/id"), text(notice, "/event"));
        // What does not fit is in the status.
        if notice["truncated"] == true {
            return;
        }
        let Some(facts) = self.telling.facts.get(id).cloned() else {
            return;
        };
        for (of_facts, field) in SAME {
            let was = facts.pointer(of_facts).unwrap_or(&Value::Null);
            let is = &notice[field];
            if !(is_empty(was) && is_empty(is)) && was != is {
                let what = format!("{id} says of {field} {is} and not {was}");
                self.wrong(call, &what);
            }
        }
        let named = match event {
            "completed" | "changed" | "incomplete" => own_images(&facts).into_iter().collect(),
            "retired" => list(&facts["retired"], "/image"),
            // Nobody deletes what is left and not named.
            "failed" | "lost" | "cancelled" if !email.contains(MORE) => left(&facts),
            _ => Vec::new(),
        };
        let reasons = match event {
            "failed" | "lost" => vec![text(&facts, "/build/failure/message").to_owned()],
            "incomplete" => failures(&facts),
            "rejected" => list(&facts["problems"], "/message"),
            _ => Vec::new(),
        };
        let ends_badly = ["failed", "lost", "incomplete", "rejected"].contains(&event);
        if ends_badly && reasons.iter().all(String::is_empty) {
            self.wrong(call, &format!("{id} tells {event} for no reason"));
        }
        if event == "retired" && !self.says_what_was_asked(&facts, email) {
            let what = format!("the email of {id} says of its manifest what that did not");
            self.wrong(call, &what);
        }
        let quoted = reasons.iter().map(|it| quoted(it));
        let missing = named
            .into_iter()
            .chain(quoted)
            .find(|it| !email.contains(it));
        if let Some(missing) = missing {
            self.wrong(
                call,
                &format!("the email of {id} ({event}) lacks {missing}"),
            );
        }
    }
}

impl State {
    /// Whether an email says of a removed manifest what its version said that is to become of its AMIs.
    fn says_what_was_asked(&self, facts: &Value, email: &str) -> bool {
        let manifest = format!(
            "s3://{}/{}",
            self.eyes().bucket,
            text(facts, "/manifest/key")
        );
        let versions = self.versions_about(&manifest, facts);
        let is_said = |version: &Manifest| match version.on_delete {
            Retire::Deregister => email.contains("deregistered then"),
            Retire::Deprecate => email.contains("deprecated then"),
            Retire::Keep => true,
        };
        // It is about AMIs of another version, which are kept.
        let is_of_earlier = !["working", "deleted"].contains(&text(facts, "/state"));
        is_of_earlier
            || !facts["removedAt"].is_string()
            || versions.is_empty()
            || versions.iter().any(is_said)
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// What the entries of a list have there.
fn list(entries: &Value, pointer: &str) -> Vec<String> {
    let entries = entries.as_array().into_iter().flatten();
    entries.map(|it| text(it, pointer).to_owned()).collect()
}

/// What an attempt that has ended has left in AWS, as emails write it.
fn left(facts: &Value) -> Vec<String> {
    let left = list(&facts["build"]["orphans"], "/what");
    left.iter().map(|it| word(it)).collect()
}

/// Why an AMI is not as its manifest says, wherever that is.
fn failures(facts: &Value) -> Vec<String> {
    let of = |pointer: &str| facts.pointer(pointer).and_then(Value::as_object);
    let parameters = of("/release/parameters").into_iter().flatten();
    let parameters = parameters.filter(|(_, it)| it["leftAt"].is_null());
    let regions = of("/regions").into_iter().flatten();
    let copies = of("/copies").into_iter().flatten();
    let copies = copies.filter(|(region, _)| facts["regions"][region.as_str()].is_null());
    let all = regions.chain(copies).chain(parameters);
    let all = all.map(|(_, it)| &it["failure"]);
    let all = all.chain([&facts["build"]["failure"]]);
    let all = all.filter(|failure| !failure.is_null());
    all.map(|failure| text(failure, "/message").to_owned())
        .collect()
}
