//! Whether a notice lists what functions have changed about AMIs since people last heard of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use localaws::ec2::{DeregistrationProtection, Image, Permission};
use localaws::faults::Call;
use serde_json::Value;

use super::super::{State, own_images, text};

/// Notices from which people know how AMIs are.
const DESCRIBING: [&str; 3] = ["completed", "changed", "incomplete"];

/// EC2 rounds to minutes.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// What people know of the AMIs of a manifest.
#[derive(Default)]
pub(super) struct Known {
    /// The attempt that they were told of.
    attempt: String,
    /// The AMIs by Region and id, as they were then.
    images: BTreeMap<(String, String), Settings>,
}

/// What functions may change about an AMI, each with the words for that: the actions that a notice lists.
type Settings = BTreeMap<&'static str, String>;

impl State {
    /// Remembers how AMIs are when people are told of them; what differs by the next time is listed then.
    pub(super) fn judge_changes(&mut self, call: &Call, key: &str, kind: &str, facts: &Value) {
        if !DESCRIBING.contains(&kind) {
            return;
        }
        let (attempt, mut images) = (super::attempt(facts), BTreeMap::new());
        let own = own_images(facts);
        let regions = facts["regions"].as_object().into_iter().flatten();
        for (region, _) in regions {
            let living = self.eyes().ec2.images(region).into_iter();
            for image in living.filter(|it| own.contains(&it.id)) {
                let settings = self.settings(region, &image);
                images.insert((region.clone(), image.id), settings);
            }
        }
        let now = Known { attempt, images };
        let before = self.telling.known.remove(key);
        if let Some(before) = before.filter(|it| it.attempt == now.attempt) {
            let missing = self.unlisted(&before, &now, facts);
            for what in missing {
                self.wrong(call, &format!("{kind} does not list {what}"));
            }
        }
        self.telling.known.insert(key.to_owned(), now);
    }

    /// A parameter that a manifest stops naming is left, and stands among the changes of the same write.
    pub(in super::super) fn judge_left(&mut self, call: &Call, (before, status): (&Value, &Value)) {
        let left_at = |of: &Value, id: &str| of["release"]["parameters"][id]["leftAt"].clone();
        let known = status["release"]["parameters"].as_object();
        let is_untold = |id: &&String| {
            let at = left_at(status, id);
            let mut changes = status["changes"].as_array().into_iter().flatten();
            let is_listed = changes.any(|it| {
                let place = format!("{}:{}", text(it, "/region"), text(it, "/name"));
                text(it, "/action") == "leave-parameter" && place == **id
            });
            !at.is_null() && at != left_at(before, id) && !is_listed
        };
        let names = known.into_iter().flat_map(|it| it.keys());
        for id in names.filter(is_untold) {
            self.wrong(call, &format!("{id} is left, and nobody will be told"));
        }
    }

    /// What differs that facts do not list.
    fn unlisted(&self, before: &Known, now: &Known, facts: &Value) -> Vec<String> {
        let mut missing = Vec::new();
        for (place, settings) in &now.images {
            let known = before.images.get(place);
            let Some(known) = known.filter(|_| !self.touched.contains(place)) else {
                continue;
            };
            let changed = settings
                .iter()
                .filter(|(what, is)| known.get(*what) != Some(is));
            let changed =
                changed.filter(|(what, _)| **what != "deprecation" || !self.is_ec2s(place));
            let unlisted = changed
                .filter(|(what, _)| !is_listed(facts, &place.0, what) && !is_unseen(facts, place));
            missing.extend(unlisted.map(|(what, is)| {
                let was = known.get(what);
                format!("{what} of {} in {}: {was:?}, now {is}", place.1, place.0)
            }));
        }
        missing
    }

    /// Whether EC2 itself deprecates an AMI as it does: it is public, or was it, two years after it was made.
    fn is_ec2s(&self, (region, id): &(String, String)) -> bool {
        let images = self.eyes().ec2.images(region);
        images.iter().filter(|it| it.id == *id).any(|image| {
            let made = image.created_at.to_zoned(TimeZone::UTC);
            let latest = made.checked_add(2.years()).map(|it| it.timestamp());
            let near = |at: Timestamp| {
                latest
                    .as_ref()
                    .is_ok_and(|it| it.duration_since(at).abs() <= MINUTE)
            };
            let is_public = image.launch_permissions.contains(&Permission::Everyone);
            is_public
                || (self.may_have_been_public(image) && image.deprecation_time.is_some_and(near))
        })
    }

    fn settings(&self, region: &str, image: &Image) -> Settings {
        let of_others = |key: &str| key.starts_with("amiwright:") || key.starts_with("aws:");
        let tags = image.tags.iter().filter(|(key, _)| !of_others(key));
        let tags: BTreeMap<&String, &String> = tags.collect();
        let is_protected = match &image.deregistration_protection {
            DeregistrationProtection::Disabled | DeregistrationProtection::CoolingDown(_) => "no",
            DeregistrationProtection::EnabledWithCooldown => "with cooldown",
            DeregistrationProtection::EnabledWithoutCooldown => "yes",
        };
        let shares = self.shares(region, image);
        BTreeMap::from([
            ("description", format!("{:?}", image.description)),
            ("tags", format!("{tags:?}")),
            ("grants", format!("{:?}", image.launch_permissions)),
            ("snapshot", format!("{shares:?}")),
            ("deprecation", format!("{:?}", image.deprecation_time)),
            ("protection", is_protected.to_owned()),
        ])
    }

    /// Who has the snapshots that were made for an AMI: others may have AMIs of what a manifest names.
    fn shares(&self, region: &str, image: &Image) -> BTreeMap<String, BTreeSet<Permission>> {
        let digest = "amiwright:digest";
        let mut snapshots = self.eyes().ec2.snapshots(region);
        snapshots.retain(|it| {
            let is_its = image.snapshot_ids().any(|id| *id == it.id);
            is_its && it.tags.get(digest) == image.tags.get(digest)
        });
        let shares = snapshots.into_iter();
        shares
            .map(|it| (it.id, it.create_volume_permissions))
            .collect()
    }
}

/// Whether facts say that what was asked for last of an AMI was not seen to be set: it may be so or not, as the email says.
fn is_unseen(facts: &Value, (region, image): &(String, String)) -> bool {
    let known = &facts["regions"][region];
    known["image"] == **image && known["applied"]["intended"].is_object()
}

/// Whether facts list a change of this kind in a Region: `set-description`, `change-grants`, ….
fn is_listed(facts: &Value, region: &str, what: &str) -> bool {
    let mut changes = facts["changes"].as_array().into_iter().flatten();
    changes.any(|it| text(it, "/region") == region && text(it, "/action").contains(what))
}
