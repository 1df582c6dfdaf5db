//! CopyImage and CreateRestoreImageTask: the AMI is there at once, and pending.

use super::{answered, client_token, refusal};
use crate::aws::{CopiedImage, RestoredImage};
use crate::image::look::Look;
use crate::image::observed::{ObservedImage, ObservedTask};
use crate::image::plan::REGISTER_GRACE;
use crate::image::status::Status;
use crate::image::task::{Task, TaskKind};
use crate::image::transition;
use crate::manifest::image::Image as SourceImage;
use crate::reconcile::wanted::Wanted;
use crate::reconcile::{Context, Error, hints, register};

pub(super) async fn copy(
    context: Context<'_>,
    status: &mut Status,
    wanted: &Wanted,
    source: &SourceImage,
) -> Result<bool, Error> {
    // Copies may have the name of another AMI as far as EC2 is concerned; nobody could tell the two apart.
    if let Some(changed) = settled(context, status, TaskKind::CopyImage).await? {
        return Ok(changed);
    }
    let request = CopiedImage {
        source_id: source.id.clone(),
        source_region: source.region.clone(),
        name: status.name.clone().unwrap_or_default(),
        description: wanted.description().map(str::to_owned),
        client_token: client_token(status),
        tags: wanted.tags(status),
    };
    let answer = context.aws.copy_image(&request).await;
    let answer = answer.map(|id| begun(context, TaskKind::CopyImage, id));
    Ok(answered(context, status, answer, |error| {
        hints::for_refused_task(TaskKind::CopyImage, error)
    }))
}

pub(super) async fn restore(
    context: Context<'_>,
    status: &mut Status,
    wanted: &Wanted,
) -> Result<bool, Error> {
    if let Some(changed) = settled(context, status, TaskKind::RestoreImage).await? {
        return Ok(changed);
    }
    let object = status.object.as_ref();
    let request = RestoredImage {
        bucket: object
            .map(|object| object.bucket.clone())
            .unwrap_or_default(),
        key: object.map(|object| object.key.clone()).unwrap_or_default(),
        name: status.name.clone().unwrap_or_default(),
        tags: wanted.tags(status),
    };
    let answer = context.aws.create_restore_image_task(&request).await;
    if let Err(error) = &answer
        && error.has_code("InvalidAMIName.Duplicate")
    {
        // Somebody has the name: a try whose answer was lost, or an AMI that nobody can see any more or yet.
        if let Some(changed) = settled(context, status, TaskKind::RestoreImage).await? {
            return Ok(changed);
        }
        let waiting = refusal(error);
        if !status.has_waited(&waiting, REGISTER_GRACE, context.now) {
            return Ok(transition::wait(status, waiting, context.now));
        }
    }
    let answer = answer.map(|id| begun(context, TaskKind::RestoreImage, id));
    Ok(answered(context, status, answer, |error| {
        hints::for_refused_task(TaskKind::RestoreImage, error)
    }))
}

/// Takes up the AMI that an earlier try has begun, if EC2 shows one.
pub(super) async fn adopt(context: Context<'_>, status: &mut Status) -> Result<bool, Error> {
    match register::look(context, status).await? {
        Look::Ours(image) => {
            found(context, status, kind(status), &image);
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn kind(status: &Status) -> TaskKind {
    if status.source.as_deref() == Some("image") {
        TaskKind::CopyImage
    } else {
        TaskKind::RestoreImage
    }
}

/// Looks whether the AMI, or another of its name, is there. None if nothing is in the way of making it.
async fn settled(
    context: Context<'_>,
    status: &mut Status,
    kind: TaskKind,
) -> Result<Option<bool>, Error> {
    match register::look(context, status).await? {
        Look::Ours(image) => found(context, status, kind, &image),
        Look::NameTaken(image) => {
            transition::fail(status, hints::name_taken(status, &image), context.now);
        }
        Look::Several(ids) => {
            transition::fail_as_it_is(status, hints::several(&ids), context.now);
        }
        Look::Absent => return Ok(None),
    }
    Ok(Some(true))
}

fn found(context: Context<'_>, status: &mut Status, kind: TaskKind, image: &ObservedImage) {
    let seen = ObservedTask {
        id: image.id.clone(),
        state: image.state.clone(),
        snapshots: image.snapshots.clone(),
        image: Some(image.id.clone()),
        ..ObservedTask::default()
    };
    let task = Task::started(kind, &context.config.region, &seen, context.now);
    let why = "found where an earlier try had started it";
    transition::task_started(status, task, why, context.now);
}

fn begun(context: Context<'_>, kind: TaskKind, id: String) -> Task {
    let seen = ObservedTask {
        image: Some(id.clone()),
        id,
        state: "pending".to_owned(),
        ..ObservedTask::default()
    };
    Task::started(kind, &context.config.region, &seen, context.now)
}
