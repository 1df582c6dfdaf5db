//! What the sweeps of a process have reviewed, so that no sweep reviews it again.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use crate::aws::ObjectInfo;

/// How many reviews of one sweep are remembered: some hundred kilobytes.
const REVIEWS_MAX: usize = 50_000;

/// The reviews that are remembered: those that this sweep has made or asked for, and those of the last one. Each upload and
/// each write of a status ends a review, and nobody asks for it again.
#[derive(Debug, Default)]
pub(super) struct Reviews {
    of_this_sweep: HashSet<u64>,
    of_the_last: HashSet<u64>,
}

impl Reviews {
    /// A sweep begins. What the last one has not asked for is forgotten.
    pub(super) fn begin_sweep(&mut self) {
        self.of_the_last = std::mem::take(&mut self.of_this_sweep);
    }

    /// Whether this object was reviewed against this status, both as they were listed.
    pub(super) fn has(&mut self, object: &ObjectInfo, status: &ObjectInfo) -> bool {
        let review = review(object, status);
        if self.of_the_last.remove(&review) {
            self.insert(review);
        }
        self.of_this_sweep.contains(&review)
    }

    /// Remembers that this object, as it was listed, says nothing that this status does not know.
    pub(super) fn record(&mut self, object: &ObjectInfo, status: &ObjectInfo) {
        self.insert(review(object, status));
    }

    fn insert(&mut self, review: u64) {
        if self.of_this_sweep.len() >= REVIEWS_MAX {
            self.of_this_sweep.clear();
        }
        self.of_this_sweep.insert(review);
    }

    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.of_this_sweep.len() + self.of_the_last.len()
    }
}

/// An upload and a write of a status, in eight bytes.
fn review(object: &ObjectInfo, status: &ObjectInfo) -> u64 {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let written = (&status.etag, status.modified_at);
    hasher.hash_one((&object.key, &object.etag, object.modified_at, written))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn object(number: usize) -> ObjectInfo {
        ObjectInfo {
            key: format!("{number}.image.yaml"),
            etag: format!("\"{number:032x}\""),
            version_id: None,
            size: 500,
            modified_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// One image has a new status at each sweep, another one stays as it is.
    #[test]
    fn what_no_sweep_asks_for_any_more_is_forgotten() {
        let mut reviews = Reviews::default();
        let stays = object(0);
        reviews.record(&stays, &stays);
        for number in 1..100 {
            reviews.begin_sweep();
            assert!(reviews.has(&stays, &stays));
            let status = object(number);
            assert!(!reviews.has(&object(1), &status));
            reviews.record(&object(1), &status);
            assert!(reviews.has(&object(1), &status));
            assert!(reviews.len() <= 3, "{}", reviews.len());
        }
        reviews.begin_sweep();
        reviews.begin_sweep();
        assert_eq!(reviews.len(), 0);
        assert!(!reviews.has(&stays, &stays));
    }

    #[test]
    fn they_are_bounded() {
        let mut reviews = Reviews::default();
        for number in 0..=REVIEWS_MAX {
            reviews.record(&object(number), &object(number));
        }
        assert!(reviews.len() <= REVIEWS_MAX);
    }
}
