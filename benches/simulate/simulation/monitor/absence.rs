//! Manifests that are gone, for seconds or for good: nothing is done about their AMIs for that before a function has seen it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use localaws::faults::{Call, Exchange};
use serde_json::Value;

use super::given::RUNNING_MAX;
use super::images::made_for;
use super::retiring::is_retiring;
use super::{State, field, text, values};
use crate::simulation::script::{Event, Meant, Wrong};

/// What is done about the AMIs of a manifest that is gone, and their snapshots.
const RETIRES: [&str; 5] = [
    "DeleteSnapshot",
    "DeregisterImage",
    "DisableImageDeregistrationProtection",
    "EnableImageDeprecation",
    "ModifySnapshotAttribute",
];

/// Whoever has looked acts at once, but for the calls in between, which take no time, in seconds.
const LOOK_TO_ACT_MAX: i64 = 4;

/// When a function has last seen that a manifest is not there, by its key.
#[derive(Default)]
pub(super) struct Absence(BTreeMap<String, Timestamp>);

impl State {
    /// Remembers that a function has seen that a manifest is not there.
    pub(super) fn hear_absence(&mut self, exchange: &Exchange) {
        let call = &exchange.call;
        let is_read = ["GetObject", "HeadObject"].contains(&call.action.as_str())
            && call.bucket.as_ref() == Some(&self.eyes().bucket);
        let answer = exchange.answer.as_ref();
        let is_absent = answer.is_some_and(|it| it.status() == 404);
        if let Some(key) = call.key.clone().filter(|_| is_read && is_absent) {
            self.absence.0.insert(key, call.at);
        }
    }

    /// Whether a function that runs now may have seen that a manifest is not there: it looks again right before it acts. While it
    /// is gone, also one that ran before.
    fn is_seen_away(&self, call: &Call, key: &str) -> bool {
        let Some(seen_at) = self.absence.0.get(key) else {
            return false;
        };
        let act = match self.may_be_slow() {
            true => RUNNING_MAX,
            false => LOOK_TO_ACT_MAX,
        };
        let is_lately = call.at.as_second() - seen_at.as_second() <= act;
        let presence = self.versions.presence(key, call.at);
        let is_of_now = presence.is_none_or(|(is_there, seconds)| {
            !is_there && call.at.as_second() - seen_at.as_second() <= seconds
        });
        is_lately || is_of_now
    }

    /// Whether something but reads of EC2 takes time.
    fn may_be_slow(&self) -> bool {
        let is_read = |what: &Meant| match what {
            Meant::Action(service, action) => service == "ec2" && action.starts_with("Describe"),
            Meant::Service(_) | Meant::Region(_) => false,
        };
        self.has_happened(|event| match event {
            Event::Storm { what, fault, .. } => *fault != Wrong::Denied && !is_read(what),
            Event::Fail { .. } => true,
            _ => false,
        })
    }

    /// A manifest counts as removed only if a function has seen that it is gone.
    pub(super) fn judge_removal(
        &mut self,
        call: &Call,
        key: &str,
        (before, status): (&Value, &Value),
    ) {
        let is_new = |pointer: &str| {
            let is = status.pointer(pointer).filter(|it| !it.is_null());
            is.is_some() && is != before.pointer(pointer)
        };
        let is_cancelled = is_new("/cancel") && text(status, "/cancel/by") == "manifest-removed";
        if (is_new("/removedAt") || is_cancelled) && !self.is_seen_away(call, key) {
            self.wrong(
                call,
                &format!("{key} counts as removed, and nobody has seen it away"),
            );
        }
    }

    /// Nothing is retired because its manifest is gone unless a function has just seen that it is.
    pub(super) fn judge_absence(&mut self, call: &Call, sent: &[(String, String)]) {
        if !RETIRES.contains(&call.action.as_str()) {
            return;
        }
        let is_removed = |status: &Value| is_retiring(status) && status["removedAt"].is_string();
        let keys = self.manifests_of(call, sent);
        // A snapshot may be that of several AMIs.
        let is_unseen = |key: &String| {
            let mut statuses = self.versions.lately(key, call.at);
            // By one that is final nobody retires: before that it is written down that something is to go.
            statuses.retain(|it| text(it, "/state") == "working");
            let are_removed = !statuses.is_empty() && statuses.iter().all(|it| is_removed(it));
            are_removed && !self.is_seen_away(call, key)
        };
        if !keys.is_empty() && keys.iter().all(is_unseen) {
            let what = format!("{keys:?} is retired as removed, and nobody has seen it away");
            self.wrong(call, &what);
        }
    }

    /// The keys of the manifests whose AMIs, or the snapshots of which, a call is about.
    fn manifests_of(&self, call: &Call, sent: &[(String, String)]) -> Vec<String> {
        let prefix = format!("s3://{}/", self.eyes().bucket);
        let snapshot = field(sent, "SnapshotId");
        let added = values(sent, "CreateVolumePermission.Add.", "").next();
        let is_meant = |id: &str, has: &dyn Fn(&str) -> bool| {
            field(sent, "ImageId") == Some(id)
                || snapshot.filter(|_| added.is_none()).is_some_and(has)
        };
        let of_region = self.images.iter().filter(|((of, _), _)| *of == call.region);
        let images = of_region.map(|(_, image)| image).filter(|image| {
            is_meant(&image.id, &|snapshot| {
                image.snapshot_ids().any(|it| it == snapshot)
            })
        });
        let manifests = images.filter_map(|it| made_for(it).map(|(manifest, _)| manifest));
        let keys = manifests.filter_map(|it| it.strip_prefix(&prefix));
        keys.map(str::to_owned).collect()
    }
}
