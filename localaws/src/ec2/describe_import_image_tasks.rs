//! DescribeImportImageTasks.

use super::error::Failure;
use super::import::Listing;
use super::task::TaskKind;
use super::xml::Xml;
use super::{Call, Inner, import_image};

pub(super) fn answer(world: &Inner, mut call: Call) -> Result<String, Failure> {
    let listing = Listing::read(&mut call.fields)?;
    world.permit(&call.action, call.fields)?;
    let now = world.clock.now();
    let mut store = world.store();
    let region = store.region(&call.region);
    let (tasks, next) = listing.of(region, TaskKind::ImportImage, now)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.items("importImageTaskSet", tasks, |xml, task| {
            import_image::write(xml, task, now);
            xml.optional(
                "bootMode",
                task.machine.as_ref().and_then(|it| it.boot_mode.as_ref()),
            );
        });
        xml.optional("nextToken", next);
    }))
}
