//! AMIs in Regions that the stack does not open any more (`CopyRegions`): its role may change nothing there.

use jiff::Timestamp;

use super::gone::given_up;
use super::next::Next;
use super::seen::{Pending, Seen};
use super::targets::Target;
use crate::image::publish::difference::STALE_READS;
use crate::image::publish::observation::Observation;
use crate::image::status::KeptReason;

/// What is next for one: it stays. EC2 may have deregistered it before the Region was closed. Of a protection that was switched
/// off it is told that it may still be.
pub(in crate::image::publish) fn next(
    target: &Target,
    seen: &Seen,
    why: &KeptReason,
    now: Timestamp,
) -> Next {
    let retiring = &target.known.retiring;
    let stays = || Next::End(Box::new(given_up(target, None, why, now)));
    if retiring.deregistered_at.is_some() || !retiring.is_begun() {
        return stays();
    }
    // A read that is older than our request shows it as it was.
    let is_stale = |at: Timestamp| now.duration_since(at) < STALE_READS;
    match &seen.image {
        Observation::Unknown => Next::Wait(Pending::Unknown),
        Observation::Absent => Next::Wait(Pending::NotShown),
        Observation::Seen(_) if retiring.asked_at.is_some_and(is_stale) => {
            Next::Wait(Pending::Unknown)
        }
        Observation::Seen(_) => stays(),
    }
}
