//! An AMI that is there already becomes the current one: what of it is ours. It was an earlier version's, because the manifest
//! was set back; or no status knows it, because the last one was lost.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::changes::note;
use crate::image::status::{
    Action, Applied, Intended, Protection, RegionAction, RegionStatus, Retiring, Settings, Status,
};

/// What is known of an AMI that was an earlier version's. What was set on it is ours, and is taken back where the manifest does
/// not ask for it; what was done in order to retire it is undone. That its protection was switched off stays known until the AMI is
/// seen to be as the manifest says.
pub(super) fn adopted(
    status: &mut Status,
    region: &str,
    image: RegionStatus,
    now: Timestamp,
) -> RegionStatus {
    // The last that it was the current one for knows best, also that nothing is ours any more.
    let versions = status.previous.iter_mut().rev();
    let known = versions.filter_map(|version| version.regions.get_mut(region));
    // Another invocation may have found it as well.
    let own = status.regions.get(region);
    let own = own.filter(|own| own.image == image.image);
    let mut retiring = own
        .map(|own| own.retiring.of_protection())
        .unwrap_or_default();
    let mut applied = None;
    for known in known.filter(|known| known.image == image.image) {
        // It was made as that version said: it has to be compared, whatever this one asks for.
        status.publishes = true;
        let begun = std::mem::take(&mut *known.retiring);
        if retiring.protection.is_none() {
            retiring = begun;
        }
        applied.get_or_insert_with(|| known.applied.clone());
    }
    // One that no version has had is as it was asked for.
    let applied = applied.unwrap_or_else(|| image.applied.clone());
    let applied = with_protection_off(applied, &retiring, now);
    // This version may end before that is as its manifest says: whoever comes next has to know what was switched off.
    let retiring = Box::new(retiring.of_protection());
    RegionStatus {
        applied,
        retiring,
        ..image
    }
}

/// This is about to be done to the AMI of a Region. If that switches on a protection which was switched off before, nobody knows
/// whether it is off until EC2 has answered; and it is to be what the manifest says now.
pub(super) fn protects(status: &mut Status, what: &RegionAction) {
    if let Some((known, protection)) = protecting(status, what) {
        known.retiring.protection = Some(protection);
        known.retiring.unprotected_at = None;
    }
}

/// This was done to the AMI of a Region: a protection that was switched off before is as the manifest says.
pub(super) fn protected(status: &mut Status, what: &RegionAction) {
    let is_set = matches!(what.action, Action::SetProtection { .. });
    if let Some(known) = status.regions.get_mut(&what.region).filter(|_| is_set) {
        *known.retiring = Retiring::default();
    }
}

/// In these Regions the AMI is without the protection that was switched off before, and is to be: nobody switches it on again, whatever
/// becomes of its other settings. Returns whether that is new.
pub(super) fn left_unprotected(status: &mut Status, regions: &BTreeSet<String>) -> bool {
    let mut changed = false;
    for region in regions {
        if let Some(known) = status.regions.get_mut(region) {
            changed |= !known.retiring.is_empty();
            *known.retiring = Retiring::default();
        }
    }
    changed
}

/// The AMI without its protection that this switches on.
fn protecting<'a>(
    status: &'a mut Status,
    what: &RegionAction,
) -> Option<(&'a mut RegionStatus, Protection)> {
    let Action::SetProtection { protection } = &what.action else {
        return None;
    };
    let known = status.regions.get_mut(&what.region)?;
    let is_off = known.retiring.protection.is_some();
    (*protection).filter(|_| is_off).map(|it| (known, it))
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
