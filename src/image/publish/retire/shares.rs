//! The shares of an AMI's snapshots that amiwright granted: they end once the AMI is deregistered. What others have granted
//! stays, and so does what another AMI needs.

use std::collections::{BTreeMap, BTreeSet};

use super::seen::{Pending, Seen, SharesSeen};
use super::targets::Target;
use crate::image::status::Action;

/// The shares that amiwright granted and that have not ended yet, by snapshot. What is deleted is shared with nobody.
pub fn granted(target: &Target) -> impl Iterator<Item = (&String, &BTreeSet<String>)> {
    let known = &target.known;
    let shared = known.applied.settings.snapshots.iter();
    shared.filter(|(snapshot, accounts)| {
        let retiring = &known.retiring;
        !accounts.is_empty()
            && !retiring.deleted.contains(*snapshot)
            && !retiring.shared.contains_key(*snapshot)
    })
}

/// What ends them. Nothing is said of a snapshot that the AMI is not seen to have.
pub(super) fn end(target: &Target, seen: &Seen) -> Vec<Action> {
    let ours = granted(target).filter_map(|(snapshot, _)| match seen.shares.get(snapshot) {
        Some(SharesSeen::Ours(accounts)) => Some(Action::RevokePrevious {
            image: target.known.image.clone(),
            snapshot: snapshot.clone(),
            accounts: accounts.clone(),
        }),
        _ => None,
    });
    ours.collect()
}

/// What is to be done about them before the snapshots of a deregistered AMI are deleted.
pub(in crate::image::publish) fn next(
    target: &Target,
    seen: &Seen,
) -> Result<Vec<Action>, Pending> {
    let mut shares = granted(target);
    match shares.all(|(snapshot, _)| seen.shares.contains_key(snapshot)) {
        true => Ok(end(target, seen)),
        false => Err(Pending::Unknown),
    }
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
            Some(SharesSeen::Absent) => continue,
            // By an earlier request, whose answer was lost or could not be saved.
            Some(SharesSeen::Ended) => (&mut shares.revoked, accounts),
            Some(SharesSeen::Kept(accounts)) => (&mut shares.shared, accounts),
            Some(SharesSeen::Ours(_)) | None => (&mut shares.shared, accounts),
        };
        list.insert(snapshot.clone(), accounts.clone());
    }
    shares
}
