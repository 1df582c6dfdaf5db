//! DescribeImages.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::ACCOUNT;
use crate::clock::date;
use crate::ec2::model::image::{BlockDeviceMapping, Image, ImageState, RootDeviceType};
use crate::ec2::model::permission::Permission;
use crate::ec2::model::region::Region;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::checks::{check_image_id, check_user};
use crate::ec2::wire::error::{Failure, image_not_found};
use crate::ec2::wire::filter::{self, Filter};
use crate::ec2::wire::page::Page;
use crate::ec2::wire::query::Fields;
use crate::ec2::wire::tags;
use crate::ec2::wire::xml::Xml;

/// The documented filters, but for tags. Three families answer nothing here because no image can have them yet:
/// watermarks, scan results and instance type specifications.
const FILTERS: [&str; 51] = [
    "architecture",
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.encrypted",
    "block-device-mapping.snapshot-id",
    "block-device-mapping.volume-size",
    "block-device-mapping.volume-type",
    "boot-mode",
    "creation-date",
    "description",
    "ena-support",
    "free-tier-eligible",
    "hypervisor",
    "image-allowed",
    "image-id",
    "image-type",
    "image-watermark.source-image-creation-time",
    "image-watermark.source-image-id",
    "image-watermark.source-image-region",
    "image-watermark.watermark-creation-time",
    "image-watermark.watermark-key",
    "instance-type-specification.supported-instance-type",
    "instance-type-specification.unsupported-instance-type",
    "is-public",
    "kernel-id",
    "manifest-location",
    "name",
    "owner-alias",
    "owner-id",
    "platform",
    "product-code",
    "product-code.type",
    "public-ssm-parameter-name",
    "ramdisk-id",
    "root-device-name",
    "root-device-type",
    "scan-result.critical-fix-available-since",
    "scan-result.finding-scan-date",
    "scan-result.high-fix-available-since",
    "scan-result.highest-finding-severity-label",
    "scan-result.informational-fix-available-since",
    "scan-result.low-fix-available-since",
    "scan-result.medium-fix-available-since",
    "source-image-id",
    "source-image-region",
    "source-instance-id",
    "sriov-net-support",
    "state",
    "state-reason-code",
    "state-reason-message",
    "virtualization-type",
];

/// Filters on what EC2 works out by rules that this service does not have.
const NOT_BUILT: [&str; 2] = ["free-tier-eligible", "image-allowed"];

/// Owners that are not accounts. This service has no images of theirs.
const OWNER_ALIASES: [&str; 3] = ["amazon", "aws-backup-vault", "aws-marketplace"];

struct Request {
    ids: Vec<String>,
    owners: Vec<String>,
    executable_by: Vec<String>,
    include_disabled: bool,
    include_deprecated: bool,
    filters: Vec<Filter>,
    page: Page,
}

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let request = Request::read(&mut call.fields)?;
    service.permit(&call.action, call.fields)?;
    let now = service.clock.now();
    let mut store = service.store();
    let region = store.region(&call.region);
    request.check_ids(region, now)?;
    let named: BTreeSet<String> = request.ids.iter().cloned().collect();
    let named = Some(&named).filter(|ids| !ids.is_empty());
    let named = named.or_else(|| filter::exact(&request.filters, "image-id"));
    let kept = request
        .page
        .candidates(&region.images, named)
        .filter(|record| match request.ids.is_empty() {
            true => record.is_listed(now),
            false => record.is_visible(now),
        })
        .map(|record| record.seen(now));
    let gone = request.page.candidates(&region.gone.0, named);
    let gone: Vec<&Image> = gone.filter_map(|gone| gone.shown(now)).collect();
    let found = in_order(kept, gone).filter(|image| request.wants(image, now));
    let (images, next) = request.page.cut(found, |image| image.id.clone());
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.items("imagesSet", images, |xml, image| write(xml, image, now));
        xml.optional("nextToken", next);
    }))
}

/// Images with those that are gone among them, by id.
fn in_order<'a>(
    kept: impl Iterator<Item = &'a Image> + 'a,
    gone: Vec<&'a Image>,
) -> Box<dyn Iterator<Item = &'a Image> + 'a> {
    if gone.is_empty() {
        return Box::new(kept);
    }
    let mut all: Vec<&Image> = kept.chain(gone).collect();
    all.sort_unstable_by(|one, other| one.id.cmp(&other.id));
    Box::new(all.into_iter())
}

