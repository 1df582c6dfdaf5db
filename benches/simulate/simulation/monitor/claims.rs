//! What the judge at rest has to know of what was said and done on the way.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use localaws::ec2::{Image, ImageState};
use localaws::faults::Call;
use serde_json::Value;

use super::given::RUNNING_MAX;
use super::images::made_for;
use super::retiring::{is_made_in_vain, is_retiring};
use super::{Monitor, State, field, own_images, text};
use crate::simulation::script::Manifest;
use crate::support::{REGION, TestStack};

/// How old an AMI is at least that is left because it was available for long: a day, but for clocks that are ahead.
const FOR_LONG: SignedDuration = SignedDuration::from_mins(24 * 60 - 5);

/// How long an AMI may get at most what a replaced version asks for: the event is lost, or the longest storm rages.
const REPLACED_FOR: SignedDuration = SignedDuration::from_hours(6);

/// How old a read may be at most on which a function acts.
pub(super) const READ_TO_ACT_MAX: SignedDuration = SignedDuration::from_mins(20);

/// What emails say of an AMI that was deregistered.
const GONE: &[&str] = &["deregistered", "was deregistered", "may be gone"];

/// What they say of one that was deprecated instead.
pub(crate) const DEPRECATED: &[&str] = &["deprecated"];

/// What was said and done.
#[derive(Default)]
pub(super) struct Claims {
    /// When somebody protected an AMI by hand, by Region and id, until functions change its protection.
    protected_by_hand: BTreeMap<(String, String), Timestamp>,
    /// What was left, as statuses have said: by manifest and what it is.
    orphans: BTreeMap<(String, String), Value>,
    /// AMIs whose protection a function switched off so that they can go, and did not switch on again, by Region.
    unprotected: BTreeSet<(String, String)>,
    /// AMIs that EC2 was asked to protect again, whatever it answered, by Region.
    asked_again: BTreeSet<(String, String)>,
    /// The tasks that EC2 has shown as failed, and that went on in truth.
    shown_as_failed: BTreeSet<String>,
    /// AMIs that functions have deregistered since they are not wanted any more, or are in the way, by Region.
    deregistered: BTreeSet<(String, String)>,
    /// Those that they have deprecated for that.
    deprecated: BTreeSet<(String, String)>,
    /// AMIs that somebody has shared by hand with whom no manifest names, by Region and id, and when last.
    pub(super) granted_at: BTreeMap<(String, String), Timestamp>,
    /// AMIs that somebody has shared with the first partner by hand, and no function since then, by Region and id; whether no
    /// version of the manifest had asked for that before.
    pub(super) offered: BTreeMap<(String, String), bool>,
    /// When somebody changed an AMI by hand first, by Region and id.
    edited_at: BTreeMap<(String, String), Timestamp>,
    /// When somebody did so last.
    edited_last: BTreeMap<(String, String), Timestamp>,
}

impl Monitor {
    /// Somebody protects an AMI by hand, or ends that.
    pub(in crate::simulation) fn protect(
        &self,
        stack: &TestStack,
        region: &str,
        id: &str,
        on: bool,
    ) {
        let place = (region.to_owned(), id.to_owned());
        let by_hand = &mut self.lock().claims.protected_by_hand;
        match on {
            true => by_hand.insert(place, stack.world.clock().now()),
            false => by_hand.remove(&place),
        };
    }

    /// EC2 shows a task as failed that goes on in truth.
    pub(in crate::simulation) fn show_as_failed(&self, task: &str) {
        self.lock().claims.shown_as_failed.insert(task.to_owned());
    }

    /// Somebody changes an AMI by hand.
    pub(in crate::simulation) fn note_edit(&self, stack: &TestStack, region: &str, id: &str) {
        let (place, at) = (
            (region.to_owned(), id.to_owned()),
            stack.world.clock().now(),
        );
        let claims = &mut self.lock().claims;
        claims.edited_last.insert(place.clone(), at);
        claims.edited_at.entry(place).or_insert(at);
    }

    /// The versions of an AMI's manifest that may have been asked for since somebody changed the AMI by hand first.
    pub(in crate::simulation) fn versions_since_edit(
        &self,
        region: &str,
        id: &str,
    ) -> Option<Vec<Manifest>> {
        let state = self.lock();
        let place = (region.to_owned(), id.to_owned());
        let (manifest, _) = made_for(state.images.get(&place)?)?;
        let since = state
            .claims
            .edited_at
            .get(&place)?
            .checked_sub(REPLACED_FOR)
            .ok()?;
        let (versions, at) = (state.wanted.get(manifest)?, state.wanted_at.get(manifest)?);
        let until = at.iter().skip(1).copied().chain([Timestamp::MAX]);
        let asked = versions
            .iter()
            .zip(until)
            .filter(|(_, until)| *until >= since);
        Some(asked.map(|(version, _)| version.clone()).collect())
    }

