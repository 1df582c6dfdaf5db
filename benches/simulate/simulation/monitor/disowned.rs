//! What somebody has taken amiwright's tags from: it counts as somebody else's from then on, and nothing is done to it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use localaws::ec2::Image;
use localaws::faults::Call;

use super::images::made_for;
use super::{Monitor, State, field, values};
use crate::simulation::script::Source;
use crate::support::TestStack;

/// A function acts by what it has read for as long as it runs, and reads may be older, in seconds.
const READ_TO_ACT_MAX: i64 = 4 * 60;

/// The Region and the id of something.
type Place = (String, String);

/// What has lost its tags.
#[derive(Default)]
pub(super) struct Disowned {
    /// Since when.
    since: BTreeMap<Place, Timestamp>,
    /// The AMIs, as they were before.
    images: BTreeMap<Place, Image>,
}

impl Monitor {
    /// Somebody is about to take amiwright's tags from this AMI.
    pub(in crate::simulation) fn disown(&self, stack: &TestStack, region: &str, id: &str) {
        let (place, at) = (
            (region.to_owned(), id.to_owned()),
            stack.world.clock().now(),
        );
        let mut state = self.lock();
        state.look(region);
        if let Some(image) = state.images.get(&place).cloned() {
            state.disowned.images.insert(place.clone(), image);
        }
        state.disowned.since.entry(place).or_insert(at);
    }

    /// Whether an AMI has lost its tags.
    pub(in crate::simulation) fn is_disowned(&self, region: &str, id: &str) -> bool {
        self.lock().is_disowned(region, id)
    }

    /// The AMIs that have lost their tags, as they were before, with their Regions.
    pub(in crate::simulation) fn disowned_images(&self) -> Vec<(String, Image)> {
        let state = self.lock();
        let images = state.disowned.images.iter();
        images
            .map(|((region, _), image)| (region.clone(), image.clone()))
            .collect()
    }
}

impl State {
    /// Whether this has lost its tags.
    pub(super) fn is_disowned(&self, region: &str, id: &str) -> bool {
        let place = (region.to_owned(), id.to_owned());
        self.disowned.since.contains_key(&place)
    }

    /// Whether an AMI of this version has lost its tags in a Region.
    pub(super) fn is_version_disowned(&self, region: &str, made: (&str, &str)) -> bool {
        let mut images = self.disowned.images.iter();
        images.any(|(place, image)| place.0 == region && made_for(image) == Some(made))
    }

    /// The manifest that an AMI was made for, also of one that has lost its tags.
    pub(super) fn manifest_of(&self, region: &str, id: &str) -> Option<&str> {
        let place = (region.to_owned(), id.to_owned());
        let before = self.disowned.images.get(&place);
        let image = before.or_else(|| self.images.get(&place))?;
        made_for(image).map(|(manifest, _)| manifest)
    }

    /// Whether a call is about something that has lost its tags: it is none of amiwright's any more. Who has read it before does
    /// not know of that.
    pub(super) fn judge_disowned(&mut self, call: &Call, sent: &[(String, String)]) -> bool {
        let named = self.disowned_by(call, sent);
        for (id, since) in &named {
            if call.at.as_second() - since.as_second() > READ_TO_ACT_MAX {
                self.wrong(call, &format!("{id} has lost amiwright's tags"));
            }
        }
        !named.is_empty()
    }

    /// Whether a value that a parameter gets is such an AMI, of which a function need not know that.
    pub(super) fn is_just_disowned(&self, call: &Call, id: &str) -> bool {
        let since = self
            .disowned
            .since
            .get(&(call.region.clone(), id.to_owned()));
        since.is_some_and(|it| call.at.as_second() - it.as_second() <= READ_TO_ACT_MAX)
    }

    /// What a call changes of what has lost its tags, and since when. Of an AMI's snapshots, it is the AMI that proves whose they
    /// are (docs/decisions.md).
    fn disowned_by(&self, call: &Call, sent: &[(String, String)]) -> Vec<(String, Timestamp)> {
        let region = call.region.as_str();
        let snapshot =
            field(sent, "SnapshotId").filter(|_| call.action == "ModifySnapshotAttribute");
        let images = values(sent, "ImageId", "")
            .chain(values(sent, "ResourceId.", "").filter(|it| it.starts_with("ami-")));
        // What an import has made is proven by its task, too, and tagged again.
        let images = images.filter(|id| !self.is_machine(region, id));
        let mut ids: Vec<String> = images.map(str::to_owned).collect();
        if let Some(id) = snapshot {
            let living = self.eyes().ec2.images(region).into_iter();
            let users: Vec<String> = living
                .filter(|it| it.snapshot_ids().any(|of| of == id))
                .map(|it| it.id)
                .collect();
            // One that is deregistered by now may have been shared with it.
            let mut known = self.images.iter();
            let is_other = known.any(|(place, image)| {
                place.0 == region
                    && !users.contains(&place.1)
                    && !self.is_disowned(region, &place.1)
                    && made_for(image).is_some()
                    && image.snapshot_ids().any(|of| of == id)
            });
            if !is_other && users.iter().all(|it| self.is_disowned(region, it)) {
                ids.extend(users);
            }
        }
        let since = ids.into_iter().filter_map(|id| {
            let at = self.disowned.since.get(&(region.to_owned(), id.clone()))?;
            Some((id, *at))
        });
        since.collect()
    }

    /// Whether an import may have made an AMI.
    fn is_machine(&self, region: &str, id: &str) -> bool {
        let manifest = self.manifest_of(region, id);
        let versions = manifest.and_then(|manifest| self.wanted.get(manifest));
        let mut versions = versions.into_iter().flatten();
        versions.any(|it| it.source == Source::Vm)
    }
}
