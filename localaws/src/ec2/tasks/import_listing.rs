//! What the listings of both kinds of import tasks share.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::ec2::model::import_task::{ImportTask, import_task_not_found};
use crate::ec2::model::region::Region;
use crate::ec2::model::timeline::TaskKind;
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::filter::{self, Filter};
use crate::ec2::wire::page::Page;
use crate::ec2::wire::query::Fields;

/// Tasks in a page if the request does not say how many. AWS names no figure; few enough that clients have to turn pages.
const USUAL_PAGE: usize = 100;

/// What the listings of both kinds take.
pub(crate) struct Listing {
    ids: Vec<String>,
    filters: Vec<Filter>,
    page: Page,
}

impl Listing {
    pub(crate) fn read(fields: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            ids: fields.texts("ImportTaskId")?,
            filters: filter::read_named(fields, "Filters", &["task-state"])?,
            page: Page::read(fields, 1)?.usually(USUAL_PAGE),
        })
    }

    /// The page of tasks of this kind that is wanted, and the token of the next one; refused if one of the ids is not
    /// there.
    pub(crate) fn of<'a>(
        &self,
        region: &'a Region,
        kind: TaskKind,
        now: Timestamp,
    ) -> Result<(Vec<&'a ImportTask>, Option<String>), Failure> {
        let there = |id: &str| {
            let task = region.import_tasks.get(id);
            task.is_some_and(|task| task.kind() == kind && task.is_visible(now))
        };
        let ids = self.ids.iter().map(String::as_str);
        let lost: Vec<&str> = ids.filter(|id| !there(id)).collect();
        if !lost.is_empty() {
            return Err(import_task_not_found(&lost));
        }
        let values = |task: &ImportTask| vec![task.shown(now).status.into_owned()];
        let wanted = |task: &&ImportTask| {
            task.kind() == kind
                && task.is_visible(now)
                && filter::pass(&self.filters, &task.tags, |_| values(task))
        };
        let named: BTreeSet<String> = self.ids.iter().cloned().collect();
        let named = Some(&named).filter(|ids| !ids.is_empty());
        let candidates = self.page.candidates(&region.import_tasks, named);
        let ids = candidates.filter(wanted).map(|task| task.id.as_str());
        let (ids, next) = self.page.cut(ids, |id| (*id).to_owned());
        let tasks = ids.into_iter().filter_map(|id| region.import_tasks.get(id));
        Ok((tasks.collect(), next))
    }
}
