//! What a process of `advance-tasks` remembers of its earlier invocations, so that it asks for nothing twice: when each
//! task was last polled, the statuses of open images, and which manifests the sweep has reviewed.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::known::KnownStatuses;
use super::pause::Pause;
use super::reviews::Reviews;
use crate::limits::{REMEMBERED_STATUS_BYTES, REMEMBERED_STATUSES};
use crate::reconcile::TimeScale;
use crate::status_store::{Loaded, OpenMarker, StatusObject};

/// Ticks do not come to the second.
pub(super) const TICK_JITTER: SignedDuration = SignedDuration::from_secs(30);

/// How many tasks are remembered: some megabytes.
const TASKS_MAX: usize = 50_000;

/// How long a poll is remembered once there are more than [`TASKS_MAX`]: no polling interval is that long.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);

/// How long an image may stay unread: only the functions move one that is being imported, but where the functions fail,
/// a wish to cancel is seen after this time.
const WAIT_MAX: SignedDuration = SignedDuration::from_mins(5);

/// After how long an image that still fails in the same way fails a tick again: the alarm is to continue, and not to
/// hide what is new.
const FAIL_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// For how long ticks may be throttled, one after the other, until they fail: people are to know why nothing goes on.
const THROTTLED_LONG: SignedDuration = SignedDuration::from_mins(15);

/// Longest time between two ticks that come one after the other: a stack's schedule may be slower than once a minute.
const THROTTLED_GAP: SignedDuration = SignedDuration::from_hours(1);

/// A status as it was when it was last read or written.
#[derive(Debug, Clone)]
pub(super) struct Remembered {
    pub(super) loaded: Loaded,
    /// Bytes of JSON.
    pub(super) size: usize,
    /// When it was read or written.
    pub(super) at: Timestamp,
}

