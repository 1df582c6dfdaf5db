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

/// Longest wait for a turn: less than an invocation can notice. Who would wait longer comes back with the next tick.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// How many tasks are remembered; some megabytes.
const LOOKS_MAX: usize = 50_000;

/// How long a look is remembered once there are more than [`LOOKS_MAX`]: no task waits that long for the next one.
const LOOK_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The error code of a request that was not sent, because its action has no turn.
const CODE: &str = "amiwright.RequestRate";

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
}

impl Pace {
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
