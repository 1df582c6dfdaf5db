//! How much of what others wrote is read and held, in one place: a function has 128 or 256 MiB (`template.yaml`), and
//! what is in the buckets may be of any size. [`crate::manifest::limits`] has the limits of what a manifest holds.
//!
//! `benches/limits.py` measures the memory of each function at these limits.

use crate::manifest::disk_format::{HEAD_BYTES, TAIL_BYTES};
use crate::manifest::limits;

/// Bytes of the largest manifest that is read, of either kind: see [`limits::MANIFEST_BYTES`].
pub const MANIFEST_BYTES: u64 = limits::MANIFEST_BYTES as u64;

/// Bytes of the largest status that is written and read. One of a usual image has some 5 kB; `notify` has 128 MiB, and
/// a status is in it several times.
pub const STATUS_BYTES: usize = 512 * 1024;

/// Bytes of a status that a tick makes room for before it knows how large it is: one of a usual image has some 5 kB. What is
/// larger is read once more, in the room of the largest (`src/advance_tasks/read_ahead.rs`).
pub const USUAL_STATUS_BYTES: usize = 32 * 1024;

/// Bytes of the largest open marker that is read: a first line with a digest and times, and the draft of a status.
pub const MARKER_BYTES: u64 = STATUS_BYTES as u64 + 2048;

/// Bytes of the largest resume point that is read: a time, and a key of at most 1,024 bytes ("Object key naming
/// guidelines", S3 User Guide).
pub const RESUME_POINT_BYTES: u64 = 2048;

/// Bytes of the largest request to cancel or to retry that is read: one has some 200.
pub const REQUEST_BYTES: u64 = 1024;

/// Requests that one tick answers, of those that no event led to: what remains of its time is for the images.
pub const REQUESTS_A_TICK: usize = 100;

/// Bytes of the largest range of a disk that is read: its format is recognised by its beginning and its end.
pub const RANGE_BYTES: u64 = if HEAD_BYTES > TAIL_BYTES {
    HEAD_BYTES
} else {
    TAIL_BYTES
};

/// Bytes of the largest parameter that is read: SSM keeps none larger ("Managing parameter tiers", Systems Manager User
/// Guide).
pub const PARAMETER_BYTES: usize = 8 * 1024;

/// Records of one event that are read. SQS hands over no more than 10,000 messages at once ("Using Lambda with Amazon
/// SQS"), S3 and EventBridge send one object each. Lambda itself takes no event of more than 1 MB, or of more than 6 MB
/// from SQS and from who waits for the answer ("Lambda quotas").
pub const EVENT_RECORDS: usize = 10_000;

/// Open markers that a tick holds, the oldest: more than one tick can look at, and some 60 MB with the longest keys.
pub const OPEN_MARKERS: usize = 50_000;

/// Statuses of images that are being imported which a process keeps from one tick to the next.
pub const REMEMBERED_STATUSES: usize = 250;

/// Bytes of JSON of the largest of them; one of a usual image has some 5 kB. Together some 2 MB of JSON, and what that
/// takes in memory (`src/advance_tasks/read_ahead.rs`).
pub const REMEMBERED_STATUS_BYTES: usize = 8 * 1024;

/// Bytes of all statuses that a process keeps to see whether they have changed, compressed: room for some 10,000 of one kind, and
/// fewer of several. Others are read at every tick (`src/advance_tasks/known.rs`).
pub const KEPT_STATUS_BYTES: usize = 12 * 1024 * 1024;

/// Objects of each kind that a sweep holds: manifests, statuses, open markers, due markers.
pub const SWEPT_OBJECTS: usize = 40_000;

/// Objects that a sweep reads to see whether they are manifests under another name.
pub const MISNAMED_A_SWEEP: usize = 20;

/// Bytes of the largest of these that is read: a manifest has some 500.
pub const MISNAMED_BYTES: u64 = 16 * 1024;

/// Objects of what EC2 bundled for one image: at most 1,024 parts and a manifest, and as many again of an earlier try.
pub const BUNDLE_OBJECTS: usize = 2_050;

/// Statuses that a command lists. Who has more names the keys of those to see.
pub const LISTED_STATUSES: usize = 100_000;

/// Statuses that the console keeps while it runs: some 50 MB of usual ones.
pub const KNOWN_STATUSES: usize = 5_000;

/// Objects that a command lists to see whose a bucket is: one page.
pub const LISTED_AT_A_GLANCE: usize = 1_000;

/// Entries of one function's log that a command holds: ten pages, and some 30 MB.
pub const LOG_EVENTS: usize = 100_000;

/// Things of one kind that EC2 is asked to describe at once. A tick asks for 200 values of a filter, and lists the
/// import tasks of the last days.
pub const DESCRIBED: usize = 20_000;
