//! CancelBundleTask.

use crate::ec2::model::bundle_task::bundle_task_not_found;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::timers::Timer;
use crate::ec2::tasks::bundle::write_bundle_task;
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    service.check_era()?;
    let id = call.fields.required("BundleId")?;
    service.permit(&call.action, call.fields)?;
    let now = service.clock.now();
    let mut store = service.store();
    let region = store.region(&call.region);
    let task = region
        .bundle_tasks
        .get_mut(&id)
        // What the listings have forgotten can still be cancelled.
        .filter(|task| task.visible_at <= now);
    let task = task.ok_or_else(|| bundle_task_not_found(&[&id]))?;
    task.cancel(now)?;
    let task = task.clone();
    region.timers.set(now, Timer::Bundle(id));
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.element("bundleInstanceTask", |xml| {
            write_bundle_task(xml, &task, now);
        });
    }))
}
