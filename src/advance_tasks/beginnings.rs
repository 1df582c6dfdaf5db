//! What a tick begins once its time is up: not nothing, and not too much.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::read_ahead::AT_ONCE;
use crate::reconcile::Context;

/// What a tick has begun for its images. While there is time, it begins as much as there is to do. Once the time is up, it
/// goes on until it has begun as much as is done at once: a tick whose reads take all the time gets on all the same.
#[derive(Debug)]
pub(super) struct Beginnings<'a> {
    context: Context<'a>,
    begun: AtomicUsize,
}

impl<'a> Beginnings<'a> {
    pub(super) fn new(context: Context<'a>) -> Self {
        Self {
            context,
            begun: AtomicUsize::new(0),
        }
    }

    /// Whether something more may be begun. If so, it is counted.
    pub(super) fn may_begin(&self) -> bool {
        if self.context.is_over() && self.begun.load(Ordering::Relaxed) >= AT_ONCE {
            return false;
        }
        self.begun.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// What was begun had nothing to do, and does not count.
    pub(super) fn took_no_time(&self) {
        self.begun.fetch_sub(1, Ordering::Relaxed);
    }
}
