//! When each task was last polled, so that a tick polls only what is due.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How many tasks are remembered: some megabytes.
const TASKS_MAX: usize = 50_000;

/// How long a poll is remembered once there are more than [`TASKS_MAX`]: no polling interval is that long.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);

/// When this process last polled each task. Kept in memory alone: a new process polls everything once.
#[derive(Debug)]
pub struct PollingHistory {
    polls: Mutex<HashMap<String, Timestamp>>,
    time_scale: f64,
}

impl Default for PollingHistory {
    fn default() -> Self {
        Self::with_time_scale(1.0)
    }
}

impl PollingHistory {
    /// For a simulated world whose time runs this many times as fast as the process's own (`amiwright local --speed`):
    /// its schedule ticks that much faster, so polling intervals are that much shorter.
    #[must_use]
    pub fn with_time_scale(time_scale: f64) -> Self {
        Self {
            polls: Mutex::default(),
            time_scale,
        }
    }

    /// When a task was last polled; none if this process has not polled it.
    #[must_use]
    pub fn last_poll(&self, task_id: &str) -> Option<Timestamp> {
        self.locked().get(task_id).copied()
    }

    /// Remembers that a task was polled now.
    pub fn record_poll(&self, task_id: &str, now: Timestamp) {
        let mut polls = self.locked();
        polls.insert(task_id.to_owned(), now);
        if polls.len() > TASKS_MAX {
            polls.retain(|_, at| now.duration_since(*at) < MAX_AGE);
        }
        // Too many in one day: polling each of them once more is cheaper than sorting them at every poll.
        if polls.len() > TASKS_MAX {
            polls.clear();
        }
    }

    /// A polling interval by the process's own clock.
    #[must_use]
    pub fn scaled(&self, interval: SignedDuration) -> SignedDuration {
        interval.mul_f64(1.0 / self.time_scale)
    }

    /// No holder of the lock can panic half-way, so a poisoned map is still consistent.
    fn locked(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.polls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_remembered_up_to_a_limit() {
        let history = PollingHistory::default();
        let monday = Timestamp::UNIX_EPOCH;
        let tuesday = monday + SignedDuration::from_hours(25);
        assert_eq!(history.last_poll("bun-1"), None);
        history.record_poll("bun-1", monday);
        assert_eq!(history.last_poll("bun-1"), Some(monday));
        (0..TASKS_MAX / 2).for_each(|n| history.record_poll(&format!("old-{n}"), monday));
        (0..=TASKS_MAX / 2).for_each(|n| history.record_poll(&format!("new-{n}"), tuesday));
        assert_eq!(history.last_poll("old-0"), None);
        assert_eq!(history.last_poll("new-0"), Some(tuesday));
        (0..=TASKS_MAX).for_each(|n| history.record_poll(&format!("more-{n}"), tuesday));
        assert!(history.locked().len() <= TASKS_MAX);
    }

    #[test]
    fn intervals_are_divided_by_the_time_scale() {
        let minute = SignedDuration::from_mins(1);
        assert_eq!(PollingHistory::default().scaled(minute), minute);
        let fast = PollingHistory::with_time_scale(60.0);
        assert_eq!(fast.scaled(minute), SignedDuration::from_secs(1));
    }
}
