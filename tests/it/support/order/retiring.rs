//! AMIs are retired once the one that replaces them is verified, and the parameters were seen to name it.

use std::collections::BTreeSet;

use amiwright::manifest::image::PublishSpec;
use jiff::{SignedDuration, Timestamp};
use localaws::ec2::Image;
use localaws::faults::Call;

use super::{Happened, MANIFEST_TAG, has_failed, is_other_version, is_verified, snapshots};
use crate::support::REGION;
use crate::support::uploads::said;

/// What is retired is deprecated at once: within this.
const SOON: SignedDuration = SignedDuration::from_hours(1);

impl<'a> Happened<'a> {
    pub(super) fn retiring(&self, wrong: &mut Vec<String>) {
        if !self.is_of_one_manifest() {
            return;
        }
        for (call, _, before) in self.done(&["DeregisterImage"]) {
            let mut ever = self.ever();
            let retired = ever.find(|it| call.field("ImageId") == Some(&it.id));
            // What is left of a copy that failed is no version's AMI.
            if retired.is_some_and(has_failed) {
                continue;
            }
            let manifest = retired.and_then(|retired| retired.tags.get(MANIFEST_TAG));
            // One that was made later takes its name; one of another manifest, or of none, replaces nothing.
            let there = self.images.iter().filter(|image| {
                let of = image.tags.get(MANIFEST_TAG);
                let is_of_manifest = of.is_some_and(|of| manifest.is_none_or(|it| it == of));
                image.created_at <= call.at && is_of_manifest
            });
            for image in there.filter(|image| !is_verified(before, image)) {
                let retired = call.field("ImageId").unwrap_or_default();
                wrong.push(format!(
                    "{retired} was deregistered before {} was verified",
                    image.id
                ));
            }
        }
    }

    /// Whoever follows a parameter has to have the new AMI before the old one goes.
    pub(super) fn confirming(&self, wrong: &mut Vec<String>) {
        let retires = &[
            "DeregisterImage",
            "DeleteSnapshot",
            "EnableImageDeprecation",
        ];
        for (call, _, _) in self.done(retires) {
            let Some(retired) = self.retired_by(call) else {
                continue;
            };
            for (region, name) in self.moved(retired, call) {
                let what = format!("{} by {}", retired.id, call.action);
                let of = self.all.calls.iter().filter(|it| {
                    it.region == region && it.number < call.number && it.function.is_some()
                });
                let is_put =
                    |it: &&Call| it.action == "PutParameter" && it.field("Name") == Some(&name);
                let put = of.clone().rfind(is_put);
                // Another manifest may have taken it over since.
                let mut own = of.clone().rev().filter(is_put);
                let own = own.find(|it| !self.is_of_another_manifest(retired, it));
                let since = own.or(put).map_or(0, |it| it.number);
                let mut after = of.clone().filter(|it| it.number > since);
                let is_read = |it: &Call| {
                    it.action == "GetParameters" && it.values("Names.", "").any(|it| it == name)
                };
                let mut taken = of.clone().rev().filter(is_put);
                let taken = taken.find(|it| self.all.is_taken(it));
                if taken.is_some_and(|it| it.field("Value") == Some(&retired.id)) {
                    wrong.push(format!("{what} was retired while {name} named it"));
                } else if !after.any(is_read) {
                    wrong.push(format!(
                        "{what} was retired before {name} was confirmed in {region}"
                    ));
                }
            }
        }
    }

    /// Whether a parameter was set to an AMI of another manifest than this one's.
    fn is_of_another_manifest(&self, image: &Image, put: &Call) -> bool {
        let value = put.field("Value").unwrap_or_default();
        let mut images = self.all.ever_in(&put.region);
        let named = images.find(|it| it.id == value);
        let of = named.and_then(|it| it.tags.get(MANIFEST_TAG));
        of.is_some_and(|of| image.tags.get(MANIFEST_TAG) != Some(of))
    }

    /// The AMI that a call retires; none where it is removed for another reason: it failed, or another takes its name.
    fn retired_by(&self, call: &Call) -> Option<&'a Image> {
        let image = match call.field("SnapshotId") {
            Some(snapshot) => self.ever().find(|it| snapshots(it).contains(snapshot)),
            None => self.ever().find(|it| call.field("ImageId") == Some(&it.id)),
        }?;
        let deprecated = call.field("DeprecateAt");
        let at = deprecated.and_then(|it| it.parse::<Timestamp>().ok());
        let is_set = at.is_some_and(|at| at.duration_since(call.at) > SOON);
        let epoch = self.all.epoch(call);
        let mut after = self.calls.iter().filter(|it| it.number > call.number);
        let is_made = |it: &&Call| it.action == "RegisterImage" && self.all.epoch(it) == epoch;
        (!is_set && !has_failed(image) && !after.any(is_made)).then_some(image)
    }

    /// The parameters that name, by Region, what replaces an AMI: those that were written since the last upload, and all of the
    /// manifest where the AMI that replaces it was made later.
    fn moved(&self, retired: &Image, call: &Call) -> BTreeSet<(String, String)> {
        let epoch = self.all.epoch(call);
        let mut moved = BTreeSet::new();
        for put in self.all.calls.iter().filter(|it| {
            it.action == "PutParameter" && it.number < call.number && self.all.epoch(it) == epoch
        }) {
            let value = put.field("Value").unwrap_or_default();
            let mut images = self.all.ever_in(&put.region);
            let image = images.find(|it| it.id == value);
            if image.is_some_and(|it| is_other_version(it, retired)) && put.function.is_some() {
                let name = put.field("Name").unwrap_or_default();
                moved.insert((put.region.clone(), name.to_owned()));
            }
        }
        let is_newer =
            |it: &&Image| is_other_version(it, retired) && it.created_at > retired.created_at;
        if self
            .ever()
            .any(|it| is_newer(&it) && self.is_there(it, call))
        {
            moved.extend(self.named(retired, call));
        }
        moved
    }

    /// The parameters that the manifest of an AMI named at the time of a call, in this Region.
    fn named(&self, image: &Image, call: &Call) -> BTreeSet<(String, String)> {
        let said = said(&self.all.uploads, image, call);
        let each = said.into_iter().map(|spec| {
            // Those of a Region that it does not name any more are left as they are.
            let here =
                |it: &PublishSpec| self.region == REGION || it.regions.contains_key(self.region);
            let named = spec
                .filter(here)
                .map(|it| it.parameters)
                .unwrap_or_default();
            let named = named
                .into_iter()
                .map(|it| (self.region.to_owned(), it.name));
            named.collect()
        });
        each.reduce(|one: BTreeSet<_>, other| &one & &other)
            .unwrap_or_default()
    }
}