impl Request {
    fn read(fields: &mut Fields) -> Result<Self, Failure> {
        let request = Self {
            ids: fields.texts("ImageId")?,
            owners: fields.texts("Owner")?,
            executable_by: fields.texts("ExecutableBy")?,
            include_disabled: fields.flag("IncludeDisabled")?.unwrap_or(false),
            include_deprecated: fields.flag("IncludeDeprecated")?.unwrap_or(false),
            filters: filter::read(fields, &FILTERS)?,
            page: Page::read(fields, 1)?,
        };
        request.page.check_ids("imageIdsSet", &request.ids)?;
        if let Some(filter) = request
            .filters
            .iter()
            .find(|filter| NOT_BUILT.contains(&filter.name.as_str()))
        {
            return Err(Failure::NotBuilt(format!(
                "DescribeImages with the filter {}",
                filter.name
            )));
        }
        for owner in request
            .owners
            .iter()
            .filter(|owner| !OWNER_ALIASES.contains(&owner.as_str()))
        {
            check_user(owner, "self")?;
        }
        for user in request.executable_by.iter().filter(|user| *user != "all") {
            check_user(user, "self")?;
        }
        Ok(request)
    }

    /// Every id that was asked for must be there, or have been there a while ago.
    fn check_ids(&self, region: &Region, now: Timestamp) -> Result<(), Failure> {
        self.ids.iter().try_for_each(|id| check_image_id(id))?;
        let there = |id: &str| {
            region
                .images
                .get(id)
                .is_some_and(|record| record.is_visible(now))
                || region.gone.knows(id, now)
        };
        let lost: Vec<&str> = self
            .ids
            .iter()
            .map(String::as_str)
            .filter(|id| !there(id))
            .collect();
        if lost.is_empty() {
            Ok(())
        } else {
            Err(image_not_found(&lost))
        }
    }

    fn wants(&self, image: &Image, now: Timestamp) -> bool {
        let owned = |owner: &String| match owner.as_str() {
            "self" => image.is_own(),
            owner => owner == image.owner_id || image.owner_alias.as_deref() == Some(owner),
        };
        (self.owners.is_empty() || self.owners.iter().any(owned))
            && (self.executable_by.is_empty() || self.is_executable(image))
            && (!self.ids.is_empty() || self.is_listed(image, now))
            && filter::pass(&self.filters, image.visible_tags(), |name| {
                values_of(image, name)
            })
    }

    /// Whether it is shared as the request says: with an account by its own id, or with everybody. What is shared with
    /// an organization does not count.
    fn is_executable(&self, image: &Image) -> bool {
        self.executable_by.iter().any(|user| {
            let permission = match user.as_str() {
                "all" => Permission::Everyone,
                "self" => Permission::Account(ACCOUNT.to_owned()),
                account => Permission::Account(account.to_owned()),
            };
            image.launch_permissions.contains(&permission)
        })
    }

    /// Whether a list shows it; who asks for its id gets it anyway. "The image owner can always see their deprecated
    /// AMIs".
    fn is_listed(&self, image: &Image, now: Timestamp) -> bool {
        (self.include_disabled || image.state != ImageState::Disabled)
            && (self.include_deprecated || image.is_own() || !image.is_deprecated(now))
    }
}

/// The image's values of the attribute that a filter names.
fn values_of(image: &Image, name: &str) -> Vec<String> {
    let one = |value: &str| vec![value.to_owned()];
    let maybe = |value: &Option<String>| value.iter().cloned().collect();
    match name {
        "architecture" => one(&image.architecture),
        "boot-mode" => maybe(&image.boot_mode),
        "creation-date" => one(&date(image.created_at)),
        "description" => maybe(&image.description),
        "ena-support" => one(&image.ena_support.to_string()),
        "hypervisor" => one("xen"),
        "image-id" => one(&image.id),
        "image-type" => one("machine"),
        "is-public" => one(&image.is_public().to_string()),
        "kernel-id" => maybe(&image.kernel_id),
        "manifest-location" => one(&image.location),
        "name" => one(&image.name),
        "owner-alias" => maybe(&image.owner_alias),
        "owner-id" => one(&image.owner_id),
        "platform" => maybe(&image.platform),
        "product-code" => image
            .product_codes
            .iter()
            .map(|code| code.id.clone())
            .collect(),
        "product-code.type" => image
            .product_codes
            .iter()
            .map(|code| code.kind.clone())
            .collect(),
        "ramdisk-id" => maybe(&image.ramdisk_id),
        "root-device-name" => maybe(&image.root_device_name),
        "root-device-type" => one(&image.root_device_type.to_string()),
        "source-image-id" => maybe(&image.source_image_id),
        "source-image-region" => maybe(&image.source_image_region),
        "sriov-net-support" => maybe(&image.sriov_net_support),
        "state" => one(&image.state.to_string()),
        "state-reason-code" => image
            .state_reason
            .iter()
            .map(|reason| reason.code.clone())
            .collect(),
        "state-reason-message" => image
            .state_reason
            .iter()
            .map(|reason| reason.message.clone())
            .collect(),
        "virtualization-type" => one(&image.virtualization_type),
        name => image
            .block_device_mappings
            .iter()
            .filter_map(|mapping| mapping_value(mapping, name))
            .collect(),
    }
}

