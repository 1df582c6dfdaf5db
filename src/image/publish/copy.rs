//! The AMI's copies: one in each Region that is asked for besides the stack's own. A copy is there before anything is set
//! on it. What was asked of EC2 for it is [`CopyRequest`]; what it has become is seen by its AMI alone.

use jiff::Timestamp;

use super::asked::AskedRegion;
use super::observation::{CopyFault, Observation, Pending};
use super::settings::Shown;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{Action, CopyRequest, RegionStatus, Status};

/// How often a copy is begun before its Region fails. EC2 checks a KMS key only after it has taken the request, so that a
/// copy that failed may have failed for a reason that passes; and each costs a transfer.
pub const COPY_ATTEMPTS: u32 = 2;

/// How far the copy of a Region is.
pub(super) enum Copied<'a> {
    /// It is available.
    Available(&'a Shown),
    /// This comes first.
    Do(Action),
    /// It is waited for.
    Pending(Pending),
    /// There will be none, or not as it is asked for.
    Failed(CopyFault),
    /// It cannot be made before the AMI of the stack's Region can be copied.
    NotYet,
}

/// What is to be done about the copy of a Region; `home` is what EC2 shows of the AMI of the stack's Region.
pub(super) fn next<'a>(
    (region, asked): (&str, &AskedRegion),
    status: &Status,
    home: Option<&Shown>,
    seen: Option<&'a Observation<Shown>>,
    now: Timestamp,
) -> Copied<'a> {
    let request = status.copies.get(region).cloned().unwrap_or_default();
    let Some(known) = status.regions.get(region) else {
        return match is_spent(&request, now) {
            true => make(asked, &following(&request), home),
            false => make(asked, &request, home),
        };
    };
    match seen {
        Some(Observation::Seen(shown)) if has_failed(&shown.state) && is_finished(known) => {
            Copied::Failed(CopyFault::Broken {
                image: known.image.clone(),
                state: shown.state.clone(),
                reason: shown.reason.clone(),
            })
        }
        Some(Observation::Seen(shown)) if has_failed(&shown.state) => {
            Copied::Do(remove(known, &request, shown.reason.as_deref()))
        }
        Some(Observation::Seen(shown)) if is_disabled(&shown.state) => {
            Copied::Failed(CopyFault::Disabled(known.image.clone()))
        }
        // It may fail yet, and is deleted then.
        Some(Observation::Seen(shown)) if is_under_way(&shown.state) => {
            Copied::Pending(Pending::Copying)
        }
        Some(Observation::Seen(_)) if has_other_key(asked, &request) => {
            Copied::Failed(CopyFault::OtherKey {
                image: known.image.clone(),
                key: request.kms_key_id.clone(),
                asked: asked.kms_key_id.clone(),
            })
        }
        Some(Observation::Seen(shown)) if shown.is_available => Copied::Available(shown),
        Some(Observation::Seen(_)) => Copied::Pending(Pending::NotAvailable),
        // It was asked for a moment ago.
        None if is_under_way(&known.image_state) => Copied::Pending(Pending::Copying),
        Some(Observation::Unknown) | None => Copied::Pending(Pending::Unknown),
        Some(Observation::Absent) if has_failed(&known.image_state) && !is_finished(known) => {
            remove_unseen(known, &request, now)
        }
        Some(Observation::Absent) => absent(asked, known, &request, home, now),
    }
}

/// What is to be done about the copy of a Region that the manifest does not name any more. One that EC2 is still making is
/// waited for, as nobody would look at it again, and deleted if it fails. None where nothing is, or where nobody may look: the
/// stack does not open the Region any more.
pub(super) fn left<'a>(
    region: &str,
    status: &Status,
    seen: Option<&Observation<Shown>>,
    now: Timestamp,
) -> Option<Copied<'a>> {
    let known = status.regions.get(region)?;
    let request = status.copies.get(region)?;
    let seen = seen.filter(|_| is_left_unfinished(status, region, now))?;
    match seen {
        Observation::Seen(shown) if has_failed(&shown.state) => {
            let action = remove(known, request, shown.reason.as_deref());
            Some(Copied::Do(action))
        }
        Observation::Seen(shown) => {
            is_under_way(&shown.state).then_some(Copied::Pending(Pending::Copying))
        }
        Observation::Absent if has_failed(&known.image_state) => {
            Some(remove_unseen(known, request, now))
        }
        Observation::Absent => Some(Copied::Pending(Pending::NoImage)),
        Observation::Unknown => Some(Copied::Pending(Pending::Unknown)),
    }
}

