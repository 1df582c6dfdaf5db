//! The request limits of EC2 and of SSM's parameters, enforced here before they have to refuse.
//!
//! One token bucket per Region and action, as EC2 itself counts ("Request throttling for the Amazon EC2 API"). The
//! limits apply to the whole account, and other clients use them too: so only a part of them is used here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::{AwsError, RATE_LIMITED, Remedy};
use crate::image::message::wait_text;
use crate::image::words::WaitReason;

/// The part of EC2's limits that is used here. A half leaves room for the account's other clients, and for the SDK's own
/// retries, which take no token.
const SHARE: f64 = 0.5;

/// Longest wait for a token: short beside any function's timeout. A caller that would have to wait longer retries on the
/// next tick, because waiting is a state.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(2);

/// The same of a call that many images wait for: what others reserve, each for one image, is all sooner.
pub(super) const PATIENT_WAIT_MAX: Duration = Duration::from_secs(3);

/// A bucket's size in requests, and how many requests per second refill it.
#[derive(Debug, Clone, Copy)]
struct Rate {
    capacity: f64,
    refill: f64,
}

/// What EC2 allows an account in a Region ("Request throttling for the Amazon EC2 API", EC2 Developer Guide), and SSM:
/// 40 reads of parameters a second ("AWS Systems Manager endpoints and quotas"), and 3 writes, which is not documented
/// but was told by AWS Support (terraform-aws-github-runner, issue 2944).
fn limit(action: &str) -> Rate {
    let (capacity, refill) = match action {
        "CopyImage" => (100.0, 1.0),
        "CreateStoreImageTask" | "CreateRestoreImageTask" => (50.0, 0.1),
        "DescribeStoreImageTasks" => (50.0, 0.5),
        "CreateTags" | "DeleteTags" => (100.0, 10.0),
        "GetParameters" => (40.0, 40.0),
        "PutParameter" => (3.0, 3.0),
        "DeleteSnapshot"
        | "DeregisterImage"
        | "ModifyImageAttribute"
        | "ModifySnapshotAttribute" => (100.0, 5.0),
        action if action.starts_with("Describe") || action.starts_with("Get") => (100.0, 20.0),
        _other_mutating => (50.0, 5.0),
    };
    Rate { capacity, refill }
}

/// The share of it that is used here.
fn rate(action: &str) -> Rate {
    let limit = limit(action);
    Rate {
        capacity: limit.capacity * SHARE,
        refill: limit.refill * SHARE,
    }
}

/// The tokens of one action in one Region. Negative while callers wait for tokens that they have reserved.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    refilled_at: Instant,
}

impl Bucket {
    fn refill(&mut self, rate: Rate, now: Instant) {
        let elapsed = now
            .saturating_duration_since(self.refilled_at)
            .as_secs_f64();
        self.tokens = (self.tokens + elapsed * rate.refill).min(rate.capacity);
        self.refilled_at = now;
    }

    /// Reserves a token, and returns how long until it is available; none, and nothing reserved, if that is too long.
    fn reserve(&mut self, rate: Rate, now: Instant, longest: Duration) -> Option<Duration> {
        self.refill(rate, now);
        let missing = (1.0 - self.tokens).max(0.0);
        let wait = Duration::try_from_secs_f64(missing / rate.refill).ok()?;
        if wait > longest {
            return None;
        }
        self.tokens -= 1.0;
        Some(wait)
    }
}

/// A token that was taken for a call that is to come. It is given back if no call uses it.
#[derive(Debug)]
pub struct Reservation {
    limiter: Arc<RateLimiter>,
    region: String,
    action: &'static str,
    is_used: AtomicBool,
}

impl Reservation {
    /// Uses the token for a call of this action; no if it was used before, or is another action's.
    pub(super) fn is_for(&self, region: &str, action: &str) -> bool {
        self.region == region
            && self.action == action
            && !self.is_used.swap(true, Ordering::Relaxed)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !*self.is_used.get_mut() {
            let give_back = |bucket: &mut Bucket, rate: Rate, _now| {
                bucket.tokens = (bucket.tokens + 1.0).min(rate.capacity);
            };
            self.limiter
                .with_bucket(&self.region, self.action, give_back);
        }
    }
}

/// A process's rate limiter. To be shared by all its clients, because the limits are the account's.
#[derive(Debug, Default)]
pub struct RateLimiter {
    buckets: Mutex<HashMap<(String, &'static str), Bucket>>,
    /// Since [`Self::take_limited`] was asked last.
    delayed: AtomicUsize,
    deferred: AtomicUsize,
}

/// How many calls the rate limiter held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    /// Calls that waited for a token.
    pub delayed: usize,
    /// Calls that got none in time.
    pub deferred: usize,
}

