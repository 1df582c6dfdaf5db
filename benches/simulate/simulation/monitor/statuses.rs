//! What functions write into S3 and publish.

use std::collections::{BTreeMap, BTreeSet};

use amiwright::image::status;
use amiwright::keys;
use amiwright::limits::STATUS_BYTES;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use localaws::faults::{Call, Exchange};
use serde_json::Value;

use super::super::conditions;
use super::super::script::OTHER_BUCKET;
use super::{State, field, text};

/// States in which an image ends and of which somebody has to be told at once.
const TOLD: [&str; 4] = ["incomplete", "failed", "cancelled", "rejected"];

/// What functions have written.
#[derive(Default)]
pub(super) struct Written {
    /// The last status of each manifest.
    pub(super) last: BTreeMap<String, Value>,
    /// The notices that were recorded, by their ids: what they say.
    pub(super) notices: BTreeMap<String, String>,
    /// The AMIs of which a status said what became of them when they were not wanted any more, with what it said last.
    pub(super) retired: BTreeMap<String, String>,
    /// All that was ever said of them.
    pub(super) outcomes: BTreeSet<(String, String)>,
    /// The manifests of which a status said that somebody asked to cancel their image.
    pub(super) cancelled: BTreeSet<String>,
    /// The AMIs that a status named when a notice of how its image has ended was recorded.
    told: BTreeSet<String>,
    /// The version that a status was about when it recorded a notice, by the notice's id.
    versions: BTreeMap<String, String>,
    /// What was published, by its id, and about which version.
    published: BTreeMap<String, (String, String)>,
}

impl Written {
    /// Forgets what the status of a manifest has said; the ids of its notices begin so.
    pub(super) fn forget(&mut self, key: &str, notices: &str) {
        self.last.remove(key);
        self.notices.retain(|id, _| !id.starts_with(notices));
        self.versions.retain(|id, _| !id.starts_with(notices));
        self.published.retain(|id, _| !id.starts_with(notices));
    }
}

impl State {
    pub(super) fn judge_objects(&mut self, exchange: &Exchange) {
        let call = &exchange.call;
        let bucket = call.bucket.as_deref().unwrap_or_default();
        if bucket == OTHER_BUCKET && !self.given(call).source_buckets {
            self.wrong(call, "a bucket is looked into, and nobody opened that");
        }
        if call.is_read() {
            return;
        }
        // EC2 is let read the parts of a bundle.
        if bucket == self.eyes().bucket && call.action == "PutObjectAcl" {
            return;
        }
        if bucket != self.eyes().state_bucket {
            return self.wrong(call, &format!("a function changes the bucket {bucket}"));
        }
        self.note_markers(exchange);
        let key = call.key.as_deref().unwrap_or_default();
        if call.action != "PutObject" || !key.starts_with(keys::STATUSES) {
            return;
        }
        let headers = exchange.request.headers();
        if !headers.contains_key(IF_MATCH) && !headers.contains_key(IF_NONE_MATCH) {
            self.wrong(call, "a status is written whatever it is by now");
        }
        if call.done {
            let body = exchange.request.body();
            self.judge_status(call, keys::manifest_of_status(key).unwrap_or(key), body);
        }
    }

