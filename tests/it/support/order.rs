//! In which order functions change things, held for every test: snapshots are shared before their AMI and revoked after it,
//! an AMI is verified before it is released, and another is retired only after that.
//!
//! Between two uploads, because a manifest that changed may ask for the opposite; and as it is at the time, because an
//! invocation may still do what the manifest asked for when it began.

use std::collections::BTreeSet;

use localaws::ec2::Image;
use localaws::faults::Call;
use localaws::world::World;

/// The Regions in which there is anything.
fn regions(calls: &[Call]) -> BTreeSet<&str> {
    calls.iter().map(|call| call.region.as_str()).collect()
}

/// What happened in a Region.
struct Happened<'a> {
    /// The AMIs that there are in the end.
    images: &'a [Image],
    /// What was done there by functions and by others.
    calls: &'a [&'a Call],
    uploads: &'a [u64],
}

/// What was done in the wrong order. `uploads` are the numbers of calls that came before each upload.
pub(super) fn violations(world: &World, uploads: &[u64]) -> Vec<String> {
    let mut calls = world.calls();
    calls.retain(|call| call.done && ["ec2", "ssm"].contains(&call.service.as_str()));
    let mut wrong = Vec::new();
    for region in regions(&calls) {
        let images = world.ec2().images(region);
        let here: Vec<&Call> = calls.iter().filter(|call| call.region == region).collect();
        let happened = Happened {
            images: &images,
            calls: &here,
            uploads,
        };
        happened.sharing(&mut wrong);
        happened.retiring(&mut wrong);
        happened.releasing(&mut wrong);
    }
    wrong
}

fn is_about(call: &Call, image: &str) -> bool {
    call.field("ImageId") == Some(image) || call.values("ResourceId.", "").any(|id| id == image)
}

/// The snapshots of an AMI.
fn snapshots(image: &Image) -> BTreeSet<&str> {
    let mappings = image.block_device_mappings.iter();
    mappings
        .filter_map(|mapping| mapping.ebs.as_ref()?.snapshot_id.as_deref())
        .collect()
}

fn is_shared(call: &Call, snapshot: &str, how: &str, account: &str) -> bool {
    let start = format!("CreateVolumePermission.{how}.");
    call.field("SnapshotId") == Some(snapshot)
        && call.values(&start, ".UserId").any(|id| id == account)
}

