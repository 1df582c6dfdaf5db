//! EnableSnapshotBlockPublicAccess.

use crate::ec2::model::account::SnapshotBlock;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::{Failure, invalid_value};
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let state = call.fields.required("State")?;
    service.permit(&call.action, call.fields)?;
    // "unblocked is not a valid value for EnableSnapshotBlockPublicAccess."
    let block = match state.as_str() {
        "block-all-sharing" => SnapshotBlock::AllSharing,
        "block-new-sharing" => SnapshotBlock::NewSharing,
        other => return Err(invalid_value(format!("Invalid value '{other}' for state."))),
    };
    let mut store = service.store();
    let account = &mut store.region(&call.region).account;
    account.check_changeable()?;
    account.snapshot_block = block;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("state", block.as_str());
    }))
}
