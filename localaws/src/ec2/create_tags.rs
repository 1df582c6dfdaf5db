//! CreateTags, on images and snapshots.

use super::error::{Failure, missing};
use super::xml::Xml;
use super::{Call, Inner, tags};

pub(super) fn answer(world: &Inner, mut call: Call) -> Result<String, Failure> {
    let resources = call.fields.texts("ResourceId")?;
    let more = tags::read(&mut call.fields)?;
    world.permit(&call.action, call.fields)?;
    if resources.is_empty() {
        return Err(missing("ResourceId"));
    }
    if more.is_empty() {
        return Err(missing("Tag"));
    }
    if let Some(other) = resources
        .iter()
        .find(|id| !id.starts_with("ami-") && !id.starts_with("snap-"))
    {
        return Err(Failure::NotBuilt(format!("CreateTags on {other}")));
    }
    let now = world.clock.now();
    let mut store = world.store();
    let region = store.region(&call.region);
    // All or nothing: every resource is looked at before the first is changed.
    let mut changed = Vec::new();
    for id in &resources {
        let mut tags = match id.starts_with("ami-") {
            true => region.image_mut(id, now)?.image.tags.clone(),
            false => region.snapshot(id)?.tags.clone(),
        };
        tags::add(&mut tags, &more)?;
        changed.push((id, tags));
    }
    for (id, tags) in changed {
        if let Some(record) = region.images.get_mut(id) {
            record.image.tags = tags;
        } else if let Some(snapshot) = region.snapshots.get_mut(id) {
            snapshot.tags = tags;
        }
    }
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", true);
    }))
}
