//! What functions take away: AMIs that are not wanted any more, and their snapshots.

use localaws::ec2::{Image, ImageState};
use localaws::faults::Call;
use serde_json::Value;

use super::images::made_for;
use super::statuses::own_images;
use super::{State, field, text};
use crate::simulation::script::Retire;

/// Who has looked what uses an AMI may deregister it for as long as a function runs, in seconds.
const LOOK_TO_ACT_MAX: i64 = 15 * 60;

/// An AMI that is deregistered.
struct Going {
    image: Image,
    /// The manifest's address.
    manifest: String,
    digest: String,
    /// The manifest's status.
    status: Value,
}

impl Going {
    /// Whether it is of an earlier version, or of a manifest that is gone, and all else is done.
    fn is_retired(&self) -> bool {
        is_retiring(&self.status)
    }

    /// Whether it has to go before the AMI of the newest version can be registered, which wants its name.
    fn makes_room(&self) -> bool {
        let is_before =
            ["start-task", "register-image"].contains(&text(&self.status, "/build/step"));
        let is_for_name = self.status["build"]["bundle"].is_null();
        is_before && is_for_name && text(&self.status, "/build/digest") != self.digest
    }
}

/// Whether AMIs that are not wanted any more are being retired: all else is done.
pub(super) fn is_retiring(status: &Value) -> bool {
    text(status, "/build/step") == "retire" && text(status, "/state") == "working"
}

impl State {
    pub(super) fn judge_retirement(&mut self, call: &Call, sent: &[(String, String)]) {
        let id = field(sent, "ImageId").unwrap_or_default();
        let place = (call.region.clone(), id.to_owned());
        let Some(image) = self.images.get(&place).cloned() else {
            return self.wrong(call, &format!("{id} was never seen"));
        };
        let made =
            made_for(&image).map(|(manifest, digest)| (manifest.to_owned(), digest.to_owned()));
        let Some((manifest, digest)) = made else {
            return self.wrong(call, &format!("{id} is not ours"));
        };
        let prefix = format!("s3://{}/", self.eyes().bucket);
        let Some(key) = manifest.strip_prefix(&prefix).map(str::to_owned) else {
            return self.wrong(call, &format!("{id} is of {manifest}, which is not ours"));
        };
        let status = self.written.last.get(&key).cloned().unwrap_or_default();
        let going = Going {
            image,
            manifest,
            digest,
            status,
        };
        if going.is_retired() || going.makes_room() {
            self.judge_use(call, &going);
        }
        if going.is_retired() {
            self.judge_wish(call, &going);
        }
    }

    /// What is in use stays.
    fn judge_use(&mut self, call: &Call, going: &Going) {
        let id = &going.image.id;
        if !self.given(call).retire {
            self.wrong(call, &format!("{id} is retired, and AllowRetire is false"));
        }
        let named = self.eyes().ssm.image_parameters()(&call.region);
        let named = named.into_iter().filter(|(_, value)| value == id);
        for (name, _) in named {
            self.wrong(
                call,
                &format!("{id} is retired, and {name} still points to it"),
            );
        }
        let used = self.templates.get(&(call.region.clone(), id.clone()));
        if used.is_some_and(|since| call.at.as_second() - since.as_second() > LOOK_TO_ACT_MAX) {
            self.wrong(
                call,
                &format!("{id} is retired, and a launch template uses it"),
            );
        }
    }

    /// Only what somebody wants to be deregistered is.
    fn judge_wish(&mut self, call: &Call, going: &Going) {
        let (id, status) = (&going.image.id, &going.status);
        let is_own =
            text(status, "/build/digest") == going.digest || own_images(status).contains(id);
        let asked = |retires: fn(&super::Manifest) -> Retire| {
            let mut versions = self.wanted.get(&going.manifest).into_iter().flatten();
            versions.any(|version| retires(version) == Retire::Deregister)
        };
        let (is_replaced, is_deleted) = (asked(|it| it.replaces), asked(|it| it.on_delete));
        if status["removedAt"].is_string() {
            if !is_deleted && (is_own || !is_replaced) {
                let what = format!("{id} is deregistered, and no version of its manifest says so");
                self.wrong(call, &what);
            }
            return;
        }
        if is_own {
            self.wrong(
                call,
                &format!("{id} is retired, and it is of the newest version"),
            );
        }
        if !is_replaced {
            let what = format!("no version of {} retires {id}", going.manifest);
            self.wrong(call, &what);
        }
        let newest = own_images(status);
        let living = self.living(&call.region);
        let is_there = |it: &&Image| newest.contains(&it.id) && it.state == ImageState::Available;
        if !living.iter().any(|image| is_there(&image)) {
            self.wrong(
                call,
                &format!(
                    "{id} is retired, and its successor is not there in {}",
                    call.region
                ),
            );
        }
        let made = (going.manifest.as_str(), text(status, "/build/digest"));
        let versions = self.wanted.get(&going.manifest).into_iter().flatten();
        let reasons: Vec<_> = versions.map(|it| self.not_ready(it, made)).collect();
        if let Some(why) = reasons.into_iter().collect::<Option<Vec<_>>>() {
            let why = why.last().cloned().unwrap_or_default();
            self.wrong(call, &format!("{id} is retired before {why}"));
        }
    }

    /// The snapshots of an AMI that is retired stay, unless its manifest says that they are to be deleted.
    pub(super) fn judge_deletion(&mut self, call: &Call, sent: &[(String, String)]) {
        let id = field(sent, "SnapshotId").unwrap_or_default();
        let of_region = self
            .images
            .iter()
            .filter(|((region, _), _)| *region == call.region);
        let images = of_region
            .map(|(_, image)| image)
            .filter(|image| image.snapshot_ids().any(|it| it == id));
        let users: Vec<Image> = images.cloned().collect();
        for image in users {
            let Some((manifest, _)) =
                made_for(&image).filter(|_| image.state != ImageState::Failed)
            else {
                continue;
            };
            let prefix = format!("s3://{}/", self.eyes().bucket);
            let key = manifest.strip_prefix(&prefix);
            let status = key.and_then(|key| self.written.last.get(key));
            let is_retired = status.is_some_and(is_retiring);
            let mut versions = self.wanted.get(manifest).into_iter().flatten();
            if is_retired && !versions.any(|version| version.delete_snapshots) {
                let what = format!(
                    "no version of {manifest} lets {id} be deleted, a snapshot of {}",
                    image.id
                );
                self.wrong(call, &what);
            }
        }
    }
}
