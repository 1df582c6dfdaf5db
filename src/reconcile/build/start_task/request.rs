//! What the requests that start a task have in common.

use crate::aws::{AwsError, Remedy};
use crate::image::outcome::{Evidence, Origin, StepOutcome};
use crate::image::task::Task;
use crate::reconcile::step_context::{StepContext, retrying};

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
