//! `tag-imported`: ImportSnapshot and ImportImage tag their task, not what it makes. Tagged is what EC2's task with our
//! tags names now, never what the status does.

use super::{check_object, proven};
use crate::aws::Remedy;
use crate::image::message::failures;
use crate::image::observed::ObservedTask;
use crate::image::outcome::{Evidence, Imported, StepOutcome};
use crate::image::ownership;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::task::{Task, TaskKind};
use crate::image::words::WaitReason;
use crate::reconcile::context::Error;
use crate::reconcile::lookup;
use crate::reconcile::manifest_reader::ManifestRead;
use crate::reconcile::step_context::{StepContext, request_refused, retrying};

/// The tag that people and the console take for a name. An imported AMI has its task's id for one, and keeps it.
const NAME_TAG: &str = "Name";

pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    let status = step.status;
    let Some(task) = status.build.tasks.last() else {
        return Ok(StepOutcome::Unchanged);
    };
    let seen = proven::task(&step, task).await?;
    let Some(seen) = seen.filter(|seen| !is_older(task, seen)) else {
        return not_listed(&step, task).await;
    };
    let imported = Imported {
        image: seen.image,
        snapshots: seen.snapshots,
        lacks_tags: lacks_tags(&step),
        replaced: check_object::replaced_meanwhile(&step).await?,
    };
    let ids: Vec<String> = imported
        .image
        .iter()
        .chain(&imported.snapshots)
        .cloned()
        .collect();
    if ids.is_empty() {
        return Ok(StepOutcome::Fail(failures::made_nothing(task, "snapshot")));
    }
    // What is imported is ours whatever became of the manifest: without the tags it could not be deleted.
    let mut tags = match step.manifest {
        ManifestRead::Spec(spec) => spec.tags(status),
        _ => ownership::creation_tags(status),
    };
    if imported.image.is_some()
        && let Some(name) = &status.build.name
    {
        tags.entry(NAME_TAG.to_owned()).or_insert(name.clone());
    }
    let Err(error) = step.aws().create_tags(&ids, &tags).await else {
        return Ok(StepOutcome::Advance(Evidence::ImportTagged(imported)));
    };
    // EC2's answers are eventually consistent: what a task has just made may not be found.
    let reason = retrying(&error);
    let may_pass = error.is_not_found() && !step.has_waited(&reason, VISIBILITY_GRACE);
    if error.remedy == Remedy::Never && !may_pass {
        return Ok(StepOutcome::Fail(request_refused(error)));
    }
    Ok(StepOutcome::Wait(reason))
}

/// Whether a read is older than what is known of a task: EC2's answers are eventually consistent.
fn is_older(known: &Task, seen: &ObservedTask) -> bool {
    let lacks_image = known.image.is_some() && seen.image.is_none();
    let lacks_snapshots = !known.snapshots.is_empty() && seen.snapshots.is_empty();
    lacks_image || lacks_snapshots
}

/// Whether nobody can tell now which tags the manifest asks for, or those are forbidden.
fn lacks_tags(step: &StepContext<'_>) -> bool {
    !matches!(step.manifest, ManifestRead::Spec(_))
}

/// EC2 does not list the task as ours. What it made may have its tags already: an answer may have been lost.
async fn not_listed(step: &StepContext<'_>, task: &Task) -> Result<StepOutcome, Error> {
    let tags = ownership::creation_tags(step.status);
    let mut imported = Imported::default();
    if task.kind == TaskKind::ImportImage {
        let images = lookup::tagged(step.context, step.status).await?;
        let mut ours = images
            .into_iter()
            .filter(|image| ownership::has_tags(&image.tags, &tags));
        if let Some(image) = ours.next() {
            imported.snapshots = image.snapshots;
            imported.image = Some(image.id);
        }
    } else {
        let snapshots = lookup::tagged_snapshots(step.context, step.status).await?;
        let ours = snapshots
            .into_iter()
            .filter(|snapshot| ownership::has_tags(&snapshot.tags, &tags));
        imported.snapshots = ours.map(|snapshot| snapshot.id).collect();
    }
    if imported != Imported::default() {
        imported.lacks_tags = lacks_tags(step);
        imported.replaced = check_object::replaced_meanwhile(step).await?;
        return Ok(StepOutcome::Advance(Evidence::ImportTagged(imported)));
    }
    let what = task.id.clone();
    let wait = step.wait_up_to(WaitReason::Unproven { what }, VISIBILITY_GRACE);
    Ok(wait.unwrap_or_else(|| StepOutcome::Fail(failures::task_lost(task))))
}
