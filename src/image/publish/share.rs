//! Who may launch the AMI, and copy it. Snapshots are shared before the AMI and revoked after it.

use std::collections::BTreeSet;

use super::settings::{Compared, Desired, Difference, Shown};
use crate::image::status::{Action, Applied, Grantee, NAMED_MAX, Settings};

pub(super) fn difference(compared: &Compared<'_>) -> Difference {
    let mut found = Difference::default();
    share_snapshots(compared, &mut found);
    grants(compared, &mut found);
    revoke_snapshots(compared, &mut found);
    found
}

fn grants(compared: &Compared<'_>, found: &mut Difference) {
    let Some(shown) = &compared.shown.grants else {
        return;
    };
    let desired = &compared.desired.grants;
    let mut add = desired - shown;
    let mut remove = shown - desired;
    remove.retain(|grantee| compared.desired.exact || compared.ours.grants.contains(grantee));
    let all = add.len() + remove.len();
    if let Some(intended) = compared.intended {
        add.retain(|grantee| !intended.settings.grants.contains(grantee));
        remove.retain(|grantee| !intended.revokes.contains(grantee));
    }
    found.is_settling |= add.len() + remove.len() < all;
    if !add.is_empty() || !remove.is_empty() {
        found.ready.push(Action::ChangeGrants { add, remove });
    }
}

/// "You can modify up to 500 snapshot permissions in a call" (ModifySnapshotAttribute, EC2 API Reference).
const ACCOUNTS_A_CALL: usize = 500;

/// These accounts, as many together as one call can add to a snapshot, or remove.
pub(super) fn by_call(accounts: BTreeSet<String>) -> impl Iterator<Item = BTreeSet<String>> {
    in_groups(accounts, ACCOUNTS_A_CALL)
}

fn in_groups(
    mut accounts: BTreeSet<String>,
    size: usize,
) -> impl Iterator<Item = BTreeSet<String>> {
    std::iter::from_fn(move || {
        let next = accounts.iter().nth(size).cloned();
        let later = next.map(|next| accounts.split_off(&next));
        let group = std::mem::replace(&mut accounts, later.unwrap_or_default());
        (!group.is_empty()).then_some(group)
    })
}

/// The accounts that may copy the AMI, and so need its snapshots.
#[must_use]
pub fn copying(desired: &Desired) -> BTreeSet<String> {
    if !desired.copy {
        return BTreeSet::new();
    }
    let accounts = desired.grants.iter().filter_map(|it| match it {
        Grantee::Account(account) => Some(account.clone()),
        _ => None,
    });
    accounts.collect()
}

fn shared(settings: &Settings, snapshot: &str, account: &str) -> bool {
    let accounts = settings.snapshots.get(snapshot);
    accounts.is_some_and(|accounts| accounts.contains(account))
}

fn share_snapshots(compared: &Compared<'_>, found: &mut Difference) {
    let wanted = copying(compared.desired);
    for (snapshot, shown) in &compared.shown.snapshots {
        let missing = &wanted - shown;
        let is_intended =
            |account: &String| compared.is_intended(|intended| shared(intended, snapshot, account));
        let (settling, accounts): (BTreeSet<_>, BTreeSet<_>) =
            missing.into_iter().partition(is_intended);
        found.is_settling |= !settling.is_empty();
        let share = |accounts| Action::ShareSnapshot {
            snapshot: snapshot.clone(),
            accounts,
        };
        found.ready.extend(by_call(accounts).map(share));
    }
}

/// Whether an account that is to have a snapshot is shown to have it, and not for this AMI: then it had it for another one, or
/// somebody has shared it by hand.
pub(super) fn is_shared_otherwise(desired: &Desired, applied: &Applied, shown: &Shown) -> bool {
    let wanted = copying(desired);
    let intended = applied.intended.as_ref().map(|it| &it.settings);
    let is_own = |snapshot: &str, account: &str| {
        shared(&applied.settings, snapshot, account)
            || intended.is_some_and(|it| shared(it, snapshot, account))
    };
    let mut snapshots = shown.snapshots.iter();
    snapshots.any(|(snapshot, shown)| {
        shown
            .iter()
            .any(|it| wanted.contains(it) && !is_own(snapshot, it))
    })
}

fn revoke_snapshots(compared: &Compared<'_>, found: &mut Difference) {
    let wanted = copying(compared.desired);
    for (snapshot, shown) in &compared.shown.snapshots {
        let needed = compared.shown.common_snapshots.get(snapshot);
        let needed = needed.into_iter().flatten();
        let needed: BTreeSet<&String> = needed.flat_map(|(_, accounts)| accounts).collect();
        let is_needed = |account: &String| needed.contains(account);
        let mut surplus = shown - &wanted;
        surplus.retain(|account| shared(compared.ours, snapshot, account) && !is_needed(account));
        let is_settling = |account: &String| {
            compared.is_intended(|intended| !shared(intended, snapshot, account))
                || is_about_to_show(compared, account)
        };
        let (settling, accounts): (BTreeSet<_>, BTreeSet<_>) =
            surplus.into_iter().partition(is_settling);
        found.is_settling |= !settling.is_empty();
        let revoke = |accounts| Action::RevokeSnapshot {
            snapshot: snapshot.clone(),
            accounts,
        };
        found.ready.extend(by_call(accounts).map(revoke));
    }
}

/// Whether the AMI was shared a moment ago with this account, which is to lose it and does not show yet: it is revoked once it
/// does, and its snapshots are after that.
fn is_about_to_show(compared: &Compared<'_>, account: &str) -> bool {
    let grantee = Grantee::Account(account.to_owned());
    let shown = compared.shown.grants.as_ref();
    shown.is_some_and(|shown| !shown.contains(&grantee))
        && !compared.desired.grants.contains(&grantee)
        && compared.is_intended(|intended| intended.grants.contains(&grantee))
}

/// The shares that are not asked for any more, and stay: an account may launch another AMI of the snapshot. Each is told of
/// with one of those.
pub(super) fn left(desired: &Desired, ours: &Settings, shown: &Shown) -> Vec<Action> {
    let wanted = copying(desired);
    let mut left = Vec::new();
    for (snapshot, images) in &shown.common_snapshots {
        let mut told = wanted.clone();
        let shown = shown.snapshots.get(snapshot);
        for (image, accounts) in images {
            let mut accounts = accounts - &told;
            accounts.retain(|it| {
                shared(ours, snapshot, it) && shown.is_some_and(|shown| shown.contains(it))
            });
            told.extend(accounts.clone());
            let leave = |accounts| Action::LeaveShare {
                image: image.clone(),
                snapshot: snapshot.clone(),
                accounts,
            };
            // Nothing else names them once they are told.
            left.extend(in_groups(accounts, NAMED_MAX).map(leave));
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_all_accounts_once_and_none_is_too_large_or_empty() {
        let accounts = |count: usize| -> BTreeSet<String> {
            (0..count).map(|number| format!("{number:012}")).collect()
        };
        for (count, sizes) in [
            (0, vec![]),
            (1, vec![1]),
            (20, vec![20]),
            (21, vec![20, 1]),
            (45, vec![20, 20, 5]),
        ] {
            let groups: Vec<_> = in_groups(accounts(count), 20).collect();
            let found: Vec<usize> = groups.iter().map(BTreeSet::len).collect();
            assert_eq!(found, sizes);
            let all: BTreeSet<String> = groups.into_iter().flatten().collect();
            assert_eq!(all, accounts(count));
        }
    }
}
