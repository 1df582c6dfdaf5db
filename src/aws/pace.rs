//! EC2's request limits, kept to before EC2 has to refuse; and when each task was last looked at.
//!
//! One token bucket per Region and action, as EC2 itself counts ("Request throttling for the Amazon EC2 API"). The
//! limits are the account's, and others in it make requests, too: so only a part of them is used here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{AwsError, Remedy};

/// The part of EC2's limits that is used here. A half leaves room for the account's other clients, and for the SDK's own
/// tries of a request, which are not counted.
const SHARE: f64 = 0.5;

/// Longest wait for a turn: little beside the time that any function has. Who would wait longer comes back with the
/// next tick, for waiting is a state.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// How many tasks are remembered; some megabytes.
const LOOKS_MAX: usize = 50_000;

/// How long a look is remembered once there are more than [`LOOKS_MAX`]: no task waits that long for the next one.
const LOOK_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The error code of a request that was not sent, because its action has no turn.
pub(super) const CODE: &str = "amiwright.RequestRate";

/// How many requests at once, and how many more a second.
#[derive(Debug, Clone, Copy)]
struct Rate {
    capacity: f64,
    refill: f64,
}

/// What EC2 allows an account in a Region ("Request throttling for the Amazon EC2 API", EC2 Developer Guide).
fn limit(action: &str) -> Rate {
    let (capacity, refill) = match action {
        "CopyImage" => (100.0, 1.0),
        "CreateStoreImageTask" | "CreateRestoreImageTask" => (50.0, 0.1),
        "DescribeStoreImageTasks" => (50.0, 0.5),
        "CreateTags" => (100.0, 10.0),
        "RegisterImage" | "BundleInstance" => (50.0, 5.0),
        action if action.starts_with("Import") || action.starts_with("Cancel") => (50.0, 5.0),
        action if action.starts_with("Describe") => (100.0, 20.0),
        _other_mutating => (100.0, 5.0),
    };
    Rate { capacity, refill }
}

/// What is used of it here.
fn rate(action: &str) -> Rate {
    let limit = limit(action);
    Rate {
        capacity: limit.capacity * SHARE,
        refill: limit.refill * SHARE,
    }
}

/// The tokens of one action in one Region. Below zero, some wait for theirs.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    fn fill(&mut self, rate: Rate, now: Instant) {
        let waited = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + waited * rate.refill).min(rate.capacity);
        self.filled_at = now;
    }

    /// Takes a token, and says how long until it is there; none, and nothing taken, if that is too long.
    fn take(&mut self, rate: Rate, now: Instant) -> Option<Duration> {
        self.fill(rate, now);
        let missing = (1.0 - self.tokens).max(0.0);
        let wait = Duration::try_from_secs_f64(missing / rate.refill).ok()?;
        if wait > WAIT_MAX {
            return None;
        }
        self.tokens -= 1.0;
        Some(wait)
    }
}

/// The pace of a process: shared by all its ways to EC2, for the limits are the account's.
#[derive(Debug, Default)]
pub struct Pace {
    buckets: Mutex<HashMap<(String, &'static str), Bucket>>,
    looks: Mutex<HashMap<String, Timestamp>>,
    /// How fast the world is that is looked at, if not as fast as ours.
    speed: Option<f64>,
}

impl Pace {
    /// The pace for a world whose time runs so many times as fast as the process's own: `amiwright local --speed`.
    /// The schedule ticks faster there, and a look for each tick is none too many.
    #[must_use]
    pub fn at_speed(speed: f64) -> Self {
        Self {
            speed: Some(speed),
            ..Self::default()
        }
    }

    /// How long, by the process's own clock, an interval between two looks is.
    #[must_use]
    pub fn between_looks(&self, interval: SignedDuration) -> SignedDuration {
        self.speed
            .map_or(interval, |speed| interval.mul_f64(1.0 / speed))
    }

    /// Waits for the turn of an action, if it comes at once or within two seconds.
    ///
    /// # Errors
    /// If it comes later: remedy [`Remedy::Later`], code `amiwright.RequestRate`. Nothing was sent.
    pub async fn admit(&self, region: &str, action: &'static str) -> Result<(), AwsError> {
        match self.take(region, action) {
            Some(Duration::ZERO) => Ok(()),
            Some(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            None => Err(AwsError {
                doing: format!("asking EC2 for {action}"),
                remedy: Remedy::Later,
                code: Some(CODE.to_owned()),
                message: format!(
                    "amiwright stays within EC2's request limits: {action} has its turn later"
                ),
                request_id: None,
            }),
        }
    }

    /// Whether an action would have its turn now. Nothing is taken.
    #[must_use]
    pub fn has_capacity(&self, region: &str, action: &'static str) -> bool {
        let rate = rate(action);
        let mut buckets = locked(&self.buckets);
        let Some(bucket) = buckets.get_mut(&(region.to_owned(), action)) else {
            return true;
        };
        bucket.fill(rate, Instant::now());
        bucket.tokens >= 1.0
    }

    fn take(&self, region: &str, action: &'static str) -> Option<Duration> {
        let rate = rate(action);
        let now = Instant::now();
        let mut buckets = locked(&self.buckets);
        let bucket = buckets.entry((region.to_owned(), action));
        let bucket = bucket.or_insert(Bucket {
            tokens: rate.capacity,
            filled_at: now,
        });
        bucket.take(rate, now)
    }

    /// Notes that EC2 refused an action for its rate: others in the account have used up what we thought was there.
    pub fn throttled(&self, region: &str, action: &'static str) {
        let now = Instant::now();
        let mut buckets = locked(&self.buckets);
        let bucket = buckets.entry((region.to_owned(), action));
        let bucket = bucket.or_insert(Bucket {
            tokens: 0.0,
            filled_at: now,
        });
        bucket.fill(rate(action), now);
        bucket.tokens = bucket.tokens.min(0.0);
    }

    /// When this process last looked at a task; none if it does not remember: then it looks at once.
    #[must_use]
    pub fn last_look(&self, task_id: &str) -> Option<Timestamp> {
        locked(&self.looks).get(task_id).copied()
    }

    /// Remembers that a task was looked at now.
    pub fn looked(&self, task_id: &str, now: Timestamp) {
        let mut looks = locked(&self.looks);
        looks.insert(task_id.to_owned(), now);
        if looks.len() > LOOKS_MAX {
            looks.retain(|_, at| now.duration_since(*at) < LOOK_LIFE);
        }
        // So many in one day: to look at each of them once more is cheaper than to sort them at every look.
        if looks.len() > LOOKS_MAX {
            looks.clear();
        }
    }

    /// Forgets a task: it has ended.
    pub fn forget(&self, task_id: &str) {
        locked(&self.looks).remove(task_id);
    }
}

/// Nothing that holds these locks can panic half-way, so what a poisoned one has is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "us-east-1";

