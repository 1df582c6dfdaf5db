//! Copies that EC2 was asked for, and whose answer was lost, were searched for.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::changes::note;
use crate::image::outcome::EarlierCopy;
use crate::image::status::{CopyRequest, PreviousVersion, RegionStatus, Status};

/// What was found of earlier versions is known with them from now on, and is retired as they are; what was not made is
/// forgotten. Returns whether anything came of it.
pub(super) fn searched(
    status: &mut Status,
    not_made: &BTreeSet<String>,
    earlier: Vec<EarlierCopy>,
    now: Timestamp,
) -> bool {
    let before = status.copies.len();
    let regions = &status.regions;
    status
        .copies
        .retain(|region, _| regions.contains_key(region) || !not_made.contains(region));
    let changed = before != status.copies.len();
    let changed = earlier
        .into_iter()
        .fold(changed, |changed, it| take_over(status, it, now) | changed);
    let is_there = |it: &PreviousVersion| !it.regions.is_empty() || !it.copies.is_empty();
    status.previous.retain(is_there);
    changed
}

fn take_over(status: &mut Status, it: EarlierCopy, now: Timestamp) -> bool {
    let mut versions = status.previous.iter_mut();
    let version = versions
        .find(|version| version.digest == it.digest && version.copies.contains_key(&it.region));
    let Some((version, request)) = version.and_then(|version| {
        let request = version.copies.remove(&it.region)?;
        Some((version, request))
    }) else {
        return false;
    };
    let why = match it.image {
        None => format!("no copy of an earlier version was made in {}", it.region),
        Some(image) => {
            let mut copy = begun(&image.id, Some(&request));
            copy.image_state = image.state;
            copy.snapshots = image.snapshots;
            let why = format!(
                "found {} in {}, a copy of an earlier version",
                image.id, it.region
            );
            version.regions.entry(it.region).or_insert(copy);
            why
        }
    };
    note(status, why, now);
    true
}

/// A copy that was begun, with what it was asked for.
pub(super) fn begun(image: &str, request: Option<&CopyRequest>) -> RegionStatus {
    let mut copy = RegionStatus::pending(image.to_owned());
    if let Some(request) = request {
        copy.applied.settings.clone_from(&request.settings);
    }
    copy
}
