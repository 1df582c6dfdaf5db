//! Bundle tasks over time, and as answers show them.

use jiff::Timestamp;

use crate::clock::date;
use crate::ec2::model::bundle_task::BundleTask;
use crate::ec2::model::region::Region;
use crate::ec2::model::timers::Timer;
use crate::ec2::tasks::bundle_objects::OBJECTS;
use crate::ec2::wire::xml::Xml;

/// Moves a bundle task on, and forgets it in the end. What it writes into S3, see [`super::Service::progress`].
pub(crate) fn advance(region: &mut Region, id: &str, now: Timestamp) {
    let Some(task) = region.bundle_tasks.get_mut(id) else {
        return;
    };
    if task.is_open() {
        task.advance(now);
    }
    if task.written < task.due(OBJECTS, now) {
        region.to_write.insert(Timer::Bundle(id.to_owned()));
    }
    if task.is_past(now) {
        region.bundle_tasks.remove(id);
    }
}

/// A bundle task, as its actions and its listing show it.
pub(crate) fn write_bundle_task(xml: &mut Xml, task: &BundleTask, now: Timestamp) {
    xml.text("instanceId", &task.instance_id);
    xml.text("bundleId", &task.id);
    xml.text("state", task.shown_state(now));
    xml.text("startTime", date(task.timeline.started_at));
    xml.text("updateTime", date(task.updated_at(now)));
    xml.element("storage", |xml| {
        xml.element("S3", |xml| {
            xml.text("bucket", &task.bucket);
            xml.text("prefix", &task.prefix);
        });
    });
    xml.optional("progress", task.progress(now));
    let error = task.end.as_ref().and_then(|end| end.error.as_ref());
    if let Some(error) = error {
        xml.element("error", |xml| {
            xml.text("code", &error.code);
            xml.text("message", &error.message);
        });
    }
}