/// When this process last polled each task, when it polls next, what its sweeps have reviewed, and which images have
/// failed a tick. Kept in memory alone: a new process polls everything once.
#[derive(Debug)]
pub struct PollingHistory {
    polls: Mutex<HashMap<String, Timestamp>>,
    waits: Mutex<HashMap<u64, Timestamp>>,
    statuses: Mutex<HashMap<u64, Remembered>>,
    known: Mutex<KnownStatuses>,
    reviews: Mutex<Reviews>,
    failures: Mutex<HashMap<String, Timestamp>>,
    /// Since when ticks have been throttled, one after the other, and when the last of them was.
    throttled: Mutex<Option<(Timestamp, Timestamp)>>,
    time_scale: TimeScale,
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
            waits: Mutex::default(),
            statuses: Mutex::default(),
            known: Mutex::default(),
            reviews: Mutex::default(),
            failures: Mutex::default(),
            throttled: Mutex::default(),
            time_scale: TimeScale::times(time_scale),
        }
    }

    /// What it was made [with](Self::with_time_scale).
    #[must_use]
    pub fn time_scale(&self) -> TimeScale {
        self.time_scale
    }

    /// When a task was last polled; none if this process has not polled it.
    #[must_use]
    pub fn last_poll(&self, task_id: &str) -> Option<Timestamp> {
        locked(&self.polls).get(task_id).copied()
    }

    /// Remembers that a task was polled now.
    pub fn record_poll(&self, task_id: &str, now: Timestamp) {
        let mut polls = locked(&self.polls);
        polls.insert(task_id.to_owned(), now);
        if polls.len() > TASKS_MAX {
            polls.retain(|_, at| now.duration_since(*at) < MAX_AGE);
        }
        // Too many in one day: polling each of them once more is cheaper than sorting them at every poll.
        if polls.len() > TASKS_MAX {
            polls.clear();
        }
    }

    /// Whether nothing has to be done for an open image before its next poll. Not if its marker was rewritten.
    #[must_use]
    pub(super) fn waits(&self, marker: &OpenMarker, now: Timestamp) -> bool {
        let waits = locked(&self.waits);
        waits
            .get(&opening(marker))
            .is_some_and(|until| now < *until)
    }

    /// Remembers when an image is polled next, of which nothing can change before, and its status until then.
    pub(super) fn record_wait(
        &self,
        marker: &OpenMarker,
        until: Timestamp,
        remembered: Remembered,
    ) {
        let longest = remembered.at.saturating_add(self.scaled(WAIT_MAX));
        self.leave_until(marker, until.min(longest.unwrap_or(remembered.at)));
        self.record_status(marker, remembered);
    }

    /// Remembers that nothing can be done for an image during a pause. It is visited after [`WAIT_MAX`] all the same.
    pub(super) fn record_pause(&self, marker: &OpenMarker, pause: Pause, now: Timestamp) {
        let longest = self.scaled(WAIT_MAX);
        let pause = match pause {
            Pause::For(interval) => self.scaled(interval) - TICK_JITTER,
            Pause::Until(until) => until.duration_since(now),
        };
        let until = now.saturating_add(pause.min(longest));
        self.leave_until(marker, until.unwrap_or(now));
    }

    fn leave_until(&self, marker: &OpenMarker, until: Timestamp) {
        let mut waits = locked(&self.waits);
        if waits.len() >= TASKS_MAX {
            waits.clear();
        }
        waits.insert(opening(marker), until);
    }

    /// The status of an image that is being imported, if it was read or written a short while ago. Whoever wants
    /// something else of that image rewrites its marker; a status that was changed all the same is not overwritten,
    /// because it is only written over the one that was read.
    pub(super) fn status(&self, marker: &OpenMarker, now: Timestamp) -> Option<Remembered> {
        let statuses = locked(&self.statuses);
        let remembered = statuses.get(&opening(marker))?;
        self.is_recent(remembered, now).then(|| remembered.clone())
    }

    fn has_status(&self, marker: &OpenMarker, now: Timestamp) -> bool {
        let statuses = locked(&self.statuses);
        let remembered = statuses.get(&opening(marker));
        remembered.is_some_and(|remembered| self.is_recent(remembered, now))
    }

    fn record_status(&self, marker: &OpenMarker, remembered: Remembered) {
        let mut statuses = locked(&self.statuses);
        if statuses.len() >= REMEMBERED_STATUSES {
            let now = remembered.at;
            statuses.retain(|_, it| self.is_recent(it, now));
        }
        if statuses.len() < REMEMBERED_STATUSES && remembered.size <= REMEMBERED_STATUS_BYTES {
            statuses.insert(opening(marker), remembered);
        }
    }

    fn is_recent(&self, remembered: &Remembered, now: Timestamp) -> bool {
        now.duration_since(remembered.at) < self.scaled(WAIT_MAX)
    }

    /// Forgets a status: it is about to change, or its image has gone on.
    pub(super) fn forget_status(&self, marker: &OpenMarker) {
        locked(&self.statuses).remove(&opening(marker));
    }

    /// Keeps a status as it was read.
    pub(super) fn record_object(&self, manifest_key: &str, object: &StatusObject) {
        locked(&self.known).record(manifest_key, object);
    }

    /// Bytes of a status that is kept as it was read.
    pub(super) fn object_size(&self, manifest_key: &str) -> Option<usize> {
        locked(&self.known).size(manifest_key)
    }

    /// A status as it was read, whenever that was: see [`Self::is_unchanged`].
    pub(super) fn object(&self, manifest_key: &str) -> Option<StatusObject> {
        locked(&self.known).get(manifest_key)
    }

    /// The keys of the open images whose statuses are kept and would be read now, if it is worth while to find out which of
    /// them have changed. Forgets the statuses of images that are not open any more.
    pub(super) fn kept<'a>(&self, open: &'a [OpenMarker], now: Timestamp) -> Vec<&'a str> {
        self.forget_old(now);
        let mut known = locked(&self.known);
        known.retain(open);
        if !known.is_list_due(now) {
            return Vec::new();
        }
        let kept = open.iter().filter(|marker| {
            known.has(&marker.manifest_key)
                && !self.waits(marker, now)
                && !self.has_status(marker, now)
        });
        kept.map(|marker| marker.manifest_key.as_str()).collect()
    }

    /// Forgets what nobody asks for any more: a process may live for weeks.
    fn forget_old(&self, now: Timestamp) {
        locked(&self.polls).retain(|_, at| now.duration_since(*at) < MAX_AGE);
        locked(&self.waits).retain(|_, until| now < *until);
        locked(&self.statuses).retain(|_, it| self.is_recent(it, now));
    }

    /// How many things are remembered, of whatever kind.
    #[must_use]
    pub fn remembered(&self) -> usize {
        let polls = locked(&self.polls).len() + locked(&self.waits).len();
        let statuses = locked(&self.statuses).len() + locked(&self.known).len();
        polls + statuses + locked(&self.reviews).len() + locked(&self.failures).len()
    }

    /// Whether the status with this key is kept and has the `ETag` that was listed; it is forgotten if not.
    pub(super) fn is_unchanged(&self, key: &str, etag: Option<&str>) -> bool {
        locked(&self.known).is_unchanged(key, etag)
    }

    /// Remembers that the list of `ETag`s cost more than it saved.
    pub(super) fn record_dear_list(&self, now: Timestamp) {
        locked(&self.known).record_dear_list(now);
    }

    /// What sweeps have seen and reviewed. Not to be held while anything is waited for.
    pub(super) fn reviews(&self) -> MutexGuard<'_, Reviews> {
        locked(&self.reviews)
    }

    /// Whether an image that fails in the same way at every tick is to fail this one. Remembers it then.
    pub(super) fn is_failure_due(&self, about: &str, now: Timestamp) -> bool {
        let pause = self.scaled(FAIL_AGAIN);
        let mut failures = locked(&self.failures);
        failures.retain(|_, at| now.duration_since(*at) < pause);
        if failures.contains_key(about) {
            return false;
        }
        failures.insert(about.to_owned(), now);
        true
    }

    /// Whether ticks have been throttled for so long, one after the other, that they are to fail. Remembers whether this one
    /// was. After a long time without any, another process has had those between.
    pub(super) fn is_throttled_for_long(&self, is_throttled: bool, now: Timestamp) -> bool {
        let mut throttled = locked(&self.throttled);
        let gap = self.scaled(THROTTLED_GAP);
        let known = throttled.filter(|(_, last)| now.duration_since(*last) <= gap);
        let since = known.map_or(now, |(since, _)| since);
        *throttled = is_throttled.then_some((since, now));
        is_throttled && now.duration_since(since) >= self.scaled(THROTTLED_LONG)
    }

    /// A polling interval by the process's own clock.
    #[must_use]
    pub fn scaled(&self, interval: SignedDuration) -> SignedDuration {
        self.time_scale.scaled(interval)
    }
}

