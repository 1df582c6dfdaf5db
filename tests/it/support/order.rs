//! In which order functions change things, held for every test: snapshots are shared before their AMI and revoked after it,
//! an AMI is verified before it is released, and another is retired only after that.
//!
//! Between two uploads, because a manifest that changed may ask for the opposite.

use std::collections::BTreeSet;

use localaws::ec2::{Image, RootDeviceType};
use localaws::faults::Call;
use localaws::world::World;

/// The Regions in which there is anything.
fn regions(calls: &[Call]) -> BTreeSet<&str> {
    calls.iter().map(|call| call.region.as_str()).collect()
}

/// What was done in the wrong order. `uploads` are the numbers of calls that came before each upload.
pub(super) fn violations(world: &World, uploads: &[u64]) -> Vec<String> {
    let mut calls = world.calls();
    let services = ["ec2", "ssm"];
    calls.retain(|call| {
        call.done && call.function.is_some() && services.contains(&call.service.as_str())
    });
    let mut wrong = Vec::new();
    for region in regions(&calls) {
        let images = world.ec2().images(region);
        let here: Vec<&Call> = calls.iter().filter(|call| call.region == region).collect();
        let epoch = |call: &&Call| uploads.partition_point(|upload| *upload < call.number);
        for calls in here.chunk_by(|one, other| epoch(one) == epoch(other)) {
            sharing(calls, &images, &mut wrong);
            retiring(calls, &images, &mut wrong);
            releasing(calls, &images, &mut wrong);
        }
    }
    wrong
}

fn is_about(call: &Call, image: &str) -> bool {
    call.field("ImageId") == Some(image) || call.values("ResourceId.", "").any(|id| id == image)
}

fn sharing(calls: &[&Call], images: &[Image], wrong: &mut Vec<String>) {
    for image in images {
        let mappings = image.block_device_mappings.iter();
        let snapshots: BTreeSet<&str> = mappings
            .filter_map(|mapping| mapping.ebs.as_ref()?.snapshot_id.as_deref())
            .collect();
        for (at, call) in calls.iter().enumerate() {
            let snapshot = call.field("SnapshotId").unwrap_or_default();
            if call.action != "ModifySnapshotAttribute" || !snapshots.contains(snapshot) {
                continue;
            }
            let of_image = |it: &&&Call| {
                it.action == "ModifyImageAttribute" && it.field("ImageId") == Some(&image.id)
            };
            let (before, after) = calls.split_at(at);
            for account in call.values("CreateVolumePermission.Add.", ".UserId") {
                // One that others have revoked since is shared again, after an audit.
                let is_again = before.iter().any(|it| {
                    it.field("SnapshotId") == Some(snapshot)
                        && it
                            .values("CreateVolumePermission.Add.", ".UserId")
                            .any(|id| id == account)
                });
                let mut before = before.iter().filter(of_image);
                if !is_again && before.any(|it| changes(it, "Add", account)) {
                    wrong.push(format!(
                        "{} was shared with {account} before its {snapshot}",
                        image.id
                    ));
                }
            }
            for account in call.values("CreateVolumePermission.Remove.", ".UserId") {
                let mut after = after.iter().filter(of_image);
                if after.any(|it| changes(it, "Remove", account)) {
                    wrong.push(format!(
                        "{snapshot} was revoked from {account} before its {}",
                        image.id
                    ));
                }
            }
        }
    }
}

fn changes(call: &Call, how: &str, account: &str) -> bool {
    let start = format!("LaunchPermission.{how}.");
    let mut fields = call.fields.iter();
    fields.any(|(name, value)| name.starts_with(&start) && value == account)
}

/// Whether EC2 was asked for AMIs after this one was changed last.
fn is_verified(calls: &[&Call], image: &str) -> bool {
    let is_read = |call: &&&Call| call.action == "DescribeImages";
    let mut last = calls.iter().rev();
    last.find(|call| is_read(call) || is_about(call, image))
        .is_none_or(|call| is_read(&call))
}

fn manifests(images: &[Image]) -> BTreeSet<&String> {
    let tags = images
        .iter()
        .map(|image| image.tags.get("amiwright:manifest"));
    tags.flatten().collect()
}

fn retiring(calls: &[&Call], images: &[Image], wrong: &mut Vec<String>) {
    // Whose successor an AMI is cannot be told where there are several.
    if manifests(images).len() != 1 {
        return;
    }
    for (at, call) in calls.iter().enumerate() {
        if call.action != "DeregisterImage" {
            continue;
        }
        for image in images {
            let before = calls.get(..at).unwrap_or_default();
            if !is_verified(before, &image.id) {
                let retired = call.field("ImageId").unwrap_or_default();
                wrong.push(format!(
                    "{retired} was deregistered before {} was verified",
                    image.id
                ));
            }
        }
    }
}

fn releasing(calls: &[&Call], images: &[Image], wrong: &mut Vec<String>) {
    let is_one = manifests(images).len() == 1;
    for (at, call) in calls.iter().enumerate() {
        let value = call.field("Value").unwrap_or_default();
        let Some(image) = images.iter().find(|image| image.id == value) else {
            continue;
        };
        let before = calls.get(..at).unwrap_or_default();
        if !is_verified(before, value) {
            wrong.push(format!("{value} was released before it was verified"));
        }
        // A bundle that was written over takes the place of its AMI.
        let is_replaced = image.root_device_type == RootDeviceType::InstanceStore;
        let retired = before.iter().find(|it| it.action == "DeregisterImage");
        if let Some(retired) = retired.filter(|_| !is_replaced && is_one) {
            let retired = retired.field("ImageId").unwrap_or_default();
            wrong.push(format!("{value} was released after {retired} was retired"));
        }
    }
}