    fn judge_status(&mut self, call: &Call, key: &str, body: &[u8]) {
        if body.len() > STATUS_BYTES {
            self.wrong(call, &format!("a status of {} bytes", body.len()));
        }
        if let Err(unreadable) = status::parse(body) {
            self.wrong(
                call,
                &format!("a status that cannot be read: {unreadable:?}"),
            );
        }
        for leak in self
            .secrets
            .leaks("a status", &String::from_utf8_lossy(body))
        {
            self.wrong(call, &leak);
        }
        let status: Value = serde_json::from_slice(body).unwrap_or_default();
        let before = self.written.last.get(key).cloned().unwrap_or_default();
        self.coverage.transition(&before, &status);
        let (was, is) = (text(&before, "/state"), text(&status, "/state"));
        let marker = self.eyes().state_folder.join(keys::open_key(key));
        if is == "working" && !marker.exists() {
            self.wrong(call, "an image that is not finished is not marked as open");
        }
        for wrong in conditions::wrong(&status) {
            self.wrong(call, &wrong);
        }
        let known = notices(&before);
        let new: Vec<(u64, String)> = notices(&status)
            .into_iter()
            .filter(|(seq, _)| !known.contains_key(seq))
            .collect();
        if was != is && TOLD.contains(&is) && new.is_empty() {
            self.wrong(call, &format!("it ends {is} and nobody will be told"));
        }
        let untold = |status: &Value| status["untold"].as_u64().unwrap_or_default();
        // Another version, and a new attempt at the same, is told of by itself, whatever was recorded late about the one before.
        let is_same = ["/build/digest", "/manifest/sha256"]
            .iter()
            .any(|it| text(&before, it) == text(&status, it))
            && before["build"]["attempt"] == status["build"]["attempt"];
        if untold(&before) > 0 && untold(&status) == 0 && new.is_empty() && is_same {
            self.wrong(call, "what was changed counts as told and nobody will be");
        }
        self.judge_history(call, (&before, &status));
        self.judge_told(call, (&before, &status), &new);
        self.judge_allowed(call, key, (&before, &status), &new);
        self.judge_claims(call, key, &before, &status);
        self.judge_removal(call, key, (&before, &status));
        self.judge_failures(call, key, (&before, &status));
        self.judge_staying(call, key, (&before, &status));
        self.judge_intent(call, key, (&before, &status));
        self.judge_requests(call, key, (&before, &status));
        self.hear_answer(key, (&before, &status));
        self.judge_cooldown(call, (&before, &status));
        self.judge_left(call, (&before, &status));
        self.judge_exact(call, key, (&before, &status));
        self.judge_telling(call, key, (&before, &status), &new);
        self.judge_forgotten(call, key, (&before, &status));
        self.remember(call, key, status, new);
    }

    /// Whoever writes has read what was there: only a history that is full loses lines, and those are the oldest.
    fn judge_history(&mut self, call: &Call, (before, status): (&Value, &Value)) {
        let lines = |it: &Value| it["history"].as_array().cloned().unwrap_or_default();
        if lines(before)
            .last()
            .is_some_and(|it| !lines(status).contains(it))
        {
            self.wrong(call, "what another invocation has written is lost");
        }
    }

    /// Remembers what a status said.
    fn remember(&mut self, call: &Call, key: &str, status: Value, new: Vec<(u64, String)>) {
        for (seq, kind) in new {
            let id = format!("s3://{}/{key}#{seq}", self.eyes().bucket);
            let version = text(&status, "/manifest/sha256").to_owned();
            self.written.versions.insert(id.clone(), version);
            self.written.notices.insert(id, kind);
        }
        let dealt_with = status["retired"].as_array().into_iter().flatten();
        let outcome = |it: &Value| {
            (
                text(it, "/image").to_owned(),
                text(it, "/outcome").to_owned(),
            )
        };
        self.written.outcomes.extend(dealt_with.map(outcome));
        let retired = [&status["forgotten"]["images"], &status["retired"]];
        let retired = retired.into_iter().filter_map(Value::as_array).flatten();
        self.written.retired.extend(retired.map(outcome));
        let mut lines = status["history"].as_array().into_iter().flatten();
        let is_asked = !status["cancel"].is_null()
            || lines.any(|line| text(line, "/why").contains("request to cancel was ignored"));
        if is_asked {
            self.written.cancelled.insert(key.to_owned());
        }
        self.versions.written(key, call.at, &status);
        self.written.last.insert(key.to_owned(), status);
    }

    /// An image is refused for what the stack does not allow only by a function to which the stack does not allow it.
    fn judge_allowed(
        &mut self,
        call: &Call,
        key: &str,
        (before, status): (&Value, &Value),
        new: &[(u64, String)],
    ) {
        let mut problems = status["problems"].as_array().into_iter().flatten();
        let is_told = new.iter().any(|(_, kind)| kind == "rejected");
        if is_told && !status["replaced"].is_null() {
            let what =
                "it is rejected as if nothing was changed, and an AMI was deregistered for it";
            self.wrong(call, what);
        }
        let is_rejected = is_told
            && problems.any(|it| {
                let is_of_source = text(it, "/path").starts_with("source");
                text(it, "/rule").starts_with("the stack's parameter") && !is_of_source
            });
        let failure = |status: &Value| status["build"]["failure"].clone();
        let has_failed = text(status, "/build/failure/kind") == "manifest-not-allowed"
            && failure(before) != failure(status);
        let uri = format!("s3://{}/{key}", self.eyes().bucket);
        if (is_rejected || has_failed) && !self.refused(call, &uri).any(|is_refused| is_refused) {
            self.wrong(
                call,
                "it is refused, and the stack allows all that was asked for",
            );
        }
    }

