//! A token bucket, as AWS limits requests by ("Request throttling for the Amazon EC2 API").

use jiff::{SignedDuration, Timestamp};

/// The tokens that are left, and when they were counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenBucket {
    tokens: f64,
    filled_at: Timestamp,
}

impl TokenBucket {
    /// A full one.
    pub(crate) fn full(capacity: f64, now: Timestamp) -> Self {
        Self {
            tokens: capacity,
            filled_at: now,
        }
    }

    /// Takes a token, if there is one; `refill` tokens come a second, up to `capacity`.
    pub(crate) fn take(&mut self, capacity: f64, refill: f64, now: Timestamp) -> bool {
        let waited = now.duration_since(self.filled_at).max(SignedDuration::ZERO);
        self.tokens = (self.tokens + waited.as_secs_f64() * refill).min(capacity);
        self.filled_at = now;
        let is_left = self.tokens >= 1.0;
        if is_left {
            self.tokens -= 1.0;
        }
        is_left
    }
}
