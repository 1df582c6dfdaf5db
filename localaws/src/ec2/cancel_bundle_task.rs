//! CancelBundleTask.

use super::agenda::Item;
use super::bundle_task::{no_task, write};
use super::error::Failure;
use super::xml::Xml;
use super::{Call, Inner};

pub(super) fn answer(world: &Inner, mut call: Call) -> Result<String, Failure> {
    world.check_era()?;
    let id = call.fields.required("BundleId")?;
    world.permit(&call.action, call.fields)?;
    let now = world.clock.now();
    let mut store = world.store();
    let region = store.region(&call.region);
    let task = region
        .bundle_tasks
        .get_mut(&id)
        // What the listings have forgotten can still be cancelled.
        .filter(|task| task.visible_at <= now);
    let task = task.ok_or_else(|| no_task(&[&id]))?;
    task.cancel(now)?;
    let task = task.clone();
    region.agenda.note(now, Item::Bundle(id));
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.element("bundleInstanceTask", |xml| write(xml, &task, now));
    }))
}
