//! What operators ask for: to cancel an image, or to try it once more.

use std::collections::{BTreeMap, BTreeSet};

use amiwright::keys;
use amiwright::manifest::sha256_hex;
use jiff::Timestamp;
use localaws::faults::{Call, Exchange};
use serde_json::Value;

use super::{Monitor, State, field, text};
use crate::simulation::manifest::key as manifest_key;
use crate::simulation::script::Event;
use crate::support::TestStack;

/// Steps after which an image cannot be cancelled any more.
const MADE: [&str; 4] = ["publish", "store-image", "await-store", "retire"];

/// What was asked for, and what was done for that.
#[derive(Default)]
pub(super) struct Asked {
    /// Each request: the manifest, what is asked for, and about which version and attempt.
    requests: BTreeMap<(String, String, String, u64), u32>,
    /// The new attempts that statuses say were asked for, as often as they say it.
    answered: BTreeMap<(String, String, String, u64), u32>,
    /// The manifests whose image an operator asked to try again, and when, as long as no status says that a request was answered.
    unanswered: BTreeMap<String, Timestamp>,
    /// When an operator last asked to cancel an image: of which manifest, version and attempt.
    cancelled_at: BTreeMap<(String, String, u64), Timestamp>,
    /// The tasks that EC2 was asked to cancel.
    ended: BTreeSet<String>,
}

impl Monitor {
    /// When a manifest was last uploaded.
    pub(in crate::simulation) fn uploaded_at(
        &self,
        stack: &TestStack,
        key: &str,
    ) -> Option<Timestamp> {
        let uri = format!("s3://{}/{key}", stack.bucket);
        self.lock().wanted_at.get(&uri)?.last().copied()
    }

    /// An operator asked to cancel a manifest's image, and was not refused.
    pub(in crate::simulation) fn asked_to_cancel(&self, key: &str) {
        self.lock().asked_to_cancel.insert(key.to_owned());
    }

    /// When an operator last asked to cancel a manifest's image.
    pub(in crate::simulation) fn cancelled_at(&self, key: &str) -> Option<Timestamp> {
        let state = self.lock();
        let all = state.asked.cancelled_at.iter();
        all.filter(|((of, ..), _)| of == key)
            .map(|(_, at)| *at)
            .max()
    }

    /// The manifests whose cancelling was asked for, and of which no status says so, nor why not.
    pub(in crate::simulation) fn cancelled_unheard(&self) -> BTreeSet<String> {
        let state = self.lock();
        &state.asked_to_cancel - &state.written.cancelled
    }

    /// The manifests whose image was to be tried again, of which no status says so, nor why not, and when that was asked for.
    pub(in crate::simulation) fn retried_unheard(&self) -> BTreeMap<String, Timestamp> {
        self.lock().asked.unanswered.clone()
    }
}

impl State {
    /// Remembers what an operator asks for.
    pub(super) fn hear_request(&mut self, exchange: &Exchange) {
        let call = &exchange.call;
        let key = call.key.as_deref().and_then(keys::manifest_of_request);
        let (Some(key), "PutObject") = (key, call.action.as_str()) else {
            return;
        };
        let body: Value = serde_json::from_slice(exchange.request.body()).unwrap_or_default();
        let request = (
            key.to_owned(),
            text(&body, "/ask").to_owned(),
            text(&body, "/about/sha256").to_owned(),
            body["about"]["attempt"].as_u64().unwrap_or_default(),
        );
        *self.asked.requests.entry(request.clone()).or_default() += 1;
        if !call.done {
            return;
        }
        if text(&body, "/ask") == "cancel" {
            let about = (key.to_owned(), request.2.clone(), request.3);
            self.asked.cancelled_at.insert(about, call.at);
        }
        // What is asked for takes the place of what was asked for before, and is not done anew if it was known to be recorded.
        self.asked.unanswered.remove(key);
        let is_new = text(&body, "/ask") == "retry" && body["isRepeated"] != true;
        if is_new && self.knows_last(key, text(&body, "/about/sha256")) {
            self.asked.unanswered.insert(key.to_owned(), call.at);
        }
    }

    /// Whether the status of a manifest is about the last upload of it, which has this digest: of one that nobody has heard of yet,
    /// nothing is asked for.
    fn knows_last(&self, key: &str, sha256: &str) -> bool {
        let eyes = self.eyes();
        let uri = format!("s3://{}/{key}", eyes.bucket);
        let last = self.wanted.get(&uri).and_then(|it| it.last());
        let is_of_last =
            last.is_some_and(|it| sha256_hex(it.text(key, &eyes.made_from).as_bytes()) == sha256);
        let uploaded_at = self.wanted_at.get(&uri).and_then(|it| it.last());
        let status = self.written.last.get(key);
        let known = ["/manifest/uploadedAt", "/manifest/repeatedAt"].map(|member| {
            let at = status.map(|it| text(it, member).parse::<Timestamp>());
            at.and_then(Result::ok)
        });
        // S3 tells whole seconds.
        let is_known = known.into_iter().flatten().max().zip(uploaded_at);
        is_of_last && is_known.is_some_and(|(known, at)| known.as_second() >= at.as_second())
    }

    /// A request counts as answered once a status says which one was answered last, and that is another than before.
    pub(super) fn hear_answer(&mut self, key: &str, (before, status): (&Value, &Value)) {
        if before["answered"] != status["answered"] {
            self.asked.unanswered.remove(key);
        }
    }

