//! What the requests that start a task have in common.

use jiff::SignedDuration;

use crate::aws::{AwsError, Remedy};
use crate::image::outcome::{Evidence, Origin, StepOutcome};
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::Owners;
use crate::image::task::Task;
use crate::image::words::TOKEN_KNOWN;
use crate::reconcile::step_context::{StepContext, retrying};

/// For how long further client tokens are tried where EC2 knows one: the next one is new, unless the service is broken.
const TOKENS_TRIED: SignedDuration = SignedDuration::from_hours(1);

/// EC2's answer: the task, or what to do without one.
pub(super) fn answered(step: &StepContext<'_>, answer: Result<Task, AwsError>) -> StepOutcome {
    match answer {
        Ok(task) => StepOutcome::Advance(Evidence::TaskStarted {
            task,
            origin: Origin::Created,
            owners: Owners::new(),
        }),
        Err(error) if error.remedy != Remedy::Never => StepOutcome::Wait(retrying(&error)),
        // It has begun something with this token, which was looked for in vain.
        Err(error) if error.has_code(TOKEN_KNOWN) && !step.step_exceeds(TOKENS_TRIED) => {
            let wait = step.wait_up_to(retrying(&error), VISIBILITY_GRACE);
            wait.unwrap_or_else(|| {
                StepOutcome::Advance(Evidence::AttemptEnded {
                    task: None,
                    next: step.status.build.attempt.saturating_add(1),
                })
            })
        }
        // An attempt before the one that was refused may have started it: then it is looked for.
        Err(error) if error.may_be_heard() => {
            let wait = step.wait_up_to(retrying(&error), VISIBILITY_GRACE);
            wait.unwrap_or_else(|| step.refused(error))
        }
        Err(error) => step.refused(error),
    }
}

pub(super) fn found(task: Task) -> StepOutcome {
    StepOutcome::Advance(Evidence::TaskStarted {
        task,
        origin: Origin::Found,
        owners: Owners::new(),
    })
}
