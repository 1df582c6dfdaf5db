//! What is running in the world right now, counted, so that `settle` can wait for it without polling.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// A count of things in flight. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Activity {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    in_flight: AtomicUsize,
    idle: Notify,
}

impl Activity {
    /// Counts one more thing, until the guard goes.
    pub(crate) fn begin(&self) -> Busy {
        self.shared.in_flight.fetch_add(1, Ordering::SeqCst);
        Busy {
            activity: self.clone(),
        }
    }

    /// Whether nothing is in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.shared.in_flight.load(Ordering::SeqCst) == 0
    }

    /// Waits until nothing is in flight.
    pub(crate) async fn idle(&self) {
        loop {
            let mut notified = std::pin::pin!(self.shared.idle.notified());
            // Listen first, then check: a guard that goes in between is not missed.
            notified.as_mut().enable();
            if self.is_idle() {
                return;
            }
            notified.await;
        }
    }
}

/// One thing in flight.
#[derive(Debug)]
pub(crate) struct Busy {
    activity: Activity,
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self
            .activity
            .shared
            .in_flight
            .fetch_sub(1, Ordering::SeqCst)
            == 1
        {
            self.activity.shared.idle.notify_waiters();
        }
    }
}
