//! DisableImage.

use super::error::{Failure, missing, refuse};
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
        (ImageState::Available, ImageState::Disabled),
    )?;
    world.tell_state(&call.region, &id, &call.request_id, "disabled");
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", true);
    }))
}

/// Brings an image from one state to the other.
pub(super) fn change(
    world: &Inner,
    region: &str,
    id: &str,
    (from, to): (ImageState, ImageState),
) -> Result<(), Failure> {
    let mut store = world.store();
    let image = &mut store.region(region).image_mut(id, world.clock.now())?.image;
    if image.state != from {
        return Err(refuse(
            "IncorrectState",
            format!("The image '{id}' is {}, not {from}", image.state),
        ));
    }
    image.state = to;
    Ok(())
}
