//! What functions take away: AMIs that are not wanted any more, and their snapshots.

use jiff::{SignedDuration, Timestamp};
use localaws::ec2::{Image, ImageState};
use localaws::faults::Call;
use serde_json::Value;

use super::images::made_for;
use super::statuses::own_images;
use super::{State, field, text};
use crate::simulation::script::{Manifest, Retire};

/// Who has looked what uses an AMI may deregister it for as long as a function runs, a minute; what it has read may be two and a
/// half minutes old, and clocks are off by two. In seconds.
const LOOK_TO_ACT_MAX: i64 = 6 * 60;

/// Who has just made an AMI takes it back before the function ends, in seconds.
const MADE_TO_TAKEN_BACK_MAX: i64 = 60;

/// Nobody takes an AMI that has been there for longer for what an attempt has left, in seconds: a day, and what clocks are off.
const IN_USE_FOR_SURE: i64 = 24 * 3600 + 5 * 60;
/// What is shared and was launched within as many seconds may be in use.
const LAUNCHED_RECENTLY: i64 = 30 * 24 * 3600;

/// An AMI that is deregistered.
pub(super) struct Going {
    pub(super) image: Image,
    pub(super) region: String,
    /// The manifest's address.
    pub(super) manifest: String,
    pub(super) key: String,
    pub(super) digest: String,
    /// The manifest's status.
    pub(super) status: Value,
}

/// Why an AMI may go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Because {
    /// It is of an earlier version, or of a manifest that is gone, and all else is done.
    Retired,
    /// The AMI of the newest version wants its name.
    Name,
    /// Its bundle is overwritten by that of the newest version.
    Bundle,
    /// It is a copy that failed.
    Failed,
    /// Its attempt failed, or was cancelled.
    CleanUp,
}

impl Going {
    /// Why it goes, by what its manifest's status is doing; none if that is nothing for which an AMI goes.
    pub(super) fn because(&self) -> Option<Because> {
        let bundle = &self.status["build"]["bundle"];
        let location = format!("{}/{}", text(bundle, "/bucket"), text(bundle, "/key"));
        let is_overwritten = !bundle.is_null() && self.image.location == location;
        match text(&self.status, "/build/step") {
            _ if text(&self.status, "/state") != "working" => None,
            "retire" => Some(Because::Retired),
            "publish" => Some(Because::Failed),
            "clean-up" => Some(Because::CleanUp),
            "start-task" | "register-image" if is_overwritten => Some(Because::Bundle),
            "start-task" | "register-image" => Some(Because::Name),
            _ => None,
        }
    }

    fn is_of_newest(&self) -> bool {
        text(&self.status, "/build/digest") == self.digest
            || own_images(&self.status).contains(&self.image.id)
    }
}

