//! Statuses that a process keeps from one tick to the next, so that those that have not changed are not read again. They are
//! kept as they were read, compressed. Which have not changed, a tick finds out by their `ETag`s ([`super::unchanged`]).

use std::collections::{BTreeMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use lz4_flex::block::{compress_with_dict, decompress_with_dict};

use crate::keys;
use crate::limits::{KEPT_STATUS_BYTES, USUAL_STATUS_BYTES};
use crate::status_store::{OpenMarker, StatusObject};

/// For how long `ETag`s are not listed after a list that failed or cost more than it saved: most statuses in it were of other
/// images, and they will be for a while.
const LIST_AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// Bytes that one takes besides its texts and its content: its place in the map, and what the allocator adds.
const OVERHEAD: usize = 160;

/// The statuses that a process keeps: of open images that wait for EC2 only.
#[derive(Debug, Default)]
pub(super) struct KnownStatuses {
    /// By the keys of their objects: in the order in which S3 lists them.
    by_key: BTreeMap<String, Kept>,
    /// What all of them take: at most [`KEPT_STATUS_BYTES`].
    bytes: usize,
    /// The first that was kept, as much of it as a usual one has. What the others have in common with it, such as the names of
    /// fields, takes next to nothing.
    example: Vec<u8>,
    /// No list is worth while before.
    list_after: Option<Timestamp>,
}

#[derive(Debug)]
struct Kept {
    etag: Box<str>,
    compressed: Box<[u8]>,
    /// Bytes that it has uncompressed.
    size: usize,
}

impl KnownStatuses {
    /// Keeps a status as it was read, if there is room: others are read at every tick.
    pub(super) fn record(&mut self, manifest_key: &str, object: &StatusObject) {
        let key = keys::status_key(manifest_key);
        self.forget(&key);
        if self.by_key.is_empty() {
            let usual = object.content.len().min(USUAL_STATUS_BYTES);
            self.example = object.content[..usual].to_vec();
        }
        let kept = Kept {
            etag: object.etag.as_str().into(),
            compressed: compress_with_dict(&object.content, &self.example).into(),
            size: object.content.len(),
        };
        let bytes = taken(&key, &kept);
        if self.bytes + bytes <= KEPT_STATUS_BYTES {
            self.bytes += bytes;
            self.by_key.insert(key, kept);
        }
    }

    /// Bytes of a status that was kept.
    pub(super) fn size(&self, manifest_key: &str) -> Option<usize> {
        let kept = self.by_key.get(&keys::status_key(manifest_key))?;
        Some(kept.size)
    }

    /// A status that was kept.
    pub(super) fn get(&self, manifest_key: &str) -> Option<StatusObject> {
        let kept = self.by_key.get(&keys::status_key(manifest_key))?;
        let content = decompress_with_dict(&kept.compressed, kept.size, &self.example);
        Some(StatusObject {
            etag: kept.etag.to_string(),
            content: content.ok()?,
        })
    }

    /// Whether the status with this key is kept, and has this `ETag`. It is forgotten if it has another one or, with
    /// none, is not there any more.
    pub(super) fn is_unchanged(&mut self, key: &str, etag: Option<&str>) -> bool {
        let kept = self.by_key.get(key);
        let is_unchanged = kept.is_some_and(|kept| Some(&*kept.etag) == etag);
        if !is_unchanged {
            self.forget(key);
        }
        is_unchanged
    }

    /// Forgets those of images that are not open any more.
    pub(super) fn retain(&mut self, open: &[OpenMarker]) {
        let open: HashSet<&str> = open.iter().map(|it| it.manifest_key.as_str()).collect();
        let bytes = &mut self.bytes;
        self.by_key.retain(|key, kept| {
            let is_open = keys::manifest_of_status(key).is_some_and(|key| open.contains(key));
            if !is_open {
                *bytes -= taken(key, kept);
            }
            is_open
        });
    }

    /// How many are kept.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether this manifest's status is kept.
    pub(super) fn has(&self, manifest_key: &str) -> bool {
        self.by_key.contains_key(&keys::status_key(manifest_key))
    }

    /// Whether it is time to list `ETag`s.
    pub(super) fn is_list_due(&self, now: Timestamp) -> bool {
        // A clock that was set back does not put it off.
        let is_later = |after: Timestamp| now < after && after.duration_since(now) <= LIST_AGAIN;
        !self.by_key.is_empty() && !self.list_after.is_some_and(is_later)
    }

    /// Remembers that a list failed or cost more than it saved.
    pub(super) fn record_dear_list(&mut self, now: Timestamp) {
        self.list_after = now.saturating_add(LIST_AGAIN).ok();
    }

    fn forget(&mut self, key: &str) {
        if let Some((key, kept)) = self.by_key.remove_entry(key) {
            self.bytes -= taken(&key, &kept);
        }
    }
}

/// What one takes.
fn taken(key: &str, kept: &Kept) -> usize {
    key.len() + kept.etag.len() + kept.compressed.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::STATUS_BYTES;

    fn object(number: usize) -> StatusObject {
        let at = "2026-11-21T10:00:00Z";
        let entry = |n: usize| format!(r#"{{"at": "{at}", "from": "working", "why": "{n}"}}"#);
        let history: Vec<String> = (0..40).map(entry).collect();
        let content = format!(
            r#"{{"schema": 3, "image": "ami-{number:017x}", "history": [{}]}}"#,
            history.join(", ")
        );
        StatusObject {
            etag: format!("\"{number:032x}\""),
            content: content.into_bytes(),
        }
    }

    fn key(number: usize) -> String {
        format!("golden/{number}.image.yaml")
    }

    fn marker(number: usize) -> OpenMarker {
        OpenMarker {
            manifest_key: key(number),
            etag: "\"1\"".to_owned(),
            opened_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn what_is_kept_is_what_was_read_until_its_etag_is_another() {
        let mut known = KnownStatuses::default();
        (0..10).for_each(|n| known.record(&key(n), &object(n)));
        (0..10).for_each(|n| assert_eq!(known.get(&key(n)), Some(object(n))));

        known.record(&key(3), &object(33));
        assert_eq!(known.get(&key(3)), Some(object(33)));
        let status = keys::status_key(&key(3));
        assert!(known.is_unchanged(&status, Some(&*object(33).etag)));
        assert!(!known.is_unchanged(&status, Some(&*object(3).etag)));
        assert_eq!(known.get(&key(3)), None);
        assert!(!known.is_unchanged(&status, Some(&*object(33).etag)));

        assert!(!known.is_unchanged(&keys::status_key(&key(4)), None));
        assert_eq!(known.get(&key(4)), None);
    }

    #[test]
    fn what_is_kept_is_bounded_by_its_bytes_and_ends_with_its_image() {
        let mut known = KnownStatuses::default();
        let mut count = 0;
        while known.by_key.len() == count {
            known.record(&key(count), &object(count));
            count += 1;
        }
        assert!(known.bytes <= KEPT_STATUS_BYTES);
        assert!(count > 10_000, "{count}");
        let all: usize = known.by_key.iter().map(|(key, it)| taken(key, it)).sum();
        assert_eq!(known.bytes, all);

        known.retain(&[marker(7), marker(count)]);
        assert_eq!(known.by_key.len(), 1);
        assert_eq!(known.get(&key(7)), Some(object(7)));
        known.retain(&[]);
        assert_eq!(known.bytes, 0);
    }

    #[test]
    fn statuses_of_any_size_are_kept_as_they_are_whichever_is_the_first() {
        let lengths = [
            0,
            1,
            USUAL_STATUS_BYTES,
            USUAL_STATUS_BYTES + 1,
            STATUS_BYTES,
        ];
        let of = |length: usize| StatusObject {
            etag: "\"1\"".to_owned(),
            content: (0..=250).cycle().take(length).collect(),
        };
        for first in lengths {
            let mut known = KnownStatuses::default();
            known.record(&key(first), &of(first));
            for length in lengths {
                known.record(&key(length), &of(length));
            }
            for length in lengths {
                assert_eq!(known.get(&key(length)), Some(of(length)), "{first}");
                assert_eq!(known.size(&key(length)), Some(length));
            }
            assert!(known.example.len() <= USUAL_STATUS_BYTES);
        }
    }
}
