//! An AMI is verified before a parameter names it, in every Region that is required, and before others are retired.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use localaws::ec2::Image;
use localaws::faults::Call;

use super::{DIGEST_TAG, Happened, MANIFEST_TAG, has_failed, is_verified};
use crate::support::REGION;
use crate::support::uploads::said;

/// How long before it acts a function has looked at most.
const LOOK_TO_ACT_MAX: SignedDuration = SignedDuration::from_mins(2);

impl Happened<'_> {
    pub(super) fn releasing(&self, wrong: &mut Vec<String>) {
        let is_one = self.is_of_one_manifest();
        for (call, lately, before) in self.done(&["PutParameter"]) {
            let value = call.field("Value").unwrap_or_default();
            let Some(image) = self.ever().find(|image| image.id == value) else {
                continue;
            };
            if !is_verified(before, image) {
                wrong.push(format!("{value} was released before it was verified"));
            }
            // What is left of a copy that failed is no version's AMI.
            let is_failed = |call: &Call| {
                let mut ever = self.ever();
                let gone = ever.find(|it| call.field("ImageId") == Some(&it.id));
                gone.is_some_and(has_failed)
            };
            let mut after = lately
                .iter()
                .skip_while(|it| it.action != "DeregisterImage" || is_failed(it));
            let Some(retired) = after.next().filter(|_| is_one) else {
                continue;
            };
            // One that has its name, or a bundle or disk that was written over, takes its place.
            if !after.any(|it| ["ImportImage", "RegisterImage"].contains(&it.action.as_str())) {
                let retired = retired.field("ImageId").unwrap_or_default();
                wrong.push(format!("{value} was released after {retired} was retired"));
            }
        }
    }

    /// Whoever launches from a parameter does so at once, in whichever Region.
    pub(super) fn requiring(&self, wrong: &mut Vec<String>) {
        for (call, _, _) in self.done(&["PutParameter"]) {
            let value = call.field("Value").unwrap_or_default();
            let Some(image) = self.ever().find(|image| image.id == value) else {
                continue;
            };
            for region in self.required(image, call) {
                let there = Happened {
                    region: &region,
                    images: self.all.images.get(&region).map_or(&[], Vec::as_slice),
                    calls: self.all.calls_in(&region),
                    all: self.all,
                };
                if !there.has_verified(image, call) {
                    wrong.push(format!(
                        "{value} was released in {} before it was verified in {region}",
                        self.region
                    ));
                }
            }
        }
    }

    /// The Regions that the manifest of an AMI says are required, at the time of a call.
    fn required(&self, image: &Image, call: &Call) -> BTreeSet<String> {
        let said = said(&self.all.uploads, image, call);
        let each = said.into_iter().map(|spec| {
            let regions = spec.map(|it| it.regions).unwrap_or_default();
            let is_required = |(_, copy): &(String, Option<_>)| {
                let copy: Option<&amiwright::manifest::image::RegionCopy> = copy.as_ref();
                copy.is_none_or(amiwright::manifest::image::RegionCopy::is_required)
            };
            let required = regions.into_iter().filter(is_required);
            let home = std::iter::once(REGION.to_owned());
            required.map(|(region, _)| region).chain(home).collect()
        });
        // Whatever it was that the invocation had read.
        each.reduce(|one: BTreeSet<String>, other| &one & &other)
            .unwrap_or_default()
    }

    /// Whether somebody else has deregistered an AMI so lately that a function may have seen it before.
    fn was_just_ended(&self, image: &Image, call: &Call) -> bool {
        self.end_of(image).is_some_and(|end| {
            end.function.is_none() && call.at.duration_since(end.at) <= LOOK_TO_ACT_MAX
        })
    }

    /// Whether the AMI of the same version is there, and was seen after it was changed last.
    fn has_verified(&self, image: &Image, call: &Call) -> bool {
        let before = self.calls.partition_point(|it| it.number < call.number);
        let before = self.calls.get(..before).unwrap_or_default();
        // A tag may have been removed by hand since.
        let is_same = |it: &&Image| {
            let mut tags = [MANIFEST_TAG, DIGEST_TAG].into_iter();
            tags.all(|tag| match (it.tags.get(tag), image.tags.get(tag)) {
                (Some(one), Some(other)) => one == other,
                _ => true,
            })
        };
        let mut versions = self.ever().filter(is_same);
        versions.any(|it| {
            (self.is_there(it, call) || self.was_just_ended(it, call)) && is_verified(before, it)
        })
    }
}