    /// Whether EC2 has shown a task as failed that went on in truth.
    pub(in crate::simulation) fn was_shown_as_failed(&self, task: &str) -> bool {
        self.lock().claims.shown_as_failed.contains(task)
    }

    /// What was left, as statuses have said: manifests, each with something and the reason.
    pub(in crate::simulation) fn orphans(&self) -> Vec<(String, Value)> {
        let state = self.lock();
        let orphans = state.claims.orphans.iter();
        orphans
            .map(|((key, _), it)| (key.clone(), it.clone()))
            .collect()
    }

    /// The AMIs whose protection a function has switched off last so that they can go, each with its Region.
    pub(in crate::simulation) fn unprotected(&self) -> BTreeSet<(String, String)> {
        self.lock().claims.unprotected.clone()
    }

    /// The AMIs that functions have deregistered, or deprecated, since they are not wanted any more, each with its Region and the
    /// words of the emails for that.
    pub(in crate::simulation) fn retired_by_functions(
        &self,
    ) -> Vec<((String, String), &'static [&'static str])> {
        let state = self.lock();
        let claims = &state.claims;
        let gone = claims.deregistered.iter().map(|it| (it.clone(), GONE));
        let deprecated = claims.deprecated.iter();
        let deprecated = deprecated.map(|it| (it.clone(), DEPRECATED));
        gone.chain(deprecated).collect()
    }

    /// The AMIs of a Region as they were last seen, also those that are gone.
    pub(in crate::simulation) fn images(&self, region: &str) -> Vec<Image> {
        let state = self.lock();
        let of_region = state.images.iter().filter(|((of, _), _)| of == region);
        of_region.map(|(_, image)| image.clone()).collect()
    }

    /// The address of the manifest that an AMI was made for, also of one that is gone.
    pub(in crate::simulation) fn made_for(&self, region: &str, id: &str) -> Option<String> {
        let state = self.lock();
        let image = state.images.get(&(region.to_owned(), id.to_owned()))?;
        made_for(image).map(|(manifest, _)| manifest.to_owned())
    }
}

impl State {
    /// Notes what a status says was left, and that it is repaired, which its manifest has to allow.
    pub(super) fn judge_claims(&mut self, call: &Call, key: &str, before: &Value, status: &Value) {
        let listed = |status: &Value| status["build"]["orphans"].as_array().cloned();
        let known = listed(before).unwrap_or_default();
        for orphan in listed(status).unwrap_or_default() {
            if known.contains(&orphan) {
                continue;
            }
            let what = text(&orphan, "/what").to_owned();
            let image = self.images.get(&(REGION.to_owned(), what.clone()));
            let is_young = image.is_some_and(|it| call.at.duration_since(it.created_at) < FOR_LONG);
            if text(&orphan, "/reason") == "available-for-long" && is_young {
                self.wrong(call, &format!("{what} was not available for a day"));
            }
            let place = (key.to_owned(), what);
            self.claims.orphans.insert(place, orphan);
        }
        // Whose version asks for no protection needs none again.
        let version = self.version(key, text(status, "/manifest/sha256"));
        let is_unasked = version.is_some_and(|it| it.protect.is_none());
        // Also where something else of it failed, or earlier AMIs are being retired.
        let is_published = ["available", "incomplete"].contains(&text(status, "/state"))
            || text(status, "/build/step") == "retire";
        if is_published && is_unasked {
            let own = own_images(status);
            self.claims.unprotected.retain(|(_, id)| !own.contains(id));
        }
        let is_repaired = |status: &Value| status["drift"]["repairing"] == true;
        let uri = format!("s3://{}/{key}", self.eyes().bucket);
        let mut versions = self.wanted.get(&uri).into_iter().flatten();
        if is_repaired(status) && !is_repaired(before) && !versions.any(|it| it.repair) {
            self.wrong(call, "it is repaired, and no version says so");
        }
        self.judge_copies(call, key, (before, status));
    }

