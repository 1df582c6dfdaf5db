//! A task that EC2 no longer lists as ours: what it would have made says whether it ended well, where that is proven to
//! be ours. A snapshot or an AMI of an import is not: until it is tagged only the task names it.

use super::{proven, store_image};
use crate::image::message::failures;
use crate::image::observed::ObservedTask;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::status::{Orphan, OrphanReason};
use crate::image::task::{Task, TaskKind};
use crate::manifest::location::s3_uri;
use crate::reconcile::context::Error;
use crate::reconcile::proof;
use crate::reconcile::step_context::StepContext;

pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    let Some(task) = step.status.build.tasks.last() else {
        return Ok(StepOutcome::Unchanged);
    };
    let made = match task.kind {
        TaskKind::BundleInstance => bundle(&step, task).await?,
        TaskKind::StoreImage => stored(&step, task).await?,
        TaskKind::ImportSnapshot | TaskKind::ImportImage => None,
        // Their AMI is polled, not their task.
        TaskKind::CopyImage | TaskKind::RestoreImage => None,
    };
    // The task itself may be listed again: a quarter of an hour's polls may have failed, or got stale answers.
    let seen = match made {
        Some(made) => Some(made),
        None => proven::listed_task(&step, task).await?,
    };
    Ok(match seen {
        Some(seen) => StepOutcome::Advance(Evidence::TaskPolled(Some(seen))),
        // It may still run: what is not proven to be ours is not cancelled.
        None if step.status.cancel.is_some() => StepOutcome::Advance(Evidence::Cancelled {
            orphans: vec![Orphan {
                what: task.id.clone(),
                reason: OrphanReason::Unproven,
            }],
        }),
        None => StepOutcome::Fail(failures::task_lost(task)),
    })
}

/// EC2 writes the manifest last.
async fn bundle(step: &StepContext<'_>, task: &Task) -> Result<Option<ObservedTask>, Error> {
    let (bucket, key) = proof::bundle_address(step.config(), step.status);
    let found = step.aws().head_object(&bucket, &key).await?;
    Ok(found.map(|_| ObservedTask {
        id: task.id.clone(),
        state: "completed".to_owned(),
        message: task.message.clone(),
        object: Some(s3_uri(&bucket, &key)),
        ..ObservedTask::default()
    }))
}

async fn stored(step: &StepContext<'_>, task: &Task) -> Result<Option<ObservedTask>, Error> {
    match &step.status.store {
        Some(store) => store_image::stored_object(step, &store.bucket, &task.id).await,
        None => Ok(None),
    }
}
