//! BundleManifest tasks over time: an instance is shut down, bundled, and stored in S3 ("DescribeBundleTasks", EC2 API
//! Reference).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ec2::model::image::StateReason;
use crate::ec2::model::timeline::Timeline;
use crate::ec2::wire::error::{Failure, refuse};

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
pub(crate) struct BundleTask {
    pub(crate) id: String,
    pub(crate) instance_id: String,
    pub(crate) architecture: String,
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    pub(crate) timeline: Timeline,
    /// When the upload policy expires.
    pub(crate) expires_at: Timestamp,
    pub(crate) visible_at: Timestamp,
    /// How it fails, if it is to fail.
    pub(crate) failure: Option<String>,
    pub(crate) cancelled_at: Option<Timestamp>,
    /// How many of its objects are in S3.
    pub(crate) written: usize,
    pub(crate) end: Option<BundleEnd>,
    pub(crate) hidden: bool,
    /// The state that the listings show in place of the true one.
    #[serde(default)]
    pub(crate) state_override: Option<String>,
}

/// How and when a bundle task ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BundleEnd {
    pub(crate) at: Timestamp,
    /// None if it is complete.
    pub(crate) error: Option<StateReason>,
}

impl BundleTask {
    /// `BundleTaskState` of the EC2 API.
    pub(crate) fn state(&self, now: Timestamp) -> &'static str {
        match (&self.end, self.timeline.percent(now)) {
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
    pub(crate) fn shown_state(&self, now: Timestamp) -> &str {
        self.state_override
            .as_deref()
            .unwrap_or_else(|| self.state(now))
    }

    /// For example `3%`: of what is done in this state.
    pub(crate) fn progress(&self, now: Timestamp) -> Option<String> {
        let percent = u32::from(self.timeline.percent(now));
        let done = match self.state(now) {
            "bundling" => (percent - 20) * 100 / 40,
            "storing" => (percent.min(99) - 60) * 100 / 40,
            _other => return None,
        };
        Some(format!("{done}%"))
    }

    /// When something last happened to it.
    pub(crate) fn updated_at(&self, now: Timestamp) -> Timestamp {
        match (&self.end, self.cancelled_at) {
            (Some(end), _) => end.at,
            (None, Some(at)) => at,
            (None, None) => self.timeline.at(i32::from(self.timeline.percent(now))),
        }
    }

    pub(crate) fn is_visible(&self, now: Timestamp) -> bool {
        !self.hidden && self.visible_at <= now
    }

    /// Whether the instance is still busy with it.
    pub(crate) fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// How many of its objects should be in S3 by now, of so many in all.
    pub(crate) fn due(&self, objects: usize, now: Timestamp) -> usize {
        match (self.is_open() && self.cancelled_at.is_none(), now) {
            (true, now) if now >= self.timeline.ends_at => objects,
            (true, now) if now >= self.timeline.at(STORES_AT) => objects - 1,
            _ => 0,
        }
    }

    /// When something happens to it without a request.
    pub(crate) fn wakeups(&self) -> Vec<Timestamp> {
        match self.is_open() {
            true => self.due_times(),
            false => Vec::new(),
        }
    }

    /// When something changes by itself.
    pub(crate) fn due_times(&self) -> Vec<Timestamp> {
        if let Some(end) = &self.end {
            let past = end.at.checked_add(LISTED_FOR);
            return past.into_iter().collect();
        }
        let cancelled = self.cancelled_at.map(|at| self.cancelled_by(at));
        [STORES_AT, FAILS_AT, 100]
            .map(|percent| self.timeline.at(percent))
            .into_iter()
            .chain(cancelled)
            .collect()
    }

    /// When a task that was cancelled then ends.
    fn cancelled_by(&self, cancelled_at: Timestamp) -> Timestamp {
        let time = self.timeline.at(CANCELLING);
        let time = time.duration_since(self.timeline.started_at);
        cancelled_at.checked_add(time).unwrap_or(cancelled_at)
    }

    /// Ends it, complete or with an error.
    pub(crate) fn finish(&mut self, at: Timestamp, error: Option<StateReason>) {
        self.end = Some(BundleEnd { at, error });
    }

    /// Stops a task that has not ended.
    pub(crate) fn cancel(&mut self, now: Timestamp) -> Result<(), Failure> {
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

    /// Whether it has ended and has been listed for long enough.
    pub(crate) fn is_past(&self, now: Timestamp) -> bool {
        let end = self.end.as_ref();
        end.is_some_and(|end| Timeline::is_past(end.at, LISTED_FOR, now))
    }

    /// Fails a task whose time for that has come; one that succeeds ends when its last object is written.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        let (stores_at, fails_at) = (self.timeline.at(STORES_AT), self.timeline.at(FAILS_AT));
        if let Some(cancelled_at) = self.cancelled_at {
            let at = self.cancelled_by(cancelled_at);
            if at <= now {
                self.finish(
                    at,
                    Some(bundle_error(
                        "Client.Cancelled",
                        "The bundle task was cancelled",
                    )),
                );
            }
        } else if stores_at <= now && self.expires_at <= stores_at {
            let message = "AccessDenied(403)- Invalid according to Policy: Policy expired.";
            self.finish(stores_at, Some(bundle_error("Client.S3Error", message)));
        } else if fails_at <= now
            && let Some(words) = self.failure.take()
        {
            self.finish(fails_at, Some(StateReason::from_words(words)));
        }
    }
}

/// An error of a bundle task (`BundleTaskError`).
pub(crate) fn bundle_error(code: &str, message: &str) -> StateReason {
    StateReason {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

/// `InvalidBundleID.NotFound`, which names the ids.
pub(crate) fn bundle_task_not_found(ids: &[&str]) -> Failure {
    refuse(
        "InvalidBundleID.NotFound",
        format!("The bundle task ids '[{}]' do not exist", ids.join(", ")),
    )
}