    /// A copy that fails is begun twice until somebody asks for more, and none that failed is left when its image ends.
    fn judge_copies(&mut self, call: &Call, key: &str, (before, status): (&Value, &Value)) {
        for (region, copy) in status["copies"].as_object().into_iter().flatten() {
            if copy["failed"].as_u64() > Some(2) {
                self.wrong(
                    call,
                    &format!("{key}: a third copy to {region} has failed: {copy}"),
                );
            }
        }
        let state = text(status, "/state");
        let ends = text(before, "/state") != state && ["available", "incomplete"].contains(&state);
        for (region, it) in status["regions"].as_object().into_iter().flatten() {
            let is_left = !it["unlistedSince"].is_null()
                && ["failed", "pending"].contains(&text(it, "/imageState"));
            // It cannot be seen, or nobody may look any more.
            let is_away = !it["unseenSince"].is_null()
                || self.is_away(call, key)
                || self.may_be_refused(key, region);
            if ends && is_left && !is_away {
                self.wrong(
                    call,
                    &format!("{key}: the copy in {region} is left as it is: {it}"),
                );
            }
        }
    }

    /// Whether a manifest is not there, or was not when a function that runs yet may have looked.
    fn is_away(&self, call: &Call, key: &str) -> bool {
        let presence = self.versions.presence(key, call.at);
        presence.is_some_and(|(is_there, seconds)| !is_there || seconds <= RUNNING_MAX)
    }

    /// Whether somebody has changed an AMI by hand so lately that a function may act on what was before.
    pub(super) fn is_edited_lately(&self, call: &Call, place: &(String, String)) -> bool {
        self.is_edited_within(call, place, READ_TO_ACT_MAX)
    }

    /// Whether somebody has changed an AMI by hand for so long at most.
    pub(super) fn is_edited_within(
        &self,
        call: &Call,
        place: &(String, String),
        long: SignedDuration,
    ) -> bool {
        let at = self.claims.edited_last.get(place);
        at.is_some_and(|at| call.at.duration_since(*at) <= long)
    }

    /// A function changes the protection of an AMI. Whether somebody had protected it by hand, for longer than a read may be old.
    pub(super) fn ends_protection_by_hand(
        &mut self,
        call: &Call,
        place: &(String, String),
    ) -> bool {
        let since = self.claims.protected_by_hand.remove(place);
        since.is_some_and(|since| call.at.duration_since(since) > READ_TO_ACT_MAX)
    }

    /// Remembers that EC2 is asked to protect an AMI, whatever it answers, until the protection is to be off again.
    pub(super) fn hear_protection(&mut self, call: &Call, sent: &[(String, String)]) {
        let id = field(sent, "ImageId").unwrap_or_default();
        let place = (call.region.clone(), id.to_owned());
        match call.action.as_str() {
            "EnableImageDeregistrationProtection" => {
                self.claims.asked_again.insert(place);
            }
            "DisableImageDeregistrationProtection" => {
                self.claims.asked_again.remove(&place);
            }
            _ => {}
        }
    }

    /// Whether nobody asked EC2 to protect an AMI since its protection was to be off.
    pub(super) fn is_left_unprotected(&self, region: &str, image: &str) -> bool {
        let place = (region.to_owned(), image.to_owned());
        !self.claims.asked_again.contains(&place) && !self.is_disowned(region, image)
    }

    /// Notes what is done to an AMI that is to go: it may stay in the end, and people are told.
    pub(super) fn note_retirement(&mut self, call: &Call, sent: &[(String, String)]) {
        let id = field(sent, "ImageId").unwrap_or_default();
        let place = (call.region.clone(), id.to_owned());
        let Some(image) = self.images.get(&place) else {
            return;
        };
        let prefix = format!("s3://{}/", self.eyes().bucket);
        let made = made_for(image);
        let Some((key, digest)) =
            made.and_then(|(manifest, digest)| Some((manifest.strip_prefix(&prefix)?, digest)))
        else {
            return;
        };
        let last = self.written.last.get(key);
        // That of the newest version has what its manifest asks for.
        let is_going = last
            .is_some_and(|status| is_retiring(status) || text(status, "/build/digest") != digest);
        // What an attempt leaves is listed as deleted.
        let is_left = image.state == ImageState::Failed
            || last.is_some_and(|status| text(status, "/build/step") == "clean-up")
            || last.is_some_and(|status| is_made_in_vain(call, (image, digest), status));
        match call.action.as_str() {
            "DeregisterImage" if !is_left => {
                self.claims.deregistered.insert(place);
            }
            "EnableImageDeprecation" if is_going => {
                self.claims.deprecated.insert(place);
            }
            "EnableImageDeprecation" | "DisableImageDeprecation" => {
                self.claims.deprecated.remove(&place);
            }
            "DisableImageDeregistrationProtection" if is_going => {
                self.claims.unprotected.insert(place);
            }
            "EnableImageDeregistrationProtection" => {
                self.claims.unprotected.remove(&place);
            }
            _ => {}
        }
    }
}
