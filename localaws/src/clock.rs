//! The time of the world: it starts at a given instant and runs with tokio's clock, faster if asked to.
//!
//! Under `#[tokio::test(start_paused = true)]` nothing really waits: tokio moves on when everything is idle.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The world's clock. Cheap to copy; all copies show the same time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    epoch: Timestamp,
    outside: Timestamp,
    started: tokio::time::Instant,
    speed: f64,
}

impl Clock {
    /// A clock that shows `epoch` now and runs `speed` times as fast as tokio's.
    #[must_use]
    pub fn new(epoch: Timestamp, speed: f64) -> Self {
        Self {
            epoch,
            outside: epoch,
            started: tokio::time::Instant::now(),
            speed: if speed.is_finite() && speed > 0.0 {
                speed
            } else {
                1.0
            },
        }
    }

    /// The same clock in a world that started at this time outside, which differs from the world's if an earlier run of it
    /// was faster.
    #[must_use]
    pub fn started_at(mut self, outside: Timestamp) -> Self {
        self.outside = outside;
        self
    }

    /// The time outside, whatever the world's speed: for what clients compare with their own clocks and files.
    #[must_use]
    pub fn outside_now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).ok();
        elapsed
            .and_then(|elapsed| self.outside.checked_add(elapsed).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// What time it is outside when it is this time in the world.
    #[must_use]
    pub fn outside_at(&self, at: Timestamp) -> Timestamp {
        let since = at.duration_since(self.epoch).as_secs_f64() / self.speed;
        SignedDuration::try_from_secs_f64(since)
            .ok()
            .and_then(|since| self.outside.checked_add(since).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// The world's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let elapsed = self.started.elapsed().mul_f64(self.speed);
        SignedDuration::try_from(elapsed)
            .ok()
            .and_then(|elapsed| self.epoch.checked_add(elapsed).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// Waits for this much of the world's time.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(self.outside(duration)).await;
    }

    /// Waits until the world's time is at least `at`.
    pub async fn sleep_until(&self, at: Timestamp) {
        while let Ok(left) = Duration::try_from(at.duration_since(self.now()))
            && !left.is_zero()
        {
            self.sleep(left).await;
        }
    }

    /// How long a span of the world's time takes outside of it.
    #[must_use]
    pub fn outside(&self, duration: Duration) -> Duration {
        duration.div_f64(self.speed)
    }
}

/// A time as most services of AWS write it: `2026-11-21T10:00:00.000Z`.
pub(crate) fn date(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn runs_faster_when_asked() {
        let epoch: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let clock = Clock::new(epoch, 60.0);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(clock.now().to_string(), "2026-11-21T10:01:00Z");
        clock.sleep(Duration::from_secs(60)).await;
        assert_eq!(clock.now().to_string(), "2026-11-21T10:02:00Z");
        assert_eq!(clock.outside_now().to_string(), "2026-11-21T10:00:02Z");
        let later = clock.started_at("2026-11-21T09:00:00Z".parse().unwrap());
        assert_eq!(later.outside_now().to_string(), "2026-11-21T09:00:02Z");
        let at: Timestamp = "2026-11-21T10:05:00Z".parse().unwrap();
        clock.sleep_until(at).await;
        assert!(clock.now() >= at);
    }
}
