//! ResetImageAttribute: the image is private again.

use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::checks::check_one_of;
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let id = call.fields.required("ImageId")?;
    let attribute = call.fields.required("Attribute")?;
    let fields = std::mem::take(&mut call.fields);
    service.permit(&call.action, fields)?;
    // "currently you can only reset the launch permission attribute"
    check_one_of("attribute", Some(&attribute), &["launchPermission"])?;
    service.change_image(&call, &id, |image, _| {
        image.check_available()?;
        image.launch_permissions.clear();
        Ok(())
    })?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", true);
    }))
}
