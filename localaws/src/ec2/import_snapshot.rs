//! ImportSnapshot.

use std::sync::Arc;

use jiff::Timestamp;

use super::disk::{self, write_source};
use super::error::{Failure, missing};
use super::import::ImportTask;
use super::import_start::Start;
use super::task::ClientToken;
use super::xml::Xml;
use super::{Call, Inner, tags};

/// "SnapshotDiskContainer", EC2 API Reference.
const FORMATS: [&str; 3] = ["VHD", "VMDK", "RAW"];

pub(super) async fn answer(world: &Arc<Inner>, mut call: Call) -> Result<String, Failure> {
    let token = ClientToken::read(&call.action, &mut call.fields);
    let mut start = Start::read(&mut call.fields, token, "import-snapshot-task")?;
    let disk = call.fields.group("DiskContainer");
    let disk = disk.ok_or_else(|| missing("DiskContainer"))?;
    start.task.disks.push(disk::read(disk, &FORMATS)?);
    world.permit(&call.action, call.fields)?;
    let task = world.import(&call.region, &call.request_id, start).await?;
    let now = world.clock.now();
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        write(xml, &task, now);
    }))
}

/// An import snapshot task, as this action and its listing show it.
pub(super) fn write(xml: &mut Xml, task: &ImportTask, now: Timestamp) {
    let shown = task.shown(now);
    xml.optional("description", task.description.as_ref());
    xml.text("importTaskId", &task.id);
    if let Some(disk) = task.disks.first() {
        xml.element("snapshotTaskDetail", |xml| {
            xml.optional("description", disk.description.as_ref());
            xml.text("diskImageSize", format!("{}.0", disk.size));
            xml.optional("encrypted", task.encrypted.then_some(true));
            xml.optional("format", disk.format.as_ref());
            xml.optional("kmsKeyId", task.kms_key_id.as_ref());
            xml.optional("progress", shown.progress);
            // While the task runs and has none, EC2 writes it empty (aws/aws-cli issue 9118).
            let none_yet = (shown.status == "active").then_some("");
            xml.optional("snapshotId", disk.snapshot_id.as_deref().or(none_yet));
            xml.text("status", &shown.status);
            xml.optional("statusMessage", shown.message.as_ref());
            write_source(xml, disk);
        });
    }
    tags::write(xml, &task.tags);
}
