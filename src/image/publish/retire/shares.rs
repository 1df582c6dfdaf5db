//! The shares of an AMI's snapshots that amiwright granted: they end once the AMI is deregistered. What others have granted
//! stays, and so does what another AMI needs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::seen::{Pending, Seen, SharesSeen, SnapshotSeen};
use super::targets::Target;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::publish::difference::STALE_READS;
use crate::image::publish::observation::Observation;
use crate::image::publish::share::by_call;
use crate::image::status::{Action, RegionAction};

/// The shares that amiwright granted and that have not ended yet, by snapshot.
pub fn granted(target: &Target) -> impl Iterator<Item = (&String, &BTreeSet<String>)> {
    target.known.granted()
}

/// The AMIs that are deregistered now: what only they need ends with them.
pub(in crate::image::publish) type Going = BTreeSet<String>;

/// Whether EC2 has not shown a snapshot of an AMI that is deregistered for so long that it is gone.
pub(super) fn is_long_gone(target: &Target, snapshot: &str, now: Timestamp) -> bool {
    let since = target.known.retiring.not_shown_since.get(snapshot);
    since.is_some_and(|at| now.duration_since(*at) > VISIBILITY_GRACE)
}

/// What EC2 does not show now of an AMI that is retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotShown {
    /// The Region.
    pub region: String,
    /// The AMI.
    pub image: String,
    /// Whether it does not show the AMI, and was asked to deregister it.
    pub is_image: bool,
    /// All of its snapshots that it does not show, once the AMI is deregistered.
    pub snapshots: BTreeSet<String>,
}

/// What EC2 does not show of an AMI that is retired, if that is something else than was known.
#[must_use]
pub fn not_shown(target: &Target, seen: &Seen, now: Timestamp) -> Option<NotShown> {
    let retiring = &target.known.retiring;
    let is_asked = retiring.asked_at.is_some() && retiring.deregistered_at.is_none();
    let is_image = is_asked && seen.image == Observation::Absent;
    let snapshots = seen.snapshots.iter();
    let snapshots = snapshots.filter(|(_, it)| **it == SnapshotSeen::Absent);
    let shares = seen.shares.iter();
    let shares = shares.filter(|(_, it)| **it == SharesSeen::Absent);
    let absent = snapshots.map(|it| it.0).chain(shares.map(|it| it.0));
    let is_gone = retiring.deregistered_at.is_some();
    let snapshots: BTreeSet<String> = absent.filter(|_| is_gone).cloned().collect();
    let unseen_since = target.known.unseen_since.filter(|_| is_asked);
    let mut since = retiring.not_shown_since.values().chain(&unseen_since);
    let is_new = !snapshots.iter().eq(retiring.not_shown_since.keys())
        || (is_asked && is_image != unseen_since.is_some())
        // By a clock that is off, or a forged one.
        || since.any(|at| *at > now);
    is_new.then(|| NotShown {
        region: target.region.clone(),
        image: target.known.image.clone(),
        is_image,
        snapshots,
    })
}

/// Whether EC2 was asked to change the AMI so lately that reads may be older, and nobody has seen that it did.
fn is_shared_lately(target: &Target, now: Timestamp) -> bool {
    let intended = target.known.applied.intended.as_ref();
    intended.is_some_and(|it| now.duration_since(it.at) < STALE_READS)
}

/// What ends them, once the AMI is deregistered, and before its snapshots are deleted: those that no AMI needs, except these,
/// which go.
pub(in crate::image::publish) fn end(
    target: &Target,
    seen: &Seen,
    going: &Going,
    now: Timestamp,
) -> Result<Vec<Action>, Pending> {
    let (mut actions, mut not_shown, mut is_partly) = (Vec::new(), None, false);
    for (snapshot, ours) in granted(target) {
        match seen.shares.get(snapshot) {
            None => return Err(Pending::Unknown),
            Some(SharesSeen::Ours {
                accounts,
                needed_by,
            }) => {
                is_partly |= accounts.len() < ours.len();
                let accounts = not_needed(accounts, needed_by, going);
                let revoke = |accounts| Action::RevokePrevious {
                    image: target.known.image.clone(),
                    snapshot: snapshot.clone(),
                    accounts,
                };
                actions.extend(by_call(accounts).map(revoke));
            }
            // One answer that does not show it does not make it gone: it would stay shared without a word.
            Some(SharesSeen::Absent) if !is_long_gone(target, snapshot, now) => {
                not_shown = Some(snapshot.clone());
            }
            Some(SharesSeen::Kept(accounts)) => is_partly |= accounts.len() < ours.len(),
            Some(SharesSeen::Ended) => is_partly = true,
            Some(SharesSeen::Absent | SharesSeen::NotIts) => {}
        }
    }
    // Nor is ended what a read does not show that may be older than the request for it. Once the AMI is gone, nothing may
    // prove any more that it was its own.
    let is_there = target.known.retiring.deregistered_at.is_none();
    let is_settling = is_partly && is_shared_lately(target, now);
    if is_settling && (is_there || actions.is_empty()) {
        return Err(Pending::Settling);
    }
    match not_shown.filter(|_| actions.is_empty()) {
        Some(snapshot) => Err(Pending::SnapshotNotShown(snapshot)),
        None => Ok(actions),
    }
}

