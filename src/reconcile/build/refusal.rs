//! Whether an upload would be rejected, as far as the manifest and the stack decide that.

use super::{check_manifest, sources};
use crate::image::outcome::StepOutcome;
use crate::image::words::Step;
use crate::manifest::Problem;
use crate::reconcile::context::Error;
use crate::reconcile::manifest_reader::ManifestRead;
use crate::reconcile::step_context::StepContext;

/// Why the upload would be rejected now that was rejected at this step before: for what its manifest says, or for the
/// snapshots and the AMI that it names. None if it would pass, or if EC2 does not answer: the steps ask again, and wait.
///
/// Objects are not looked at, nor other AMIs of the snapshots: whoever uploads the manifest again may have replaced them,
/// and is answered each time.
pub(in crate::reconcile) async fn refusal(
    step: &StepContext<'_>,
    rejected_at: Step,
) -> Result<Option<Vec<Problem>>, Error> {
    if let StepOutcome::Reject(problems) = check_manifest::run(*step) {
        return Ok(Some(problems));
    }
    let has_looked = matches!(rejected_at, Step::StartTask | Step::RegisterImage);
    // Without the account's id nobody knows which sources are another's.
    let may_look = has_looked && step.config().account_id.is_some();
    Ok(match step.manifest {
        ManifestRead::Spec(spec) if may_look => match sources::look(step, spec).await? {
            Err(StepOutcome::Reject(problems)) => Some(problems),
            Ok(_) | Err(_) => None,
        },
        _ => None,
    })
}
