//! What notices say, and how often: people are told once, of everything, and with the reasons.

mod changes;
mod silence;
mod truth;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use localaws::faults::Call;
use serde_json::Value;

use self::changes::Known;
use super::statuses::differences;
use super::{State, text};

/// How an AMI is kept for many versions: that is told once.
const LASTING: [&str; 2] = ["no-successor", "region-closed"];

/// Nobody is told before that something is waited for, in seconds: a quarter of an hour by the clocks of two machines, each of
/// which may be two minutes off.
const WAITING_LONG: i64 = 11 * 60;

/// What people were told.
#[derive(Default)]
pub(super) struct Telling {
    /// What was true when a notice was recorded, by its id.
    facts: BTreeMap<String, Value>,
    /// How often what is told once was told.
    counts: BTreeMap<String, u32>,
    /// Why AMIs are kept, as far as that lasts and was told, by their ids.
    lasting: BTreeMap<String, String>,
    /// What people know of the AMIs of each manifest.
    known: BTreeMap<String, Known>,
}

impl Telling {
    /// Forgets what people were told of a manifest; the ids of its notices begin so.
    pub(super) fn forget(&mut self, key: &str, notices: &str) {
        self.facts.retain(|id, _| !id.starts_with(notices));
        let of_key = format!(" of {key} ");
        self.counts.retain(|what, _| !what.contains(&of_key));
        self.known.remove(key);
    }
}

impl State {
    /// Judges the notices that a write of a status adds.
    pub(super) fn judge_telling(
        &mut self,
        call: &Call,
        key: &str,
        (before, status): (&Value, &Value),
        new: &[(u64, String)],
    ) {
        self.judge_silence(call, key, before);
        let notices = status["notices"].as_array().cloned().unwrap_or_default();
        for (seq, kind) in new {
            // One that was sent is of the time before anybody watched.
            let is_it = |it: &&Value| it["seq"] == *seq && it["sentAt"].is_null();
            let Some(notice) = notices.iter().find(is_it) else {
                continue;
            };
            let facts = &notice["facts"];
            if facts.is_null() {
                self.wrong(
                    call,
                    &format!("{kind} is recorded without what is true now"),
                );
            }
            self.judge_often(call, key, kind, notice);
            self.judge_truth(call, kind, facts);
            if kind == "drifted" && !has_more(&before["drift"], &status["drift"]) {
                self.wrong(call, "it is told again that it differs from its manifest");
            }
            if kind == "retired" {
                self.judge_lasting(call, facts);
            }
            self.judge_changes(call, key, kind, facts);
            self.note_shares(facts);
            let id = format!("s3://{}/{key}#{seq}", self.eyes().bucket);
            self.telling.facts.insert(id, facts.clone());
        }
        self.judge_started(call, (before, status), new);
        for image in passing(status) {
            self.telling.lasting.remove(&image);
        }
    }

    /// Some things are told once, or the more seldom the longer they last.
    fn judge_often(&mut self, call: &Call, key: &str, kind: &str, notice: &Value) {
        let facts = &notice["facts"];
        let (about, since) = match kind {
            "waiting-long" => (kind, text(facts, "/build/stepSince")),
            "stalled" => (kind, unchanged_since(facts)),
            "completed" => (kind, ""),
            // It ends in one of these ways.
            "failed" | "lost" | "cancelled" | "rejected" => ("the end", ""),
            _ => return,
        };
        let what = format!("{about} of {key} {} {since}", attempt(facts));
        let count = self.telling.counts.entry(what.clone()).or_default();
        *count += 1;
        let count = *count;
        if kind != "stalled" && count > 1 {
            self.wrong(call, &format!("it is told once more: {what}"));
        }
        let least = match kind {
            "stalled" => stalled_after(facts) << (count - 1).min(20),
            "waiting-long" => WAITING_LONG,
            _ => return,
        };
        let at = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_second);
        let passed = at(text(notice, "/at")).zip(at(since));
        let passed = passed.map(|(at, since)| at - since);
        if passed.is_none_or(|passed| passed < least) {
            let what = format!("{what} is told for the {count}th time after {passed:?} seconds");
            self.wrong(call, &what);
        }
        if kind == "waiting-long" && facts["build"]["waiting"].is_null() {
            self.wrong(call, &format!("{what} says not for what"));
        }
    }

    /// Why an AMI is kept for many versions is told once, unless it was the current one since, or retiring it was begun.
    fn judge_lasting(&mut self, call: &Call, facts: &Value) {
        let retired = facts["retired"].as_array().cloned().unwrap_or_default();
        for it in &retired {
            let (image, why) = (text(it, "/image"), text(it, "/why/reason"));
            let known = self.telling.lasting.remove(image);
            if known.as_deref() == Some(why) {
                self.wrong(call, &format!("that {image} stays for {why} is told again"));
            }
            if LASTING.contains(&why) {
                let told = (image.to_owned(), why.to_owned());
                self.telling.lasting.extend([told]);
            }
        }
    }

    /// That an image is started is told if, and only if, the stack's owner wants that.
    fn judge_started(
        &mut self,
        call: &Call,
        (before, status): (&Value, &Value),
        new: &[(u64, String)],
    ) {
        let lines = |status: &Value| status["history"].as_array().cloned().unwrap_or_default();
        let mut known = lines(before);
        let mut added = lines(status);
        // Two versions of one second have the same lines.
        added.retain(|line| {
            let at = known.iter().position(|it| it == line);
            at.map(|at| known.swap_remove(at)).is_none()
        });
        let says = |what: &str| added.iter().any(|it| text(it, "/why").starts_with(what));
        // It says what another invocation has come to, which may have had other parameters, or is of the time before anybody
        // watched.
        let mut notices = status["notices"].as_array().into_iter().flatten();
        let is_older = before.is_null() && notices.any(|it| !it["sentAt"].is_null());
        if is_older || says("the invocation that started this was cut short") {
            return;
        }
        let is_told = new.iter().any(|(_, kind)| kind == "started");
        let is_due = says("the manifest passed the checks") && self.given(call).notify_started;
        if is_told != is_due {
            let what = format!("told that it is started: {is_told}, and it should be {is_due}");
            self.wrong(call, &what);
        }
    }
}

