//! What has come of the current AMI in each Region, without the ids that differ from world to world.

use std::collections::BTreeMap;

use localaws::ec2::{DeregistrationProtection, Image};
use serde_json::Value;

use super::{KEY, NAME, OREGON};
use crate::support::{REGION, TestStack, changes_since, in_words};

/// What the status and EC2 show of the current AMIs, one line for each.
pub(super) async fn of(stack: &TestStack) -> Vec<String> {
    let status = stack.status(KEY).await;
    let mut all = vec![format!("state: {}", status["state"])];
    let conditions = status["conditions"].as_array().into_iter().flatten();
    all.extend(conditions.map(|it| format!("{} {}", it["type"], it["status"])));
    for region in [REGION, OREGON] {
        let known = &status["regions"][region];
        if known["image"].is_string() && known["unlistedSince"].is_null() {
            let lines = in_region(stack, &status, region).into_iter();
            all.extend(lines.map(|line| format!("{region} {line}")));
        }
    }
    all
}

fn own(tags: &BTreeMap<String, String>) -> Vec<(&String, &String)> {
    let tags = tags.iter();
    tags.filter(|(key, _)| !key.starts_with("amiwright:"))
        .collect()
}

fn in_region(stack: &TestStack, status: &Value, region: &str) -> Vec<String> {
    let ec2 = stack.world.ec2();
    let known = &status["regions"][region];
    let mut images = ec2.images(region);
    images.retain(|image| known["image"] == image.id.as_str());
    let [image] = images.as_slice() else {
        return vec!["the AMI is not there".to_owned()];
    };
    // A cooldown runs out by itself.
    let protection = match image.deregistration_protection {
        DeregistrationProtection::CoolingDown(_) => DeregistrationProtection::Disabled,
        protection => protection,
    };
    let mut all = vec![format!(
        "AMI {} {:?} {:?} {:?} {:?} {:?}",
        image.state,
        image.description,
        own(&image.tags),
        image.launch_permissions,
        image.deprecation_time,
        protection
    )];
    let snapshots = ec2.snapshots(region);
    for snapshot in snapshots.iter().filter(|it| has(image, &it.id)) {
        let permissions = &snapshot.create_volume_permissions;
        all.push(format!("snapshot {permissions:?}"));
    }
    let applied = &known["applied"];
    for part in [
        "description",
        "tags",
        "grants",
        "deprecateAt",
        "protection",
        "intended",
    ] {
        all.push(format!("{part}: {}", applied[part]));
    }
    let shared = applied["snapshots"].as_object();
    let shared: Vec<&Value> = shared.into_iter().flatten().map(|(_, it)| it).collect();
    all.push(format!("snapshots: {shared:?}"));
    let set = &status["release"]["parameters"][format!("{region}:{NAME}")];
    if set.is_object() && set["leftAt"].is_null() {
        let parameter = stack.world.ssm().parameter(region, NAME);
        let is_current = parameter.as_deref() == Some(image.id.as_str());
        let is_known = set["value"] == image.id.as_str();
        all.push(format!("parameter: {is_current} {is_known} {}", set["put"]));
    }
    all.push(format!("failure: {}", known["failure"]));
    all.push(format!("verified: {}", known["verifiedAt"].is_string()));
    all
}

fn has(image: &Image, snapshot: &str) -> bool {
    let mappings = image.block_device_mappings.iter();
    let mut ids = mappings.filter_map(|mapping| mapping.ebs.as_ref()?.snapshot_id.as_deref());
    ids.any(|id| id == snapshot)
}

/// Nothing of a manifest that is gone is left, and its status says so.
pub(super) async fn is_gone(stack: &TestStack) -> Result<(), String> {
    let status = stack.status(KEY).await;
    let state = status["state"].as_str().unwrap_or_default();
    if !["deleted", "cancelled"].contains(&state) {
        return Err(format!("{status:#}"));
    }
    let ec2 = stack.world.ec2();
    for region in [REGION, OREGON] {
        let images = ec2.images(region);
        let mut snapshots = ec2.snapshots(region);
        snapshots.retain(|it| it.id != stack.snapshot);
        if !images.is_empty() || !snapshots.is_empty() {
            return Err(format!("{images:#?} {snapshots:#?} {status:#}"));
        }
    }
    Ok(())
}

/// What was changed is told.
pub(super) fn changes_told(stack: &TestStack, (from, told): (u64, usize)) -> Result<(), String> {
    let mut changes = changes_since(stack, from);
    changes.retain(|call| call.done);
    match changes.is_empty() || stack.emails().len() > told {
        true => Ok(()),
        false => {
            let changes: Vec<String> = changes.iter().map(in_words).collect();
            Err(format!("nothing is told of {changes:#?}"))
        }
    }
}
