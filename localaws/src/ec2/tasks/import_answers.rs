//! Import tasks, as their actions and listings show them.

use jiff::Timestamp;

use crate::ec2::model::disk::{Disk, DiskSource};
use crate::ec2::model::import_task::ImportTask;
use crate::ec2::wire::tags;
use crate::ec2::wire::xml::Xml;

/// An import image task, as this action and its listing show it.
pub(crate) fn write_image_task(xml: &mut Xml, task: &ImportTask, now: Timestamp) {
    let shown = task.shown(now);
    let machine = task.machine.clone().unwrap_or_default();
    xml.optional("architecture", machine.architecture);
    xml.optional("description", task.description.as_ref());
    xml.optional("encrypted", task.encrypted.then_some(true));
    xml.optional("hypervisor", machine.hypervisor);
    xml.optional("imageId", task.image_id.as_ref());
    xml.text("importTaskId", &task.id);
    xml.optional("kmsKeyId", task.kms_key_id.as_ref());
    xml.optional("licenseType", machine.license_type);
    xml.optional("platform", machine.platform);
    xml.optional("progress", shown.progress);
    xml.items("snapshotDetailSet", &task.disks, |xml, disk| {
        xml.optional("description", disk.description.as_ref());
        xml.optional("deviceName", disk.device_name.as_ref());
        if !matches!(disk.source, DiskSource::Snapshot(_)) {
            xml.text("diskImageSize", format!("{}.0", disk.size));
        }
        xml.optional("format", disk.format.as_ref());
        xml.optional("snapshotId", disk.snapshot_id.as_ref());
        xml.text(
            "status",
            if shown.status == "completed" {
                "completed"
            } else {
                "active"
            },
        );
        write_source(xml, disk);
    });
    xml.text("status", &shown.status);
    xml.optional("statusMessage", shown.message.as_ref());
    if !machine.licenses.is_empty() {
        xml.items("licenseSpecifications", &machine.licenses, |xml, arn| {
            xml.text("licenseConfigurationArn", arn);
        });
    }
    tags::write(xml, &task.tags);
    xml.optional("usageOperation", machine.usage_operation);
}

/// An import snapshot task, as this action and its listing show it.
pub(crate) fn write_snapshot_task(xml: &mut Xml, task: &ImportTask, now: Timestamp) {
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

/// Where a disk comes from, as answers say it.
pub(crate) fn write_source(xml: &mut Xml, disk: &Disk) {
    match &disk.source {
        DiskSource::Bucket { bucket, key } => xml.element("userBucket", |xml| {
            xml.text("s3Bucket", bucket);
            xml.text("s3Key", key);
        }),
        DiskSource::Url(url) => xml.text("url", url),
        DiskSource::Snapshot(_) => {}
    }
}
