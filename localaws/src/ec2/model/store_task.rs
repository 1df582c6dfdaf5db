//! Images stored in S3: the tasks that store them, and the objects that they make
//! ("Store and restore an AMI using Amazon S3", EC2 User Guide).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ec2::model::timeline::Timeline;
use crate::ec2::wire::tags::Tags;

/// How long tasks are listed: "you can view tasks from the last 31 days".
const LISTED_FOR: SignedDuration = SignedDuration::from_hours(31 * 24);

/// A task that stores an image; it has no id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoreTask {
    pub(crate) image_id: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// Of the object.
    #[serde(default)]
    pub(crate) tags: Tags,
    /// What is to be stored, as it was at the start.
    pub(crate) object: String,
    pub(crate) timeline: Timeline,
    pub(crate) visible_at: Timestamp,
    /// How it fails, if it is to fail or has failed.
    pub(crate) failure: Option<String>,
    /// Whether it has come to an end.
    pub(crate) ended: bool,
    pub(crate) hidden: bool,
    /// The state that the listings show in place of the true one.
    #[serde(default)]
    pub(crate) state_override: Option<String>,
    /// How many were made in this Region before it.
    pub(crate) order: usize,
}

impl StoreTask {
    /// `StoreTaskState` of the EC2 API.
    pub(crate) fn state(&self) -> &'static str {
        match (self.ended, &self.failure) {
            (false, _) => "InProgress",
            (true, None) => "Completed",
            (true, Some(_)) => "Failed",
        }
    }

    /// The state that the listing shows.
    pub(crate) fn shown_state(&self) -> &str {
        self.state_override
            .as_deref()
            .unwrap_or_else(|| self.state())
    }

    pub(crate) fn percent(&self, now: Timestamp) -> u8 {
        match self.state() {
            "Completed" => 100,
            _ => self.timeline.percent(now).min(99),
        }
    }

    pub(crate) fn is_visible(&self, now: Timestamp) -> bool {
        !self.hidden && self.visible_at <= now
    }

    /// When it changes by itself: it ends, or is not listed any more.
    pub(crate) fn due_time(&self) -> Timestamp {
        let past = self.timeline.started_at.checked_add(LISTED_FOR);
        match self.ended {
            true => past.unwrap_or(Timestamp::MAX),
            false => self.timeline.ends_at,
        }
    }

    /// Whether it has ended and has been listed for long enough.
    pub(crate) fn is_past(&self, now: Timestamp) -> bool {
        self.ended && Timeline::is_past(self.timeline.started_at, LISTED_FOR, now)
    }

    /// What the pages of a listing are ordered by.
    pub(crate) fn place(&self) -> String {
        format!("{:020}", self.order)
    }
}

/// The tasks that store images, in the order of their starts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<StoreTask>", into = "Vec<StoreTask>")]
pub(crate) struct StoreTasks {
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
    pub(crate) fn insert(&mut self, task: StoreTask) {
        let orders = self.of_image.entry(task.image_id.clone()).or_default();
        orders.insert(task.order);
        self.tasks.insert(task.order, task);
    }

    pub(crate) fn get(&self, order: usize) -> Option<&StoreTask> {
        self.tasks.get(&order)
    }

    pub(crate) fn get_mut(&mut self, order: usize) -> Option<&mut StoreTask> {
        self.tasks.get_mut(&order)
    }

    /// All of them, in the order of their starts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &StoreTask> {
        self.tasks.values()
    }

    /// Those that come after this place in the order.
    pub(crate) fn after(&self, place: Option<&str>) -> impl Iterator<Item = &StoreTask> {
        let last = place.and_then(|place| place.parse::<usize>().ok());
        let next = last.map_or(0, |last| last.saturating_add(1));
        self.tasks.range(next..).map(|(_, task)| task)
    }

    /// Those of one image.
    pub(crate) fn of(&self, image_id: &str) -> impl Iterator<Item = &StoreTask> {
        let orders = self.of_image.get(image_id).into_iter().flatten();
        orders.filter_map(|order| self.get(*order))
    }

    /// Changes the tasks of an image.
    pub(crate) fn change(&mut self, image_id: &str, change: impl Fn(&mut StoreTask)) {
        for order in self.of_image.get(image_id).into_iter().flatten() {
            self.tasks.get_mut(order).map(&change);
        }
    }

    pub(crate) fn remove(&mut self, order: usize) {
        let Some(task) = self.tasks.remove(&order) else {
            return;
        };
        if let Some(orders) = self.of_image.get_mut(&task.image_id) {
            orders.remove(&order);
        }
    }
}
