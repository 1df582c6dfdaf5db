//! DeregisterImage.

use std::collections::BTreeSet;
use std::time::Duration;

use super::error::{Failure, missing, refuse};
use super::model::Image;
use super::store::Region;
use super::xml::Xml;
use super::{Call, Inner};

/// How long a deregistered image's name stays taken. AWS names no figure.
const NAME_RELEASE_DELAY: Duration = Duration::from_secs(5);

pub(super) fn answer(world: &Inner, mut call: Call) -> Result<String, Failure> {
    let id = call
        .fields
        .text("ImageId")
        .ok_or_else(|| missing("ImageId"))?;
    let delete_snapshots = call
        .fields
        .flag("DeleteAssociatedSnapshots")?
        .unwrap_or(false);
    world.permit(&call.action, call.fields)?;
    let until = world.later(NAME_RELEASE_DELAY);
    let mut store = world.store();
    let region = store.region(&call.region);
    if region.deregistered.contains(&id) {
        return Err(refuse(
            "InvalidAMIID.Unavailable",
            format!("The AMI ID '{id}' is no longer available"),
        ));
    }
    let now = world.clock.now();
    let image = region.image_mut(&id, now)?.image.clone();
    region.remove_image(&id, now, until);
    let results = if delete_snapshots {
        delete_snapshots_of(&image, region)
    } else {
        Vec::new()
    };
    drop(store);
    world.tell_state(&call.region, &id, &call.request_id, "deregistered");
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", true);
        xml.items_if_any(
            "deleteSnapshotResultSet",
            &results,
            |xml, (snapshot_id, code)| {
                xml.text("snapshotId", snapshot_id);
                xml.text("returnCode", code);
            },
        );
    }))
}

/// Deletes the image's snapshots, but not those that another image uses: EC2 skips them.
fn delete_snapshots_of(image: &Image, region: &mut Region) -> Vec<(String, &'static str)> {
    let used: BTreeSet<String> = region
        .images
        .values()
        .flat_map(|record| snapshots_of(&record.image))
        .collect();
    let mut results = Vec::new();
    for id in snapshots_of(image) {
        let code = if used.contains(&id) {
            "skipped"
        } else {
            "success"
        };
        if code == "success" {
            region.snapshots.remove(&id);
        }
        results.push((id, code));
    }
    results
}

fn snapshots_of(image: &Image) -> BTreeSet<String> {
    let volumes = image
        .block_device_mappings
        .iter()
        .filter_map(|mapping| mapping.ebs.as_ref());
    volumes.filter_map(|ebs| ebs.snapshot_id.clone()).collect()
}
