//! DisableImageDeregistrationProtection.

use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let id = call.fields.required("ImageId")?;
    let fields = std::mem::take(&mut call.fields);
    service.permit(&call.action, fields)?;
    service.change_image(&call, &id, |image, now| {
        image.check_made()?;
        image.deregistration_protection = image.deregistration_protection.disabled(now);
        Ok(())
    })?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        // Also with a cooldown, as far as the AWS CLI's example shows.
        xml.text("return", "disabled");
    }))
}