impl RateLimiter {
    /// Takes a token for an action, waiting up to two seconds for it.
    ///
    /// # Errors
    /// If it would take longer: remedy [`Remedy::Later`], code `amiwright.RateLimited`. No token is taken then.
    pub async fn acquire(&self, region: &str, action: &'static str) -> Result<(), AwsError> {
        self.acquire_within(region, action, WAIT_MAX).await
    }

    /// The same, waiting up to `longest` for it.
    ///
    /// # Errors
    /// As [`Self::acquire`].
    pub async fn acquire_within(
        &self,
        region: &str,
        action: &'static str,
        longest: Duration,
    ) -> Result<(), AwsError> {
        let reserve = |bucket: &mut Bucket, rate, now| bucket.reserve(rate, now, longest);
        let wait = self.with_bucket(region, action, reserve);
        match wait {
            Some(Duration::ZERO) => Ok(()),
            Some(wait) => {
                self.delayed.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(wait).await;
                Ok(())
            }
            None => {
                self.deferred.fetch_add(1, Ordering::Relaxed);
                Err(refused(action))
            }
        }
    }

    /// How many calls were held back since this was asked last.
    #[must_use]
    pub fn take_limited(&self) -> Limited {
        Limited {
            delayed: self.delayed.swap(0, Ordering::Relaxed),
            deferred: self.deferred.swap(0, Ordering::Relaxed),
        }
    }

    /// Takes a token for a call that is to come, as [`Self::acquire`] does: what has to be read before the call is not
    /// read in vain then.
    ///
    /// # Errors
    /// As [`Self::acquire`].
    pub async fn reserve(
        self: &Arc<Self>,
        region: &str,
        action: &'static str,
    ) -> Result<Reservation, AwsError> {
        self.acquire(region, action).await?;
        Ok(Reservation {
            limiter: self.clone(),
            region: region.to_owned(),
            action,
            is_used: AtomicBool::new(false),
        })
    }

    /// Whether an action has a token now. None is taken.
    #[must_use]
    pub fn has_capacity(&self, region: &str, action: &'static str) -> bool {
        self.with_bucket(region, action, |bucket, rate, now| {
            bucket.refill(rate, now);
            bucket.tokens >= 1.0
        })
    }

    /// Empties an action's bucket, because EC2 throttled it: other clients of the account have used what we counted on.
    pub fn drain(&self, region: &str, action: &'static str) {
        self.with_bucket(region, action, |bucket, rate, now| {
            bucket.refill(rate, now);
            bucket.tokens = bucket.tokens.min(0.0);
        });
    }

    /// Calls `f` with an action's bucket, which starts full.
    fn with_bucket<T>(
        &self,
        region: &str,
        action: &'static str,
        f: impl FnOnce(&mut Bucket, Rate, Instant) -> T,
    ) -> T {
        let (rate, now) = (rate(action), Instant::now());
        let mut buckets = locked(&self.buckets);
        let bucket = buckets
            .entry((region.to_owned(), action))
            .or_insert(Bucket {
                tokens: rate.capacity,
                refilled_at: now,
            });
        f(bucket, rate, now)
    }
}

fn refused(action: &'static str) -> AwsError {
    let reason = WaitReason::RateLimited {
        action: action.to_owned(),
    };
    AwsError {
        code: Some(RATE_LIMITED.to_owned()),
        ..AwsError::unexplained(
            action,
            format!("calling {action}"),
            Remedy::Later,
            wait_text(&reason),
        )
    }
}

