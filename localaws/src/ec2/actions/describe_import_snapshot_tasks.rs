//! DescribeImportSnapshotTasks.

use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::timeline::TaskKind;
use crate::ec2::tasks::import_answers::write_snapshot_task;
use crate::ec2::tasks::import_listing::Listing;
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let listing = Listing::read(&mut call.fields)?;
    service.permit(&call.action, call.fields)?;
    let now = service.clock.now();
    let mut store = service.store();
    let region = store.region(&call.region);
    let (tasks, next) = listing.of(region, TaskKind::ImportSnapshot, now)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.items("importSnapshotTaskSet", tasks, |xml, task| {
            write_snapshot_task(xml, task, now);
        });
        xml.optional("nextToken", next);
    }))
}
