//! Nothing is to be retired any more: the manifest is gone, does not ask for it any longer, or the stack does not allow it.
//! What was begun is brought to an end that can be told: EC2 may have deregistered an AMI of which its answer is not known,
//! and a protection that was switched off is switched on again.

use jiff::Timestamp;

use super::difference::STALE_READS;
use super::observation::Observation;
use super::retire::{
    Going, Next, Pending, Plan, Seen, Target, closed, collect, given_up, granted, protect_again,
    retirement, shares,
};
use crate::image::status::{KeptReason, RetireOutcome, Retirement};

/// What is left to do about these AMIs, and `why` they are not retired any more.
#[must_use]
pub fn withdraw(seen: &[(Target, Seen)], why: &KeptReason, now: Timestamp) -> Plan {
    collect(seen, |target, seen| next(target, seen, why, now))
}

fn next(target: &Target, seen: &Seen, why: &KeptReason, now: Timestamp) -> Next {
    if seen.is_closed {
        return closed::next(target, seen, why, now);
    }
    let retiring = &target.known.retiring;
    let stays = || Next::End(Box::new(given_up(target, Some(seen), why, now)));
    if retiring.deregistered_at.is_some() {
        // Its snapshots stay, and nobody needs to copy them any more.
        return match shares::end(target, seen, &Going::new(), now) {
            Err(pending) => Next::Wait(pending),
            Ok(actions) if actions.is_empty() => stays(),
            Ok(actions) => Next::Do(actions),
        };
    }
    if !retiring.is_begun() {
        return stays();
    }
    let shown = match &seen.image {
        Observation::Unknown => return Next::Wait(Pending::Unknown),
        Observation::Absent => return Next::Wait(Pending::NotShown),
        Observation::Seen(shown) => shown,
    };
    // A read that is older than our request shows it as it was.
    let is_stale = |at: Timestamp| now.duration_since(at) < STALE_READS;
    if retiring.asked_at.is_some_and(is_stale) {
        return Next::Wait(Pending::Unknown);
    }
    match protect_again(target).filter(|_| shown.is_ours) {
        Some(action) => Next::Do(vec![action]),
        None => stays(),
    }
}

/// Whether an AMI that EC2 does not show for long counts as deregistered from now on, and what is left of it is looked at
/// then: the snapshots that were shared may be there.
#[must_use]
pub fn leaves_shares(target: &Target) -> bool {
    granted(target).next().is_some()
}

/// What became of an AMI that EC2 does not show for long and that leaves no shares: somebody else has deregistered it, or EC2
/// was asked to, and its answer was lost.
#[must_use]
pub fn gone(target: &Target, why: &KeptReason, now: Timestamp) -> Retirement {
    let retiring = &target.known.retiring;
    let Some(at) = retiring.deregistered_at.or(retiring.asked_at) else {
        return retirement(target, RetireOutcome::Gone, None, now);
    };
    let mut target = target.clone();
    target.known.retiring.deregistered_at = Some(at);
    given_up(&target, None, why, now)
}
