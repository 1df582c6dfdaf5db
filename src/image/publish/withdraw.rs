//! Nothing is to be retired any more: the manifest is gone, does not ask for it any longer, or the stack does not allow it.
//! What was begun is brought to an end that can be told: EC2 may have deregistered an AMI of which its answer is not known,
//! and a protection that was switched off is switched on again.

use jiff::Timestamp;

use super::retire::{Plan, Seen, Target, collect, given_up, granted, retirement, stay};
use crate::image::status::{KeptReason, KeptSnapshot, RetireOutcome, Retirement};

/// What is left to do about these AMIs, and `why` they are not retired any more.
#[must_use]
pub fn withdraw(seen: &[(Target, Seen)], why: &KeptReason, now: Timestamp) -> Plan {
    collect(seen, |target, seen| stay::next(target, seen, why, now))
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
        return Retirement {
            kept: KeptSnapshot::all_of_others(&target.known.snapshots),
            ..retirement(target, RetireOutcome::Gone, None, now)
        };
    };
    let mut target = target.clone();
    target.known.retiring.deregistered_at = Some(at);
    given_up(&target, None, why, now)
}
