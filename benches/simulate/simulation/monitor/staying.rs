//! Why AMIs that nobody wants any more, and their snapshots, are not gone, as statuses say: each reason needs that it is so.

use std::collections::BTreeSet;

use jiff::Timestamp;
use localaws::ec2::{DeregistrationProtection, ImageState};
use localaws::faults::Call;
use serde_json::Value;

use super::causes::EDITS;
use super::happened::UNCLEAR;
use super::refusals::is_throttled;
use super::{Monitor, State, text};
use crate::simulation::script::{Change, Edit, Event, Retire};

/// Why an AMI stays that was to go, and whose protection is switched on again then.
const PROTECTED_AGAIN: [&str; 5] = [
    "in-use",
    "launched",
    "refused",
    "not-asked-any-more",
    "no-successor",
];

impl Monitor {
    /// What became of AMIs that were not wanted any more, as statuses have ever said.
    pub(in crate::simulation) fn outcomes(&self) -> BTreeSet<(String, String)> {
        self.lock().written.outcomes.clone()
    }
}

impl State {
    /// What is said now of AMIs that are not wanted any more, and was not before, is so.
    pub(super) fn judge_staying(
        &mut self,
        call: &Call,
        key: &str,
        (before, status): (&Value, &Value),
    ) {
        let known = retirements(before);
        let is_known = |it: &Value| {
            let mut known = known.iter();
            known.any(|of| (&of["image"], &of["at"]) == (&it["image"], &it["at"]))
        };
        for it in retirements(status) {
            if is_known(&it) {
                continue;
            }
            let mut wrong = self.wrong_with_outcome(key, status, &it);
            let kept = it["kept"].as_array().into_iter().flatten();
            wrong.extend(kept.filter_map(|kept| self.wrong_with_kept(key, status, &it, kept)));
            wrong.extend(self.wrong_with_shared(key, status, &it));
            for what in wrong {
                self.wrong(call, &format!("{key}: {what}: {it}"));
            }
        }
    }

    /// What is to become of the snapshots of an AMI is written down as the version says that is retiring it, before the AMI is
    /// deregistered.
    pub(super) fn judge_intent(
        &mut self,
        call: &Call,
        key: &str,
        (before, status): (&Value, &Value),
    ) {
        let Some(version) = self.version(key, text(status, "/manifest/sha256")) else {
            return;
        };
        let asked = match status["removedAt"].is_string() {
            true => version.on_delete,
            false => version.replaces,
        };
        if asked != Retire::Deregister || !version.delete_snapshots {
            return;
        }
        let known = retiring(before);
        for it in retiring(status) {
            let asked_at = |it: &Value| (it["image"].clone(), it["retiring"]["askedAt"].clone());
            let is_new = known.iter().all(|of| asked_at(of) != asked_at(&it));
            let mut kept = it["retiring"]["kept"].as_array().into_iter().flatten();
            if is_new && kept.any(|kept| text(kept, "/reason") == "not-asked") {
                let what = format!("{key}: its snapshots are to be deleted, and are kept: {it}");
                self.wrong(call, &what);
            }
        }
    }

    /// The end of a cooldown that is waited for is the one that EC2 has set, but for clocks.
    pub(super) fn judge_cooldown(&mut self, call: &Call, (before, status): (&Value, &Value)) {
        const OFF: i64 = 5 * 60;
        let waiting = &status["build"]["waiting"];
        let is_new = *waiting != before["build"]["waiting"]
            && text(waiting, "/reason") == "protection-cooldown";
        let mut images = self.images.values();
        let image = images.find(|it| it.id == text(waiting, "/image"));
        let Some(DeregistrationProtection::CoolingDown(end)) =
            image.map(|it| it.deregistration_protection)
        else {
            return;
        };
        let until = text(waiting, "/until").parse::<Timestamp>();
        let is_later = until.is_ok_and(|it| it.as_second() - end.as_second() > OFF);
        if is_new && call.at.as_second() + OFF < end.as_second() && is_later {
            self.wrong(
                call,
                &format!("the cooldown ends at {end}, and not as is said: {waiting}"),
            );
        }
    }

    fn wrong_with_outcome(&self, key: &str, status: &Value, it: &Value) -> Vec<String> {
        let (image, why) = (text(it, "/image"), &it["why"]);
        let mut wrong = Vec::new();
        if why.is_object() && !self.is_reason(key, status, (text(it, "/region"), image), why) {
            wrong.push("it stays for a reason that is none".to_owned());
        }
        if it["unprotected"] == true
            && PROTECTED_AGAIN.contains(&text(why, "/reason"))
            && self.is_left_unprotected(text(it, "/region"), image)
        {
            wrong.push("nobody tried to protect it again".to_owned());
        }
        let version = self.version(key, text(status, "/manifest/sha256"));
        let asked = version.map(|it| match status["removedAt"].is_string() {
            true => it.on_delete,
            false => it.replaces,
        });
        let is_there = self
            .eyes()
            .ec2
            .images(text(it, "/region"))
            .iter()
            .any(|found| {
                found.id == image
                    && [ImageState::Available, ImageState::Disabled].contains(&found.state)
            });
        match text(it, "/outcome") {
            "deprecated" if why.is_null() && asked == Some(Retire::Deregister) => {
                wrong.push("it is only deprecated, and no reason is given".to_owned());
            }
            "kept" if ["in-use", "launched", "protected"].contains(&text(why, "/reason")) => {
                wrong.push("it is kept, and should be deprecated".to_owned());
            }
            "kept" if why.is_null() && it["forgotten"] != true => {
                wrong.push("it is kept, and no reason is given".to_owned());
            }
            "gone" if !self.is_edited(key, &[Edit::Deregister]) => {
                wrong.push("nobody else has deregistered it".to_owned());
            }
            "deregistered" | "gone" if is_there => wrong.push("it is there".to_owned()),
            _ => {}
        }
        wrong
    }

