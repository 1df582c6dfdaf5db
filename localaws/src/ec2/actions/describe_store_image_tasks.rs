//! DescribeStoreImageTasks.

use std::collections::BTreeSet;

use crate::clock::date;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::store_task::StoreTask;
use crate::ec2::wire::checks::check_image_id;
use crate::ec2::wire::error::{Failure, invalid_combination, invalid_value};
use crate::ec2::wire::filter;
use crate::ec2::wire::page::Page;
use crate::ec2::wire::tags::Tags;
use crate::ec2::wire::xml::Xml;

/// "Up to 20 AMI IDs can be included in a request."
const MOST_IDS: usize = 20;
/// "You can specify a value between 1 and 200, inclusive." So many, too, if the request does not say: AWS names no figure.
const LARGEST_PAGE: usize = 200;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let ids = call.fields.texts("ImageId")?;
    let filters = filter::read(&mut call.fields, &["task-state", "bucket"])?;
    let limited = call.fields.has("MaxResults");
    let page = Page::read_up_to(&mut call.fields, 1, LARGEST_PAGE)?.usually(LARGEST_PAGE);
    service.permit(&call.action, call.fields)?;
    ids.iter().try_for_each(|id| check_image_id(id))?;
    if ids.len() > MOST_IDS {
        return Err(invalid_value(format!(
            "The maximum number of image ids in a request is {MOST_IDS}"
        )));
    }
    if !ids.is_empty() && limited {
        return Err(invalid_combination(
            "MaxResults and ImageIds cannot be specified in the same call",
        ));
    }
    let now = service.clock.now();
    let mut store = service.store();
    let tasks = &store.region(&call.region).store_tasks;
    // "When you specify the ImageIds parameter, any filters that you specify are ignored."
    let wanted = |task: &&StoreTask| {
        filter::pass(&filters, &Tags::new(), |name| {
            vec![match name {
                "bucket" => task.bucket.clone(),
                _state => task.shown_state().to_owned(),
            }]
        })
    };
    let visible = |task: &&StoreTask| task.is_visible(now);
    let (tasks, next): (Vec<&StoreTask>, _) = if ids.is_empty() {
        let rest = tasks.after(page.after());
        let found = rest.filter(visible).filter(wanted);
        page.cut(found, |task| task.place())
    } else {
        let ids: BTreeSet<&String> = ids.iter().collect();
        let found = ids.into_iter().flat_map(|id| tasks.of(id));
        (found.filter(visible).collect(), None)
    };
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.items("storeImageTaskResultSet", tasks, |xml, task| {
            xml.text("amiId", &task.image_id);
            xml.text("taskStartTime", date(task.timeline.started_at));
            xml.text("bucket", &task.bucket);
            xml.text("s3objectKey", &task.key);
            xml.text("progressPercentage", task.percent(now));
            xml.text("storeTaskState", task.shown_state());
            let reason = task.failure.as_ref().filter(|_| task.ended);
            xml.optional("storeTaskFailureReason", reason);
        });
        xml.optional("nextToken", next);
    }))
}
