//! Images stored in S3: the tasks that store them, and the objects that they make
//! ("Store and restore an AMI using Amazon S3", EC2 User Guide).

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::agenda::Item;
use super::error::{Failure, invalid_value};
use super::model::{Image, Snapshot};
use super::store::Region;
use super::tags::Tags;
use super::task::Course;

/// How long tasks are listed: "you can view tasks from the last 31 days".
const LISTED_FOR: SignedDuration = SignedDuration::from_hours(31 * 24);
/// The first field of an object: nobody shall take it for EC2's own, which has the disks in it.
const FORMAT: &str = "localaws stored image, version 1; EC2 cannot restore it";

/// A task that stores an image; it has no id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StoreTask {
    pub(super) image_id: String,
    pub(super) bucket: String,
    pub(super) key: String,
    /// Of the object.
    #[serde(default)]
    pub(super) tags: Tags,
    /// What is to be stored, as it was at the start.
    pub(super) object: String,
    pub(super) course: Course,
    pub(super) visible_at: Timestamp,
    /// How it fails, if it is to fail or has failed.
    pub(super) failure: Option<String>,
    /// Whether it has come to an end.
    pub(super) ended: bool,
    pub(super) hidden: bool,
    /// The state that the listings show in place of the true one.
    #[serde(default)]
    pub(super) said: Option<String>,
    /// How many were made in this Region before it.
    pub(super) order: usize,
}

impl StoreTask {
    /// `StoreTaskState` of the EC2 API.
    pub(super) fn state(&self) -> &'static str {
        match (self.ended, &self.failure) {
            (false, _) => "InProgress",
            (true, None) => "Completed",
            (true, Some(_)) => "Failed",
        }
    }

    /// The state that the listing shows.
    pub(super) fn shown_state(&self) -> &str {
        self.said.as_deref().unwrap_or_else(|| self.state())
    }

    pub(super) fn percent(&self, now: Timestamp) -> u8 {
        match self.state() {
            "Completed" => 100,
            _ => self.course.percent(now).min(99),
        }
    }

    pub(super) fn is_visible(&self, now: Timestamp) -> bool {
        !self.hidden && self.visible_at <= now
    }

    /// When it changes by itself: it ends, or is not listed any more.
    pub(super) fn moment(&self) -> Timestamp {
        let past = self.course.started_at.checked_add(LISTED_FOR);
        match self.ended {
            true => past.unwrap_or(Timestamp::MAX),
            false => self.course.ends_at,
        }
    }

    /// What the pages of a listing are ordered by.
    pub(super) fn place(&self) -> String {
        format!("{:020}", self.order)
    }
}

/// The tasks that store images, in the order of their starts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<StoreTask>", into = "Vec<StoreTask>")]
pub(super) struct StoreTasks {
    tasks: BTreeMap<usize, StoreTask>,
    /// The orders of each image's tasks.
    of_image: BTreeMap<String, BTreeSet<usize>>,
}

impl From<Vec<StoreTask>> for StoreTasks {
    fn from(tasks: Vec<StoreTask>) -> Self {
        let mut all = Self::default();
        tasks.into_iter().for_each(|task| all.insert(task));
        all
    }
}

impl From<StoreTasks> for Vec<StoreTask> {
    fn from(all: StoreTasks) -> Self {
        all.tasks.into_values().collect()
    }
}

impl StoreTasks {
    pub(super) fn insert(&mut self, task: StoreTask) {
        let orders = self.of_image.entry(task.image_id.clone()).or_default();
        orders.insert(task.order);
        self.tasks.insert(task.order, task);
    }

    pub(super) fn get(&self, order: usize) -> Option<&StoreTask> {
        self.tasks.get(&order)
    }

    pub(super) fn get_mut(&mut self, order: usize) -> Option<&mut StoreTask> {
        self.tasks.get_mut(&order)
    }

    /// All of them, in the order of their starts.
    pub(super) fn iter(&self) -> impl Iterator<Item = &StoreTask> {
        self.tasks.values()
    }

    /// Those that come after this place in the order.
    pub(super) fn after(&self, place: Option<&str>) -> impl Iterator<Item = &StoreTask> {
        let last = place.and_then(|place| place.parse::<usize>().ok());
        let next = last.map_or(0, |last| last.saturating_add(1));
        self.tasks.range(next..).map(|(_, task)| task)
    }

    /// Those of one image.
    pub(super) fn of(&self, image_id: &str) -> impl Iterator<Item = &StoreTask> {
        let orders = self.of_image.get(image_id).into_iter().flatten();
        orders.filter_map(|order| self.get(*order))
    }

    /// Changes the tasks of an image.
    pub(super) fn change(&mut self, image_id: &str, change: impl Fn(&mut StoreTask)) {
        for order in self.of_image.get(image_id).into_iter().flatten() {
            self.tasks.get_mut(order).map(&change);
        }
    }

    fn remove(&mut self, order: usize) {
        let Some(task) = self.tasks.remove(&order) else {
            return;
        };
        if let Some(orders) = self.of_image.get_mut(&task.image_id) {
            orders.remove(&order);
        }
    }
}

/// Fails a task that is to fail, and forgets one that is not listed any more. The others end when their object is
/// written, see [`super::Inner::progress`].
pub(super) fn settle(region: &mut Region, order: usize, now: Timestamp) {
    let Some(task) = region.store_tasks.get_mut(order) else {
        return;
    };
    if !task.ended && task.course.ends_at <= now {
        if task.failure.is_some() {
            task.ended = true;
        } else {
            region.to_write.insert(Item::Stored(order));
        }
    }
    if task.ended && Course::is_past(task.course.started_at, LISTED_FOR, now) {
        region.store_tasks.remove(order);
    }
}

/// What such an object holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    format: String,
    pub(super) image: Image,
    pub(super) snapshots: Vec<Snapshot>,
}

impl Stored {
    pub(super) fn new(image: Image, snapshots: Vec<Snapshot>) -> Self {
        let format = FORMAT.to_owned();
        Self {
            format,
            image,
            snapshots,
        }
    }

    /// The object's text. Its parts are texts and numbers: JSON can always say them.
    pub(super) fn write(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// What is in an object, if this world has written it.
    pub(super) fn read(object: &Bytes, key: &str) -> Result<Self, Failure> {
        let stored: Option<Self> = serde_json::from_slice(object).ok();
        stored
            .filter(|stored| stored.format == FORMAT)
            .ok_or_else(|| invalid_value(format!("The object {key} is not a stored AMI")))
    }
}
