//! What changes by itself, and when.

use std::collections::BTreeSet;

use jiff::Timestamp;

/// Something that changes by itself. What is due at one moment is done in this order: an image that fails takes its
/// snapshots with it before they are complete.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// An image that is pending, by its id.
    Image(String),
    /// A snapshot that is being filled, by its id.
    Snapshot(String),
    /// An import task, by its id.
    Import(String),
    /// A task that stores an image, by its order.
    StoreImage(usize),
    /// A bundle task, by its id.
    Bundle(String),
}

/// What is due when. An entry is a hint: one too many, or one for what is gone, does no harm.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Timestamp, Timer)>);

impl Timers {
    /// Something is due then.
    pub(crate) fn set(&mut self, at: Timestamp, timer: Timer) {
        self.0.insert((at, timer));
    }

    /// Something is due at the first of these due_times that is not over.
    pub(crate) fn set_next(&mut self, due_times: Vec<Timestamp>, now: Timestamp, timer: Timer) {
        if let Some(at) = due_times.into_iter().filter(|at| *at > now).min() {
            self.set(at, timer);
        }
    }

    /// Takes out what is due first.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<Timer> {
        let first = self.0.first().is_some_and(|(at, _)| *at <= now);
        first.then(|| self.0.pop_first()).flatten().map(|it| it.1)
    }
}
