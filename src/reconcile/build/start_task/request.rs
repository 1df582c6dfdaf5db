//! What the requests that start a task have in common.

use crate::aws::{AwsError, Remedy};
use crate::image::outcome::{Evidence, Origin, StepOutcome};
use crate::image::plan::VISIBILITY_GRACE;
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
        Err(error) if error.remedy != Remedy::Never => StepOutcome::Wait(retrying(&error)),
        // An attempt before the one that was refused may have started it: then it is looked for.
        Err(error) if error.may_be_heard() => {
            let wait = step.wait_up_to(retrying(&error), VISIBILITY_GRACE);
            wait.unwrap_or_else(|| step.refused(action, error))
        }
        Err(error) => step.refused(action, error),
    }
}

pub(super) fn found(task: Task) -> StepOutcome {
    StepOutcome::Advance(Evidence::TaskStarted {
        task,
        origin: Origin::Found,
    })
}