/// No holder of the lock can panic half-way, so a poisoned map is still consistent.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::future;

    use super::*;

    const HERE: &str = "us-east-1";

    /// How many tokens are acquired one after the other before one is refused; and how long that took.
    async fn burst(limiter: &RateLimiter, action: &'static str) -> (usize, Duration) {
        let begun = Instant::now();
        let mut count = 0;
        while limiter.acquire(HERE, action).await.is_ok() {
            count += 1;
        }
        (count, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_half_of_ec2s_bucket() {
        let limiter = RateLimiter::default();
        let (count, waited) = burst(&limiter, "CreateRestoreImageTask").await;
        assert_eq!((count, waited), (25, Duration::ZERO));
        let refused = limiter.acquire(HERE, "CreateRestoreImageTask").await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.remedy, Remedy::Later);
        assert!(refused.has_code("amiwright.RateLimited"));
        assert_eq!(
            refused.message,
            "CreateRestoreImageTask is rate limited; retrying on the next tick"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn buckets_refill_at_half_of_ec2s_rate_up_to_their_capacity() {
        let limiter = RateLimiter::default();
        burst(&limiter, "CreateStoreImageTask").await;
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(burst(&limiter, "CreateStoreImageTask").await.0, 3);
        tokio::time::advance(Duration::from_secs(100_000)).await;
        assert_eq!(burst(&limiter, "CreateStoreImageTask").await.0, 25);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_waited_for_if_it_comes_within_two_seconds() {
        let limiter = RateLimiter::default();
        let begun = Instant::now();
        for _ in 0..100 {
            limiter.acquire(HERE, "DescribeImages").await.unwrap();
        }
        // 50 at once, the others at 10 a second.
        let waited = begun.elapsed().as_secs_f64();
        assert!((4.9..5.1).contains(&waited), "{waited}");
        let limited = |delayed, deferred| Limited { delayed, deferred };
        assert_eq!(limiter.take_limited(), limited(50, 0));
        assert_eq!(limiter.take_limited(), limited(0, 0), "each counts once");

        let limiter = &RateLimiter::default();
        let together = (0..100).map(|_| limiter.acquire(HERE, "DescribeImages"));
        let patient =
            (0..11).map(|_| limiter.acquire_within(HERE, "DescribeImages", PATIENT_WAIT_MAX));
        let answers = future::join(future::join_all(together), future::join_all(patient));
        let (answers, patient) = answers.await;
        let acquired = |answers: Vec<Result<(), AwsError>>| {
            answers.iter().filter(|answer| answer.is_ok()).count()
        };
        assert_eq!(acquired(answers), 50 + 20, "what comes within two seconds");
        assert_eq!(acquired(patient), 10, "in the third second");
        assert_eq!(limiter.take_limited(), limited(20 + 10, 30 + 1));
    }

    #[tokio::test(start_paused = true)]
    async fn draining_empties_the_bucket_of_one_action_in_one_region() {
        let limiter = RateLimiter::default();
        limiter.drain(HERE, "CopyImage");
        // The next token is two seconds away.
        let begun = Instant::now();
        limiter.acquire(HERE, "CopyImage").await.unwrap();
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
        limiter.drain(HERE, "CreateRestoreImageTask");
        assert!(
            limiter
                .acquire(HERE, "CreateRestoreImageTask")
                .await
                .is_err()
        );
        assert!(limiter.acquire(HERE, "CreateStoreImageTask").await.is_ok());
        let elsewhere = limiter.acquire("eu-west-1", "CreateRestoreImageTask");
        assert!(elsewhere.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn asking_for_capacity_takes_no_token() {
        let limiter = RateLimiter::default();
        for _ in 0..100 {
            assert!(limiter.has_capacity(HERE, "CreateStoreImageTask"));
        }
        assert_eq!(burst(&limiter, "CreateStoreImageTask").await.0, 25);
        assert!(!limiter.has_capacity(HERE, "CreateStoreImageTask"));
        // The refill is one token in 20 seconds.
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(limiter.has_capacity(HERE, "CreateStoreImageTask"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reserved_token_is_used_once_or_given_back() {
        let action = "CreateStoreImageTask";
        let limiter = Arc::new(RateLimiter::default());
        let reserved = limiter.reserve(HERE, action).await.unwrap();
        assert_eq!(burst(&limiter, action).await.0, 24);
        assert!(limiter.reserve(HERE, action).await.is_err());
        assert!(!reserved.is_for(HERE, "CopyImage"));
        drop(reserved);
        let reserved = limiter.reserve(HERE, action).await.unwrap();
        assert!(reserved.is_for(HERE, action));
        assert!(!reserved.is_for(HERE, action));
        drop(reserved);
        assert!(!limiter.has_capacity(HERE, action));
    }

    #[test]
    fn limits_are_those_of_ec2() {
        let of = |action| (limit(action).capacity, limit(action).refill);
        for action in [
            "RegisterImage",
            "BundleInstance",
            "CancelBundleTask",
            "ImportImage",
            "CancelImportTask",
            "EnableImageDeprecation",
            "DisableImageDeregistrationProtection",
        ] {
            assert_eq!(of(action), (50.0, 5.0), "{action}");
        }
        assert_eq!(of("DescribeBundleTasks"), (100.0, 20.0));
        assert_eq!(of("DescribeStoreImageTasks"), (50.0, 0.5));
        assert_eq!(of("DeregisterImage"), (100.0, 5.0));
        assert_eq!(of("ModifyImageAttribute"), (100.0, 5.0));
        assert_eq!(of("CreateTags"), (100.0, 10.0));
        assert_eq!(of("DeleteTags"), (100.0, 10.0));
        assert_eq!(of("PutParameter"), (3.0, 3.0));
    }
}
