//! DeregisterImage.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ec2::model::image::Image;
use crate::ec2::model::region::Region;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::{Failure, missing, refuse};
use crate::ec2::wire::xml::Xml;

/// How long a deregistered image's name stays taken. AWS names no figure.
const NAME_RELEASE_DELAY: Duration = Duration::from_secs(5);

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let id = call
        .fields
        .text("ImageId")
        .ok_or_else(|| missing("ImageId"))?;
    let delete_snapshots = call
        .fields
        .flag("DeleteAssociatedSnapshots")?
        .unwrap_or(false);
    let fields = std::mem::take(&mut call.fields);
    service.permit(&call.action, fields)?;
    let until = service.later(NAME_RELEASE_DELAY);
    let mut store = service.store();
    let region = store.region(&call.region);
    if region.deregistered.contains(&id) {
        return Err(refuse(
            "InvalidAMIID.Unavailable",
            format!("The AMI ID '{id}' is no longer available"),
        ));
    }
    let now = service.clock.now();
    let image = region.own_image_mut(&id, now)?.image.clone();
    region.remove_image(&id, now, until);
    let results = if delete_snapshots {
        delete_snapshots_of(&image, region)
    } else {
        Vec::new()
    };
    drop(store);
    service.publish_state(&call, &id, "deregistered");
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
        .flat_map(|record| record.image.snapshot_ids().cloned())
        .collect();
    let mut results = Vec::new();
    let own: BTreeSet<String> = image.snapshot_ids().cloned().collect();
    for id in own {
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