fn changes(call: &Call, how: &str, account: &str) -> bool {
    let start = format!("LaunchPermission.{how}.");
    let mut fields = call.fields.iter();
    fields.any(|(name, value)| name.starts_with(&start) && value == account)
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

impl Happened<'_> {
    /// What functions did, each with what came before it since the last upload, and with all that came before it.
    fn done(&self) -> impl Iterator<Item = (&Call, Vec<&Call>, &[&Call])> {
        let epoch = |call: &Call| self.uploads.partition_point(|upload| *upload < call.number);
        let of_functions = self.calls.iter().enumerate();
        of_functions
            .filter(|(_, call)| call.function.is_some())
            .map(move |(at, call)| {
                let before = self.calls.get(..at).unwrap_or_default();
                let lately = before
                    .iter()
                    .copied()
                    .filter(|it| it.function.is_some() && epoch(it) == epoch(call));
                (*call, lately.collect(), before)
            })
    }

    /// Whether all AMIs that were ever there are of one manifest: otherwise whose successor one is cannot be told.
    fn is_of_one_manifest(&self) -> bool {
        const TAG: &str = "amiwright:manifest";
        let tags = self.images.iter().map(|image| image.tags.get(TAG));
        let mut manifests: BTreeSet<&str> = tags.flatten().map(String::as_str).collect();
        for call in self
            .calls
            .iter()
            .filter(|call| call.action == "RegisterImage")
        {
            let keys = call.values("TagSpecification.1.Tag.", ".Key");
            let values = call.values("TagSpecification.1.Tag.", ".Value");
            let tags = keys.zip(values).filter(|(key, _)| *key == TAG);
            manifests.extend(tags.map(|(_, manifest)| manifest));
        }
        manifests.len() == 1
    }

    /// Whether several AMIs were made of a snapshot: it may be shared for the one, and revoked for the other.
    fn has_several(&self, snapshot: &str) -> bool {
        let uses = |call: &Call| {
            let mut ids = call.values("BlockDeviceMapping.", ".Ebs.SnapshotId");
            call.action == "RegisterImage" && ids.any(|id| id == snapshot)
        };
        let made = self.calls.iter().filter(|call| uses(call)).count();
        let images = self.images.iter();
        made > 1
            || images
                .filter(|image| snapshots(image).contains(snapshot))
                .count()
                > 1
    }

    fn sharing(&self, wrong: &mut Vec<String>) {
        for (call, lately, before) in self.done() {
            let snapshot = call.field("SnapshotId").unwrap_or_default();
            if call.action != "ModifySnapshotAttribute" || self.has_several(snapshot) {
                continue;
            }
            let images = self.images.iter();
            for image in images.filter(|image| snapshots(image).contains(snapshot)) {
                let id = &image.id;
                let is_of_image = |it: &&&Call| {
                    it.action == "ModifyImageAttribute" && it.field("ImageId") == Some(id)
                };
                let of_image = lately.iter().filter(is_of_image);
                for account in call.values("CreateVolumePermission.Add.", ".UserId") {
                    let is_first = !is_revoked_by_others(before, snapshot, account);
                    let is_revoked = |since: u64| {
                        let mut after = lately.iter().filter(|it| it.number > since);
                        after.any(|it| is_shared(it, snapshot, "Remove", account))
                    };
                    let mut shared = of_image.clone().filter(|it| changes(it, "Add", account));
                    if is_first && shared.any(|it| !is_revoked(it.number)) {
                        wrong.push(format!(
                            "{id} was shared with {account} before its {snapshot}"
                        ));
                    }
                }
            }
        }
        self.revoking(wrong);
    }

    fn revoking(&self, wrong: &mut Vec<String>) {
        for (call, lately, _) in self.done() {
            let id = call.field("ImageId").unwrap_or_default();
            let image = self.images.iter().find(|image| image.id == id);
            let Some(image) = image.filter(|_| call.action == "ModifyImageAttribute") else {
                continue;
            };
            for snapshot in snapshots(image) {
                if self.has_several(snapshot) {
                    continue;
                }
                let accounts = call.values("LaunchPermission.Remove.", ".UserId");
                for account in accounts {
                    let is_again = |since: u64| {
                        let mut after = lately.iter().filter(|it| it.number > since);
                        after.any(|it| {
                            it.field("ImageId") == Some(id) && changes(it, "Add", account)
                        })
                    };
                    let mut lately = lately.iter();
                    let is_revoked = |it: &&Call| is_shared(it, snapshot, "Remove", account);
                    if lately.any(|it| is_revoked(it) && !is_again(it.number)) {
                        wrong.push(format!(
                            "{snapshot} was revoked from {account} before its {id}"
                        ));
                    }
                }
            }
        }
    }

    fn retiring(&self, wrong: &mut Vec<String>) {
        if !self.is_of_one_manifest() {
            return;
        }
        for (call, _, before) in self.done() {
            if call.action != "DeregisterImage" {
                continue;
            }
            // One that was made later takes its name.
            let there = self
                .images
                .iter()
                .filter(|image| image.created_at <= call.at);
            for image in there.filter(|image| !is_verified(before, image)) {
                let retired = call.field("ImageId").unwrap_or_default();
                wrong.push(format!(
                    "{retired} was deregistered before {} was verified",
                    image.id
                ));
            }
        }
    }

    fn releasing(&self, wrong: &mut Vec<String>) {
        let is_one = self.is_of_one_manifest();
        for (call, lately, before) in self.done() {
            let value = call.field("Value").unwrap_or_default();
            let Some(image) = self.images.iter().find(|image| image.id == value) else {
                continue;
            };
            if !is_verified(before, image) {
                wrong.push(format!("{value} was released before it was verified"));
            }
            let mut after = lately
                .iter()
                .skip_while(|it| it.action != "DeregisterImage");
            let Some(retired) = after.next().filter(|_| is_one) else {
                continue;
            };
            // One that has its name, or a bundle that was written over, takes its place.
            if !after.any(|it| it.action == "RegisterImage") {
                let retired = retired.field("ImageId").unwrap_or_default();
                wrong.push(format!("{value} was released after {retired} was retired"));
            }
        }
    }
}

/// Whether nobody's function has revoked a share that there was: it is shared again, after an audit.
fn is_revoked_by_others(before: &[&Call], snapshot: &str, account: &str) -> bool {
    let mut after = before
        .iter()
        .skip_while(|call| !is_shared(call, snapshot, "Add", account));
    after.any(|call| call.function.is_none() && is_shared(call, snapshot, "Remove", account))
}
