//! ImportSnapshot and ImportImage.

use super::{answered, client_token, description};
use crate::aws::{AwsError, ImportedDisk, Remedy};
use crate::image::look;
use crate::image::observed::ObservedTask;
use crate::image::plan::step_exceeds;
use crate::image::status::Status;
use crate::image::task::{Phase, Task, TaskKind, phase};
use crate::image::transition;
use crate::manifest::disk_format::Expected;
use crate::manifest::image::{Disk, Vm};
use crate::reconcile::wanted::Wanted;
use crate::reconcile::{Context, Error, hints};

/// How long a client token is relied on. EC2 does not say how long it remembers one; within this time it is certain
/// to, and after it the tasks are looked through before another is started.
const TOKEN_TRUSTED: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

pub(super) async fn disk(
    context: Context<'_>,
    status: &mut Status,
    wanted: &Wanted,
    disk: &Disk,
) -> Result<bool, Error> {
    let request = ImportedDisk {
        encrypted: disk.encrypted,
        kms_key_id: disk.kms_key_id.clone(),
        ..request(context, status, wanted, Expected::from(disk.format))
    };
    start(context, status, TaskKind::ImportSnapshot, &request).await
}

pub(super) async fn vm(
    context: Context<'_>,
    status: &mut Status,
    wanted: &Wanted,
    vm: &Vm,
) -> Result<bool, Error> {
    let request = request(context, status, wanted, Expected::from(vm.format));
    start(context, status, TaskKind::ImportImage, &request).await
}

fn request(
    context: Context<'_>,
    status: &Status,
    wanted: &Wanted,
    format: Expected,
) -> ImportedDisk {
    let object = status.object.as_ref();
    ImportedDisk {
        bucket: object
            .map(|object| object.bucket.clone())
            .unwrap_or_default(),
        key: object.map(|object| object.key.clone()).unwrap_or_default(),
        format: format.as_ec2().to_owned(),
        description: description(wanted, status),
        encrypted: None,
        kms_key_id: None,
        role_name: context.config.vm_import_role.clone(),
        client_token: client_token(status),
        tags: wanted.tags(status),
    }
}

async fn start(
    context: Context<'_>,
    status: &mut Status,
    kind: TaskKind,
    request: &ImportedDisk,
) -> Result<bool, Error> {
    if step_exceeds(status, TOKEN_TRUSTED, context.now) && adopt(context, status).await? {
        return Ok(true);
    }
    let answer = match kind {
        TaskKind::ImportImage => context.aws.import_image(request).await,
        _ => context.aws.import_snapshot(request).await,
    };
    // An earlier try may have been heard although its answer was lost, or the request was changed since by another
    // setting of the stack: that one's task is the one.
    if let Err(error) = &answer
        && error.remedy == Remedy::Never
        && adopt(context, status).await?
    {
        return Ok(true);
    }
    let answer = answer.map(|seen| Task::started(kind, &context.config.region, &seen, context.now));
    Ok(answered(context, status, answer, |error: &AwsError| {
        hints::for_refused_task(kind, error)
    }))
}

/// Takes up the import task of this attempt, if EC2 lists one that has not come to a bad end.
pub(super) async fn adopt(context: Context<'_>, status: &mut Status) -> Result<bool, Error> {
    let (kind, tasks) = if status.source.as_deref() == Some("vm") {
        (
            TaskKind::ImportImage,
            context.aws.list_import_image_tasks().await?,
        )
    } else {
        (
            TaskKind::ImportSnapshot,
            context.aws.list_import_snapshot_tasks().await?,
        )
    };
    let tags = look::creation_tags(status);
    let is_ours = |task: &&ObservedTask| {
        look::has_tags(&task.tags, &tags) && phase(&task.state) != Phase::Failed
    };
    let Some(seen) = tasks.iter().find(is_ours) else {
        return Ok(false);
    };
    let task = Task::started(kind, &context.config.region, seen, context.now);
    transition::task_started(
        status,
        task,
        "found where an earlier try had started it",
        context.now,
    );
    Ok(true)
}
