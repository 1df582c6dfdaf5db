//! ImportSnapshot.

use std::sync::Arc;

use crate::ec2::model::client_token::ClientToken;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::tasks::disk;
use crate::ec2::tasks::import_answers::write_snapshot_task;
use crate::ec2::tasks::import_start::Start;
use crate::ec2::wire::error::{Failure, missing};
use crate::ec2::wire::xml::Xml;

/// "SnapshotDiskContainer", EC2 API Reference.
const FORMATS: [&str; 3] = ["VHD", "VMDK", "RAW"];

pub(crate) async fn answer(service: &Arc<Service>, mut call: Call) -> Result<String, Failure> {
    let token = ClientToken::read(&call.action, &mut call.fields);
    let mut start = Start::read(&mut call.fields, token, "import-snapshot-task")?;
    let disk = call.fields.group("DiskContainer");
    let disk = disk.ok_or_else(|| missing("DiskContainer"))?;
    start.task.disks.push(disk::read(disk, &FORMATS)?);
    service.permit(&call.action, call.fields)?;
    let task = service
        .import(&call.region, &call.request_id, start)
        .await?;
    let now = service.clock.now();
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        write_snapshot_task(xml, &task, now);
    }))
}
