//! A task that EC2 lists no longer: what it would have made says whether it ended well.

use super::{Context, Error, cancel, store_image};
use crate::aws::Remedy;
use crate::image::observed::ObservedTask;
use crate::image::status::{Ending, Failure, Status};
use crate::image::task::{Task, TaskKind};
use crate::image::transition;

/// Looks for what the task would have made. Returns whether the status changed.
pub(super) async fn probe(context: Context<'_>, status: &mut Status) -> Result<bool, Error> {
    let Some(task) = status.tasks.last().cloned() else {
        return Ok(false);
    };
    let seen = match task.kind {
        TaskKind::ImportSnapshot => snapshot(context, &task).await?,
        TaskKind::ImportImage => image(context, &task).await?,
        TaskKind::BundleInstance => bundle(context, &task).await?,
        TaskKind::StoreImage => stored(context, status, &task).await?,
        // Their AMI is looked at, not their task.
        TaskKind::CopyImage | TaskKind::RestoreImage => None,
    };
    let seen = match seen {
        Some(seen) => Some(seen),
        None => listed(context, &task).await?,
    };
    match seen {
        Some(seen) => {
            transition::task_seen(status, Some(&seen), context.now);
        }
        None if status.cancel.is_some() => {
            transition::give_up(status, Ending::Cancelled, None, context.now);
        }
        None => {
            end(context, &task).await?;
            transition::give_up(status, Ending::Lost, Some(lost(&task)), context.now);
        }
    }
    Ok(true)
}

/// The task itself, if EC2 lists it again: a quarter of an hour's looks may have failed, or come to stale answers.
async fn listed(context: Context<'_>, task: &Task) -> Result<Option<ObservedTask>, Error> {
    let id = std::slice::from_ref(&task.id);
    let tasks = match task.kind {
        TaskKind::ImportSnapshot => context.aws.list_import_snapshot_tasks().await?,
        TaskKind::ImportImage => context.aws.list_import_image_tasks().await?,
        TaskKind::BundleInstance => context.aws.find_bundle_tasks("bundle-id", id).await?,
        TaskKind::StoreImage => context.aws.find_store_image_tasks(id).await?,
        TaskKind::CopyImage | TaskKind::RestoreImage => Vec::new(),
    };
    Ok(tasks.into_iter().find(|seen| seen.id == task.id))
}

/// What cannot be followed must not go on and make something that nobody knows of. EC2 knows it no more, or ends it.
async fn end(context: Context<'_>, task: &Task) -> Result<(), Error> {
    match cancel::end_at_ec2(context, task).await {
        Err(error) if error.remedy != Remedy::Never => Err(error.into()),
        _ => Ok(()),
    }
}

/// The snapshot that the task has named, or that names the task ("Created by AWS-VMImport service for …").
async fn snapshot(context: Context<'_>, task: &Task) -> Result<Option<ObservedTask>, Error> {
    let mut found = Vec::new();
    if !task.snapshots.is_empty() {
        found = context
            .aws
            .find_snapshots("snapshot-id", &task.snapshots)
            .await?;
    }
    if found.is_empty() {
        let made_by = format!("Created by AWS-VMImport service for {}", task.id);
        found = context
            .aws
            .find_snapshots("description", &[made_by])
            .await?;
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
async fn image(context: Context<'_>, task: &Task) -> Result<Option<ObservedTask>, Error> {
    let by_id = task.image.iter().map(|id| ("image-id", id));
    for (filter, value) in by_id.chain([("name", &task.id)]) {
        let found = context
            .aws
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
async fn bundle(context: Context<'_>, task: &Task) -> Result<Option<ObservedTask>, Error> {
    let Some((bucket, key)) = task.place() else {
        return Ok(None);
    };
    let found = context.aws.head_object(bucket, key).await?;
    Ok(found.map(|_| complete_task(task)))
}

async fn stored(
    context: Context<'_>,
    status: &Status,
    task: &Task,
) -> Result<Option<ObservedTask>, Error> {
    match &status.store {
        Some(bucket) => store_image::stored_object(context, bucket, &task.id).await,
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

fn lost(task: &Task) -> Failure {
    let progress = task
        .progress
        .map(|progress| format!(" at {progress} %"))
        .unwrap_or_default();
    let since = task
        .unseen_since
        .map(|since| format!(" since {since}"))
        .unwrap_or_default();
    Failure {
        doing: format!("following {} {}", task.kind, task.id),
        code: None,
        message: format!(
            "EC2 has not listed the task{since}; it was {}{progress} when it was last seen, and what it would have made is \
             not there",
            task.state
        ),
        request_id: None,
        hint: "look for it in the EC2 console and in CloudTrail; change the manifest (a comment will do) and upload it \
               again to make it anew"
            .to_owned(),
    }
}
