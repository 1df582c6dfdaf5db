//! GetEbsDefaultKmsKeyId.

use crate::ec2::model::key::MANAGED_ALIAS;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, call: Call) -> Result<String, Failure> {
    service.permit(&call.action, call.fields)?;
    let mut store = service.store();
    let account = &store.region(&call.region).account;
    let key = account.default_key.as_deref().unwrap_or(MANAGED_ALIAS);
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("kmsKeyId", key);
    }))
}
