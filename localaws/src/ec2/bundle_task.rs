//! Bundle tasks over time: an instance is shut down, bundled, and stored in S3 ("DescribeBundleTasks", EC2 API Reference).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::agenda::Item;
use super::bundle_objects::OBJECTS;
use super::describe_images::date;
use super::error::{Failure, refuse};
use super::model::StateReason;
use super::store::Region;
use super::task::Course;
use super::xml::Xml;

/// How long ended tasks are listed: "for only a limited time". AWS names no figure; this one is a guess.
const LISTED_FOR: SignedDuration = SignedDuration::from_hours(24);
/// Percent from which on the parts are stored: also when an expired policy shows.
const STORES_AT: i32 = 60;
/// Percent at which a task that is to fail does so: its parts are there, its manifest is not.
const FAILS_AT: i32 = 80;
/// How much of its time a cancelled task is still `cancelling`.
const CANCELLING: i32 = 10;

/// A bundle task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BundleTask {
    pub(super) id: String,
    pub(super) instance_id: String,
    pub(super) architecture: String,
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) course: Course,
    /// When the upload policy expires.
    pub(super) expires_at: Timestamp,
    pub(super) visible_at: Timestamp,
    /// How it fails, if it is to fail.
    pub(super) failure: Option<String>,
    pub(super) cancelled_at: Option<Timestamp>,
    /// How many of its objects are in S3.
    pub(super) written: usize,
    pub(super) end: Option<BundleEnd>,
    pub(super) hidden: bool,
    /// The state that the listings show in place of the true one.
    #[serde(default)]
    pub(super) said: Option<String>,
}

/// How and when a bundle task ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BundleEnd {
    pub(super) at: Timestamp,
    /// None if it is complete.
    pub(super) error: Option<StateReason>,
}

impl BundleTask {
    /// `BundleTaskState` of the EC2 API.
    pub(super) fn state(&self, now: Timestamp) -> &'static str {
        match (&self.end, self.course.percent(now)) {
            (Some(end), _) if end.error.is_some() => "failed",
            (Some(_), _) => "complete",
            (None, _) if self.cancelled_at.is_some() => "cancelling",
            (None, 0..5) => "pending",
            (None, 5..20) => "waiting-for-shutdown",
            (None, 20..60) => "bundling",
            (None, _) => "storing",
        }
    }

    /// The state that the listing shows.
    pub(super) fn shown_state(&self, now: Timestamp) -> &str {
        self.said.as_deref().unwrap_or_else(|| self.state(now))
    }

    /// For example `3%`: of what is done in this state.
    pub(super) fn progress(&self, now: Timestamp) -> Option<String> {
        let percent = u32::from(self.course.percent(now));
        let done = match self.state(now) {
            "bundling" => (percent - 20) * 100 / 40,
            "storing" => (percent.min(99) - 60) * 100 / 40,
            _other => return None,
        };
        Some(format!("{done}%"))
    }

    /// When something last happened to it.
    pub(super) fn updated_at(&self, now: Timestamp) -> Timestamp {
        match (&self.end, self.cancelled_at) {
            (Some(end), _) => end.at,
            (None, Some(at)) => at,
            (None, None) => self.course.at(i32::from(self.course.percent(now))),
        }
    }

    pub(super) fn is_visible(&self, now: Timestamp) -> bool {
        !self.hidden && self.visible_at <= now
    }

    /// Whether the instance is still busy with it.
    pub(super) fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// How many of its objects should be in S3 by now, of so many in all.
    pub(super) fn due(&self, objects: usize, now: Timestamp) -> usize {
        match (self.is_open() && self.cancelled_at.is_none(), now) {
            (true, now) if now >= self.course.ends_at => objects,
            (true, now) if now >= self.course.at(STORES_AT) => objects - 1,
            _ => 0,
        }
    }

    /// When something is to happen to it even if nobody asks.
    pub(super) fn due_at(&self) -> Vec<Timestamp> {
        match self.is_open() {
            true => self.moments(),
            false => Vec::new(),
        }
    }

    /// When something changes by itself.
    pub(super) fn moments(&self) -> Vec<Timestamp> {
        if let Some(end) = &self.end {
            let past = end.at.checked_add(LISTED_FOR);
            return past.into_iter().collect();
        }
        let cancelled = self.cancelled_at.map(|at| self.cancelled_by(at));
        [STORES_AT, FAILS_AT, 100]
            .map(|percent| self.course.at(percent))
            .into_iter()
            .chain(cancelled)
            .collect()
    }

    /// When a task that was cancelled then ends.
    fn cancelled_by(&self, cancelled_at: Timestamp) -> Timestamp {
        let time = self.course.at(CANCELLING);
        let time = time.duration_since(self.course.started_at);
        cancelled_at.checked_add(time).unwrap_or(cancelled_at)
    }

    /// Ends it, complete or with an error.
    pub(super) fn finish(&mut self, at: Timestamp, error: Option<StateReason>) {
        self.end = Some(BundleEnd { at, error });
    }

    /// Stops a task that has not ended.
    pub(super) fn cancel(&mut self, now: Timestamp) -> Result<(), Failure> {
        if !self.is_open() {
            let message = format!(
                "The bundle task {} is {} and cannot be cancelled",
                self.id,
                self.state(now)
            );
            return Err(refuse("IncorrectState", message));
        }
        self.cancelled_at.get_or_insert(now);
        Ok(())
    }

    fn settle(&mut self, now: Timestamp) {
        let (stores_at, fails_at) = (self.course.at(STORES_AT), self.course.at(FAILS_AT));
        if let Some(cancelled_at) = self.cancelled_at {
            let at = self.cancelled_by(cancelled_at);
            if at <= now {
                self.finish(
                    at,
                    Some(error("Client.Cancelled", "The bundle task was cancelled")),
                );
            }
        } else if stores_at <= now && self.expires_at <= stores_at {
            let message = "AccessDenied(403)- Invalid according to Policy: Policy expired.";
            self.finish(stores_at, Some(error("Client.S3Error", message)));
        } else if fails_at <= now
            && let Some(words) = self.failure.take()
        {
            self.finish(fails_at, Some(StateReason::from_words(words)));
        }
    }
}

/// An error of a bundle task (`BundleTaskError`).
pub(super) fn error(code: &str, message: &str) -> StateReason {
    StateReason {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

/// Moves a bundle task on, and forgets it in the end. What it writes into S3, see [`super::Inner::progress`].
pub(super) fn settle(region: &mut Region, id: &str, now: Timestamp) {
    let Some(task) = region.bundle_tasks.get_mut(id) else {
        return;
    };
    if task.is_open() {
        task.settle(now);
    }
    if task.written < task.due(OBJECTS, now) {
        region.to_write.insert(Item::Bundle(id.to_owned()));
    }
    let end = task.end.as_ref();
    if end.is_some_and(|end| Course::is_past(end.at, LISTED_FOR, now)) {
        region.bundle_tasks.remove(id);
    }
}

/// `InvalidBundleID.NotFound`, which names the ids.
pub(super) fn no_task(ids: &[&str]) -> Failure {
    refuse(
        "InvalidBundleID.NotFound",
        format!("The bundle task ids '[{}]' do not exist", ids.join(", ")),
    )
}

/// A bundle task, as its actions and its listing show it.
pub(super) fn write(xml: &mut Xml, task: &BundleTask, now: Timestamp) {
    xml.text("instanceId", &task.instance_id);
    xml.text("bundleId", &task.id);
    xml.text("state", task.shown_state(now));
    xml.text("startTime", date(task.course.started_at));
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
