//! Why a change was not made.

use crate::aws::AwsError;
use crate::image::status::Failure;
use crate::image::words::WaitReason;
use crate::reconcile::step_context::{is_refused_for_good, request_refused};

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
