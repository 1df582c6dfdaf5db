//! EnableImageBlockPublicAccess. It takes effect at once; EC2's takes up to 10 minutes.

use crate::ec2::model::account::ImageBlock;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::checks::check_one_of;
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let state = call.fields.required("ImageBlockPublicAccessState")?;
    service.permit(&call.action, call.fields)?;
    let block = ImageBlock::NewSharing;
    check_one_of(
        "imageBlockPublicAccessState",
        Some(&state),
        &[block.as_str()],
    )?;
    let mut store = service.store();
    let account = &mut store.region(&call.region).account;
    account.check_changeable()?;
    account.image_block = block;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("imageBlockPublicAccessState", block.as_str());
    }))
}
