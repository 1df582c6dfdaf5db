//! In which order functions change things, held for every test: snapshots are shared before their AMI and revoked after it,
//! the AMIs of all Regions that are required are verified before one is released, and others are retired only after that
//! was seen to be done. And that an AMI has the disk that its version names, however often that is replaced, or somebody was told.
//!
//! Between two uploads, because a manifest that changed may ask for the opposite; and as it is at the time, because an
//! invocation may still do what the manifest asked for when it began.

mod importing;
mod releasing;
mod retiring;
mod sharing;
mod wrong_orders;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use localaws::ec2::Image;
use localaws::faults::Call;
use localaws::ssm::InvalidValue;
use localaws::world::World;
use serde_json::Value;

use super::uploads::Upload;

pub(super) const MANIFEST_TAG: &str = "amiwright:manifest";
pub(super) const DIGEST_TAG: &str = "amiwright:digest";

/// What happened in a world.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    /// What was done in EC2 and to parameters, by functions and by others.
    calls: Vec<Call>,
    /// Each look of a function whether an object is still what it was.
    looks: Vec<Call>,
    /// The AMIs that there are in the end, by Region.
    images: BTreeMap<String, Vec<Image>>,
    /// Those that were deregistered, as they were then.
    gone: BTreeMap<String, Vec<Image>>,
    /// The values of parameters whose validation failed.
    invalid: Vec<InvalidValue>,
    uploads: Vec<Upload>,
    told: Vec<Told>,
}

/// What people were told.
#[derive(Debug, Clone)]
struct Told {
    at: Timestamp,
    /// The notice, as machines get it.
    notice: Value,
    email: String,
}

impl Told {
    fn of(world: &World) -> Vec<Self> {
        let published = world.sns().published().into_iter();
        let told = published.map(|it| {
            let bodies: Value = serde_json::from_str(&it.message).unwrap();
            let body = |name: &str| bodies[name].as_str().unwrap().to_owned();
            Self {
                at: it.at,
                notice: serde_json::from_str(&body("default")).unwrap(),
                email: body("email"),
            }
        });
        told.collect()
    }
}

impl Recorded {
    pub(super) fn of(world: &World, uploads: &[Upload]) -> Self {
        let mut calls = world.calls();
        let is_look =
            |call: &&Call| call.done && call.action == "HeadObject" && call.function.is_some();
        let looks = calls.iter().filter(is_look).cloned().collect();
        calls.retain(|call| call.done && ["ec2", "ssm"].contains(&call.service.as_str()));
        let regions: BTreeSet<String> = calls.iter().map(|it| it.region.clone()).collect();
        let ec2 = world.ec2();
        let in_each = |images: &dyn Fn(&str) -> Vec<Image>| {
            let regions = regions.iter();
            regions.map(|it| (it.clone(), images(it))).collect()
        };
        Self {
            images: in_each(&|region| ec2.images(region)),
            gone: in_each(&|region| ec2.deregistered_images(region)),
            calls,
            looks,
            invalid: world.ssm().invalid_values(),
            uploads: uploads.to_vec(),
            told: Told::of(world),
        }
    }

    /// What was done in the wrong order.
    pub(super) fn violations(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        self.importing(&mut wrong);
        for (region, images) in &self.images {
            let happened = Happened {
                region,
                images,
                calls: self.calls_in(region),
                all: self,
            };
            happened.sharing(&mut wrong);
            happened.revoking(&mut wrong);
            happened.ending(&mut wrong);
            happened.retiring(&mut wrong);
            happened.confirming(&mut wrong);
            happened.releasing(&mut wrong);
            happened.requiring(&mut wrong);
        }
        wrong
    }

    fn calls_in(&self, region: &str) -> Vec<&Call> {
        let calls = self.calls.iter();
        calls.filter(|call| call.region == region).collect()
    }

    /// The AMIs that ever were in a Region, as far as is known.
    fn ever_in(&self, region: &str) -> impl Iterator<Item = &Image> {
        let lists = [self.images.get(region), self.gone.get(region)];
        lists.into_iter().flatten().flatten()
    }

    /// Whether a value that SSM accepted became the parameter's: not if its validation failed. Until that has ended, SSM
    /// accepts no other.
    fn is_taken(&self, put: &Call) -> bool {
        let is_same = |it: &InvalidValue| {
            let what = (Some(it.name.as_str()), Some(it.value.as_str()));
            it.region == put.region && (put.field("Name"), put.field("Value")) == what
        };
        let is_put_again = |at: Timestamp| {
            let mut later = self.calls.iter().filter(|it| it.number > put.number);
            let is_again = |it: &Call| {
                let names = it.field("Name") == put.field("Name") && it.region == put.region;
                it.action == put.action && names && it.at < at
            };
            later.any(is_again)
        };
        let mut invalid = self.invalid.iter().filter(|it| is_same(it));
        !invalid.any(|it| it.at >= put.at && !is_put_again(it.at))
    }

