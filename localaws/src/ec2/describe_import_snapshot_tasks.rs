//! DescribeImportSnapshotTasks.

use super::error::Failure;
use super::import::Listing;
use super::task::TaskKind;
use super::xml::Xml;
use super::{Call, Inner, import_snapshot};

pub(super) fn answer(world: &Inner, mut call: Call) -> Result<String, Failure> {
    let listing = Listing::read(&mut call.fields)?;
    world.permit(&call.action, call.fields)?;
    let now = world.clock.now();
    let mut store = world.store();
    let region = store.region(&call.region);
    let (tasks, next) = listing.of(region, TaskKind::ImportSnapshot, now)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.items("importSnapshotTaskSet", tasks, |xml, task| {
            import_snapshot::write(xml, task, now);
        });
        xml.optional("nextToken", next);
    }))
}
