//! ImportSnapshot and ImportImage.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::request::{answered, found};
use crate::aws::{Import, ImportedDisk, ImportedMachine, Remedy};
use crate::image::observed::{ATTEMPT_TAG, ObservedImage, ObservedSnapshot, ObservedTask};
use crate::image::outcome::{Evidence, Resumed, StepOutcome};
use crate::image::ownership::{self, Attempt};
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::publish::has_failed;
use crate::image::status::{SourceObject, Status};
use crate::image::task::{Phase, Task, TaskKind, phase};
use crate::image::words::{SourceKind, WaitReason};
use crate::manifest::disk_format::Expected;
use crate::manifest::image::{Disk, Vm};
use crate::manifest::text::ec2_description;
use crate::reconcile::context::Error;
use crate::reconcile::earlier_imports::EarlierImports;
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
    let answer = match machine {
        Some(machine) => step.aws().import_image(request, machine).await,
        None => step.aws().import_snapshot(request).await,
    };
    // An earlier attempt may have been heard although its answer was lost, or the request was changed since by another
    // setting of the stack: that one's task is the one.
    if let Err(error) = &answer
        && error.remedy == Remedy::Never
        && let Some(found) = adopt(step).await?
    {
        return Ok(found);
    }
    let answer = answer.map(|seen| known(step, &seen));
    Ok(answered(step, answer))
}

/// Takes over the import task of this attempt, if EC2 lists one that has not come to a bad end.
pub(super) async fn adopt(step: &StepContext<'_>) -> Result<Option<StepOutcome>, Error> {
    let tags = ownership::creation_tags(step.status);
    let is_ours = |task: &&ObservedTask| {
        ownership::has_tags(&task.tags, &tags) && phase(&task.state) != Phase::Failed
    };
    let tasks = step.aws().list_import_tasks(kind(step)).await?;
    let seen = tasks.iter().find(is_ours);
    Ok(seen.map(|seen| found(known(step, seen))))
}

/// What EC2 imports, or has imported, for attempts of which no status is left.
pub(in crate::reconcile::build) enum Earlier {
    /// Nothing that matters.
    Nothing,
    /// This goes on.
    GoesOn(StepOutcome),
    /// EC2 would answer this attempt's client token with an import that has ended: this comes before one is begun.
    HasEnded(StepOutcome),
}

/// Takes over the import task of whichever attempt to make this version, the last one first, if EC2 lists one that runs, or whose
/// result nobody has taken over yet. Not one that failed or is being cancelled, nor one whose result somebody has removed; and
/// what has its tags was the business of an attempt that went on: it may be kept on purpose.
pub(super) async fn resume(step: &StepContext<'_>, spec: Option<&Spec>) -> Result<Earlier, Error> {
    let alone = EarlierImports::default();
    let earlier = step.context.earlier_imports.unwrap_or(&alone);
    let listed = earlier.of(step.aws(), step.config(), kind(step)).await?;
    let attempts = listed.iter().filter_map(|task| {
        let attempt = ownership::attempt_of_version(step.status, &task.tags)?;
        Some((attempt, task))
    });
    let mut tasks: Vec<(Attempt, &ObservedTask)> = attempts.collect();
    tasks.sort_by_key(|(attempt, _)| Reverse(*attempt));
    for (attempt, seen) in &tasks {
        let goes_on = match phase(&seen.state) {
            Phase::Running => true,
            Phase::Complete => is_unclaimed(step, seen).await?,
            Phase::Ending | Phase::Failed => false,
        };
        let name = match spec {
            Some(spec) => spec.name_of_upload(step.status, attempt.uploaded_at),
            None => step.status.build.name.clone(),
        };
        if goes_on && let Some(name) = name {
            let evidence = Evidence::TaskResumed(Resumed {
                attempt: *attempt,
                name,
                task: known(step, seen),
            });
            return Ok(Earlier::GoesOn(StepOutcome::Advance(evidence)));
        }
    }
    Ok(has_ended(step, &tasks))
}

