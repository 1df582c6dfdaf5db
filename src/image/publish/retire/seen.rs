//! What was seen of AMIs that are to be retired.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::image::publish::observation::Observation;
use crate::image::status::{KeptReason, SnapshotKept};

/// What EC2 shows of an AMI that is to be retired.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Whether its tags prove that it is of the version that the status names.
    pub is_ours: bool,
    /// Whether EC2 is still making it, as a copy for example: its snapshots are not told before that is done.
    pub is_pending: bool,
    /// Its deregistration protection, in EC2's words.
    pub protection: String,
    /// When it is deprecated.
    pub deprecate_at: Option<Timestamp>,
    /// Its snapshots.
    pub snapshots: Vec<String>,
}

/// Whether an AMI is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InUse {
    /// Nothing that EC2 knows of uses it.
    No,
    /// It is, or may be.
    Yes(KeptReason),
    /// That cannot be said.
    Unknown,
}

/// What EC2 shows of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotSeen {
    /// EC2 does not show it.
    Absent,
    /// It can be deleted: its tags prove that it was made for that version, and no AMI uses it.
    Free,
    /// It stays.
    Kept(SnapshotKept),
    /// That cannot be said.
    Unknown,
}

/// What was seen of one AMI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whether the stack does not open its Region (`CopyRegions`).
    pub is_closed: bool,
    /// The AMI itself.
    pub image: Observation<Shown>,
    /// Whether it is in use; only asked where [`needs_guard`](super::needs_guard) says so.
    pub in_use: InUse,
    /// Whether the AMI that replaces it is seen to be available in its Region.
    pub has_successor: bool,
    /// Whether none will: the manifest does not name its Region any more, or the copy there failed.
    pub is_last: bool,
    /// Its snapshots, once it is deregistered.
    pub snapshots: BTreeMap<String, SnapshotSeen>,
    /// What is left of [`granted`](super::granted) shares of its snapshots, once it is, or can be, deregistered.
    pub shares: BTreeMap<String, SharesSeen>,
}

/// Why an AMI is not retired yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pending {
    /// EC2 did not tell what has to be known.
    Unknown,
    /// What was asked for a moment ago may not show yet.
    Settling,
    /// EC2 does not show it.
    NotShown,
    /// EC2 was asked to deregister it, and does not show it. Once that has lasted, it is deregistered.
    AskedAndNotShown,
    /// It is deregistered, and EC2 does not show this snapshot, which is to be deleted or was shared. Once that has lasted, it
    /// is gone.
    SnapshotNotShown(String),
    /// The AMI that replaces it is not seen to be available.
    NoSuccessor,
    /// EC2 is still making it. Deregistered now, it would leave a snapshot behind that nothing names.
    ImagePending,
    /// Its protection holds until then.
    Cooldown(Timestamp),
}

/// What EC2 shows of the shares of a snapshot that amiwright granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SharesSeen {
    /// The AMI does not have the snapshot, as EC2 shows, or it is another account's, which amiwright cannot have shared.
    NotIts,
    /// The AMI is deregistered, and EC2 does not show the snapshot.
    Absent,
    /// They have ended.
    Ended,
    /// The snapshot is proven to be the AMI's: these can be ended.
    Ours {
        /// The accounts that have one.
        accounts: BTreeSet<String>,
        /// Other AMIs that have the snapshot, too, with those of these accounts that may launch them: they have to go first.
        needed_by: BTreeMap<String, BTreeSet<String>>,
    },
    /// These accounts have one, and keep it: nothing proves that the snapshot was the AMI's.
    Kept(BTreeSet<String>),
}
