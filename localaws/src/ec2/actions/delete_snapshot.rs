//! DeleteSnapshot.

use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::{Failure, refuse};
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let id = call.fields.required("SnapshotId")?;
    service.permit(&call.action, call.fields)?;
    let mut store = service.store();
    let region = store.region(&call.region);
    region.snapshot(&id)?;
    let user = region
        .images
        .values()
        .find(|record| record.image.snapshot_ids().any(|used| *used == id));
    if let Some(user) = user {
        let message = format!("The snapshot {id} is currently in use by {}", user.image.id);
        return Err(refuse("InvalidSnapshot.InUse", message));
    }
    region.remove_snapshot(&id);
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", true);
    }))
}
