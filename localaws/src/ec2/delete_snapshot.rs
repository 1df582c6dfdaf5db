//! DeleteSnapshot.

use super::error::{Failure, refuse};
use super::xml::Xml;
use super::{Call, Inner};

pub(super) fn answer(world: &Inner, mut call: Call) -> Result<String, Failure> {
    let id = call.fields.required("SnapshotId")?;
    world.permit(&call.action, call.fields)?;
    let mut store = world.store();
    let region = store.region(&call.region);
    region.snapshot(&id)?;
    let user = region.images.values().find(|record| {
        let volumes = record.image.block_device_mappings.iter();
        let mut snapshots =
            volumes.filter_map(|mapping| mapping.ebs.as_ref()?.snapshot_id.as_ref());
        snapshots.any(|used| *used == id)
    });
    if let Some(user) = user {
        let message = format!("The snapshot {id} is currently in use by {}", user.image.id);
        return Err(refuse("InvalidSnapshot.InUse", message));
    }
    region.snapshots.remove(&id);
    region.filling.remove(&id);
    region.failing.remove(&id);
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", true);
    }))
}
