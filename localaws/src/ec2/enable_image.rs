//! EnableImage.

use super::disable_image::change;
use super::error::{Failure, missing};
use super::model::ImageState;
use super::xml::Xml;
use super::{Call, Inner};

pub(super) fn answer(world: &Inner, mut call: Call) -> Result<String, Failure> {
    let id = call
        .fields
        .text("ImageId")
        .ok_or_else(|| missing("ImageId"))?;
    world.permit(&call.action, call.fields)?;
    change(
        world,
        &call.region,
        &id,
        (ImageState::Disabled, ImageState::Available),
    )?;
    world.tell_state(&call.region, &id, &call.request_id, "available");
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", true);
    }))
}
