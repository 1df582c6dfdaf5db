//! CreateStoreImageTask: the AMI is available, and is kept in S3, too.

use super::{Error, Turn, start};
use crate::aws::Remedy;
use crate::image::observed::ObservedTask;
use crate::image::status::Status;
use crate::image::task::{Task, TaskKind};
use crate::image::transition;

const CALL: &str = "CreateStoreImageTask";

/// Sees to it that the task runs. It has neither a client token nor an id: an AMI in a bucket is one task.
/// Returns whether the status changed.
pub(super) async fn store(turn: Turn<'_>, status: &mut Status) -> Result<bool, Error> {
    let image = status.images.get(&turn.config.region);
    let (Some(bucket), Some(image)) = (status.store.clone(), image) else {
        return Ok(false);
    };
    let id = image.id.clone();
    if !turn.aws.has_turn(CALL) {
        return Ok(transition::wait(status, start::its_turn(CALL), turn.now));
    }
    if let Some(seen) = find(turn, &bucket, &id).await? {
        let why = "found where an earlier try had started it";
        return Ok(started(turn, status, &seen, why));
    }
    match turn.aws.create_store_image_task(&id, &bucket).await {
        Ok(key) => {
            let seen = ObservedTask {
                id,
                state: "InProgress".to_owned(),
                object: Some(format!("s3://{bucket}/{key}")),
                ..ObservedTask::default()
            };
            Ok(started(turn, status, &seen, "started"))
        }
        Err(error) if error.remedy == Remedy::Never => {
            let hint = format!(
                "the AMI {id} is available and was kept; mend what the message names and store it by hand \
                 (aws ec2 create-store-image-task)"
            );
            transition::fail(status, error.into_failure(hint), turn.now);
            Ok(true)
        }
        Err(error) => Ok(start::wait_for(turn, status, &error)),
    }
}

fn started(turn: Turn<'_>, status: &mut Status, seen: &ObservedTask, why: &str) -> bool {
    let task = Task::started(TaskKind::StoreImage, &turn.config.region, seen, turn.now);
    transition::task_started(status, task, why, turn.now);
    true
}

/// The task that stores, or has stored, the AMI in the bucket; also where only its object is left to be seen: tasks are
/// listed for 31 days.
pub(super) async fn find(
    turn: Turn<'_>,
    bucket: &str,
    image_id: &str,
) -> Result<Option<ObservedTask>, Error> {
    let tasks = turn
        .aws
        .list_store_image_tasks(&[bucket.to_owned()])
        .await?;
    if let Some(task) = tasks.into_iter().find(|task| task.id == image_id) {
        return Ok(Some(task));
    }
    stored_object(turn, bucket, image_id).await
}

/// The object of a stored AMI ("Store and restore an AMI": it is named after the AMI, and there when it is complete).
pub(super) async fn stored_object(
    turn: Turn<'_>,
    bucket: &str,
    image_id: &str,
) -> Result<Option<ObservedTask>, Error> {
    let key = format!("{image_id}.bin");
    let found = match turn.aws.head_object(bucket, &key).await {
        Ok(found) => found,
        // A bucket that may be written to need not be readable: then the object cannot be seen.
        Err(error) if error.remedy == Remedy::Never => None,
        Err(error) => return Err(error.into()),
    };
    Ok(found.map(|_| ObservedTask {
        id: image_id.to_owned(),
        state: "Completed".to_owned(),
        object: Some(format!("s3://{bucket}/{key}")),
        ..ObservedTask::default()
    }))
}