    /// Whoever reads emails learns of every AMI that is available, and of everything that is not as its manifest says.
    fn judge_told(
        &mut self,
        call: &Call,
        (before, status): (&Value, &Value),
        new: &[(u64, String)],
    ) {
        let is_told = |kinds: &[&str]| new.iter().any(|(_, kind)| kinds.contains(&kind.as_str()));
        let ids = own_images(status);
        if is_told(&["completed", "incomplete", "changed"]) {
            self.written.told.extend(ids.iter().cloned());
        }
        if text(status, "/state") != "available" {
            return;
        }
        let untold: Vec<&String> = ids.difference(&self.written.told).collect();
        if !untold.is_empty() {
            let what = format!("{untold:?} are available and nobody will be told");
            self.wrong(call, &what);
        }
        let known = differences(&before["drift"]);
        let mut found = differences(&status["drift"]).into_iter();
        let is_repaired = status["drift"]["repairing"] == true;
        if !is_repaired && !is_told(&["drifted"]) && found.any(|it| !known.contains(&it)) {
            self.wrong(call, "it differs from its manifest and nobody will be told");
        }
    }

    pub(super) fn judge_notice(&mut self, exchange: &Exchange, sent: &[(String, String)]) {
        let call = &exchange.call;
        if call.action != "Publish" {
            return;
        }
        let message = field(sent, "Message").unwrap_or_default();
        let subject = field(sent, "Subject").unwrap_or_default();
        for leak in self
            .secrets
            .leaks("an email", &format!("{subject}\n{message}"))
        {
            self.wrong(call, &leak);
        }
        let bodies: Value = serde_json::from_str(message).unwrap_or_default();
        let notice: Value = serde_json::from_str(text(&bodies, "/default")).unwrap_or_default();
        let id = text(&notice, "/id").to_owned();
        let event = text(&notice, "/event").to_owned();
        // What is no manifest has no status, and so no notices.
        if event == "ignored" {
            return;
        }
        match self.written.notices.get(&id) {
            None => self.wrong(call, &format!("{id} is published and was never recorded")),
            Some(kind) if *kind != event => {
                let what = format!("{id} was recorded as {kind} and is published as {event}");
                self.wrong(call, &what);
            }
            Some(_) => {}
        }
        self.judge_claim(call, &id);
        self.judge_words(call, &notice, text(&bodies, "/email"));
        let manifest = id.split('#').next().unwrap_or_default();
        let what = format!("{event} {manifest} {subject} {}", text(&notice, "/at"));
        if let Some((before, _)) = self.written.published.get(&id)
            && *before != what
        {
            let what = format!("{id} was published as `{before}`, and now as `{what}`");
            self.wrong(call, &what);
        }
        // Two versions that came in one second may be wrong in the same way.
        let version = self.written.versions.get(&id).cloned();
        let version = version.unwrap_or_default();
        // Nor does a new attempt that is asked for in that second end in another way.
        let is_retried = self.is_retried(text(&notice, "/manifest/key"), &version);
        // And two AMIs may be retired in one second.
        let about = match event.as_str() {
            "retired" => notice["retired"].to_string(),
            _ => String::new(),
        };
        let said = (what.clone(), version + &about);
        let mut twins = self.written.published.iter();
        let twin = twins.find(|(other, it)| **other != id && **it == said && !is_retried);
        if let Some(twin) = twin.map(|(other, _)| other.clone()) {
            self.wrong(call, &format!("{id} says the same as {twin}: {what}"));
        }
        self.written.published.insert(id, said);
    }
}

/// The notices of a status by number, with their kinds.
fn notices(status: &Value) -> BTreeMap<u64, String> {
    let notices = status["notices"].as_array().into_iter().flatten();
    let read = |notice: &Value| {
        let kind = notice["kind"].as_str()?.to_owned();
        Some((notice["seq"].as_u64()?, kind))
    };
    notices.filter_map(read).collect()
}

/// The ids of AMIs that a status names as its own version's.
pub(crate) fn own_images(status: &Value) -> BTreeSet<String> {
    let regions = status["regions"].as_object().into_iter().flatten();
    regions
        .filter_map(|(_, known)| known["image"].as_str().map(str::to_owned))
        .collect()
}

/// How an image is not as its manifest says, of which a status says this, but for when it was last seen right.
pub(super) fn differences(drift: &Value) -> Vec<Value> {
    let found = drift["found"].as_array().into_iter().flatten();
    let without_time = found.cloned().map(|mut it| {
        it.as_object_mut().map(|it| it.remove("verifiedAt"));
        it
    });
    without_time.collect()
}
