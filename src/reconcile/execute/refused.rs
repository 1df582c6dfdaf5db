//! Why a change was not made.

use jiff::SignedDuration;

use crate::aws::AwsError;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::Failure;
use crate::image::words::WaitReason;
use crate::reconcile::step_context::{StepContext, is_refused_for_good, request_refused, retrying};

/// Why something was not done.
pub(super) enum Refused {
    /// It would be refused again.
    Final(Failure),
    /// This may pass.
    Later(AwsError),
    /// It is not asked for before this has passed.
    NotYet(WaitReason),
}

impl From<AwsError> for Refused {
    fn from(error: AwsError) -> Self {
        if is_refused_for_good(&error) {
            Self::Final(request_refused(error))
        } else {
            Self::Later(error)
        }
    }
}

/// Why a change of what EC2 showed a moment ago was not made. Its answers are eventually consistent: that it does not find it may
/// pass.
pub(super) fn not_found_yet(step: &StepContext<'_>, region: &str, error: AwsError) -> Refused {
    if error.is_not_found() && !has_asked(step, region, VISIBILITY_GRACE) {
        return Refused::NotYet(retrying(&error));
    }
    error.into()
}

/// Whether what is asked for now was asked for again and again for longer than `limit`. What is waited for takes turns with each
/// request, and tells nothing of that.
pub(super) fn has_asked(step: &StepContext<'_>, region: &str, limit: SignedDuration) -> bool {
    let known = step.status.image_in(region);
    let intended = known.and_then(|known| known.applied.intended.as_ref());
    intended.is_none_or(|it| step.now().duration_since(it.since) > limit)
}

/// Whether just this was waited for longer than `limit` in a Region.
pub(super) fn has_waited(
    step: &StepContext<'_>,
    region: &str,
    reason: &WaitReason,
    limit: SignedDuration,
) -> bool {
    match step.status.copies.get(region) {
        // What EC2 does not show for long is decided by when it was first missed.
        Some(_) if matches!(reason, WaitReason::ImageNotVisible { .. }) => false,
        Some(copy) => copy.waiting.as_ref().is_some_and(|waiting| {
            waiting.reason.is_same(reason) && step.now().duration_since(waiting.since) > limit
        }),
        None => step.has_waited(reason, limit),
    }
}
