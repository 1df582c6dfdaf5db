//! What is next for an AMI that is to be retired.

use jiff::Timestamp;

use super::seen::Pending;
use super::targets::Target;
use crate::image::status::{Action, KeptReason, RegionAction, RetireOutcome, Retirement};

/// What is next for one AMI.
pub(in crate::image::publish) enum Next {
    /// It is as it should be, and was before.
    Nothing,
    Do(Vec<Action>),
    /// It was done by an earlier request.
    Done(Vec<RegionAction>),
    End(Box<Retirement>),
    Wait(Pending),
}

/// Nothing more is to be done about it.
pub(super) fn end(
    target: &Target,
    outcome: RetireOutcome,
    why: Option<KeptReason>,
    now: Timestamp,
) -> Next {
    Next::End(Box::new(retirement(target, outcome, why, now)))
}

/// What became of this AMI.
#[must_use]
pub fn retirement(
    target: &Target,
    outcome: RetireOutcome,
    why: Option<KeptReason>,
    at: Timestamp,
) -> Retirement {
    let (region, image) = (&target.region, &target.known.image);
    Retirement {
        why,
        ..Retirement::of(region, image, outcome, at)
    }
}