/// Whether it is not known what becomes of a copy that was begun in a Region, or a failed one is to be removed. One that EC2 was
/// still making, and has not shown for long, is not looked for any more.
#[must_use]
pub fn is_left_unfinished(status: &Status, region: &str, now: Timestamp) -> bool {
    status.copies.contains_key(region)
        && status.failure_in(region).is_none()
        && status.image_in(region).is_some_and(|known| {
            let is_awaited = is_under_way(&known.image_state) && !is_unseen_for_long(known, now);
            (is_awaited || has_failed(&known.image_state)) && !is_finished(known)
        })
}

/// Whether a copy was seen to be as its manifest says: it may be in use, and is deleted for nothing that EC2 shows later.
fn is_finished(known: &RegionStatus) -> bool {
    known.verified_at.is_some()
}

/// EC2's words for an AMI that will not become available (DescribeImages, State).
#[must_use]
pub fn has_failed(state: &str) -> bool {
    matches!(state, "failed" | "invalid" | "error")
}

/// EC2's word for an AMI that is taken out of service (DisableImage).
pub(super) fn is_disabled(state: &str) -> bool {
    state == "disabled"
}

/// Whether EC2 is still making an AMI in this state.
#[must_use]
pub fn is_under_way(state: &str) -> bool {
    matches!(state, "pending" | "transient")
}

/// Whether the copy was asked for with another KMS key than it is to have. EC2 cannot change that, and does not tell.
fn has_other_key(asked: &AskedRegion, request: &CopyRequest) -> bool {
    request.asked_at.is_some() && asked.kms_key_id != request.kms_key_id
}

fn make<'a>(asked: &AskedRegion, request: &CopyRequest, home: Option<&Shown>) -> Copied<'a> {
    let Some(home) = home.filter(|home| home.is_available) else {
        return Copied::NotYet;
    };
    if home.is_instance_store {
        return Copied::Failed(CopyFault::InstanceStore);
    }
    let same = request.may_be_heard().then(|| request.kms_key_id.clone());
    Copied::Do(Action::CopyImage {
        attempt: request.attempt,
        kms_key_id: same.unwrap_or_else(|| asked.kms_key_id.clone()),
        image: None,
        was_there: false,
    })
}

fn remove(known: &RegionStatus, request: &CopyRequest, reason: Option<&str>) -> Action {
    let before = request.last_error.as_ref().map(|it| it.message.as_str());
    let reason = reason.or(before).unwrap_or("EC2 gives no reason");
    Action::RemoveFailedCopy {
        image: known.image.clone(),
        reason: reason.to_owned(),
    }
}

/// EC2 does not show a copy that failed. Only this read may miss it; or it was deregistered, and its snapshots are there yet.
fn remove_unseen<'a>(known: &RegionStatus, request: &CopyRequest, now: Timestamp) -> Copied<'a> {
    match is_unseen_for_long(known, now) {
        true => Copied::Do(remove(known, request, None)),
        false => Copied::Pending(Pending::Copying),
    }
}

/// Whether EC2 has not shown an AMI for longer than a read may be too old.
#[must_use]
pub fn is_unseen_for_long(known: &RegionStatus, now: Timestamp) -> bool {
    let since = known.unseen_since;
    since.is_some_and(|since| now.duration_since(since) > VISIBILITY_GRACE)
}

/// EC2 does not show the copy. Just after it was asked for that is usual. After a while somebody has deregistered it, and
/// it is made again, unless it was finished: then whoever deregistered it may have meant that.
fn absent<'a>(
    asked: &AskedRegion,
    known: &RegionStatus,
    request: &CopyRequest,
    home: Option<&Shown>,
    now: Timestamp,
) -> Copied<'a> {
    if !is_unseen_for_long(known, now) {
        return Copied::Pending(Pending::NoImage);
    }
    let stays_away = is_finished(known) && !request.is_unusable;
    if stays_away || request.failed + 1 >= COPY_ATTEMPTS {
        return Copied::Failed(CopyFault::Deregistered(known.image.clone()));
    }
    make(asked, &following(request), home)
}

/// The request after this one, with another client token.
fn following(request: &CopyRequest) -> CopyRequest {
    CopyRequest {
        attempt: request.attempt.saturating_add(1),
        asked_at: None,
        ..request.clone()
    }
}

/// Whether EC2 knows the client token of a request by another copy, as of an AMI of which no status is left, and has not shown one
/// for long. That counts as one that failed.
fn is_spent(request: &CopyRequest, now: Timestamp) -> bool {
    let waiting = request.waiting.as_ref();
    let is_long = waiting.is_some_and(|it| {
        it.reason.is_token_known() && now.duration_since(it.since) > VISIBILITY_GRACE
    });
    is_long && request.failed + 1 < COPY_ATTEMPTS
}
