//! DeregisterImage.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

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
    let may_delete = !service.settings().denied.contains("DeleteSnapshot");
    let shown_until = service.later(service.settings().visibility_delay);
    let until = (service.later(NAME_RELEASE_DELAY), shown_until);
    let mut store = service.store();
    let region = store.region(&call.region);
    if region.deregistered.contains(&id) {
        return Err(refuse(
            "InvalidAMIID.Unavailable",
            format!("The image id '[{id}]' is no longer available"),
        ));
    }
    let now = service.clock.now();
    let image = region.own_image_mut(&id, now)?.image.clone();
    check_protection(&image, now)?;
    region.remove_image(&id, now, until);
    let results = if delete_snapshots {
        delete_snapshots_of(&image, region, may_delete)
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

/// The code is a guess, and so are the words.
fn check_protection(image: &Image, now: Timestamp) -> Result<(), Failure> {
    if !image.deregistration_protection.holds(now) {
        return Ok(());
    }
    let message = format!(
        "The image {} is protected against deregistration: {}",
        image.id,
        image.deregistration_protection.text(now)
    );
    Err(refuse("OperationNotPermitted", message))
}

/// Deletes the image's snapshots, but not those that another image uses: EC2 skips them. The image is gone whatever
/// becomes of them.
fn delete_snapshots_of(
    image: &Image,
    region: &mut Region,
    may_delete: bool,
) -> Vec<(String, &'static str)> {
    let used: BTreeSet<String> = region
        .images
        .values()
        .flat_map(|record| record.image.snapshot_ids().cloned())
        .collect();
    let mut results = Vec::new();
    let own: BTreeSet<String> = image.snapshot_ids().cloned().collect();
    for id in own {
        let code = match region.snapshot(&id) {
            _ if used.contains(&id) => "skipped",
            _ if !may_delete => "missing-permissions",
            Err(_) => "client-error",
            Ok(_) => "success",
        };
        if code == "success" {
            region.remove_snapshot(&id);
        }
        results.push((id, code));
    }
    results
}
