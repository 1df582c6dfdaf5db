//! Open markers: what an invocation makes and dies over is found by nothing else, if its manifest goes before the sweep.

use std::collections::{BTreeMap, BTreeSet};

use amiwright::keys;
use jiff::Timestamp;
use localaws::faults::{Call, Exchange};

use super::State;

/// What makes something that has amiwright's tags.
const MAKING: [&str; 5] = [
    "RegisterImage",
    "CopyImage",
    "ImportSnapshot",
    "ImportImage",
    "CreateRestoreImageTask",
];

/// How long an invocation may go on that has seen a marker, in seconds: functions may run for a minute, and slow calls are the last
/// that they make.
const INVOCATION: i64 = 300;

/// The open markers that functions have written.
#[derive(Default)]
pub(super) struct Marked {
    /// The manifests that were ever marked.
    manifests: BTreeSet<String>,
    /// When a marker was last deleted.
    deleted: BTreeMap<String, Timestamp>,
}

impl State {
    /// Remembers which open markers are written and deleted.
    pub(super) fn note_markers(&mut self, exchange: &Exchange) {
        let call = &exchange.call;
        let key = call.key.as_deref().unwrap_or_default();
        if !call.done || call.bucket.as_deref() != Some(&*self.eyes().state_bucket) {
            return;
        }
        if call.action == "PutObject" {
            let marked = keys::manifest_of_open(key).map(str::to_owned);
            return self.marked.manifests.extend(marked);
        }
        if !call.action.starts_with("Delete") {
            return;
        }
        // Several are deleted by one call, whose body names them.
        let body = String::from_utf8_lossy(exchange.request.body());
        for manifest in &self.marked.manifests {
            let marker = keys::open_key(manifest);
            if key == marker || body.contains(&marker) {
                self.marked.deleted.insert(manifest.clone(), call.at);
            }
        }
    }

    /// What is made for a manifest is made only while that is marked, or was until a moment ago: another invocation may have
    /// finished the image meanwhile.
    pub(super) fn judge_marker(&mut self, call: &Call, sent: &[(String, String)]) {
        if !MAKING.contains(&call.action.as_str()) {
            return;
        }
        let ours = format!("s3://{}/", self.eyes().bucket);
        let manifest = self.made_by(sent);
        let Some(key) = manifest.as_deref().and_then(|it| it.strip_prefix(&ours)) else {
            return;
        };
        let marker = self.eyes().state_folder.join(keys::open_key(key));
        let deleted = self.marked.deleted.get(key);
        let was_there = deleted.is_some_and(|it| call.at.as_second() - it.as_second() < INVOCATION);
        if !marker.exists() && !was_there {
            let what = format!("something is made for {key}, which is not marked as open");
            self.wrong(call, &what);
        }
    }
}