/// A manifest and one write of its open marker, in eight bytes.
fn opening(marker: &OpenMarker) -> u64 {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    hasher.hash_one((&marker.manifest_key, &marker.etag))
}

/// No holder of these locks can panic half-way, so what a poisoned one has is still consistent.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::apply::open;
    use crate::image::status::ManifestVersion;

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
        assert!(locked(&history.polls).len() <= TASKS_MAX);
    }

    #[test]
    fn statuses_are_remembered_for_minutes_and_up_to_a_limit() {
        let history = PollingHistory::default();
        let noon = Timestamp::UNIX_EPOCH;
        let manifest = ManifestVersion {
            bucket: "golden".to_owned(),
            key: "web.image.yaml".to_owned(),
            etag: "\"1\"".to_owned(),
            version_id: None,
            sha256: "00ff".to_owned(),
            publish_digest: None,
            repeated_at: None,
            uploaded_at: noon,
        };
        let status = open(None, manifest, noon);
        let later = noon + WAIT_MAX;
        let marker = |number: usize| OpenMarker {
            manifest_key: format!("{number}.image.yaml"),
            etag: "\"1\"".to_owned(),
            opened_at: noon,
        };
        let record = |number: usize, size: usize, at: Timestamp| {
            let loaded = Loaded {
                status: status.clone(),
                etag: "\"2\"".to_owned(),
            };
            let remembered = Remembered { loaded, size, at };
            history.record_wait(&marker(number), at, remembered);
        };
        record(0, REMEMBERED_STATUS_BYTES + 1, noon);
        assert!(history.status(&marker(0), noon).is_none());
        (1..=REMEMBERED_STATUSES).for_each(|number| record(number, 5000, noon));
        assert!(history.status(&marker(1), noon).is_some());
        assert!(history.status(&marker(1), later).is_none());
        let rewritten = OpenMarker {
            etag: "\"3\"".to_owned(),
            ..marker(1)
        };
        assert!(history.status(&rewritten, noon).is_none());

        // There is room again when one is forgotten, and when all are old.
        record(0, 5000, noon);
        assert!(history.status(&marker(0), noon).is_none());
        history.forget_status(&marker(1));
        record(0, 5000, noon);
        assert!(history.status(&marker(0), noon).is_some());
        record(1, 5000, later);
        assert!(history.status(&marker(1), later).is_some());
        assert_eq!(locked(&history.statuses).len(), 1);
    }

    #[test]
    fn throttled_ticks_fail_after_a_while_however_often_they_come() {
        for minutes in [1, 4, 20, 60] {
            let (history, mut now) = (PollingHistory::default(), Timestamp::UNIX_EPOCH);
            let mut fails = |is_throttled| {
                now += SignedDuration::from_mins(minutes);
                history.is_throttled_for_long(is_throttled, now)
            };
            for _ in 0..2 {
                let first = (0..).find(|_| fails(true)).unwrap();
                assert_eq!(first, (15 + minutes - 1) / minutes, "{minutes}");
                assert!(fails(true));
                assert!(!fails(false));
            }
        }
    }

    #[test]
    fn intervals_are_divided_by_the_time_scale() {
        let minute = SignedDuration::from_mins(1);
        assert_eq!(PollingHistory::default().scaled(minute), minute);
        let fast = PollingHistory::with_time_scale(60.0);
        assert_eq!(fast.scaled(minute), SignedDuration::from_secs(1));
    }
}
