//! All AMIs, snapshots, grants and parameters that there are, not only the current ones: the status knows each.

use std::collections::{BTreeMap, BTreeSet};

use localaws::ec2::{Image, Permission};
use serde_json::Value;

use super::{KEY, NAME, OREGON};
use crate::support::{REGION, TestStack};

/// What there is that the status does not know, or knows otherwise.
pub(super) async fn unknown(stack: &TestStack) -> Vec<String> {
    let status = stack.status(KEY).await;
    let mut wrong = Vec::new();
    for region in [REGION, OREGON] {
        let known = known(&status, region);
        let images = stack.world.ec2().images(region);
        one_of_each_version(&images, &mut wrong);
        for image in &images {
            match known.get(image.id.as_str()) {
                Some(applied) if is_as_recorded(&granted(image), applied, recorded) => {}
                Some(applied) => wrong.push(format!(
                    "{} is granted to {:?}, and the status has {applied:#}",
                    image.id,
                    granted(image)
                )),
                None => wrong.push(format!("the status knows nothing of {image:#?}")),
            }
        }
        snapshots(stack, &status, (region, &known), &mut wrong);
        parameters(stack, &status, region, &mut wrong);
    }
    wrong
}

/// The AMIs of a Region that a status knows, with what was applied to each: of this version, and of earlier ones.
fn known<'a>(status: &'a Value, region: &str) -> BTreeMap<&'a str, &'a Value> {
    let previous = status["previous"].as_array().into_iter().flatten();
    let versions = previous.chain([status]);
    let known = versions.map(|version| &version["regions"][region]);
    known
        .filter_map(|known| Some((known["image"].as_str()?, &known["applied"])))
        .collect()
}

/// Each version has one AMI.
fn one_of_each_version(images: &[Image], wrong: &mut Vec<String>) {
    let mut versions: BTreeMap<Option<&String>, Vec<&str>> = BTreeMap::new();
    for image in images {
        let version = image.tags.get("amiwright:digest");
        versions.entry(version).or_default().push(&image.id);
    }
    let several = versions.values().filter(|ids| ids.len() > 1);
    wrong.extend(several.map(|ids| format!("{ids:?} are of one version")));
}

fn granted(image: &Image) -> BTreeSet<String> {
    accounts(&image.launch_permissions)
}

fn accounts(permissions: &BTreeSet<Permission>) -> BTreeSet<String> {
    let accounts = permissions.iter().map(|it| match it {
        Permission::Account(account) => account.clone(),
        other => format!("{other:?}"),
    });
    accounts.collect()
}

/// Whether what there is is what a status says. What was to be changed, of an AMI that is not looked at any more, may have
/// been changed or not: it counts as ours.
fn is_as_recorded(
    seen: &BTreeSet<String>,
    applied: &Value,
    recorded: impl Fn(&Value) -> BTreeSet<String>,
) -> bool {
    let ours = recorded(applied);
    match &applied["intended"] {
        Value::Null => *seen == ours,
        intended => seen.is_subset(&(&ours | &recorded(&intended["settings"]))),
    }
}

/// The accounts that a status says may launch an AMI.
fn recorded(applied: &Value) -> BTreeSet<String> {
    let grants = applied["grants"].as_array().into_iter().flatten();
    let accounts = grants.filter_map(|it| it["account"].as_str());
    accounts.map(str::to_owned).collect()
}

/// Every snapshot is the manifest's source, an AMI's, or was told to be kept; and is shared as the status says.
fn snapshots(
    stack: &TestStack,
    status: &Value,
    (region, known): (&str, &BTreeMap<&str, &Value>),
    wrong: &mut Vec<String>,
) {
    let ec2 = stack.world.ec2();
    let images = ec2.images(region);
    let used = images.iter().flat_map(|it| &it.block_device_mappings);
    let used = used.filter_map(|it| it.ebs.as_ref()?.snapshot_id.clone());
    let used: BTreeSet<String> = used.collect();
    let retired = status["retired"].as_array().into_iter().flatten();
    let kept = retired.flat_map(|it| it["kept"].as_array().into_iter().flatten());
    let kept: BTreeSet<&str> = kept.filter_map(|it| it["snapshot"].as_str()).collect();
    for snapshot in ec2.snapshots(region) {
        let id = snapshot.id.as_str();
        if id != stack.snapshot && !used.contains(id) && !kept.contains(id) {
            wrong.push(format!("{id} belongs to nothing"));
        }
        let shares = |applied: &Value| {
            let accounts = applied["snapshots"][id].as_array().into_iter().flatten();
            let accounts = accounts.filter_map(Value::as_str).map(str::to_owned);
            accounts.collect::<BTreeSet<String>>()
        };
        let shared = accounts(&snapshot.create_volume_permissions);
        // One snapshot may be of several AMIs.
        let mut all = known.values();
        let all_ours = all.clone().flat_map(|applied| shares(applied));
        let all_ours: BTreeSet<String> = all_ours.collect();
        if shared != all_ours && !all.any(|applied| is_as_recorded(&shared, applied, shares)) {
            wrong.push(format!(
                "{id} is shared with {shared:?}, and the status has {all_ours:?}"
            ));
        }
    }
}

/// A parameter that there is was written, and has what the status says.
fn parameters(stack: &TestStack, status: &Value, region: &str, wrong: &mut Vec<String>) {
    let value = stack.world.ssm().parameter(region, NAME);
    let known = &status["release"]["parameters"][format!("{region}:{NAME}")];
    if value.as_deref() != known["value"].as_str() {
        wrong.push(format!(
            "{NAME} in {region} is {value:?}, and the status has {known:#}"
        ));
    }
}
