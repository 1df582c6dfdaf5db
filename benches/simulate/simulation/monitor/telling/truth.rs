//! Whether what a notice says of AMIs is so in EC2.

use jiff::{SignedDuration, Timestamp};
use localaws::ec2::{Image, ImageState, Snapshot};
use localaws::faults::Call;
use serde_json::Value;

use super::super::{State, text};
use crate::simulation::script::Manifest;
use crate::support::REGION;

/// Why an AMI stays that is certainly there.
const THERE: [&str; 3] = ["in-use", "launched", "protected"];

/// What sets right what a manifest says, and EC2 does not change by itself.
const SAID: [&str; 7] = [
    "set-description",
    "set-tags",
    "remove-tags",
    "change-grants",
    "share-snapshot",
    "revoke-snapshot",
    "set-protection",
];

/// How soon an AMI is deprecated that nobody wants any more: minutes, by clocks that are off by two.
const SOON: SignedDuration = SignedDuration::from_mins(20);

impl State {
    /// Judges what a notice says that is recorded now.
    pub(super) fn judge_truth(&mut self, call: &Call, kind: &str, facts: &Value) {
        let wrong = match kind {
            "completed" | "changed" => self.unlike(call, facts).into_iter().collect(),
            "retired" => self.not_retired(call, facts),
            "drifted" => self.not_drifted(call, facts),
            "failed" | "lost" | "cancelled" => self.not_deleted(facts),
            _ => Vec::new(),
        };
        for what in wrong {
            self.wrong(call, &format!("{kind} is told, and {what}"));
        }
    }

    /// What is not as a manifest says of which all is said to be so. What somebody uploaded a moment ago may count already.
    fn unlike(&self, call: &Call, facts: &Value) -> Option<String> {
        let bucket = &self.eyes().bucket;
        let manifest = format!("s3://{bucket}/{}", text(facts, "/manifest/key"));
        let made = (manifest.as_str(), text(facts, "/build/digest"));
        // Before anybody watched, something was made.
        if !self.wanted.contains_key(&manifest) {
            return None;
        }
        let mut versions = self.versions_about(&manifest, facts);
        versions.extend(self.versions_now(call, &manifest));
        let everywhere = versions.into_iter().map(|version| Manifest {
            regions: version.regions.iter().map(|(at, _)| (*at, true)).collect(),
            ..version
        });
        let mut reasons = Vec::new();
        for version in everywhere {
            reasons.push(self.not_ready(&version, made)?);
        }
        reasons.first().map(|why| format!("not yet: {why}"))
    }

    /// What did not become of AMIs of earlier versions, or of a removed manifest, although it is said to.
    fn not_retired(&self, call: &Call, facts: &Value) -> Vec<String> {
        let is_soon = |at: Timestamp| at.duration_since(call.at) <= SOON;
        let mut wrong = Vec::new();
        for it in facts["retired"].as_array().into_iter().flatten() {
            let (region, id) = (text(it, "/region"), text(it, "/image"));
            let image = self.image(region, id);
            let is_touched = || {
                let place = (region.to_owned(), id.to_owned());
                self.touched.contains(&place)
            };
            let so = match (text(it, "/outcome"), &image) {
                ("deregistered" | "gone", image) => image.is_none(),
                ("deprecated", Some(image)) => {
                    image.deprecation_time.is_some_and(is_soon) || is_touched()
                }
                (_, None) => !THERE.contains(&text(it, "/why/reason")) || is_touched(),
                _ => true,
            };
            if !so {
                wrong.push(format!("it is not so that {it}: {image:?}"));
            }
            let deleted = it["deleted"].as_array().into_iter().flatten();
            let there = deleted.filter(|id| self.snapshot(region, id).is_some());
            wrong.extend(there.map(|id| format!("{id} is there")));
        }
        wrong
    }

    /// What is said to be gone, or out of service, and is not, or to be changed by somebody, and nobody has.
    fn not_drifted(&self, call: &Call, facts: &Value) -> Vec<String> {
        let was_right = self.was_set_once(facts);
        let found = facts["drift"]["found"].as_array().into_iter().flatten();
        let untrue = found.filter(|it| {
            let image = self.image(text(it, "/region"), text(it, "/image"));
            match text(it, "/difference") {
                "deregistered" => image.is_some(),
                "not-available" => image.is_some_and(|it| it.state == ImageState::Available),
                "untagged" => !self.is_disowned(text(it, "/region"), text(it, "/image")),
                "setting" => was_right && self.is_untouched(it),
                "parameter" => self.is_pointing(call, it),
                _ => false,
            }
        });
        untrue.map(|it| format!("it is not so that {it}")).collect()
    }

    /// Whether a parameter points to its AMI that is said to hold something else, and nobody has just written it.
    fn is_pointing(&self, call: &Call, deviation: &Value) -> bool {
        let (region, name) = (text(deviation, "/region"), text(deviation, "/name"));
        let held = self.eyes().ssm.parameter(region, name);
        held.as_deref() == Some(text(deviation, "/image"))
            && !self.is_edited_lately(call, &(region.to_owned(), name.to_owned()))
    }

    /// Whether something is said to differ that only people change, of an AMI that nobody has changed by hand.
    fn is_untouched(&self, deviation: &Value) -> bool {
        let place = ["/region", "/image"].map(|it| text(deviation, it).to_owned());
        SAID.contains(&text(deviation, "/change/action")) && !self.touched.contains(&place.into())
    }

    /// Whether an image is as its manifest says, which has only ever said one thing: whoever writes that late writes the same.
    fn was_set_once(&self, facts: &Value) -> bool {
        let bucket = &self.eyes().bucket;
        let manifest = format!("s3://{bucket}/{}", text(facts, "/manifest/key"));
        let versions = self.wanted.get(&manifest);
        text(facts, "/state") == "available" && versions.is_some_and(|it| it.len() == 1)
    }

    /// What an attempt has left that is said to be deleted.
    fn not_deleted(&self, facts: &Value) -> Vec<String> {
        let deleted = facts["build"]["deleted"].as_array().into_iter().flatten();
        let there = deleted.filter(|id| {
            let image = self.image(REGION, id.as_str().unwrap_or_default());
            image.is_some() || self.snapshot(REGION, id).is_some()
        });
        there.map(|id| format!("{id} is there")).collect()
    }

    fn image(&self, region: &str, id: &str) -> Option<Image> {
        let mut images = self.eyes().ec2.images(region).into_iter();
        images.find(|it| it.id == id)
    }

    fn snapshot(&self, region: &str, id: &Value) -> Option<Snapshot> {
        let mut snapshots = self.eyes().ec2.snapshots(region).into_iter();
        snapshots.find(|it| *id == it.id.as_str())
    }
}