    /// Remembers that EC2 is asked to end a task, whatever it answers.
    pub(super) fn hear_end(&mut self, call: &Call, sent: &[(String, String)]) {
        let id = match call.action.as_str() {
            "CancelImportTask" => field(sent, "ImportTaskId"),
            "CancelBundleTask" => field(sent, "BundleId"),
            _ => None,
        };
        self.asked.ended.extend(id.map(str::to_owned));
    }

    /// Whether an operator asked for a new attempt at this version of a manifest.
    pub(super) fn is_retried(&self, key: &str, version: &str) -> bool {
        let mut requests = self.asked.requests.keys();
        requests.any(|(of, ask, sha256, _)| of == key && ask == "retry" && sha256 == version)
    }

    /// What was asked for is recorded only if it was, about this version, and is done.
    pub(super) fn judge_requests(
        &mut self,
        call: &Call,
        key: &str,
        (before, status): (&Value, &Value),
    ) {
        let mut wrong = Vec::new();
        let request = |ask: &str| {
            let version = text(status, "/manifest/sha256").to_owned();
            let attempt = status["build"]["attempt"].as_u64().unwrap_or_default();
            (key.to_owned(), ask.to_owned(), version, attempt)
        };
        let asked = |ask: &str| self.asked.requests.get(&request(ask)).copied();
        let is_asked = |ask: &str| asked(ask).is_some();
        let is_new = |of: &str| !status[of].is_null() && status[of] != before[of];
        if is_new("cancel") && text(status, "/cancel/by") == "command" && !is_asked("cancel") {
            wrong.push("nobody asked to cancel this version".to_owned());
        }
        if is_new("retry") && !is_asked("retry") {
            wrong.push("nobody asked to retry this version".to_owned());
        }
        // Each request is answered once, however long it cannot be deleted.
        if is_new("retry") {
            let often = asked("retry").unwrap_or(u32::MAX);
            let answered = self.asked.answered.entry(request("retry")).or_default();
            *answered += 1;
            if *answered > often {
                wrong.push("it is tried again more often than that was asked for".to_owned());
            }
        }
        let (state, step) = (text(status, "/state"), text(status, "/build/step"));
        let is_made = ["available", "incomplete"].contains(&state)
            || (state == "working" && MADE.contains(&step));
        if !status["cancel"].is_null() && is_made {
            wrong.push("it was to be cancelled, and is made".to_owned());
        }
        if self.is_begun_in_vain(key, (before, status)) {
            wrong
                .push("it is begun again for what was uploaded before it was cancelled".to_owned());
        }
        if is_dropped(before, status) {
            wrong.push("a new attempt was asked for, and there is none".to_owned());
        }
        let tasks = status["build"]["tasks"].as_array().into_iter().flatten();
        let ended = tasks.filter(|task| {
            let has_end = ["import-snapshot", "import-image", "bundle-instance"];
            !task["cancelSentAt"].is_null() && has_end.contains(&text(task, "/kind"))
        });
        for id in ended.map(|task| text(task, "/id")) {
            if !self.asked.ended.contains(id) {
                wrong.push(format!("EC2 was never asked to end {id}"));
            }
        }
        for what in wrong {
            self.wrong(call, &format!("{key}: {what}: {status}"));
        }
    }

    /// Whether an image that an operator has cancelled is begun again for what was uploaded before, and nobody asks for that. What it
    /// is made from may be another disk by now, and so it be another version.
    fn is_begun_in_vain(&self, key: &str, (before, status): (&Value, &Value)) -> bool {
        let version = text(status, "/manifest/sha256");
        let attempt = before["build"]["attempt"].as_u64().unwrap_or_default();
        let is_again = text(before, "/state") == "cancelled"
            && text(before, "/cancel/by") == "command"
            && text(before, "/manifest/sha256") == version
            && text(status, "/state") == "working"
            && status["build"]["isRetry"] != true;
        let is_object = |event: &&Event| matches!(event, Event::DropObject { key: at, .. } if manifest_key(*at) == key);
        if !is_again || self.happened.iter().filter(is_object).count() > 1 {
            return false;
        }
        let about = (key.to_owned(), version.to_owned(), attempt);
        let cancelled_at = self.asked.cancelled_at.get(&about);
        let uri = format!("s3://{}/{key}", self.eyes().bucket);
        let uploaded_at = self.wanted_at.get(&uri).and_then(|it| it.last());
        // S3 tells whole seconds.
        let both = cancelled_at.zip(uploaded_at);
        both.is_some_and(|(cancelled, uploaded)| uploaded.as_second() < cancelled.as_second())
    }
}

/// Whether a status has forgotten that a new attempt was asked for, and none begins.
fn is_dropped(before: &Value, status: &Value) -> bool {
    let is_forgotten = !before["retry"].is_null() && status["retry"].is_null();
    let same = |of: &str| before["build"][of] == status["build"][of];
    let known = before["history"].as_array();
    let mut lines = status["history"].as_array().into_iter().flatten();
    let is_said = lines.any(|line| {
        let is_new = known.is_none_or(|known| !known.contains(line));
        is_new && text(line, "/why").contains("there is no new attempt")
    });
    let begins = !same("attempt") || !same("stepSince") || text(status, "/state") == "working";
    is_forgotten && !begins && !is_said
}