    /// Whether an AMI of a manifest stays, or may stay, for this.
    fn is_reason(
        &self,
        key: &str,
        status: &Value,
        (region, image): (&str, &str),
        why: &Value,
    ) -> bool {
        match text(why, "/reason") {
            "in-use" => self.is_in_use(key, region, image),
            "protected" | "protected-again" => self.is_edited(key, &[Edit::Protect]),
            "region-closed" => self.has_happened(|event| match event {
                Event::Update { change } => {
                    matches!(change, Change::Copies(_) | Change::OnlyRegion(_))
                }
                _ => false,
            }),
            "not-allowed" => {
                self.is_updated()
                    || self.is_removed(key)
                    || self.some_version(key, |it| it.mistake.is_some())
            }
            "not-asked-any-more" => {
                self.is_removed(key) || self.some_version(key, |it| it.replaces == Retire::Keep)
            }
            "uploaded-again" => self.is_removed(key),
            "not-current" => {
                let state = text(status, "/state");
                self.is_removed(key) && ["rejected", "failed", "cancelled"].contains(&state)
            }
            "refused" => !is_throttled(text(why, "/code")) && self.may_be_refused(key, region),
            "not-known" => self.is_switched_off(region) || self.unclear() >= UNCLEAR,
            "no-successor" => {
                let known = &status["regions"][region];
                known.is_null()
                    || known["failure"].is_object()
                    || self.is_edited(key, &[Edit::Deregister, Edit::Disable])
            }
            "launched" => self.is_edited(key, &[Edit::Launch]),
            "unproven" => self.is_disowned(region, image),
            _ => false,
        }
    }

    /// Whether EC2 may refuse for good what is to be done about an AMI.
    pub(super) fn may_be_refused(&self, key: &str, region: &str) -> bool {
        self.is_denied()
            || self.is_updated()
            || self.is_switched_off(region)
            || self.is_edited(key, &EDITS)
    }

    /// Whether a launch template or a parameter has an AMI. Somebody else may have let the parameter point to another one since a
    /// function looked, or SSM may have validated that only then.
    fn is_in_use(&self, key: &str, region: &str, image: &str) -> bool {
        let named = self.eyes().ssm.image_parameters()(region);
        let place = (region.to_owned(), image.to_owned());
        let has_parameter = self.some_version(key, |it| it.parameter || it.shared_parameter);
        self.templates.contains_key(&place)
            || named.values().any(|value| value == image)
            || (has_parameter && (self.is_parameter_of_others(key) || self.is_validated_late()))
    }

    /// What is wrong with why a snapshot of an AMI stays after it.
    fn wrong_with_kept(
        &self,
        key: &str,
        status: &Value,
        of: &Value,
        kept: &Value,
    ) -> Option<String> {
        let (region, image) = (text(of, "/region"), text(of, "/image"));
        let snapshot = text(kept, "/snapshot");
        let place = (region.to_owned(), snapshot.to_owned());
        let is_so = match text(kept, "/reason") {
            "deregistered-by-others" => self.is_edited(key, &[Edit::Deregister]),
            "not-asked" => self.some_version(key, |it| !it.delete_snapshots),
            "unproven" => self.foreign.contains_key(&place),
            "given-up" => self.is_reason(key, status, (region, image), &kept["why"]),
            "used-by" => {
                let other = text(kept, "/image");
                let images = self.eyes().ec2.images(region);
                let mut others = images.iter().filter(|it| it.id == other && it.id != image);
                others.any(|it| it.snapshot_ids().any(|id| id == snapshot))
            }
            "refused" => !is_throttled(text(kept, "/code")) && self.may_be_refused(key, region),
            _ => false,
        };
        (!is_so).then(|| format!("{snapshot} stays for a reason that is none"))
    }
}

/// The AMIs that are, or are to be, deregistered, as a status knows them.
fn retiring(status: &Value) -> Vec<Value> {
    let previous = status["previous"].as_array().into_iter().flatten();
    let all = previous.map(|version| &version["regions"]);
    let all = all.chain([&status["regions"]]).filter_map(Value::as_object);
    let mut all: Vec<Value> = all.flat_map(|it| it.values()).cloned().collect();
    all.retain(|it| !it["retiring"]["askedAt"].is_null());
    all
}

/// What a status says became of AMIs that are not wanted any more.
fn retirements(status: &Value) -> Vec<Value> {
    let all = [&status["forgotten"]["images"], &status["retired"]];
    let all = all.into_iter().filter_map(Value::as_array).flatten();
    all.cloned().collect()
}