/// Those of the accounts that no AMI needs, except these, which go.
fn not_needed(
    accounts: &BTreeSet<String>,
    needed_by: &BTreeMap<String, BTreeSet<String>>,
    going: &Going,
) -> BTreeSet<String> {
    let stay = needed_by
        .iter()
        .filter(|(image, _)| !going.contains(*image));
    let stay: BTreeSet<&String> = stay.flat_map(|(_, accounts)| accounts).collect();
    let free = accounts.iter().filter(|it| !stay.contains(it));
    free.cloned().collect()
}

/// Leaves each share only in the first of the requests that end it: several AMIs may have it on record.
pub(super) fn end_once(actions: &mut Vec<RegionAction>) {
    let mut all: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    actions.retain_mut(|it| {
        let Action::RevokePrevious {
            snapshot, accounts, ..
        } = &mut it.action
        else {
            return true;
        };
        let earlier = all
            .entry((it.region.clone(), snapshot.clone()))
            .or_default();
        accounts.retain(|account| earlier.insert(account.clone()));
        !accounts.is_empty()
    });
}

/// Those that an earlier request has ended, whose answer was lost or could not be saved, of snapshots that are to be deleted:
/// once these are gone, nothing tells that they were shared.
pub(super) fn ended(target: &Target, seen: &Seen) -> Vec<RegionAction> {
    let is_going = |snapshot: &String| target.known.retiring.snapshots.contains(snapshot);
    let ended = granted(target).filter(|(snapshot, _)| {
        is_going(snapshot) && seen.shares.get(*snapshot) == Some(&SharesSeen::Ended)
    });
    let revoked = ended.map(|(snapshot, accounts)| RegionAction {
        region: target.region.clone(),
        action: Action::RevokePrevious {
            image: target.known.image.clone(),
            snapshot: snapshot.clone(),
            accounts: accounts.clone(),
        },
    });
    revoked.collect()
}

/// A share that outlives the AMI for which it was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOn {
    /// The Region.
    pub region: String,
    /// The AMI that needs it: it ends with that one.
    pub image: String,
    /// The snapshot.
    pub snapshot: String,
    /// The accounts that have it, and may launch that AMI.
    pub accounts: BTreeSet<String>,
}

/// The shares of an AMI that is about to be deregistered, or is, which others need, also those that are to go with it: EC2
/// may keep them.
pub(super) fn passed_on(target: &Target, seen: &Seen) -> Vec<PassedOn> {
    let mut passed_on = Vec::new();
    for (snapshot, _) in granted(target) {
        if let Some(SharesSeen::Ours { needed_by, .. }) = seen.shares.get(snapshot) {
            passed_on.extend(needed_by.iter().map(|(image, accounts)| PassedOn {
                region: target.region.clone(),
                image: image.clone(),
                snapshot: snapshot.clone(),
                accounts: accounts.clone(),
            }));
        }
    }
    passed_on
}

/// What became of the shares: who has them no more, and who keeps them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) revoked: BTreeMap<String, BTreeSet<String>>,
    pub(super) shared: BTreeMap<String, BTreeSet<String>>,
}

/// What became of them in the end, as far as they were seen.
pub(super) fn in_the_end(target: &Target, seen: Option<&Seen>) -> Shares {
    let retiring = &target.known.retiring;
    let mut shares = Shares {
        revoked: retiring.revoked.clone(),
        shared: retiring.shared.clone(),
    };
    for (snapshot, accounts) in granted(target) {
        let (list, accounts) = match seen.and_then(|seen| seen.shares.get(snapshot)) {
            Some(SharesSeen::NotIts | SharesSeen::Absent) => continue,
            // By an earlier request, whose answer was lost or could not be saved.
            Some(SharesSeen::Ended) => (&mut shares.revoked, accounts),
            Some(SharesSeen::Kept(accounts)) => (&mut shares.shared, accounts),
            Some(SharesSeen::Ours { accounts, .. }) => (&mut shares.shared, accounts),
            None => (&mut shares.shared, accounts),
        };
        let list = list.entry(snapshot.clone()).or_default();
        list.extend(accounts.clone());
    }
    shares
}
