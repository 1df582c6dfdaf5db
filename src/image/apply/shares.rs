//! What is known of the AMIs of a Region, of whatever version, and whose the shares of snapshots are that several of them have.

use std::collections::BTreeSet;

use crate::image::publish::retire::PassedOn;
use crate::image::status::{RegionStatus, Status};

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

/// A share has ended: no other AMI has it either.
pub(super) fn ended(status: &mut Status, region: &str, snapshot: &str, gone: &BTreeSet<String>) {
    for known in in_region(status, region) {
        let shared = &mut known.applied.settings.snapshots;
        if let Some(accounts) = shared.get_mut(snapshot) {
            accounts.retain(|account| !gone.contains(account));
        }
        shared.retain(|_, accounts| !accounts.is_empty());
    }
}

/// An AMI is deregistered: the shares that were passed on are those of the AMIs that have them now.
pub(super) fn leave(status: &mut Status, region: &str, image: &str) {
    let others = in_region(status, region).filter(|it| it.retiring.deregistered_at.is_none());
    let others = others.map(|it| it.applied.settings.snapshots.clone());
    let others: Vec<_> = others.collect();
    for known in known(status, region, image) {
        for (snapshot, accounts) in &mut known.applied.settings.snapshots {
            let passed_on: BTreeSet<&String> = others
                .iter()
                .filter_map(|it| it.get(snapshot))
                .flatten()
                .collect();
            accounts.retain(|account| !passed_on.contains(account));
        }
        let shared = &mut known.applied.settings.snapshots;
        shared.retain(|_, accounts| !accounts.is_empty());
    }
}

/// What is known of an AMI that is retired: one of an earlier version, or its own.
pub(super) fn known<'a>(
    status: &'a mut Status,
    region: &'a str,
    image: &'a str,
) -> impl Iterator<Item = &'a mut RegionStatus> {
    in_region(status, region).filter(move |known| known.image == image)
}

/// What is known of all AMIs of a Region.
fn in_region<'a>(
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
