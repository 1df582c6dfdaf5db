//! EnableImageDeprecation.

use jiff::Timestamp;

use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::{Failure, invalid_value};
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let id = call.fields.required("ImageId")?;
    let at = call.fields.required("DeprecateAt")?;
    let fields = std::mem::take(&mut call.fields);
    service.permit(&call.action, fields)?;
    let at: Timestamp = at
        .parse()
        .map_err(|_| invalid_value(format!("Invalid value '{at}' for deprecateAt.")))?;
    service.change_image(&call, &id, |image, now| {
        image.check_made()?;
        image.deprecate(at, now)
    })?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", true);
    }))
}