/// What comes before an import whose client token EC2 knows: by those of this very attempt, or of later ones of the same upload,
/// none of which goes on. Only while nothing was sent for this attempt: else it may be its own import that has ended,
/// before anybody heard of it, and the same request gets that. `tasks` has the last one first.
fn has_ended(step: &StepContext<'_>, tasks: &[(Attempt, &ObservedTask)]) -> Earlier {
    let own = Attempt::of(step.status);
    let is_known = |it: &Attempt| it.uploaded_at == own.uploaded_at && *it >= own;
    let mut known = tasks.iter().filter(|(attempt, _)| is_known(attempt));
    let mut ended = known.clone();
    let Some((last, task)) = known.next() else {
        return Earlier::Nothing;
    };
    let reason = WaitReason::Unproven {
        what: task.id.clone(),
    };
    let waiting = step.status.build.waiting.as_ref();
    let is_unsent = step.is_first || is_held_back(step);
    if !is_unsent && !waiting.is_some_and(|it| it.reason.is_same(&reason)) {
        return Earlier::Nothing;
    }
    // What was made of it may not be shown yet: then it is found, and nothing is made twice. One that is being cancelled may be
    // completed all the same.
    let may_show = ended.any(|(_, task)| phase(&task.state) != Phase::Failed);
    let wait = step.wait_up_to(reason, VISIBILITY_GRACE);
    Earlier::HasEnded(wait.filter(|_| may_show).unwrap_or_else(|| {
        StepOutcome::Advance(Evidence::AttemptEnded {
            task: Some(task.id.clone()),
            next: last.number.saturating_add(1),
        })
    }))
}

/// Whether what an import has made that has ended is waited for, before another is begun.
pub(in crate::reconcile::build) fn is_looking(status: &Status) -> bool {
    let waiting = status.build.waiting.as_ref();
    waiting.is_some_and(|it| matches!(it.reason, WaitReason::Unproven { .. }))
}

/// Whether the request rate is used up ever since the step began: then nothing was sent for it. Unless by an invocation that died
/// since; what it began and failed by now is begun once more then.
fn is_held_back(step: &StepContext<'_>) -> bool {
    let build = &step.status.build;
    build.waiting.as_ref().is_some_and(|it| {
        matches!(it.reason, WaitReason::RateLimited { .. }) && it.since == build.step_since
    })
}

/// Whether what a completed task has made is there, and no attempt has tagged it yet.
async fn is_unclaimed(step: &StepContext<'_>, seen: &ObservedTask) -> Result<bool, Error> {
    if let Some(image) = &seen.image {
        let images = step
            .aws()
            .find_images("image-id", std::slice::from_ref(image));
        let is_gone = |state: &str| state == "deregistered" || has_failed(state);
        let is_meant = |it: &ObservedImage| !is_gone(&it.state) && lacks_attempt(&it.tags);
        return Ok(images.await?.iter().any(is_meant));
    }
    if kind(step) == TaskKind::ImportImage || seen.snapshots.is_empty() {
        return Ok(false);
    }
    let snapshots = step.aws().find_snapshots("snapshot-id", &seen.snapshots);
    let is_meant = |it: &ObservedSnapshot| it.state != "error" && lacks_attempt(&it.tags);
    Ok(snapshots.await?.iter().any(is_meant))
}

/// Whether something has not got the tags yet that tell which attempt has made it.
fn lacks_attempt(tags: &BTreeMap<String, String>) -> bool {
    !tags.contains_key(ATTEMPT_TAG)
}

fn kind(step: &StepContext<'_>) -> TaskKind {
    match step.status.build.source {
        Some(SourceKind::Vm) => TaskKind::ImportImage,
        _ => TaskKind::ImportSnapshot,
    }
}

fn known(step: &StepContext<'_>, seen: &ObservedTask) -> Task {
    Task::started(kind(step), &step.config().region, seen, step.now())
}
