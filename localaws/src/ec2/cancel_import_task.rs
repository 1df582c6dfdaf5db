//! CancelImportTask.

use super::error::Failure;
use super::xml::Xml;
use super::{Call, Inner};

pub(super) fn answer(world: &Inner, mut call: Call) -> Result<String, Failure> {
    let id = call.fields.required("ImportTaskId")?;
    let reason = call.fields.text("CancelReason");
    world.permit(&call.action, call.fields)?;
    let (before, after) = world.cancel_import(&call.region, &id, reason)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("importTaskId", id);
        xml.text("previousState", before);
        xml.text("state", after);
    }))
}
