//! DescribeTags.

use crate::ACCOUNT;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::filter;
use crate::ec2::wire::page::Page;
use crate::ec2::wire::tags::Tags;
use crate::ec2::wire::xml::Xml;

/// The documented filters, but for `tag:KEY`.
const FILTERS: [&str; 4] = ["key", "resource-id", "resource-type", "value"];

struct Row {
    resource_id: String,
    resource_type: &'static str,
    key: String,
    value: String,
}

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let filters = filter::read(&mut call.fields, &FILTERS)?;
    let page = Page::read(&mut call.fields, 5)?;
    service.permit(&call.action, call.fields)?;
    let now = service.clock.now();
    let mut store = service.store();
    let region = store.region(&call.region);
    let own = region
        .snapshots
        .values()
        .filter(|it| it.owner_id == ACCOUNT && region.shows_snapshot(&it.id, now));
    let tasks = region.import_tasks.values();
    let tasks = tasks.filter(|task| task.is_visible(now));
    let mut found: Vec<Row> = region
        .visible(now)
        .flat_map(|image| rows(&image.id, "image", image.visible_tags()))
        .chain(own.flat_map(|snapshot| rows(&snapshot.id, "snapshot", &snapshot.tags)))
        .chain(tasks.flat_map(|task| rows(&task.id, kind_of(&task.id), &task.tags)))
        .filter(|row| filter::pass(&filters, &row.tags(), |name| vec![row.value_of(name)]))
        .collect();
    found.sort_by_key(Row::id);
    let shown = |row: &Row| page.after().is_some_and(|last| *row.id() <= *last);
    let rest = found.into_iter().skip_while(shown);
    let (rows, next) = page.cut(rest, Row::id);
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.items("tagSet", rows, |xml, row| {
            xml.text("resourceId", row.resource_id);
            xml.text("resourceType", row.resource_type);
            xml.text("key", row.key);
            xml.text("value", row.value);
        });
        xml.optional("nextToken", next);
    }))
}

/// The resource type of an import task.
fn kind_of(id: &str) -> &'static str {
    if id.starts_with("import-ami-") {
        "import-image-task"
    } else {
        "import-snapshot-task"
    }
}

fn rows(id: &str, resource_type: &'static str, tags: &Tags) -> Vec<Row> {
    let row = |(key, value): (&String, &String)| Row {
        resource_id: id.to_owned(),
        resource_type,
        key: key.clone(),
        value: value.clone(),
    };
    tags.iter().map(row).collect()
}

impl Row {
    fn id(&self) -> String {
        format!("{} {}", self.resource_id, self.key)
    }

    fn tags(&self) -> Tags {
        Tags::from([(self.key.clone(), self.value.clone())])
    }

    fn value_of(&self, name: &str) -> String {
        match name {
            "key" => self.key.clone(),
            "resource-id" => self.resource_id.clone(),
            "resource-type" => self.resource_type.to_owned(),
            _value => self.value.clone(),
        }
    }
}
