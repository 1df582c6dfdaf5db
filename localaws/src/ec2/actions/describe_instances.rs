//! DescribeInstances, of what was put into the world: a reservation each, since nothing was launched.
//!
//! What this world does not know of an instance (networks, volumes, keys) is left out, and filters by it answer 501.

use std::collections::BTreeSet;

use crate::ACCOUNT;
use crate::clock::date;
use crate::ec2::model::instance::{InstanceState, SeedInstance};
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::checks::check_id;
use crate::ec2::wire::error::{Failure, refuse};
use crate::ec2::wire::page::Page;
use crate::ec2::wire::xml::Xml;
use crate::ec2::wire::{filter, tags};

/// The documented filters that are of what this world knows, but for tags.
const FILTERS: [&str; 17] = [
    "architecture",
    "hypervisor",
    "image-id",
    "instance-id",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "launch-index",
    "launch-time",
    "metadata-options.http-endpoint",
    "owner-id",
    "platform",
    "product-code",
    "product-code.type",
    "reservation-id",
    "root-device-type",
    "virtualization-type",
];

/// The kind of all product codes that can still be got.
const CODE_TYPE: &str = "marketplace";

/// What all instances here are.
const VIRTUALIZATION: &str = "hvm";
const HYPERVISOR: &str = "xen";
/// "The index of the instance in its launch group": each is the first.
const LAUNCH_INDEX: u32 = 0;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let ids = call.fields.texts("InstanceId")?;
    let filters = filter::read_some(&mut call.fields, &FILTERS, &call.action)?;
    let page = Page::read(&mut call.fields, 5)?;
    page.check_ids("instancesSet", &ids)?;
    service.permit(&call.action, call.fields)?;
    for id in &ids {
        check_id(id, "i", "InvalidInstanceID.Malformed")?;
    }
    let mut store = service.store();
    let all = &store.region(&call.region).instances;
    let is_own = |instance: &&SeedInstance| instance.owner_id.is_none();
    let lost = ids
        .iter()
        .filter(|id| all.get(*id).filter(is_own).is_none());
    check_found(&lost.map(String::as_str).collect::<Vec<_>>())?;
    let named: BTreeSet<String> = ids.into_iter().collect();
    let named = Some(&named).filter(|ids| !ids.is_empty());
    let named = named.or_else(|| filter::exact(&filters, "instance-id"));
    let found = page.candidates(all, named).filter(is_own);
    let found = found.filter(|instance| {
        filter::pass(&filters, &instance.tags, |name| values_of(instance, name))
    });
    let (instances, next) = page.cut(found, |instance| id(instance).to_owned());
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.items("reservationSet", instances, |xml, instance| {
            xml.text("reservationId", reservation(instance));
            xml.text("ownerId", ACCOUNT);
            xml.items("groupSet", [(); 0], |_, ()| {});
            xml.items("instancesSet", [instance], write);
        });
        xml.optional("nextToken", next);
    }))
}

fn check_found(lost: &[&str]) -> Result<(), Failure> {
    let message = match lost {
        [] => return Ok(()),
        [id] => format!("The instance ID '{id}' does not exist"),
        ids => format!("The instance IDs '{}' do not exist", ids.join(", ")),
    };
    Err(refuse("InvalidInstanceID.NotFound", message))
}

fn id(instance: &SeedInstance) -> &str {
    instance.id.as_deref().unwrap_or_default()
}

/// The reservation of an instance that came alone: the same digits.
fn reservation(instance: &SeedInstance) -> String {
    format!("r-{}", id(instance).trim_start_matches("i-"))
}

/// `InstanceState.Code`, its low byte.
fn code(state: InstanceState) -> u8 {
    match state {
        InstanceState::Pending => 0,
        InstanceState::Running => 16,
        InstanceState::ShuttingDown => 32,
        InstanceState::Terminated => 48,
        InstanceState::Stopping => 64,
        InstanceState::Stopped => 80,
    }
}

fn endpoint(instance: &SeedInstance) -> &'static str {
    match instance.metadata_disabled {
        true => "disabled",
        false => "enabled",
    }
}

fn values_of(instance: &SeedInstance, name: &str) -> Vec<String> {
    let value = match name {
        "architecture" => Some(instance.architecture.clone()),
        "hypervisor" => Some(HYPERVISOR.to_owned()),
        "image-id" => instance.image_id.clone(),
        "instance-id" => instance.id.clone(),
        "instance-state-code" => Some(code(instance.state).to_string()),
        "instance-state-name" => Some(instance.state.to_string()),
        "instance-type" => instance.instance_type.clone(),
        "launch-index" => Some(LAUNCH_INDEX.to_string()),
        "launch-time" => instance.launched_at.map(date),
        "metadata-options.http-endpoint" => Some(endpoint(instance).to_owned()),
        "owner-id" => Some(ACCOUNT.to_owned()),
        "platform" => instance.platform.clone(),
        "product-code" => return instance.product_codes.clone(),
        "product-code.type" => {
            let codes = instance.product_codes.iter();
            return codes.map(|_| CODE_TYPE.to_owned()).collect();
        }
        "reservation-id" => Some(reservation(instance)),
        "root-device-type" => Some(instance.root_device_type.to_string()),
        _virtualization_type => Some(VIRTUALIZATION.to_owned()),
    };
    value.into_iter().collect()
}

fn write(xml: &mut Xml, instance: &SeedInstance) {
    xml.text("instanceId", id(instance));
    xml.optional("imageId", instance.image_id.as_ref());
    xml.element("instanceState", |xml| {
        xml.text("code", code(instance.state));
        xml.text("name", instance.state);
    });
    xml.text("amiLaunchIndex", LAUNCH_INDEX);
    xml.items("productCodes", &instance.product_codes, |xml, code| {
        xml.text("productCode", code);
        xml.text("type", CODE_TYPE);
    });
    xml.optional("instanceType", instance.instance_type.as_ref());
    xml.optional("launchTime", instance.launched_at.map(date));
    xml.optional("platform", instance.platform.as_ref());
    xml.text("architecture", &instance.architecture);
    xml.text("rootDeviceType", instance.root_device_type);
    xml.text("virtualizationType", VIRTUALIZATION);
    tags::write(xml, &instance.tags);
    xml.text("hypervisor", HYPERVISOR);
    xml.element("metadataOptions", |xml| {
        xml.text("state", "applied");
        xml.text("httpEndpoint", endpoint(instance));
    });
}
