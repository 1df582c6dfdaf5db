//! CreateStoreImageTask: the AMI is available, and is kept in S3, too.

use super::{Error, Turn, start};
use crate::aws::{Remedy, Saved};
use crate::image::observed::ObservedTask;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{Status, Waiting};
use crate::image::task::{Task, TaskKind};
use crate::image::transition;
use crate::store::{self, Loaded};

const CALL: &str = "CreateStoreImageTask";

/// Sees to it that the task runs. The call has neither a client token nor anything else by which EC2 would know a
/// repetition: that it is about to be sent is written down before, which only one can do. Returns whether the status
/// changed.
pub(super) async fn store(turn: Turn<'_>, loaded: &mut Loaded) -> Result<bool, Error> {
    let status = &mut loaded.status;
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
    if let Some(at) = status.store_asked_at
        && turn.now.duration_since(at) <= VISIBILITY_GRACE
    {
        let waiting = Waiting::new(format!(
            "EC2 was asked at {at} to store {id}, and did not answer; looking whether it does"
        ));
        return Ok(transition::wait(status, waiting, turn.now));
    }
    status.store_asked_at = Some(turn.now);
    match store::save(turn.aws, turn.config, &loaded.status, Some(&loaded.etag)).await? {
        Saved::Yes(etag) => loaded.etag = etag,
        // Somebody else is at it.
        Saved::Conflict => {
            *loaded = super::reload(turn, &loaded.status.manifest.key).await?;
            return Ok(false);
        }
    }
    Ok(ask(turn, &mut loaded.status, &bucket, id).await)
}

async fn ask(turn: Turn<'_>, status: &mut Status, bucket: &str, id: String) -> bool {
    match turn.aws.create_store_image_task(&id, bucket).await {
        Ok(key) => {
            let seen = ObservedTask {
                id,
                state: "InProgress".to_owned(),
                object: Some(format!("s3://{bucket}/{key}")),
                ..ObservedTask::default()
            };
            started(turn, status, &seen, "started")
        }
        // Nothing was begun by this request.
        Err(error) if error.is_throttled() || error.is_own_pace() => {
            status.store_asked_at = None;
            start::wait_for(turn, status, &error);
            true
        }
        Err(error) if error.remedy != Remedy::Never => start::wait_for(turn, status, &error),
        Err(error) => {
            status.store_asked_at = None;
            let hint = format!(
                "the AMI {id} is available and was kept; mend what the message names and store it by hand \
                 (aws ec2 create-store-image-task)"
            );
            start::refused(turn, status, error, hint);
            true
        }
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
        .find_store_image_tasks(&[image_id.to_owned()])
        .await?;
    let is_there = |task: &ObservedTask| task.bucket().is_none_or(|it| it == bucket);
    if let Some(task) = tasks.into_iter().find(is_there) {
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
