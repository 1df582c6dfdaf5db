//! What a tick begins once its time is up: not nothing, and not too much.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::batches::Kind;
use super::read_ahead::AT_ONCE;
use crate::reconcile::Context;

/// What a tick has begun for its images. While there is time, it begins as much as there is to do. Once the time is up, it
/// goes on until it has begun as much of each kind as is done at once: a tick whose reads take all the time gets on all the
/// same, and what many images wait for does not keep those from it that wait for something else.
#[derive(Debug)]
pub(super) struct Beginnings<'a> {
    context: Context<'a>,
    /// By what is polled; none is what needs no poll.
    begun: Mutex<BTreeMap<Option<Kind>, Begun>>,
}

#[derive(Debug, Default)]
struct Begun {
    is_described: bool,
    changed: usize,
}

impl<'a> Beginnings<'a> {
    pub(super) fn new(context: Context<'a>) -> Self {
        Self {
            context,
            begun: Mutex::default(),
        }
    }

    /// Whether images of this kind may be described: of each kind once, whatever the time is.
    pub(super) fn may_describe(&self, kind: Kind) -> bool {
        let mut begun = self.begun();
        let begun = begun.entry(Some(kind)).or_default();
        let is_first = !std::mem::replace(&mut begun.is_described, true);
        is_first || !self.context.is_over()
    }

    /// Whether one more image of this kind may be changed. If so, it is counted.
    pub(super) fn may_change(&self, kind: Option<Kind>) -> bool {
        let mut begun = self.begun();
        let begun = begun.entry(kind).or_default();
        if begun.changed >= AT_ONCE && self.context.is_over() {
            return false;
        }
        begun.changed += 1;
        true
    }

    fn took_no_time(&self, kind: Kind) {
        let mut begun = self.begun();
        let begun = begun.entry(Some(kind)).or_default();
        begun.changed = begun.changed.saturating_sub(1);
    }

    /// No holder of this lock can panic half-way, so what a poisoned one has is still consistent.
    fn begun(&self) -> MutexGuard<'_, BTreeMap<Option<Kind>, Begun>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turns of images of one kind that were polled, among all that are changed at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Changing<'a> {
    pub(super) kind: Kind,
    pub(super) advancing: &'a Semaphore,
    pub(super) beginnings: &'a Beginnings<'a>,
}

impl<'a> Changing<'a> {
    /// Waits for the turn of an image; none if there is no time for it then.
    pub(super) async fn turn(self) -> Option<SemaphorePermit<'a>> {
        // The semaphore is never closed.
        let turn = self.advancing.acquire().await.ok()?;
        self.beginnings.may_change(Some(self.kind)).then_some(turn)
    }

    /// There was nothing to be done for an image that had its turn: it does not count.
    pub(super) fn took_no_time(self) {
        self.beginnings.took_no_time(self.kind);
    }
}
