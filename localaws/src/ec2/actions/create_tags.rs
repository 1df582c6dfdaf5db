//! CreateTags, on images and snapshots.

use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::{Failure, missing};
use crate::ec2::wire::tags;
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let resources = call.fields.texts("ResourceId")?;
    let more = tags::read(&mut call.fields)?;
    service.permit(&call.action, call.fields)?;
    if resources.is_empty() {
        // EC2 calls it by its name in the model.
        return Err(missing("resourceIdSet"));
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
    let (now, until) = (service.clock.now(), service.stale_until());
    let mut store = service.store();
    let region = store.region(&call.region);
    // All or nothing: every resource is checked before the first is changed.
    let mut changed = Vec::new();
    for id in &resources {
        let mut tags = match id.starts_with("ami-") {
            true => region.own_image_mut(id, now)?.image.tags.clone(),
            false => {
                region.visible_snapshot(id, now)?;
                region.snapshot(id)?.tags.clone()
            }
        };
        tags::add(&mut tags, &more)?;
        changed.push((id, tags));
    }
    for (id, tags) in changed {
        if let Some(record) = region.images.get_mut(id) {
            record.keep_for_reads(now, until);
            record.image.tags = tags;
        } else if let Some(snapshot) = region.snapshots.get_mut(id) {
            snapshot.tags = tags;
        }
    }
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", true);
    }))
}