/// Whether more differs now from what a manifest says than differed before. What was only counted before may be named now.
fn has_more(before: &Value, now: &Value) -> bool {
    let omitted = |drift: &Value| drift["omitted"].as_u64().unwrap_or_default();
    let known = differences(before);
    let found = differences(now).into_iter();
    let new = found.filter(|it| !known.contains(it)).count() as u64;
    let digests = |drift: &Value| drift["digests"].as_array().cloned().unwrap_or_default();
    let unnamed = digests(before);
    // Which of them that was it alone knows.
    let is_new = |it: &Value| !unnamed.contains(it);
    let is_other = !unnamed.is_empty() && (new > 0 || digests(now).iter().any(is_new));
    is_other || omitted(now) > omitted(before) || new > omitted(before)
}

/// Which attempt a status is about. One that finds what an earlier one has made goes on as that one.
fn attempt(facts: &Value) -> String {
    let number = facts["build"]["attempt"].as_u64().unwrap_or_default();
    let [uploaded_at, started_at] =
        ["/manifest/uploadedAt", "/build/startedAt"].map(|it| text(facts, it));
    format!("{uploaded_at} {number} {started_at}")
}

/// The task that is polled, directly or by its AMI.
fn polled(facts: &Value) -> Option<&Value> {
    let task = facts["build"]["tasks"].as_array()?.last()?;
    let kind = text(task, "/kind");
    let is_image = ["copy-image", "restore-image"].contains(&kind);
    match text(facts, "/build/step") {
        "await-task" | "await-store" => Some(task),
        "await-image" if is_image => Some(task),
        _ => None,
    }
}

fn unchanged_since(facts: &Value) -> &str {
    match polled(facts) {
        Some(task) => text(task, "/updatedAt"),
        None => text(facts, "/build/stepSince"),
    }
}

/// After how many seconds of silence people are told (docs/operating.md, Emails).
fn stalled_after(facts: &Value) -> i64 {
    let hours = match polled(facts).map(|task| text(task, "/kind")) {
        None => return 15 * 60,
        Some("import-snapshot" | "bundle-instance") => 1,
        Some("import-image") => 2,
        Some("store-image") => 3,
        Some(_) => 6,
    };
    hours * 3600
}

/// The AMIs of which what is told may begin anew: they are the current ones, or to deregister them was begun.
fn passing(status: &Value) -> BTreeSet<String> {
    let mut passing = super::own_images(status);
    let versions = status["previous"].as_array().into_iter().flatten();
    let images = versions
        .filter_map(|it| it["regions"].as_object())
        .flatten();
    let begun = images.filter(|(_, known)| {
        let retiring = &known["retiring"];
        let signs = ["askedAt", "deregisteredAt", "protection"];
        signs.iter().any(|it| !retiring[it].is_null())
    });
    passing.extend(begun.map(|(_, known)| text(known, "/image").to_owned()));
    passing
}
