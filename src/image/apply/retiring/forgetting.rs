//! AMIs that are gone, or that nothing more is to be done about, are known no more; but for those that had to go first.

use jiff::Timestamp;

use super::super::copies::next_attempt_beside;
use super::super::shares::known;
use crate::image::status::{Replaced, Status};

/// An AMI had to go before this one could be registered.
pub(super) fn replaced(status: &mut Status, region: &str, image: &str, now: Timestamp) {
    let mut known = status.replaced.iter();
    if known.any(|it| it.region == region && it.image == image) {
        return;
    }
    status.replaced.push(Replaced {
        region: region.to_owned(),
        image: image.to_owned(),
        at: now,
        until: None,
    });
}

/// Where nothing more is to be done about AMIs that had to go first, they are no previous AMIs any more. One whose snapshots
/// stay shared is dealt with in the end.
pub(super) fn forget_replaced(status: &mut Status) {
    if status.replaces || status.build.step.retires() {
        return;
    }
    for it in status.replaced.clone() {
        let is_shared = known(status, &it.region, &it.image)
            .any(|known| !known.applied.settings.snapshots.is_empty());
        if !is_shared {
            forget_previous(status, &it.region, &it.image);
        }
    }
}

/// This AMI is none of an earlier version's any more, nor is a version known that has none.
pub(in crate::image::apply) fn forget_previous(status: &mut Status, region: &str, image: &str) {
    for version in &mut status.previous {
        version
            .regions
            .retain(|of, known| of != region || known.image != *image);
    }
    status
        .previous
        .retain(|version| !version.regions.is_empty() || !version.copies.is_empty());
}

/// An AMI of its own is gone. If it was a copy, EC2 has answered the request for that: should the manifest come back, another copy
/// is asked for.
pub(super) fn forget_own(status: &mut Status, region: &str, image: &str) {
    let before = status.regions.len();
    let regions = &mut status.regions;
    regions.retain(|of, known| of != region || known.image != image);
    let is_gone = regions.len() < before;
    if let Some(copy) = status.copies.get_mut(region).filter(|_| is_gone) {
        // Of an earlier request nobody knows more than before.
        next_attempt_beside(copy, copy.unanswered_at);
    }
}
