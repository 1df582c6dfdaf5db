//! What the sweeps of a process have reviewed, so that no sweep reviews it again, and what they have listed.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use crate::aws::ObjectInfo;

/// How many reviews of one sweep are remembered: some hundred kilobytes.
const REVIEWS_MAX: usize = 50_000;

/// Of how many manifests it is remembered what was listed at their keys: a megabyte or two. Of the others, their dates alone say
/// what is new.
const LISTED_MAX: usize = 50_000;

/// The reviews that are remembered: those that this sweep has made or asked for, and those of the last one. Each upload and
/// each write of a status ends a review, and nobody asks for it again.
#[derive(Debug, Default)]
pub(super) struct Reviews {
    of_this_sweep: HashSet<u64>,
    of_the_last: HashSet<u64>,
    /// What was listed at a manifest's key, in eight bytes each.
    listed: HashMap<u64, u64>,
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

    /// Whether something else was at this key when it was listed before: an upload, or an older version, as that which had
    /// taken its place was deleted. What is listed first is remembered.
    pub(super) fn is_exchanged(&mut self, object: &ObjectInfo) -> bool {
        let (key, listed) = (hash(&object.key), hash((&object.etag, object.modified_at)));
        if let Some(known) = self.listed.get(&key) {
            return *known != listed;
        }
        if self.listed.len() < LISTED_MAX {
            self.listed.insert(key, listed);
        }
        false
    }

    /// Remembers that what is at this key was reconciled as it was listed.
    pub(super) fn record_exchange(&mut self, object: &ObjectInfo) {
        if let Some(known) = self.listed.get_mut(&hash(&object.key)) {
            *known = hash((&object.etag, object.modified_at));
        }
    }

    fn insert(&mut self, review: u64) {
        if self.of_this_sweep.len() >= REVIEWS_MAX {
            self.of_this_sweep.clear();
        }
        self.of_this_sweep.insert(review);
    }

    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.of_this_sweep.len() + self.of_the_last.len() + self.listed.len()
    }
}

/// An upload and a write of a status, in eight bytes.
fn review(object: &ObjectInfo, status: &ObjectInfo) -> u64 {
    let written = (&status.etag, status.modified_at);
    hash((&object.key, &object.etag, object.modified_at, written))
}

fn hash(of: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(of)
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

    /// It may be older than what was there.
    #[test]
    fn what_takes_anothers_place_is_seen_until_it_is_reconciled() {
        let mut reviews = Reviews::default();
        let first = object(1);
        let second = ObjectInfo {
            etag: "\"other\"".to_owned(),
            ..first.clone()
        };
        assert!(!reviews.is_exchanged(&first));
        assert!(!reviews.is_exchanged(&first));
        assert!(!reviews.is_exchanged(&object(2)));
        for current in [&second, &first] {
            assert!(reviews.is_exchanged(current));
            assert!(reviews.is_exchanged(current));
            reviews.record_exchange(current);
            assert!(!reviews.is_exchanged(current));
        }
    }

    #[test]
    fn they_are_bounded() {
        let mut reviews = Reviews::default();
        for number in 0..=REVIEWS_MAX {
            reviews.record(&object(number), &object(number));
        }
        assert!(reviews.len() <= REVIEWS_MAX);
        let before = reviews.len();
        for number in 0..=LISTED_MAX {
            assert!(!reviews.is_exchanged(&object(number)));
            reviews.record_exchange(&object(number));
        }
        assert!(reviews.len() <= before + LISTED_MAX);
    }
}