    /// How many requests are admitted one after the other before one is not; and how long they waited for it.
    async fn burst(pace: &Pace, action: &'static str) -> (usize, Duration) {
        let begun = Instant::now();
        let mut count = 0;
        while pace.admit(HERE, action).await.is_ok() {
            count += 1;
        }
        (count, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_half_of_what_ec2_takes_at_once() {
        let pace = Pace::default();
        let (count, waited) = burst(&pace, "CreateRestoreImageTask").await;
        assert_eq!((count, waited), (25, Duration::ZERO));
        let refused = pace.admit(HERE, "CreateRestoreImageTask").await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.remedy, Remedy::Later);
        assert!(refused.has_code("amiwright.RequestRate"));
        assert_eq!(
            refused.message,
            "amiwright stays within EC2's request limits: CreateRestoreImageTask has its turn later"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_come_back_at_half_of_ec2s_rate_and_no_more_than_there_were() {
        let pace = Pace::default();
        burst(&pace, "CreateStoreImageTask").await;
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(burst(&pace, "CreateStoreImageTask").await.0, 3);
        tokio::time::advance(Duration::from_secs(100_000)).await;
        assert_eq!(burst(&pace, "CreateStoreImageTask").await.0, 25);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_near_is_waited_for_and_those_who_wait_are_not_too_many() {
        let pace = Pace::default();
        let begun = Instant::now();
        for _ in 0..100 {
            pace.admit(HERE, "DescribeImages").await.unwrap();
        }
        // 50 at once, the others at 10 a second.
        let waited = begun.elapsed().as_secs_f64();
        assert!((4.9..5.1).contains(&waited), "{waited}");

        let pace = &Pace::default();
        let together = (0..100).map(|_| pace.admit(HERE, "DescribeImages"));
        let answers = futures_util::future::join_all(together).await;
        let admitted = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(admitted, 50 + 20, "what comes within two seconds");
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttle_empties_the_bucket_of_its_action_and_region() {
        let pace = Pace::default();
        pace.throttled(HERE, "CopyImage");
        // The next token is two seconds away.
        let begun = Instant::now();
        pace.admit(HERE, "CopyImage").await.unwrap();
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
        pace.throttled(HERE, "CreateRestoreImageTask");
        assert!(pace.admit(HERE, "CreateRestoreImageTask").await.is_err());
        assert!(pace.admit(HERE, "CreateStoreImageTask").await.is_ok());
        let elsewhere = pace.admit("eu-west-1", "CreateRestoreImageTask");
        assert!(elsewhere.await.is_ok());
    }

    #[test]
    fn the_table_is_ec2s() {
        let of = |action| (limit(action).capacity, limit(action).refill);
        for action in [
            "RegisterImage",
            "BundleInstance",
            "CancelBundleTask",
            "ImportImage",
            "CancelImportTask",
        ] {
            assert_eq!(of(action), (50.0, 5.0), "{action}");
        }
        assert_eq!(of("DescribeBundleTasks"), (100.0, 20.0));
        assert_eq!(of("DescribeStoreImageTasks"), (50.0, 0.5));
        assert_eq!(of("DeregisterImage"), (100.0, 5.0));
        assert_eq!(of("CreateTags"), (100.0, 10.0));
    }

    #[test]
    fn looks_are_remembered_and_their_number_is_bounded() {
        let pace = Pace::default();
        let monday = Timestamp::UNIX_EPOCH;
        let tuesday = monday + SignedDuration::from_hours(25);
        pace.looked("bun-1", monday);
        assert_eq!(pace.last_look("bun-1"), Some(monday));
        pace.forget("bun-1");
        assert_eq!(pace.last_look("bun-1"), None);
        (0..LOOKS_MAX / 2).for_each(|n| pace.looked(&format!("old-{n}"), monday));
        (0..=LOOKS_MAX / 2).for_each(|n| pace.looked(&format!("new-{n}"), tuesday));
        assert_eq!(pace.last_look("old-0"), None);
        assert_eq!(pace.last_look("new-0"), Some(tuesday));
        (0..=LOOKS_MAX).for_each(|n| pace.looked(&format!("more-{n}"), tuesday));
        assert!(locked(&pace.looks).len() <= LOOKS_MAX);
    }
}