/// Whether an AMI was made a moment ago, for a version that has ended meanwhile, and whose status does not know of it: whoever has
/// made it takes it back.
pub(super) fn is_made_in_vain(
    call: &Call,
    (image, digest): (&Image, &str),
    status: &Value,
) -> bool {
    let is_ending = text(status, "/state") != "working"
        || !status["build"]["ending"].is_null()
        || text(status, "/build/digest") != digest;
    let age = call.at.as_second() - image.created_at.as_second();
    let is_known = status.to_string().contains(&image.id);
    is_ending && !is_known && age <= MADE_TO_TAKEN_BACK_MAX
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
        // Another function may have gone on meanwhile.
        let mut reasons = vec![vec![format!("no status of {manifest} was ever written")]];
        for status in self.versions.lately(&key, call.at) {
            let going = Going {
                image: image.clone(),
                region: call.region.clone(),
                manifest: manifest.clone(),
                key: key.clone(),
                digest: digest.clone(),
                status: Value::clone(&status),
            };
            reasons.push(self.why_not(call, &going));
        }
        if reasons.iter().all(|it| !it.is_empty()) {
            let last = reasons.pop().unwrap_or_default();
            last.iter().for_each(|why| self.wrong(call, why));
        }
    }

    /// Why an AMI may not be deregistered, if the function that does it acts by this status.
    fn why_not(&self, call: &Call, going: &Going) -> Vec<String> {
        let id = &going.image.id;
        let mut why = Vec::new();
        if is_made_in_vain(call, (&going.image, &going.digest), &going.status) {
            return why;
        }
        let Some(because) = going.because() else {
            let step = text(&going.status, "/build/step");
            return vec![format!("{id} is deregistered in the step {step}")];
        };
        match because {
            Because::Failed if going.image.state != ImageState::Failed => {
                why.push(format!(
                    "{id} is removed as a copy that failed, and has not"
                ));
            }
            Because::Failed => {}
            Because::CleanUp => why.extend(why_not_left(call, going)),
            // It cannot be launched any more, whatever uses it.
            Because::Bundle if !self.given(call).retire => {
                why.push(format!(
                    "{id} goes with its bundle, and AllowRetire is false"
                ));
            }
            Because::Bundle => {}
            Because::Name | Because::Retired => {
                self.judge_use(call, going, &mut why);
                self.judge_wish(call, going, because, &mut why);
            }
        }
        why.extend(self.outdated(call, going, because));
        why
    }

    /// What is in use stays.
    fn judge_use(&self, call: &Call, going: &Going, why: &mut Vec<String>) {
        let id = &going.image.id;
        if !self.given(call).retire {
            why.push(format!("{id} is retired, and AllowRetire is false"));
        }
        let named = self.eyes().ssm.image_parameters()(&call.region);
        let named = named.into_iter().filter(|(_, value)| value == id);
        why.extend(
            named.map(|(name, _)| format!("{id} is retired, and {name} still points to it")),
        );
        let place = (call.region.clone(), id.clone());
        // EC2 does not show the instances of other accounts.
        let launched = self.launched.get(&place);
        let is_shared = !going.image.launch_permissions.is_empty();
        let is_recent = |since: &Timestamp| {
            let seconds = call.at.as_second() - since.as_second();
            (LOOK_TO_ACT_MAX..LAUNCHED_RECENTLY).contains(&seconds)
        };
        if is_shared && launched.is_some_and(is_recent) {
            why.push(format!(
                "{id} is retired, is shared, and was launched lately"
            ));
        }
        let used = self.templates.get(&place);
        if used.is_some_and(|since| call.at.as_second() - since.as_second() > LOOK_TO_ACT_MAX) {
            why.push(format!("{id} is retired, and a launch template uses it"));
        }
    }

    /// Only what somebody wants to be deregistered is.
    fn judge_wish(&self, call: &Call, going: &Going, because: Because, why: &mut Vec<String>) {
        let (id, status, manifest) = (&going.image.id, &going.status, &going.manifest);
        let versions = self.versions_about(manifest, status);
        let asked = |retires: fn(&Manifest) -> Retire| {
            versions
                .iter()
                .any(|version| retires(version) == Retire::Deregister)
        };
        let (is_replaced, is_deleted) = (asked(|it| it.replaces), asked(|it| it.on_delete));
        let is_own = going.is_of_newest();
        if because == Because::Retired && status["removedAt"].is_string() {
            if !is_deleted && (is_own || !is_replaced) {
                why.push(format!(
                    "{id} is deregistered, and its manifest did not say so"
                ));
            }
            return;
        }
        if is_own {
            why.push(format!("{id} is retired, and it is of the newest version"));
        }
        if !is_replaced {
            why.push(format!(
                "the newest version of {manifest} does not retire {id}"
            ));
        }
        if because == Because::Name {
            if going.image.name != text(status, "/build/name") {
                why.push(format!("{id} goes for a name that it does not have"));
            }
            return;
        }
        let newest = own_images(status);
        let region = &going.region;
        let living = self.living(region);
        let is_there = |it: &&Image| newest.contains(&it.id) && it.state == ImageState::Available;
        // Whoever has ended it may have done so after the function looked.
        let is_ended_lately = |id: &String| {
            let within = SignedDuration::from_secs(LOOK_TO_ACT_MAX);
            let is_pending = |it: &Image| it.id == *id && it.state == ImageState::Pending;
            !living.iter().any(is_pending)
                && self.is_edited_within(call, &(region.clone(), id.clone()), within)
        };
        let is_ended_lately = newest.iter().any(is_ended_lately);
        if !is_ended_lately && !living.iter().any(|image| is_there(&image)) {
            why.push(format!(
                "{id} is retired, and its successor is not there in {region}"
            ));
        }
        let made = (manifest.as_str(), text(status, "/build/digest"));
        let reasons: Vec<_> = versions.iter().map(|it| self.not_ready(it, made)).collect();
        if let Some(reasons) = reasons.into_iter().collect::<Option<Vec<_>>>() {
            let last = reasons.last().cloned().unwrap_or_default();
            why.push(format!("{id} is retired before {last}"));
        }
    }

    /// The snapshots of an AMI that is retired stay, unless its manifest says now that they are to be deleted.
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
            let Some(status) = status.filter(|it| is_retiring(it)) else {
                continue;
            };
            let versions = self.versions_about(manifest, status);
            if !versions.iter().any(|version| version.delete_snapshots) {
                let what = format!(
                    "the newest version of {manifest} does not let {id} be deleted, a snapshot of {}",
                    image.id
                );
                self.wrong(call, &what);
            }
        }
    }
}

/// Why an AMI is not what an attempt has left that failed or was cancelled.
fn why_not_left(call: &Call, going: &Going) -> Option<String> {
    let (id, status) = (&going.image.id, &going.status);
    let build = &status["build"];
    let number = build["attempt"].as_u64().unwrap_or_default();
    let attempt = format!("{} {number}", text(status, "/manifest/uploadedAt"));
    let tag = going.image.tags.get("amiwright:attempt");
    let mut deleted = build["deleted"].as_array().into_iter().flatten();
    let age = call.at.as_second() - going.image.created_at.as_second();
    // One that failed before is nobody's to keep.
    if tag != Some(&attempt) && going.image.state != ImageState::Failed {
        return Some(format!(
            "{id} is of the attempt {tag:?}, and {attempt} is cleaned up"
        ));
    }
    if build["ending"].is_null() {
        return Some(format!("{id} is cleaned up, and its image does not end"));
    }
    if !deleted.any(|it| it == id.as_str()) {
        return Some(format!(
            "{id} is cleaned up, and its status did not say so before"
        ));
    }
    let is_whole = going.image.state == ImageState::Available;
    (is_whole && age > IN_USE_FOR_SURE)
        .then(|| format!("{id} is cleaned up, and was available for {age} seconds"))
}
