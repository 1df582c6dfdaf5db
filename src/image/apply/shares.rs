//! What is known of the AMIs of a Region, of whatever version, and which of them has a share of a snapshot on record: several
//! may have the snapshot, and the share ends with the last of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::image::publish::retire::PassedOn;
use crate::image::status::{RegionStatus, Status};

/// Accounts, by the snapshot that is shared with them.
type Shares = BTreeMap<String, BTreeSet<String>>;

/// These end with other AMIs than those that they were granted for.
pub(super) fn pass_on(status: &mut Status, shares: &[PassedOn]) {
    for share in shares {
        for known in known(status, &share.region, &share.image) {
            let snapshots = &mut known.applied.settings.snapshots;
            let accounts = snapshots.entry(share.snapshot.clone()).or_default();
            accounts.extend(share.accounts.clone());
        }
    }
}

/// A share has ended: no AMI has it any more.
pub(super) fn drop_ended(
    status: &mut Status,
    region: &str,
    snapshot: &str,
    gone: &BTreeSet<String>,
) {
    let gone = Shares::from([(snapshot.to_owned(), gone.clone())]);
    for known in in_region(status, region) {
        subtract(&mut known.applied.settings.snapshots, &gone);
    }
}

/// An AMI is deregistered: the shares that were passed on are those of the AMIs that have them now.
pub(super) fn drop_passed_on(status: &mut Status, region: &str, image: &str) {
    let passed_on = of_others(status, region, image);
    for known in known(status, region, image) {
        subtract(&mut known.applied.settings.snapshots, &passed_on);
    }
}

/// The shares that the other AMIs of a Region have which are not deregistered. Of one that was the current one several times,
/// the last record counts. With those of a manifest that was removed none ends any more.
pub(super) fn of_others(status: &mut Status, region: &str, image: &str) -> Shares {
    if status.is_removed() {
        return Shares::new();
    }
    let others = in_region(status, region).filter(|it| it.image != image);
    let last = others.map(|it| (it.image.clone(), &*it));
    let last: BTreeMap<String, &RegionStatus> = last.collect();
    let there = last.into_values();
    let there = there.filter(|it| it.retiring.deregistered_at.is_none());
    let mut all = Shares::new();
    for (snapshot, accounts) in there.flat_map(|it| &it.applied.settings.snapshots) {
        let known = all.entry(snapshot.clone()).or_default();
        known.extend(accounts.clone());
    }
    all
}

/// Takes these away.
pub(super) fn subtract(shares: &mut Shares, gone: &Shares) {
    for (snapshot, accounts) in &mut *shares {
        if let Some(gone) = gone.get(snapshot) {
            accounts.retain(|account| !gone.contains(account));
        }
    }
    shares.retain(|_, accounts| !accounts.is_empty());
}

/// What is known of an AMI that is retired: one of an earlier version, or its own.
pub(super) fn known<'a>(
    status: &'a mut Status,
    region: &'a str,
    image: &'a str,
) -> impl Iterator<Item = &'a mut RegionStatus> {
    in_region(status, region).filter(move |known| known.image == image)
}

/// What is known of all AMIs of a Region, the current one last.
pub(super) fn in_region<'a>(
    status: &'a mut Status,
    region: &'a str,
) -> impl Iterator<Item = &'a mut RegionStatus> {
    let versions = status
        .previous
        .iter_mut()
        .map(|version| &mut version.regions);
    let all = versions.chain([&mut status.regions]);
    all.filter_map(move |regions| regions.get_mut(region))
}
