//! A task that EC2 no longer lists: what it would have made says whether it ended well.

use super::{cancel, store_image};
use crate::aws::Remedy;
use crate::image::message::failures;
use crate::image::observed::ObservedTask;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::task::{Task, TaskKind};
use crate::reconcile::context::Error;
use crate::reconcile::step_context::StepContext;

pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    let Some(task) = step.status.build.tasks.last() else {
        return Ok(StepOutcome::Unchanged);
    };
    let seen = match task.kind {
        TaskKind::ImportSnapshot => snapshot(&step, task).await?,
        TaskKind::ImportImage => image(&step, task).await?,
        TaskKind::BundleInstance => bundle(&step, task).await?,
        TaskKind::StoreImage => stored(&step, task).await?,
        // Their AMI is polled, not their task.
        TaskKind::CopyImage | TaskKind::RestoreImage => None,
    };
    let seen = match seen {
        Some(seen) => Some(seen),
        None => listed(&step, task).await?,
    };
    Ok(match seen {
        Some(seen) => StepOutcome::Advance(Evidence::TaskPolled(Some(seen))),
        None if step.status.cancel.is_some() => StepOutcome::Advance(Evidence::Cancelled {
            orphans: Vec::new(),
        }),
        None => {
            end(&step, task).await?;
            StepOutcome::Fail(failures::task_lost(task))
        }
    })
}

/// The task itself, if EC2 lists it again: a quarter of an hour's polls may have failed, or got stale answers.
async fn listed(step: &StepContext<'_>, task: &Task) -> Result<Option<ObservedTask>, Error> {
    let aws = step.aws();
    let id = std::slice::from_ref(&task.id);
    let tasks = match task.kind {
        TaskKind::ImportSnapshot => aws.list_import_snapshot_tasks().await?,
        TaskKind::ImportImage => aws.list_import_image_tasks().await?,
        TaskKind::BundleInstance => aws.find_bundle_tasks("bundle-id", id).await?,
        TaskKind::StoreImage => aws.find_store_image_tasks(id).await?,
        TaskKind::CopyImage | TaskKind::RestoreImage => Vec::new(),
    };
    Ok(tasks.into_iter().find(|seen| seen.id == task.id))
}

/// What cannot be polled must not go on and make something that nobody knows of. EC2 no longer knows it, or ends it.
async fn end(step: &StepContext<'_>, task: &Task) -> Result<(), Error> {
    match cancel::end_at_ec2(step, task).await {
        Err(error) if error.remedy != Remedy::Never => Err(error.into()),
        _ => Ok(()),
    }
}

/// The snapshot that the task has named, or that names the task ("Created by AWS-VMImport service for …").
async fn snapshot(step: &StepContext<'_>, task: &Task) -> Result<Option<ObservedTask>, Error> {
    let aws = step.aws();
    let mut found = Vec::new();
    if !task.snapshots.is_empty() {
        found = aws.find_snapshots("snapshot-id", &task.snapshots).await?;
    }
    if found.is_empty() {
        let made_by = format!("Created by AWS-VMImport service for {}", task.id);
        found = aws.find_snapshots("description", &[made_by]).await?;
    }
    let complete = found
        .into_iter()
        .find(|snapshot| snapshot.state == "completed");
    Ok(complete.map(|snapshot| ObservedTask {
        snapshots: vec![snapshot.id],
        ..complete_task(task)
    }))
}

/// The AMI that the task has named, or that has the task's id for a name ("Import your VM as an image").
async fn image(step: &StepContext<'_>, task: &Task) -> Result<Option<ObservedTask>, Error> {
    let by_id = task.image.iter().map(|id| ("image-id", id));
    for (filter, value) in by_id.chain([("name", &task.id)]) {
        let found = step
            .aws()
            .find_images(filter, std::slice::from_ref(value))
            .await?;
        if let Some(image) = found.into_iter().next() {
            return Ok(Some(ObservedTask {
                snapshots: image.snapshots,
                image: Some(image.id),
                ..complete_task(task)
            }));
        }
    }
    Ok(None)
}

/// EC2 writes the manifest last.
async fn bundle(step: &StepContext<'_>, task: &Task) -> Result<Option<ObservedTask>, Error> {
    let Some((bucket, key)) = task.object_address() else {
        return Ok(None);
    };
    let found = step.aws().head_object(bucket, key).await?;
    Ok(found.map(|_| complete_task(task)))
}

async fn stored(step: &StepContext<'_>, task: &Task) -> Result<Option<ObservedTask>, Error> {
    match &step.status.store {
        Some(store) => store_image::stored_object(step, &store.bucket, &task.id).await,
        None => Ok(None),
    }
}

fn complete_task(task: &Task) -> ObservedTask {
    ObservedTask {
        id: task.id.clone(),
        state: "completed".to_owned(),
        message: task.message.clone(),
        ..ObservedTask::default()
    }
}
