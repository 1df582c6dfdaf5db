//! EnableImageDeregistrationProtection.

use crate::ec2::model::protection::DeregistrationProtection;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let id = call.fields.required("ImageId")?;
    let with_cooldown = call.fields.flag("WithCooldown")?.unwrap_or(false);
    let fields = std::mem::take(&mut call.fields);
    service.permit(&call.action, fields)?;
    let protection = if with_cooldown {
        DeregistrationProtection::EnabledWithCooldown
    } else {
        DeregistrationProtection::EnabledWithoutCooldown
    };
    service.change_image(&call, &id, |image, _| {
        image.check_made()?;
        image.deregistration_protection = protection;
        Ok(())
    })?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", protection.text(service.clock.now()));
    }))
}
