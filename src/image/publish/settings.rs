//! What is asked of one AMI, what is shown of it, and the difference of the two.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::image::status::{Action, Grantee, Intended, Protection, Settings};
use crate::image::words::Blocker;

/// What a manifest asks of an AMI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// Its description; none to leave it alone.
    pub description: Option<String>,
    /// Its tags, without amiwright's own.
    pub tags: BTreeMap<String, String>,
    /// Its product code; none to leave that alone.
    pub product_code: Option<String>,
    /// Who may launch it besides its owner.
    pub grants: BTreeSet<Grantee>,
    /// Whether grants that were never applied are revoked.
    pub exact: bool,
    /// Whether the accounts may copy it: its snapshots are shared with them, too.
    pub copy: bool,
    /// When it is deprecated, in whole minutes; none to leave that alone.
    pub deprecate_at: Option<Timestamp>,
    /// Its deregistration protection; none to leave it alone.
    pub protection: Option<Protection>,
}

/// What EC2 shows of an AMI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its description.
    pub description: Option<String>,
    /// All its tags.
    pub tags: BTreeMap<String, String>,
    /// Its product codes; none if that was not asked.
    pub product_codes: Option<BTreeSet<String>>,
    /// Who may launch it; none if that was not asked.
    pub grants: Option<BTreeSet<Grantee>>,
    /// The accounts that each snapshot is shared with; empty if that was not asked.
    pub snapshots: BTreeMap<String, BTreeSet<String>>,
    /// The snapshots that other AMIs have as well, with those and the accounts that may launch them and are to lose this one.
    pub common_snapshots: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// When it was made; none if that is not known.
    pub created_at: Option<Timestamp>,
    /// When it is deprecated.
    pub deprecate_at: Option<Timestamp>,
    /// Its deregistration protection, in EC2's words.
    pub protection: String,
    /// Whether everybody may launch it.
    pub public: bool,
    /// EC2's word for its state.
    pub state: String,
    /// Why it is in that state, where EC2 says.
    pub reason: Option<String>,
    /// Whether its state is `available`.
    pub is_available: bool,
    /// Whether its root device is made from a bundle in S3.
    pub is_instance_store: bool,
    /// Whether a volume of it is encrypted.
    pub is_encrypted: bool,
    /// Whether it has a product code.
    pub has_product_code: bool,
    /// Whether another attempt than the one that is under way has made it.
    pub is_of_other_attempt: bool,
}

/// The difference of one AMI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// To be done now, in this order.
    pub ready: Vec<Action>,
    /// Not to be done now.
    pub blocked: Vec<(Action, Blocker)>,
    /// Whether something was written a moment ago that does not show yet.
    pub is_settling: bool,
}

impl Difference {
    /// Whether the AMI is as it should be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.blocked.is_empty() && !self.is_settling
    }

    /// An action; if its result was asked for a moment ago, that is only not shown yet.
    pub(super) fn add(&mut self, action: Action, is_intended: bool) {
        if is_intended {
            self.is_settling = true;
        } else {
            self.ready.push(action);
        }
    }
}

/// What a stage compares.
pub(super) struct Compared<'a> {
    pub(super) desired: &'a Desired,
    /// What is ours.
    pub(super) ours: &'a Settings,
    /// What was before that, and may still be shown.
    pub(super) earlier: &'a [Settings],
    /// What was asked for a moment ago, so that reads may be older.
    pub(super) intended: Option<&'a Intended>,
    pub(super) shown: &'a Shown,
    pub(super) now: Timestamp,
}

impl Compared<'_> {
    /// Whether this was asked for a moment ago.
    pub(super) fn is_intended(&self, is: impl FnOnce(&Settings) -> bool) -> bool {
        self.intended.is_some_and(|intended| is(&intended.settings))
    }
}
