//! ConfirmProductInstance: whether an instance has a product code of the caller's.

use crate::ACCOUNT;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::checks::check_id;
use crate::ec2::wire::error::{Failure, refuse};
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let id = call.fields.required("InstanceId")?;
    let code = call.fields.required("ProductCode")?;
    service.permit(&call.action, call.fields)?;
    check_id(&id, "i", "InvalidInstanceID.Malformed")?;
    // "the owner of the product code" only; what others are answered is a guess.
    if service.settings().foreign_product_codes.contains(&code) {
        let message = format!("Not authorized for product code {code}");
        return Err(refuse("AuthFailure", message));
    }
    let mut store = service.store();
    let region = store.region(&call.region);
    let instance = region.instances.get(&id).ok_or_else(|| {
        let message = format!("The instance ID '{id}' does not exist");
        refuse("InvalidInstanceID.NotFound", message)
    })?;
    let owner = instance.owner_id.as_deref().unwrap_or(ACCOUNT);
    let has_code = instance.product_codes.contains(&code);
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", has_code);
        xml.optional("ownerId", has_code.then_some(owner));
    }))
}
