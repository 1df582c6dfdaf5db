//! DeleteTags, from images and snapshots.

use std::collections::BTreeMap;

use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::{Failure, missing};
use crate::ec2::wire::query::Fields;
use crate::ec2::wire::tags::Tags;
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let resources = call.fields.texts("ResourceId")?;
    let unwanted = read(&mut call.fields)?;
    service.permit(&call.action, call.fields)?;
    if resources.is_empty() {
        // EC2 calls it by its name in the model.
        return Err(missing("resourceIdSet"));
    }
    let mut others = resources.iter();
    if let Some(other) = others.find(|id| !id.starts_with("ami-") && !id.starts_with("snap-")) {
        return Err(Failure::NotBuilt(format!("DeleteTags on {other}")));
    }
    let (now, until) = (service.clock.now(), service.stale_until());
    let mut store = service.store();
    let region = store.region(&call.region);
    // All or nothing: every resource is checked before the first is changed.
    for id in &resources {
        if id.starts_with("ami-") {
            region.own_image_mut(id, now)?;
        } else {
            region.snapshot(id)?;
        }
    }
    for id in &resources {
        if let Some(record) = region.images.get_mut(id) {
            record.keep_for_reads(now, until);
            delete(&mut record.image.tags, &unwanted);
        } else if let Some(snapshot) = region.snapshots.get_mut(id) {
            delete(&mut snapshot.tags, &unwanted);
        }
    }
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", true);
    }))
}

/// The tags to be deleted: with a value, also an empty one, only if the tag has it.
fn read(fields: &mut Fields) -> Result<BTreeMap<String, Option<String>>, Failure> {
    let mut unwanted = BTreeMap::new();
    for mut tag in fields.list("Tag")? {
        let key = tag.required("Key")?;
        unwanted.insert(key, tag.text("Value"));
        tag.finish()?;
    }
    Ok(unwanted)
}

/// Without any tags in the request all are deleted.
fn delete(tags: &mut Tags, unwanted: &BTreeMap<String, Option<String>>) {
    if unwanted.is_empty() {
        tags.clear();
    }
    tags.retain(|key, value| match unwanted.get(key) {
        None => true,
        Some(None) => false,
        Some(Some(wanted)) => wanted != value,
    });
}