fn mapping_value(mapping: &BlockDeviceMapping, name: &str) -> Option<String> {
    let field = name.strip_prefix("block-device-mapping.")?;
    if field == "device-name" {
        return Some(mapping.device_name.clone());
    }
    let ebs = mapping.ebs.as_ref()?;
    match field {
        "delete-on-termination" => Some(ebs.delete_on_termination.to_string()),
        "encrypted" => Some(ebs.encrypted.to_string()),
        "snapshot-id" => ebs.snapshot_id.clone(),
        "volume-size" => Some(ebs.volume_size.to_string()),
        "volume-type" => Some(ebs.volume_type.clone()),
        _ => None,
    }
}

fn write(xml: &mut Xml, image: &Image, now: Timestamp) {
    xml.text("imageId", &image.id);
    xml.text("imageLocation", &image.location);
    xml.text("imageState", image.state);
    xml.text("imageOwnerId", &image.owner_id);
    xml.optional("imageOwnerAlias", image.owner_alias.as_ref());
    xml.text("creationDate", date(image.created_at));
    xml.text("isPublic", image.is_public());
    xml.items_if_any("productCodes", &image.product_codes, |xml, code| {
        xml.text("productCode", &code.id);
        xml.text("type", &code.kind);
    });
    xml.text("architecture", &image.architecture);
    xml.text("imageType", "machine");
    xml.optional("kernelId", image.kernel_id.as_ref());
    xml.optional("ramdiskId", image.ramdisk_id.as_ref());
    xml.optional("platform", image.platform.as_ref());
    let (details, operation) = match (&image.billing, &image.platform) {
        (Some(billing), _) => (&*billing.platform_details, &*billing.usage_operation),
        (None, Some(_)) => ("Windows", "RunInstances:0002"),
        (None, None) => ("Linux/UNIX", "RunInstances"),
    };
    xml.text("platformDetails", details);
    xml.text("usageOperation", operation);
    if let Some(reason) = &image.state_reason {
        xml.element("stateReason", |xml| {
            xml.text("code", &reason.code);
            xml.text("message", &reason.message);
        });
    }
    xml.text("name", &image.name);
    xml.optional("description", image.description.as_ref());
    xml.text("rootDeviceType", image.root_device_type);
    xml.optional("rootDeviceName", image.root_device_name.as_ref());
    write_mappings(xml, image);
    xml.text("virtualizationType", &image.virtualization_type);
    tags::write(xml, image.visible_tags());
    xml.text("hypervisor", "xen");
    xml.optional("enaSupport", image.ena_support.then_some(true));
    xml.optional("sriovNetSupport", image.sriov_net_support.as_ref());
    xml.optional("bootMode", image.boot_mode.as_ref());
    xml.optional("tpmSupport", image.tpm_support.as_ref());
    xml.optional("imdsSupport", image.imds_support.as_ref());
    xml.optional("deprecationTime", image.deprecation_time.map(date));
    let protection = image.deregistration_protection.text(now);
    xml.text("deregistrationProtection", protection);
    let launched = image.last_launched_time.filter(|_| image.is_own());
    xml.optional("lastLaunchedTime", launched.map(date));
    xml.optional("sourceImageId", image.source_image_id.as_ref());
    xml.optional("sourceImageRegion", image.source_image_region.as_ref());
}

/// The `blockDeviceMapping` of an answer. An instance store image without volumes of its own has an empty one.
fn write_mappings(xml: &mut Xml, image: &Image) {
    if image.block_device_mappings.is_empty() && image.root_device_type == RootDeviceType::Ebs {
        return;
    }
    xml.items(
        "blockDeviceMapping",
        &image.block_device_mappings,
        |xml, mapping| {
            xml.text("deviceName", &mapping.device_name);
            xml.optional("virtualName", mapping.virtual_name.as_ref());
            if let Some(ebs) = &mapping.ebs {
                xml.element("ebs", |xml| {
                    // Those of a copy appear once it is available (seen by pubsys).
                    let copying =
                        image.state == ImageState::Pending && image.source_image_id.is_some();
                    let snapshot_id = ebs.snapshot_id.as_ref().filter(|_| !copying);
                    xml.optional("snapshotId", snapshot_id);
                    xml.text("volumeSize", ebs.volume_size);
                    xml.text("deleteOnTermination", ebs.delete_on_termination);
                    xml.text("volumeType", &ebs.volume_type);
                    xml.optional("iops", ebs.iops);
                    xml.optional("throughput", ebs.throughput);
                    xml.text("encrypted", ebs.encrypted);
                });
            }
        },
    );
}
