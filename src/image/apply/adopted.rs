//! An AMI that is there already becomes the current one: what of it is ours. It was an earlier version's, because the manifest
//! was set back; or no status knows it, because the last one was lost.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::changes::note;
use crate::image::status::{Applied, Intended, RegionStatus, Retiring, Settings, Status};

/// What is known of an AMI that was an earlier version's. What was set on it is ours, and is taken back where the manifest does
/// not ask for it; what was done in order to retire it is undone.
pub(super) fn adopted(
    status: &mut Status,
    region: &str,
    image: RegionStatus,
    now: Timestamp,
) -> RegionStatus {
    // The last that it was the current one for knows best, also that nothing is ours any more.
    let versions = status.previous.iter_mut().rev();
    let known = versions.filter_map(|version| version.regions.get_mut(region));
    let (mut applied, mut retiring) = (None, Retiring::default());
    for known in known.filter(|known| known.image == image.image) {
        // It was made as that version said: it has to be compared, whatever this one asks for.
        status.publishes = true;
        // It is not retired any more: should it be again, that begins anew.
        let begun = std::mem::take(&mut *known.retiring);
        if retiring.protection.is_none() {
            retiring = begun;
        }
        applied.get_or_insert_with(|| known.applied.clone());
    }
    // One that no version has had is as it was asked for.
    let applied = applied.unwrap_or_else(|| image.applied.clone());
    let applied = with_protection_off(applied, &retiring, now);
    RegionStatus { applied, ..image }
}

/// Its protection was switched off in order to deregister it, which is done with a manifest's own only: what the manifest
/// says now is what it is to be.
fn with_protection_off(mut applied: Applied, retiring: &Retiring, now: Timestamp) -> Applied {
    if retiring.protection.is_none() {
        return applied;
    }
    // A read may be older than the request that switched it off, which is the last that EC2 was asked for.
    let at = retiring.unprotected_at.unwrap_or(now);
    let settings = applied.settings.clone();
    let intended = applied.intended.get_or_insert_with(|| Intended {
        at,
        since: now,
        settings,
        revokes: BTreeSet::new(),
        earlier: Vec::new(),
        gone: Settings::default(),
    });
    intended.at = intended.at.max(at);
    intended.settings.protection = None;
    intended.gone.protection = applied.settings.protection;
    applied
}

/// These AMIs were found without a record of what is ours, which is this. Returns whether that is new.
pub(super) fn adopt(status: &mut Status, found: BTreeMap<String, Applied>, now: Timestamp) -> bool {
    let mut changed = false;
    for (region, applied) in found {
        let Some(known) = status.regions.get_mut(&region) else {
            continue;
        };
        if known.applied == applied {
            continue;
        }
        known.applied = applied;
        let why = format!(
            "no status knew what was set on {} in {region}: what it has and the manifest asks for is amiwright's from now on",
            known.image
        );
        note(status, why, now);
        changed = true;
    }
    changed
}
