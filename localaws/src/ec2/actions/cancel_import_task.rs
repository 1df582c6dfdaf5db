//! CancelImportTask.

use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let id = call.fields.required("ImportTaskId")?;
    let reason = call.fields.text("CancelReason");
    service.permit(&call.action, call.fields)?;
    let (before, after) = service.cancel_import(&call.region, &id, reason)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("importTaskId", id);
        xml.text("previousState", before);
        xml.text("state", after);
    }))
}
