//! What the requests that start a task have in common.

use crate::aws::{AwsError, Remedy};
use crate::image::outcome::{Evidence, Origin, StepOutcome};
use crate::image::ownership;
use crate::image::status::Status;
use crate::image::task::Task;
use crate::manifest::sha256_hex;
use crate::reconcile::step_context::{StepContext, retrying};

/// What every request of this attempt to start a task calls itself ("Ensuring idempotency in Amazon EC2 API requests":
/// at most 64 ASCII characters). What was cancelled and is wanted again is another attempt.
pub(super) fn client_token(status: &Status) -> String {
    let manifest = &status.manifest;
    let (uri, attempt) = (manifest.uri(), ownership::attempt(status));
    let digest = status.build.digest.as_ref().unwrap_or(&manifest.sha256);
    sha256_hex(format!("{uri}\n{digest}\n{attempt}\n").as_bytes())
}

/// EC2's answer: the task, or what to do without one.
pub(super) fn answered(
    step: &StepContext<'_>,
    action: &str,
    answer: Result<Task, AwsError>,
) -> StepOutcome {
    match answer {
        Ok(task) => StepOutcome::Advance(Evidence::TaskStarted {
            task,
            origin: Origin::Created,
        }),
        Err(error) if error.remedy == Remedy::Never => step.refused(action, error),
        Err(error) => StepOutcome::Wait(retrying(&error)),
    }
}

pub(super) fn found(task: Task) -> StepOutcome {
    StepOutcome::Advance(Evidence::TaskStarted {
        task,
        origin: Origin::Found,
    })
}
