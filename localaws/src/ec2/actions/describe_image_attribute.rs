//! DescribeImageAttribute.

use jiff::Timestamp;

use crate::clock::date;
use crate::ec2::model::image::Image;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::{Failure, invalid_value, missing, refuse};
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let id = call
        .fields
        .text("ImageId")
        .ok_or_else(|| missing("ImageId"))?;
    let attribute = call
        .fields
        .text("Attribute")
        .ok_or_else(|| missing("Attribute"))?;
    service.permit(&call.action, call.fields)?;
    let now = service.clock.now();
    let mut store = service.store();
    let record = store.region(&call.region).own_image_mut(&id, now)?;
    let image = record.seen(now);
    let attribute = Attribute::of(image, &attribute, now)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("imageId", &id);
        attribute.write(xml, image);
    }))
}

enum Attribute<'a> {
    /// Under this name in the answer.
    Value(&'static str, Option<&'a str>),
    /// The same, of what is not kept as text.
    Made(&'static str, Option<String>),
    ProductCodes,
    LaunchPermission,
}

impl<'a> Attribute<'a> {
    fn of(image: &'a Image, name: &str, now: Timestamp) -> Result<Self, Failure> {
        Ok(match name {
            "description" => Self::Value("description", image.description.as_deref()),
            "kernel" => Self::Value("kernel", image.kernel_id.as_deref()),
            "ramdisk" => Self::Value("ramdisk", image.ramdisk_id.as_deref()),
            "sriovNetSupport" => Self::Value("sriovNetSupport", image.sriov_net_support.as_deref()),
            "bootMode" => Self::Value("bootMode", image.boot_mode.as_deref()),
            "tpmSupport" => Self::Value("tpmSupport", image.tpm_support.as_deref()),
            "uefiData" => Self::Value("uefiData", image.uefi_data.as_deref()),
            "imdsSupport" => Self::Value("imdsSupport", image.imds_support.as_deref()),
            "productCodes" => Self::ProductCodes,
            // "The blockDeviceMapping attribute is deprecated. Using this attribute returns the Client.AuthFailure error."
            "blockDeviceMapping" => {
                return Err(refuse(
                    "AuthFailure",
                    "Unauthorized attempt to access restricted resource",
                ));
            }
            "launchPermission" => Self::LaunchPermission,
            "lastLaunchedTime" => {
                Self::Made("lastLaunchedTime", image.last_launched_time.map(date))
            }
            "deregistrationProtection" => Self::Made(
                "deregistrationProtection",
                Some(image.deregistration_protection.text(now)),
            ),
            name => {
                return Err(invalid_value(format!(
                    "Invalid value '{name}' for attribute."
                )));
            }
        })
    }

    fn write(&self, xml: &mut Xml, image: &Image) {
        match self {
            Self::Value(name, value) => xml.element(name, |xml| xml.optional("value", *value)),
            Self::Made(name, value) => {
                xml.element(name, |xml| xml.optional("value", value.as_ref()));
            }
            Self::ProductCodes => xml.items("productCodes", &image.product_codes, |xml, code| {
                xml.text("productCode", &code.id);
                xml.text("type", &code.kind);
            }),
            Self::LaunchPermission => {
                xml.items(
                    "launchPermission",
                    &image.launch_permissions,
                    |xml, permission| {
                        permission.write(xml);
                    },
                );
            }
        }
    }
}
