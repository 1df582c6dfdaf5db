//! ImportSnapshot and ImportImage.

use jiff::SignedDuration;

use super::request::{answered, found};
use crate::aws::{Import, ImportedDisk, ImportedMachine, Remedy};
use crate::image::observed::ObservedTask;
use crate::image::outcome::StepOutcome;
use crate::image::ownership;
use crate::image::status::SourceObject;
use crate::image::task::{Phase, Task, TaskKind, phase};
use crate::image::words::SourceKind;
use crate::manifest::disk_format::Expected;
use crate::manifest::image::{Disk, Vm};
use crate::manifest::text::ec2_description;
use crate::reconcile::context::Error;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::StepContext;

/// How long a client token is relied on. EC2 does not say how long it remembers one; within this time it is certain
/// to, and after it the tasks are searched before another is started.
const TOKEN_TRUSTED: SignedDuration = SignedDuration::from_hours(1);

pub(super) async fn disk(
    step: &StepContext<'_>,
    spec: &Spec,
    disk: &Disk,
) -> Result<StepOutcome, Error> {
    let disks = vec![(Expected::from(disk.format), None)];
    let request = Import {
        encrypted: disk.encrypted,
        kms_key_id: disk.kms_key_id.clone(),
        ..request(step, spec, disks)
    };
    start(step, &request, None).await
}

pub(super) async fn vm(step: &StepContext<'_>, spec: &Spec, vm: &Vm) -> Result<StepOutcome, Error> {
    let files = vm.files().into_iter();
    let disks = files.map(|file| (Expected::from(file.format), file.device_name));
    let request = Import {
        encrypted: vm.encrypted,
        kms_key_id: vm.kms_key_id.clone(),
        ..request(step, spec, disks.collect())
    };
    let machine = ImportedMachine {
        architecture: vm.architecture.map(|it| it.as_str().to_owned()),
        platform: vm.platform.map(|it| it.as_str().to_owned()),
        boot_mode: vm.boot_mode.map(|it| it.as_str().to_owned()),
        license_type: vm.license_type.map(|it| it.as_str().to_owned()),
        usage_operation: vm.usage_operation.clone(),
        license_specifications: vm.license_specifications.clone(),
    };
    start(step, &request, Some(&machine)).await
}

/// The request for the objects that were checked, each with its format and its device.
fn request(step: &StepContext<'_>, spec: &Spec, disks: Vec<(Expected, Option<&str>)>) -> Import {
    let status = step.status;
    let objects = status.build.object.iter().flat_map(SourceObject::all);
    let disk =
        |(object, (format, device)): (&SourceObject, (Expected, Option<&str>))| ImportedDisk {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            format: format.as_ec2().to_owned(),
            device_name: device.map(str::to_owned),
        };
    Import {
        disks: objects.zip(disks).map(disk).collect(),
        description: spec
            .description()
            .map_or_else(|| ec2_description(&status.manifest.uri()), str::to_owned),
        encrypted: None,
        kms_key_id: None,
        role_name: step.config().vm_import_role.clone(),
        client_token: ownership::client_token(status),
        tags: spec.tags(status),
    }
}

async fn start(
    step: &StepContext<'_>,
    request: &Import,
    machine: Option<&ImportedMachine>,
) -> Result<StepOutcome, Error> {
    if step.status.step_exceeds(TOKEN_TRUSTED, step.now())
        && let Some(found) = adopt(step).await?
    {
        return Ok(found);
    }
    let (kind, action, answer) = match machine {
        Some(machine) => (
            TaskKind::ImportImage,
            "ImportImage",
            step.aws().import_image(request, machine).await,
        ),
        None => (
            TaskKind::ImportSnapshot,
            "ImportSnapshot",
            step.aws().import_snapshot(request).await,
        ),
    };
    // An earlier attempt may have been heard although its answer was lost, or the request was changed since by another
    // setting of the stack: that one's task is the one.
    if let Err(error) = &answer
        && error.remedy == Remedy::Never
        && let Some(found) = adopt(step).await?
    {
        return Ok(found);
    }
    let region = &step.config().region;
    let answer = answer.map(|seen| Task::started(kind, region, &seen, step.now()));
    Ok(answered(step, action, answer))
}

/// Takes over the import task of this attempt, if EC2 lists one that has not come to a bad end.
pub(super) async fn adopt(step: &StepContext<'_>) -> Result<Option<StepOutcome>, Error> {
    let (kind, tasks) = match step.status.build.source {
        Some(SourceKind::Vm) => (
            TaskKind::ImportImage,
            step.aws().list_import_image_tasks().await?,
        ),
        _ => (
            TaskKind::ImportSnapshot,
            step.aws().list_import_snapshot_tasks().await?,
        ),
    };
    let tags = ownership::creation_tags(step.status);
    let is_ours = |task: &&ObservedTask| {
        ownership::has_tags(&task.tags, &tags) && phase(&task.state) != Phase::Failed
    };
    let seen = tasks.iter().find(is_ours);
    let region = &step.config().region;
    Ok(seen.map(|seen| found(Task::started(kind, region, seen, step.now()))))
}
