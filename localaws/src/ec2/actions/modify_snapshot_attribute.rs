//! ModifySnapshotAttribute.

use crate::ec2::model::permission::{Form, PermissionChange, no_attributes};
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::sharing::Sharing;
use crate::ec2::model::snapshot::SnapshotState;
use crate::ec2::wire::error::{Failure, invalid_combination, invalid_value, refuse};
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let id = call.fields.required("SnapshotId")?;
    let form = Form::read(&mut call.fields)?;
    // "Only volume creation permissions can be modified."
    if let Some(other) = form.attribute.as_deref()
        && other != "createvolumepermission"
    {
        let message = format!("Invalid value '{other}' for attribute.");
        return Err(invalid_value(message));
    }
    let change = PermissionChange::of_snapshot(&mut call.fields, &form)?;
    service.permit(&call.action, call.fields)?;
    let change = change.filter(|change| change.len() > 0);
    let change = change.ok_or_else(no_attributes)?;
    // "You can't do both in a single operation"; code and words are not documented.
    if !change.add.is_empty() && !change.remove.is_empty() {
        let message = "Permissions cannot be added and removed in one request";
        return Err(invalid_combination(message));
    }
    let (now, until) = (service.clock.now(), service.stale_until());
    let settings = service.settings().clone();
    let mut store = service.store();
    let region = store.region(&call.region);
    let snapshot = region.snapshot(&id)?.clone();
    if snapshot.state != SnapshotState::Completed {
        let message = format!("Snapshot '{id}' is not 'completed'.");
        return Err(refuse("IncorrectState", message));
    }
    let sharing = Sharing {
        name: &call.region,
        region,
        settings: &settings,
    };
    sharing.check_snapshot(&snapshot, &change.add, change.len())?;
    let after = change.apply(&snapshot.create_volume_permissions);
    region.set_snapshot_permissions(&id, after, now, until);
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", true);
    }))
}
