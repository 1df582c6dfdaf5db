//! Import tasks over time: a disk becomes a snapshot, a virtual machine an image
//! ("Monitor an import image task" and "Monitor an import snapshot task", VM Import/Export User Guide).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::error::{Failure, refuse};
use super::filter::Filter;
use super::life::Step;
use super::model::{Snapshot, SnapshotState};
use super::page::Page;
use super::query::Fields;
use super::store::Region;
use super::tags::Tags;
use super::task::{Course, TaskKind};
use super::{filter, import_image};
use crate::ACCOUNT;
use crate::ids::Ids;

/// How long tasks are listed after their end: AWS shows them for about a week.
const LISTED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Percent at which a task that is to fail does so, and at which it is `deleted`.
const FAILS_AT: i32 = 40;
const FAILED_AT: i32 = 60;
/// Percent at which the snapshot begins to exist.
const SNAPSHOT_AT: u8 = 50;
/// What VM Import says when a disk is not what its format says.
const UNSUPPORTED: &str = "ClientError: Disk validation failed";

/// An import task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ImportTask {
    pub(super) id: String,
    pub(super) description: Option<String>,
    pub(super) encrypted: bool,
    pub(super) kms_key_id: Option<String>,
    pub(super) disks: Vec<Disk>,
    /// What ImportImage says beside the disks; none for ImportSnapshot.
    pub(super) machine: Option<Machine>,
    pub(super) tags: Tags,
    pub(super) snapshot_tags: Tags,
    pub(super) image_tags: Tags,
    pub(super) course: Course,
    pub(super) visible_at: Timestamp,
    /// How it fails, if it is to fail.
    pub(super) failure: Option<String>,
    /// How it came to a bad end.
    pub(super) end: Option<End>,
    /// Whether all that it makes is there.
    pub(super) complete: bool,
    pub(super) image_id: Option<String>,
    /// Whether the listing has forgotten it before its time.
    pub(super) hidden: bool,
    /// The state that the listings show in place of the true one.
    #[serde(default)]
    pub(super) said: Option<String>,
    pub(super) request_id: String,
}

/// What ImportImage says of the virtual machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) architecture: Option<String>,
    pub(super) platform: Option<String>,
    pub(super) license_type: Option<String>,
    pub(super) hypervisor: Option<String>,
    pub(super) usage_operation: Option<String>,
    pub(super) boot_mode: Option<String>,
    pub(super) licenses: Vec<String>,
}

/// A bad end: `deleting`, then `deleted`, with a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) deleted_at: Timestamp,
    pub(super) message: String,
}

/// What a listing shows of a task.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    pub(super) status: Cow<'static, str>,
    pub(super) message: Option<String>,
    pub(super) progress: Option<u8>,
}

/// From which percent on: status and message.
type Steps = &'static [(u8, &'static str, &'static str)];

const SNAPSHOT_STEPS: Steps = &[
    (0, "active", "pending"),
    (10, "active", "downloading/converting"),
    (50, "active", "converting"),
];

const IMAGE_STEPS: Steps = &[
    (0, "active", "pending"),
    (10, "validating", "validating"),
    (25, "validated", "validated"),
    (30, "converting", "converting"),
    (80, "updating", "preparing ami"),
];

impl ImportTask {
    pub(super) fn kind(&self) -> TaskKind {
        if self.machine.is_some() {
            TaskKind::ImportImage
        } else {
            TaskKind::ImportSnapshot
        }
    }

    /// Status, message and progress by now, as they are shown.
    pub(super) fn shown(&self, now: Timestamp) -> Shown {
        let mut shown = self.truly(now);
        if let Some(said) = &self.said {
            shown.status = Cow::Owned(said.clone());
        }
        shown
    }

    fn truly(&self, now: Timestamp) -> Shown {
        if let Some(end) = &self.end {
            let deleted = now >= end.deleted_at;
            return Shown {
                status: Cow::Borrowed(if deleted { "deleted" } else { "deleting" }),
                message: Some(end.message.clone()),
                progress: None,
            };
        }
        if self.complete {
            return Shown {
                status: Cow::Borrowed("completed"),
                message: None,
                progress: None,
            };
        }
        let percent = self.course.percent(now).min(99);
        let steps = if self.machine.is_some() {
            IMAGE_STEPS
        } else {
            SNAPSHOT_STEPS
        };
        let step = steps.iter().rev().find(|(from, ..)| *from <= percent);
        let (_, status, message) = step.unwrap_or(&steps[0]);
        Shown {
            status: Cow::Borrowed(status),
            message: Some((*message).to_owned()),
            progress: Some(percent),
        }
    }

    /// When something changes by itself.
    pub(super) fn moments(&self) -> Vec<Timestamp> {
        let ended_at = match &self.end {
            Some(end) => Some(end.deleted_at),
            None => self.complete.then_some(self.course.ends_at),
        };
        if let Some(ended_at) = ended_at {
            return ended_at.checked_add(LISTED_FOR).into_iter().collect();
        }
        [FAILS_AT, i32::from(SNAPSHOT_AT), 100]
            .map(|percent| self.course.at(percent))
            .to_vec()
    }

