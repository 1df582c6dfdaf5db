//! ImportImage.

use std::sync::Arc;

use jiff::Timestamp;

use super::disk::{self, Disk, Source, write_source};
use super::error::{Failure, invalid_combination, missing, refuse};
use super::import::{ImportTask, Machine};
use super::import_start::Start;
use super::life::Step;
use super::model::{BlockDeviceMapping, Ebs, Image, ImageState, RootDeviceType};
use super::query::Fields;
use super::registration::check_one_of;
use super::store::{Record, Region};
use super::task::ClientToken;
use super::xml::Xml;
use super::{Call, Inner, tags};
use crate::ACCOUNT;
use crate::ids::Ids;

/// "ImageDiskContainer", EC2 API Reference.
const FORMATS: [&str; 5] = ["OVA", "VHD", "VHDX", "VMDK", "RAW"];
/// Where imported images have their root.
const ROOT: &str = "/dev/sda1";

pub(super) async fn answer(world: &Arc<Inner>, mut call: Call) -> Result<String, Failure> {
    let token = ClientToken::read(&call.action, &mut call.fields);
    let mut start = Start::read(&mut call.fields, token, "import-image-task")?;
    start.task.machine = Some(read(&mut call.fields)?);
    let disks = call.fields.list("DiskContainer")?.into_iter();
    start.task.disks = disks
        .map(|disk| disk::read(disk, &FORMATS))
        .collect::<Result<_, _>>()?;
    world.permit(&call.action, call.fields)?;
    check(&start.task)?;
    let task = world.import(&call.region, &call.request_id, start).await?;
    let now = world.clock.now();
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        write(xml, &task, now);
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
    Ok(())
}

/// The image appears, available at once, named by its task.
pub(super) fn appear(task: &mut ImportTask, region: &mut Region, ids: &Ids) -> Step {
    let image = image(task, region.new_image_id(ids));
    let (id, at) = (image.id.clone(), task.course.ends_at);
    task.image_id = Some(id.clone());
    let record = Record {
        image,
        visible_at: at,
        settles_at: at,
        failure: None,
        order: region.registered(),
        request_id: task.request_id.clone(),
    };
    region.add_image(record);
    Step::of(id, &task.request_id, "available")
}

fn image(task: &ImportTask, id: String) -> Image {
    let machine = task.machine.clone().unwrap_or_default();
    let platform = machine.platform.as_deref().unwrap_or("Linux");
    Image {
        id,
        name: task.id.clone(),
        description: Some(match &task.description {
            Some(description) => description.clone(),
            None => format!("AWS-VMImport service: {platform}"),
        }),
        owner_id: ACCOUNT.to_owned(),
        location: format!("{ACCOUNT}/{}", task.id),
        state: ImageState::Available,
        state_reason: None,
        created_at: task.course.ends_at,
        architecture: machine.architecture.unwrap_or_else(|| "x86_64".to_owned()),
        kernel_id: None,
        ramdisk_id: None,
        root_device_name: Some(ROOT.to_owned()),
        root_device_type: RootDeviceType::Ebs,
        virtualization_type: "hvm".to_owned(),
        ena_support: true,
        sriov_net_support: None,
        boot_mode: machine.boot_mode,
        tpm_support: None,
        uefi_data: None,
        imds_support: None,
        platform: (machine.platform.as_deref() == Some("Windows")).then(|| "windows".to_owned()),
        source_image_id: None,
        source_image_region: None,
        billing_products: Vec::new(),
        product_codes: Vec::new(),
        block_device_mappings: task
            .disks
            .iter()
            .enumerate()
            .map(|(number, disk)| mapping(task, number, disk))
            .collect(),
        tags: task.image_tags.clone(),
    }
}

/// The first disk is the root; the others follow by letter unless they say where.
fn mapping(task: &ImportTask, number: usize, disk: &Disk) -> BlockDeviceMapping {
    let letter = u8::try_from(number)
        .ok()
        .and_then(|number| b'a'.checked_add(number))
        .map_or('z', char::from);
    let usual = match number {
        0 => ROOT.to_owned(),
        _ => format!("/dev/sd{letter}"),
    };
    let asked = disk.device_name.clone().filter(|_| number > 0);
    BlockDeviceMapping {
        device_name: asked.unwrap_or(usual),
        virtual_name: None,
        ebs: Some(Ebs {
            snapshot_id: disk.snapshot_id.clone(),
            volume_size: disk.gib,
            volume_type: "gp2".to_owned(),
            iops: None,
            throughput: None,
            delete_on_termination: true,
            encrypted: task.encrypted,
        }),
    }
}

/// An import image task, as this action and its listing show it.
pub(super) fn write(xml: &mut Xml, task: &ImportTask, now: Timestamp) {
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
        if !matches!(disk.source, Source::Snapshot(_)) {
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
