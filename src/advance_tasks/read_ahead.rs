//! How much a tick reads ahead: statuses that wait for their Describe call are bounded by their bytes, for one is a
//! thousand times larger than another.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::limits;
use crate::status_store::{Loaded, OpenMarker};

/// Statuses that are read, and images that are advanced, at once. S3 takes some 20 ms for each: ten thousand are read
/// in seven seconds. One connection each; fewer images need fewer.
pub(super) const AT_ONCE: usize = 32;

/// What all statuses that are held may have, in KiB of JSON. One that the functions wrote takes some three times its JSON, a
/// forged one ten times (`benches/limits.py`): most of the function's memory. That is room for thirty-six of the largest, or
/// for [`AT_ONCE`] that are being read, of which a usual size is assumed until they were, and some three and a half thousand
/// usual ones that wait for EC2.
const CAPACITY_KIB: usize = 18 * 1024;

/// What one status has at most.
const LARGEST_KIB: usize = limits::STATUS_BYTES.div_ceil(1024);

/// What is assumed of a usual one until it was read.
const USUAL_KIB: usize = limits::USUAL_STATUS_BYTES.div_ceil(1024);

/// An image that was read, and waits for EC2 or has something to do.
#[derive(Debug)]
pub(super) struct Awaiting {
    pub(super) loaded: Loaded,
    /// Its open marker, as it was listed.
    pub(super) marker: OpenMarker,
    /// Bytes that it has as JSON.
    pub(super) size: usize,
    /// When it was read or written.
    pub(super) read_at: Timestamp,
    /// What it takes, for as long as it is held.
    pub(super) room: Room,
}

/// The room that a tick has for statuses.
#[derive(Debug)]
pub(super) struct ReadAhead {
    free: Arc<Semaphore>,
    /// Rung when somebody has to wait for room.
    wanted: Notify,
}

impl Default for ReadAhead {
    fn default() -> Self {
        Self {
            free: Arc::new(Semaphore::new(CAPACITY_KIB)),
            wanted: Notify::new(),
        }
    }
}

impl ReadAhead {
    /// Waits until there is room for the largest status. Whoever holds statuses until there are enough of them must let
    /// some go when [`Self::is_short`], or no image would get any room: also while no other comes, when room is
    /// [`Self::wanted`].
    pub(super) async fn room(&self) -> Room {
        self.room_for(LARGEST_KIB).await
    }

    /// The same for a usual one. Who finds a larger one has it [enlarged](Self::enlarge).
    pub(super) async fn usual_room(&self) -> Room {
        self.room_for(USUAL_KIB).await
    }

    async fn room_for(&self, kib: usize) -> Room {
        let kib = u32::try_from(kib).unwrap_or(u32::MAX);
        if let Ok(permit) = self.free.clone().try_acquire_many_owned(kib) {
            return Room(Some(permit));
        }
        self.wanted.notify_one();
        // The semaphore is never closed.
        Room(self.free.clone().acquire_many_owned(kib).await.ok())
    }

    /// Waits until there is room for the largest status in place of this. Until then it is none: who held some while waiting
    /// for more could wait for another who does the same.
    pub(super) async fn enlarge(&self, room: &mut Room) {
        let has = room.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if has < LARGEST_KIB {
            room.0 = None;
            *room = self.room().await;
        }
    }

    /// Waits until somebody has had to wait for room since this was asked last.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Whether there is not enough room for one more status of any size.
    pub(super) fn is_short(&self) -> bool {
        self.free.available_permits() < LARGEST_KIB
    }
}

/// Room that is taken, and given back when it is dropped.
#[derive(Debug)]
pub(super) struct Room(Option<OwnedSemaphorePermit>);

impl Room {
    /// Gives back what a status of so many bytes does not need.
    pub(super) fn keep(&mut self, size: usize) {
        if let Some(permit) = &mut self.0 {
            let needed = size.div_ceil(1024).max(1);
            drop(permit.split(permit.num_permits().saturating_sub(needed)));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn whoever_has_to_wait_for_room_says_so_and_holds_none() {
        let read_ahead = ReadAhead::default();
        let mut held = Vec::new();
        while let Some(room) = read_ahead.room().now_or_never() {
            assert_eq!(read_ahead.wanted().now_or_never(), None);
            held.push(room);
        }
        // Also if nobody listened then.
        assert_eq!(read_ahead.wanted().now_or_never(), Some(()));
        assert_eq!(read_ahead.wanted().now_or_never(), None);

        // One that is the largest already waits for nothing.
        let mut large = held.pop().unwrap();
        assert_eq!(read_ahead.enlarge(&mut large).now_or_never(), Some(()));
        large.keep(1);
        let mut other = read_ahead.usual_room().await;
        let mut both = Box::pin(async {
            read_ahead.enlarge(&mut other).await;
            read_ahead.enlarge(&mut large).await;
        });
        assert_eq!(both.as_mut().now_or_never(), None);
        assert_eq!(read_ahead.wanted().now_or_never(), Some(()));
        held.truncate(held.len() - 2);
        assert_eq!(both.now_or_never(), Some(()));
        assert_eq!(read_ahead.wanted().now_or_never(), None);
    }

    #[tokio::test]
    async fn small_statuses_leave_room_for_many_and_large_ones_for_few() {
        let read_ahead = ReadAhead::default();
        let mut held = Vec::new();
        while !read_ahead.is_short() {
            let mut room = read_ahead.room().await;
            room.keep(3000);
            held.push(room);
        }
        assert_eq!(held.len(), (CAPACITY_KIB - LARGEST_KIB) / 3 + 1);
        drop(held);

        let mut held = Vec::new();
        while !read_ahead.is_short() {
            let mut room = read_ahead.room().await;
            room.keep(limits::STATUS_BYTES);
            held.push(room);
        }
        assert_eq!(held.len(), CAPACITY_KIB / LARGEST_KIB);
        held.pop();
        assert!(!read_ahead.is_short());
    }
}