    /// Whether it can be seen by now.
    pub(super) fn is_visible(&self, now: Timestamp) -> bool {
        !self.hidden && self.visible_at <= now
    }

    /// Why it fails: because it is told to, or because a disk cannot be read.
    fn reason_to_fail(&self) -> Option<String> {
        let unreadable = self.disks.iter().find(|disk| !disk.readable);
        let format = unreadable.map(|disk| disk.format.as_deref().unwrap_or("disk"));
        let unsupported = format.map(|it| format!("{UNSUPPORTED} [Unsupported {it} File Format]"));
        self.failure.clone().or(unsupported)
    }

    /// Comes to a bad end; what is half made goes.
    pub(super) fn end(
        &mut self,
        deleted_at: Timestamp,
        message: String,
        snapshots: &mut Snapshots,
    ) {
        let made = self
            .disks
            .iter_mut()
            .filter(|disk| !matches!(disk.source, super::disk::Source::Snapshot(_)));
        for id in made.filter_map(|disk| disk.snapshot_id.take()) {
            snapshots.remove(&id);
        }
        self.end = Some(End {
            deleted_at,
            message,
        });
    }

    /// When it is not listed any more, once it has ended.
    fn is_past(&self, now: Timestamp) -> bool {
        let ended_at = match &self.end {
            Some(end) => Some(end.deleted_at),
            None => self.complete.then_some(self.course.ends_at),
        };
        ended_at.is_some_and(|ended_at| Course::is_past(ended_at, LISTED_FOR, now))
    }

    fn snapshot(&self, id: &str, disk: &Disk, state: SnapshotState) -> Snapshot {
        Snapshot {
            id: id.to_owned(),
            volume_size: disk.gib,
            state,
            state_message: None,
            description: format!("Created by AWS-VMImport service for {}", self.id),
            owner_id: ACCOUNT.to_owned(),
            encrypted: self.encrypted,
            kms_key_id: self.kms_key_id.clone(),
            product_codes: Vec::new(),
            tags: self.snapshot_tags.clone(),
            started_at: self.course.started_at,
        }
    }
}

pub(super) type Snapshots = BTreeMap<String, Snapshot>;

/// Moves an import task on, and forgets it in the end; gives the image that appeared.
pub(super) fn settle(region: &mut Region, id: &str, ids: &Ids, now: Timestamp) -> Option<Step> {
    let mut task = region.import_tasks.remove(id)?;
    let open = !task.complete && task.end.is_none();
    let step = open.then(|| move_on(&mut task, region, ids, now));
    if !task.is_past(now) {
        region.import_tasks.insert(id.to_owned(), task);
    }
    step.flatten()
}

fn move_on(task: &mut ImportTask, region: &mut Region, ids: &Ids, now: Timestamp) -> Option<Step> {
    if let Some(message) = task.reason_to_fail() {
        if now >= task.course.at(FAILS_AT) {
            let deleted_at = task.course.at(FAILED_AT);
            task.end(deleted_at, message, &mut region.snapshots);
        }
        return None;
    }
    let percent = task.course.percent(now);
    if percent < SNAPSHOT_AT {
        return None;
    }
    let state = if percent == 100 {
        SnapshotState::Completed
    } else {
        SnapshotState::Pending
    };
    for number in 0..task.disks.len() {
        let disk = &task.disks[number];
        if matches!(disk.source, super::disk::Source::Snapshot(_)) {
            continue;
        }
        let id = disk.snapshot_id.clone();
        let id = id.unwrap_or_else(|| region.new_snapshot_id(ids));
        match region.snapshots.get_mut(&id) {
            // Tags may have been added to it meanwhile.
            Some(snapshot) => snapshot.state = state,
            // Somebody may have deleted it meanwhile, too.
            None if disk.snapshot_id.is_some() => {}
            None => {
                let snapshot = task.snapshot(&id, disk, state);
                region.snapshots.insert(id.clone(), snapshot);
            }
        }
        task.disks[number].snapshot_id = Some(id);
    }
    if percent < 100 {
        return None;
    }
    task.complete = true;
    task.machine
        .is_some()
        .then(|| import_image::appear(task, region, ids))
}

/// `InvalidConversionTaskId.Malformed`, which is what EC2 answers for ids that it does not know, too.
pub(super) fn no_task(ids: &[&str]) -> Failure {
    refuse(
        "InvalidConversionTaskId.Malformed",
        format!("The import task ids '[{}]' are invalid", ids.join(", ")),
    )
}

/// Tasks in a page if the request does not say how many. AWS names no figure; few enough that clients have to turn pages.
const USUAL_PAGE: usize = 100;

/// What the listings of both kinds take.
pub(super) struct Listing {
    ids: Vec<String>,
    filters: Vec<Filter>,
    page: Page,
}

impl Listing {
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Failure> {
        Ok(Self {
            ids: fields.texts("ImportTaskId")?,
            filters: filter::read_named(fields, "Filters", &["task-state"])?,
            page: Page::read(fields, 1)?.usually(USUAL_PAGE),
        })
    }

    /// The page of tasks of this kind that is wanted, and the token of the next one; refused if one of the ids is not
    /// there.
    pub(super) fn of<'a>(
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
            return Err(no_task(&lost));
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
