//! ImportImage.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::ec2::model::client_token::ClientToken;
use crate::ec2::model::disk::Disk;
use crate::ec2::model::import_task::{ImportTask, Machine};
use crate::ec2::model::service::{Call, Service};
use crate::ec2::tasks::disk;
use crate::ec2::tasks::import_answers::write_image_task;
use crate::ec2::tasks::import_start::Start;
use crate::ec2::wire::checks::check_one_of;
use crate::ec2::wire::error::{Failure, invalid_combination, missing, refuse};
use crate::ec2::wire::query::Fields;
use crate::ec2::wire::xml::Xml;

/// "ImageDiskContainer", EC2 API Reference.
const FORMATS: [&str; 5] = ["OVA", "VHD", "VHDX", "VMDK", "RAW"];

pub(crate) async fn answer(service: &Arc<Service>, mut call: Call) -> Result<String, Failure> {
    let token = ClientToken::read(&call.action, &mut call.fields);
    let mut start = Start::read(&mut call.fields, token, "import-image-task")?;
    start.task.machine = Some(read(&mut call.fields)?);
    let disks = call.fields.list("DiskContainer")?.into_iter();
    start.task.disks = disks
        .map(|disk| disk::read(disk, &FORMATS))
        .collect::<Result<_, _>>()?;
    service.permit(&call.action, call.fields)?;
    check(&start.task)?;
    let task = service
        .import(&call.region, &call.request_id, start)
        .await?;
    let now = service.clock.now();
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        write_image_task(xml, &task, now);
    }))
}

fn read(fields: &mut Fields) -> Result<Machine, Failure> {
    let licenses = fields.list("LicenseSpecifications")?;
    let license = |mut license: Fields| {
        let arn = license.text("LicenseConfigurationArn");
        license.finish().map(|()| arn)
    };
    let licenses: Vec<Option<String>> = licenses
        .into_iter()
        .map(license)
        .collect::<Result<_, _>>()?;
    Ok(Machine {
        architecture: fields.text("Architecture"),
        platform: fields.text("Platform"),
        license_type: fields.text("LicenseType"),
        hypervisor: fields.text("Hypervisor"),
        usage_operation: fields.text("UsageOperation"),
        boot_mode: fields.text("BootMode"),
        licenses: licenses.into_iter().flatten().collect(),
    })
}

fn check(task: &ImportTask) -> Result<(), Failure> {
    let Some(machine) = &task.machine else {
        return Ok(());
    };
    if task.disks.is_empty() {
        return Err(missing("DiskContainer"));
    }
    let architectures = ["i386", "x86_64", "arm64"];
    check_one_of(
        "architecture",
        machine.architecture.as_deref(),
        &architectures,
    )?;
    check_one_of(
        "platform",
        machine.platform.as_deref(),
        &["Windows", "Linux"],
    )?;
    check_one_of(
        "licenseType",
        machine.license_type.as_deref(),
        &["AWS", "BYOL"],
    )?;
    check_one_of("hypervisor", machine.hypervisor.as_deref(), &["xen"])?;
    let boot_modes = ["legacy-bios", "uefi", "uefi-preferred"];
    check_one_of("bootMode", machine.boot_mode.as_deref(), &boot_modes)?;
    if machine.boot_mode.as_deref() == Some("uefi-preferred") {
        let message = "The uefi-preferred boot mode isn't supported for importing images";
        return Err(refuse("UnsupportedOperation", message));
    }
    let is_ova = |disk: &Disk| disk.format.as_deref() == Some("OVA");
    if task.disks.len() > 1 && task.disks.iter().any(is_ova) {
        return Err(invalid_combination(
            "An OVA is all of a virtual machine: no other disk container can be beside it",
        ));
    }
    let mut devices = BTreeSet::new();
    let mut named = task
        .disks
        .iter()
        .filter_map(|disk| disk.device_name.as_ref());
    if let Some(device) = named.find(|device| !devices.insert(*device)) {
        // What EC2 answers is not documented.
        let what = format!("ImportImage with two disks as {device}");
        return Err(Failure::NotBuilt(what));
    }
    Ok(())
}
