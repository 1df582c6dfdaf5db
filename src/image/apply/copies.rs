//! Copies that were begun, that failed, and whose next request is another one.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::adopted::adopted;
use super::changes::record_change;
use super::earlier;
use crate::image::publish::COPY_ATTEMPTS;
use crate::image::status::{Action, CopyRequest, RegionAction, RegionStatus, Status};

/// Failed copies of a Region that are remembered after they were removed, for as long as EC2 may show them; the oldest go
/// first.
const REMOVED_KEPT: usize = 5;

/// The next request for a copy is another one.
pub(super) fn next_attempt(copy: &mut CopyRequest) {
    copy.attempt = copy.attempt.saturating_add(1);
    (copy.asked_at, copy.asked_since) = (None, None);
    (copy.is_refused, copy.unanswered_at) = (false, None);
    copy.is_unusable = false;
    copy.last_error = None;
}

/// The same, beside a request that EC2 has not answered: what it may have begun is still searched for.
pub(super) fn next_attempt_beside(copy: &mut CopyRequest, unanswered_at: Option<Timestamp>) {
    next_attempt(copy);
    copy.unanswered_at = unanswered_at;
}

/// Copies were begun for a version that has ended meanwhile or has other settings now, or whose place another has taken:
/// they are remembered with it. What was set is known anyway, because the intent was saved first; of its own version people
/// are told, too. Returns whether that is worth saving.
pub fn remember_done(
    status: &mut Status,
    digest: Option<&str>,
    done: &[RegionAction],
    now: Timestamp,
) -> bool {
    if status.build.digest.as_deref() == digest {
        for what in done {
            record(status, what, now);
            if let Some(image) = copy_of(what)
                && !status.regions.contains_key(&what.region)
            {
                add_copy(status, &what.region, image, now);
            }
        }
        return !done.is_empty();
    }
    let mut versions = status.previous.iter_mut().rev();
    let Some(version) = versions.find(|it| it.digest.as_deref() == digest) else {
        return false;
    };
    let changed = add_copies(&mut version.regions, &version.copies, done);
    let regions = &version.regions;
    version
        .copies
        .retain(|region, _| !regions.contains_key(region));
    changed
}

/// Records a change that was made. A copy that is an earlier version's was there.
pub(super) fn record(status: &mut Status, what: &RegionAction, now: Timestamp) {
    let region = &what.region;
    let versions = status.previous.iter();
    let mut known = versions.filter_map(|it| it.regions.get(region));
    let Some(image) = copy_of(what).filter(|image| known.any(|it| it.image == **image)) else {
        record_change(status, what, now);
        return;
    };
    // Another invocation may have found it as well.
    if status.image_in(region).is_some_and(|it| it.image == *image) {
        return;
    }
    let mut found = what.clone();
    if let Action::CopyImage { was_there, .. } = &mut found.action {
        *was_there = true;
    }
    record_change(status, &found, now);
}

/// The copy that was begun or found.
fn copy_of(what: &RegionAction) -> Option<&String> {
    match &what.action {
        Action::CopyImage { image, .. } => image.as_ref(),
        _ => None,
    }
}

/// There is a copy in a Region. What an earlier version, whose it may be, has set on it is ours.
fn add_copy(status: &mut Status, region: &str, image: &str, now: Timestamp) {
    let copy = earlier::begun(image, status.copies.get(region));
    let copy = adopted(status, region, copy, now);
    status.regions.insert(region.to_owned(), copy);
}

/// Adds the copies that were begun, with what they were asked for. Returns whether there are any.
fn add_copies(
    regions: &mut BTreeMap<String, RegionStatus>,
    requests: &BTreeMap<String, CopyRequest>,
    done: &[RegionAction],
) -> bool {
    let before = regions.len();
    for what in done {
        if let Some(image) = copy_of(what) {
            let copy = earlier::begun(image, requests.get(&what.region));
            regions.entry(what.region.clone()).or_insert(copy);
        }
    }
    regions.len() > before
}

/// What came of a copy that was begun or removed.
pub(super) fn copied(status: &mut Status, what: &RegionAction, now: Timestamp) {
    let region = &what.region;
    match &what.action {
        Action::CopyImage {
            image: Some(image),
            kms_key_id,
            ..
        } => {
            // An earlier one that was found may have another key than was asked for.
            if let Some(request) = status.copies.get_mut(region) {
                request.kms_key_id.clone_from(kms_key_id);
            }
            add_copy(status, region, image, now);
        }
        Action::RemoveFailedCopy { image, .. } => {
            let request = status.copies.entry(region.clone()).or_default();
            // Another invocation has removed it as well and written that: what is there now is the next copy.
            if request.removed.contains(image) {
                return;
            }
            let regions = &mut status.regions;
            regions.retain(|at, known| at != region || known.image != *image);
            request.removed.push(image.clone());
            let surplus = request.removed.len().saturating_sub(REMOVED_KEPT);
            request.removed.drain(..surplus);
            let error = request.last_error.take();
            request.failed = request.failed.saturating_add(1);
            next_attempt(request);
            request.failure = error.filter(|_| request.failed >= COPY_ATTEMPTS);
        }
        _ => {}
    }
}
