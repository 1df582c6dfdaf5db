//! Publishing: the difference between what a manifest asks of an AMI that exists, what was applied to it, and what EC2
//! shows of it now.
//!
//! A three-way difference. What is asked for and not there is added. What was applied and is not asked for any more is
//! removed. What is there and was never applied is somebody else's and stays, unless the manifest says `exact`. No
//! progress is stored: a restart takes a new difference. What was written a moment ago and does not show yet is waited
//! for, because reads of attributes lag behind writes.
//!
//! One file per stage, all of one shape, in the order in which their actions are to be done: `describe`, `share`,
//! `protect`. [`plan`] takes them together for all Regions. [`retire`] comes after all of them, and is about other AMIs:
//! those that this one replaces.

mod asked;
mod describe;
mod plan;
mod protect;
pub mod retire;
mod share;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::status::{Action, Applied, Grantee, Intended, Protection, Settings};

/// How long a read may show what was before our own last write. Descriptions and deprecation times were seen to lag
/// (public reports of other tools); minutes are generous.
pub const STALE_READS: SignedDuration = SignedDuration::from_mins(5);

pub use asked::{Asked, AskedRegion};
pub use plan::{Observation, Observed, Pending, Plan, plan};

/// What a manifest asks of an AMI.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desired {
    /// Its description; none to leave it alone.
    pub description: Option<String>,
    /// Its tags, without amiwright's own.
    pub tags: BTreeMap<String, String>,
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
    /// Who may launch it; none if that was not asked.
    pub grants: Option<BTreeSet<Grantee>>,
    /// The accounts that each snapshot is shared with; empty if that was not asked.
    pub snapshots: BTreeMap<String, BTreeSet<String>>,
    /// When it is deprecated.
    pub deprecate_at: Option<Timestamp>,
    /// Its deregistration protection, in EC2's words.
    pub protection: String,
    /// Whether everybody may launch it.
    pub public: bool,
    /// Whether its state is `available`.
    pub is_available: bool,
}

/// Why something cannot be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocker {
    /// The deprecation of a public AMI can be moved to an earlier time only, until it is made private ("Deprecate an
    /// AMI", EC2 User Guide).
    Public,
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
    fn add(&mut self, action: Action, is_intended: bool) {
        if is_intended {
            self.is_settling = true;
        } else {
            self.ready.push(action);
        }
    }
}

/// What a stage compares.
struct Compared<'a> {
    desired: &'a Desired,
    /// What is ours.
    ours: &'a Settings,
    /// What was asked for a moment ago, so that reads may be older.
    intended: Option<&'a Settings>,
    shown: &'a Shown,
}

impl Compared<'_> {
    /// Whether this was asked for a moment ago.
    fn is_intended(&self, is: impl FnOnce(&Settings) -> bool) -> bool {
        self.intended.is_some_and(is)
    }
}

/// What is to be changed about an AMI.
#[must_use]
pub fn difference(
    desired: &Desired,
    applied: &Applied,
    shown: &Shown,
    now: Timestamp,
) -> Difference {
    let is_recent = |intended: &&Intended| now.duration_since(intended.at) < STALE_READS;
    let intended = applied.intended.as_ref().filter(is_recent);
    let compared = Compared {
        desired,
        ours: &applied.settings,
        intended: intended.map(|intended| &intended.settings),
        shown,
    };
    let stages: [fn(&Compared<'_>) -> Difference; 3] =
        [describe::difference, share::difference, protect::difference];
    let mut all = Difference::default();
    for stage in stages {
        let found = stage(&compared);
        all.ready.extend(found.ready);
        all.blocked.extend(found.blocked);
        all.is_settling |= found.is_settling;
    }
    all
}

/// What is to be written down before these actions are done: a crash in between must not turn our grant into somebody
/// else's. What is to go stays ours until it is seen to be gone.
#[must_use]
pub fn intend(applied: &Applied, actions: &[Action], now: Timestamp) -> Applied {
    let mut ours = applied.settings.clone();
    let before = applied.intended.as_ref().map(|it| &it.settings);
    let mut after = before.unwrap_or(&applied.settings).clone();
    for action in actions {
        add_to(action, &mut ours);
        if let Action::ChangeGrants { remove, .. } = action {
            ours.grants.extend(remove.clone());
        }
        add_to(action, &mut after);
        remove_from(action, &mut after);
    }
    Applied {
        settings: ours,
        intended: Some(Intended {
            at: now,
            settings: after,
        }),
    }
}

/// What is ours now that the AMI shows all that was asked for.
#[must_use]
pub fn confirm(applied: Applied) -> Applied {
    let settings = applied.intended.map(|intended| intended.settings);
    Applied {
        settings: settings.unwrap_or(applied.settings),
        intended: None,
    }
}

fn add_to(action: &Action, settings: &mut Settings) {
    match action {
        Action::SetDescription { text } => settings.description = Some(text.clone()),
        Action::SetTags { tags } => settings.tags.extend(tags.clone()),
        Action::ShareSnapshot { snapshot, accounts } => {
            let shared = settings.snapshots.entry(snapshot.clone()).or_default();
            shared.extend(accounts.clone());
        }
        Action::ChangeGrants { add, .. } => settings.grants.extend(add.clone()),
        Action::SetDeprecation { at: Some(at) } => settings.deprecate_at = Some(*at),
        Action::SetProtection {
            protection: Some(protection),
        } => settings.protection = Some(*protection),
        Action::RemoveTags { .. }
        | Action::RevokeSnapshot { .. }
        | Action::SetDeprecation { at: None }
        | Action::SetProtection { protection: None }
        // Of other AMIs.
        | Action::DeprecatePrevious { .. }
        | Action::UnprotectPrevious { .. }
        | Action::DeregisterPrevious { .. }
        | Action::DeleteSnapshot { .. } => {}
    }
}

fn remove_from(action: &Action, settings: &mut Settings) {
    match action {
        Action::RemoveTags { tags } => settings.tags.retain(|key, _| !tags.contains_key(key)),
        Action::RevokeSnapshot { snapshot, accounts } => {
            if let Some(shared) = settings.snapshots.get_mut(snapshot) {
                shared.retain(|account| !accounts.contains(account));
            }
            settings.snapshots.retain(|_, shared| !shared.is_empty());
        }
        Action::ChangeGrants { remove, .. } => {
            settings.grants.retain(|grantee| !remove.contains(grantee));
        }
        Action::SetDeprecation { at: None } => settings.deprecate_at = None,
        Action::SetProtection { protection: None } => settings.protection = None,
        Action::SetDescription { .. }
        | Action::SetTags { .. }
        | Action::ShareSnapshot { .. }
        | Action::SetDeprecation { at: Some(_) }
        | Action::SetProtection {
            protection: Some(_),
        }
        | Action::DeprecatePrevious { .. }
        | Action::UnprotectPrevious { .. }
        | Action::DeregisterPrevious { .. }
        | Action::DeleteSnapshot { .. } => {}
    }
}