    /// How many uploads came before a call.
    fn epoch(&self, call: &Call) -> usize {
        self.uploads
            .partition_point(|upload| upload.number < call.number)
    }
}

/// What happened in a Region.
struct Happened<'a> {
    region: &'a str,
    /// The AMIs that there are in the end.
    images: &'a [Image],
    /// What was done there by functions and by others.
    calls: Vec<&'a Call>,
    all: &'a Recorded,
}

impl<'a> Happened<'a> {
    /// What functions did by these actions, each with what came before it since the last upload, and with all that came
    /// before it.
    fn done(
        &self,
        actions: &'static [&'static str],
    ) -> impl Iterator<Item = (&'a Call, Vec<&'a Call>, &[&'a Call])> {
        let of_functions = self.calls.iter().enumerate();
        of_functions
            .filter(|(_, call)| call.function.is_some() && actions.contains(&call.action.as_str()))
            .map(move |(at, call)| {
                let before = self.calls.get(..at).unwrap_or_default();
                let epoch = self.all.epoch(call);
                let lately = before
                    .iter()
                    .copied()
                    .filter(|it| it.function.is_some() && self.all.epoch(it) == epoch);
                (*call, lately.collect(), before)
            })
    }

    /// The AMIs that ever were there.
    fn ever(&self) -> impl Iterator<Item = &'a Image> {
        self.all.ever_in(self.region)
    }

    /// The request by which an AMI was deregistered.
    fn end_of(&self, image: &Image) -> Option<&'a Call> {
        let mut calls = self.calls.iter().copied();
        calls.find(|it| it.action == "DeregisterImage" && it.field("ImageId") == Some(&image.id))
    }

    /// Whether an AMI was there at the time of a call.
    fn is_there(&self, image: &Image, call: &Call) -> bool {
        let end = self.end_of(image);
        image.created_at <= call.at && end.is_none_or(|it| it.number > call.number)
    }

    /// Whether all AMIs that were ever there are of one manifest: otherwise whose successor one is cannot be told.
    fn is_of_one_manifest(&self) -> bool {
        let tags = self.ever().map(|image| image.tags.get(MANIFEST_TAG));
        let mut manifests: BTreeSet<&str> = tags.flatten().map(String::as_str).collect();
        for call in self
            .calls
            .iter()
            .filter(|call| call.action == "RegisterImage")
        {
            let keys = call.values("TagSpecification.1.Tag.", ".Key");
            let values = call.values("TagSpecification.1.Tag.", ".Value");
            let tags = keys.zip(values).filter(|(key, _)| *key == MANIFEST_TAG);
            manifests.extend(tags.map(|(_, manifest)| manifest));
        }
        manifests.len() == 1
    }
}

fn is_about(call: &Call, image: &str) -> bool {
    call.field("ImageId") == Some(image) || call.values("ResourceId.", "").any(|id| id == image)
}

fn has_failed(image: &Image) -> bool {
    image.state.to_string() == "failed"
}

/// The snapshots of an AMI.
fn snapshots(image: &Image) -> BTreeSet<&str> {
    image.snapshot_ids().map(String::as_str).collect()
}

/// Whether an AMI is of the same manifest, and of another version.
fn is_other_version(image: &Image, other: &Image) -> bool {
    let tag = |image: &Image, tag: &str| image.tags.get(tag).cloned();
    let is_same = |name: &str| tag(image, name).is_some() && tag(image, name) == tag(other, name);
    is_same(MANIFEST_TAG) && !is_same(DIGEST_TAG)
}

/// Whether EC2 was asked for this AMI after it was changed last: by its id, or by a tag that it has.
fn is_verified(before: &[&Call], image: &Image) -> bool {
    let mut last = before.iter().rev().filter(|call| call.function.is_some());
    last.find(|call| reads(call, image) || is_about(call, &image.id))
        .is_some_and(|call| reads(call, image))
}

fn reads(call: &Call, image: &Image) -> bool {
    let is_of_image = |filter: &str, value: &str| match filter.strip_prefix("tag:") {
        Some(tag) => image.tags.get(tag).is_some_and(|it| it == value),
        None => filter == "image-id" && value == image.id,
    };
    call.action == "DescribeImages"
        && (1..)
            .map_while(|number| Some((number, call.field(&format!("Filter.{number}.Name"))?)))
            .any(|(number, filter)| {
                let start = format!("Filter.{number}.Value.");
                let mut values = call.values(&start, "");
                values.any(|value| is_of_image(filter, value))
            })
}
