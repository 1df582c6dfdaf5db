//! CreateStoreImageTask: the AMI is available, and is kept in S3, too.

use super::{Context, Error, start};
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
pub(super) async fn store(context: Context<'_>, loaded: &mut Loaded) -> Result<bool, Error> {
    let status = &mut loaded.status;
    let image = status.images.get(&context.config.region);
    let (Some(bucket), Some(image)) = (status.store.clone(), image) else {
        return Ok(false);
    };
    let id = image.id.clone();
    if !context.aws.has_capacity(CALL) {
        return Ok(transition::wait(status, start::its_turn(CALL), context.now));
    }
    if let Some(seen) = find(context, &bucket, &id).await? {
        let why = "found where an earlier try had started it";
        return Ok(started(context, status, &seen, why));
    }
    if let Some(at) = status.store_asked_at
        && context.now.duration_since(at) <= VISIBILITY_GRACE
    {
        let waiting = Waiting::new(format!(
            "EC2 was asked at {at} to store {id}, and did not answer; looking whether it does"
        ));
        return Ok(transition::wait(status, waiting, context.now));
    }
    status.store_asked_at = Some(context.now);
    match store::save(
        context.aws,
        context.config,
        &loaded.status,
        Some(&loaded.etag),
    )
    .await?
    {
        Saved::Yes(etag) => loaded.etag = etag,
        // Somebody else is at it.
        Saved::Conflict => {
            *loaded = super::reload(context, &loaded.status.manifest.key).await?;
            return Ok(false);
        }
    }
    Ok(ask(context, &mut loaded.status, &bucket, id).await)
}

async fn ask(context: Context<'_>, status: &mut Status, bucket: &str, id: String) -> bool {
    match context.aws.create_store_image_task(&id, bucket).await {
        Ok(key) => {
            let seen = ObservedTask {
                id,
                state: "InProgress".to_owned(),
                object: Some(format!("s3://{bucket}/{key}")),
                ..ObservedTask::default()
            };
            started(context, status, &seen, "started")
        }
        // Nothing was begun by this request.
        Err(error) if error.is_throttled() || error.is_rate_limited_locally() => {
            status.store_asked_at = None;
            start::wait_for(context, status, &error);
            true
        }
        Err(error) if error.remedy != Remedy::Never => start::wait_for(context, status, &error),
        Err(error) => {
            status.store_asked_at = None;
            let hint = format!(
                "the AMI {id} is available and was kept; mend what the message names and store it by hand \
                 (aws ec2 create-store-image-task)"
            );
            start::refused(context, status, error, hint);
            true
        }
    }
}

fn started(context: Context<'_>, status: &mut Status, seen: &ObservedTask, why: &str) -> bool {
    let task = Task::started(
        TaskKind::StoreImage,
        &context.config.region,
        seen,
        context.now,
    );
    transition::task_started(status, task, why, context.now);
    true
}

/// The task that stores, or has stored, the AMI in the bucket; also where only its object is left to be seen: tasks are
/// listed for 31 days.
pub(super) async fn find(
    context: Context<'_>,
    bucket: &str,
    image_id: &str,
) -> Result<Option<ObservedTask>, Error> {
    let tasks = context
        .aws
        .find_store_image_tasks(&[image_id.to_owned()])
        .await?;
    let is_there = |task: &ObservedTask| task.bucket().is_none_or(|it| it == bucket);
    if let Some(task) = tasks.into_iter().find(is_there) {
        return Ok(Some(task));
    }
    stored_object(context, bucket, image_id).await
}

/// The object of a stored AMI ("Store and restore an AMI": it is named after the AMI, and there when it is complete).
pub(super) async fn stored_object(
    context: Context<'_>,
    bucket: &str,
    image_id: &str,
) -> Result<Option<ObservedTask>, Error> {
    let key = format!("{image_id}.bin");
    let found = match context.aws.head_object(bucket, &key).await {
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
