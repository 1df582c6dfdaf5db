//! DescribeBundleTasks: all at once, in no order that says anything.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::clock::date;
use crate::ec2::model::bundle_task::{BundleTask, bundle_task_not_found};
use crate::ec2::model::service::{Call, Service};
use crate::ec2::tasks::bundle::write_bundle_task;
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::filter;
use crate::ec2::wire::page::Page;
use crate::ec2::wire::tags::Tags;
use crate::ec2::wire::xml::Xml;

const FILTERS: [&str; 10] = [
    "bundle-id",
    "error-code",
    "error-message",
    "instance-id",
    "progress",
    "s3-bucket",
    "s3-prefix",
    "start-time",
    "state",
    "update-time",
];

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let ids = call.fields.texts("BundleId")?;
    let filters = filter::read(&mut call.fields, &FILTERS)?;
    service.permit(&call.action, call.fields)?;
    let now = service.clock.now();
    let mut store = service.store();
    let all = &store.region(&call.region).bundle_tasks;
    let there = |id: &str| all.get(id).is_some_and(|task| task.is_visible(now));
    let lost = ids.iter().map(String::as_str).filter(|id| !there(id));
    let lost: Vec<&str> = lost.collect();
    if !lost.is_empty() {
        return Err(bundle_task_not_found(&lost));
    }
    let named: BTreeSet<String> = ids.into_iter().collect();
    let named = Some(&named).filter(|ids| !ids.is_empty());
    let named = named.or_else(|| filter::exact(&filters, "bundle-id"));
    // Ids are random, so their order is not that of time.
    let everything = Page::default();
    let tasks = everything.candidates(all, named).filter(|task| {
        task.is_visible(now)
            // BundleManifest tasks cannot be tagged.
            && filter::pass(&filters, &Tags::new(), |name| values_of(task, name, now))
    });
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.items("bundleInstanceTasksSet", tasks, |xml, task| {
            write_bundle_task(xml, task, now);
        });
    }))
}

fn values_of(task: &BundleTask, name: &str, now: Timestamp) -> Vec<String> {
    let error = task.end.as_ref().and_then(|end| end.error.as_ref());
    let value = match name {
        "bundle-id" => Some(task.id.clone()),
        "error-code" => error.map(|error| error.code.clone()),
        "error-message" => error.map(|error| error.message.clone()),
        "instance-id" => Some(task.instance_id.clone()),
        "progress" => task.progress(now),
        "s3-bucket" => Some(task.bucket.clone()),
        "s3-prefix" => Some(task.prefix.clone()),
        "start-time" => Some(date(task.timeline.started_at)),
        "state" => Some(task.shown_state(now).to_owned()),
        _update_time => Some(date(task.updated_at(now))),
    };
    value.into_iter().collect()
}
