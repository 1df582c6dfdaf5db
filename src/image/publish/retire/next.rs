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

/// Switches the protection of an AMI that stays on again. That the same kind shows as on does not matter: the read may be older
/// than the request that switched it off, and to switch on what is on changes nothing. Another kind is somebody
/// else's.
#[must_use]
pub fn protect_again(target: &Target) -> Option<Action> {
    let retiring = &target.known.retiring;
    let protection = retiring.protection.filter(|_| !retiring.stays_unprotected);
    protection.map(|protection| Action::ProtectPrevious {
        image: target.known.image.clone(),
        protection,
    })
}
