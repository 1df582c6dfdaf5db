//! Asking EC2 for the proof that something is this attempt's ([`crate::reconcile::proof`]), where no lookup that was
//! made anyway has it.

use crate::image::observed::ObservedTask;
use crate::image::ownership;
use crate::image::task::{Task, TaskKind};
use crate::reconcile::context::Error;
use crate::reconcile::proof::{Observed, is_own_image, is_own_task};
use crate::reconcile::step_context::StepContext;

/// The task as EC2 shows it, if that is proven to be this attempt's: as it was seen in this invocation, or as it is
/// listed now.
pub(super) async fn task(
    step: &StepContext<'_>,
    task: &Task,
) -> Result<Option<ObservedTask>, Error> {
    if let Some(Observed::Task(seen)) = step.observed
        && is_own_task(step.config(), step.status, task, seen)
    {
        return Ok(Some(seen.clone()));
    }
    listed_task(step, task).await
}

/// The task as EC2 lists it now, if that is proven to be this attempt's.
pub(super) async fn listed_task(
    step: &StepContext<'_>,
    task: &Task,
) -> Result<Option<ObservedTask>, Error> {
    let aws = step.aws();
    let id = std::slice::from_ref(&task.id);
    let tasks = match task.kind {
        TaskKind::ImportSnapshot | TaskKind::ImportImage => {
            aws.list_import_tasks(task.kind).await?
        }
        TaskKind::BundleInstance => aws.find_bundle_tasks("bundle-id", id).await?,
        TaskKind::StoreImage => aws.find_store_image_tasks(id).await?,
        TaskKind::CopyImage | TaskKind::RestoreImage => Vec::new(),
    };
    let is_own = |seen: &ObservedTask| is_own_task(step.config(), step.status, task, seen);
    Ok(tasks.into_iter().find(is_own))
}

/// Whether EC2 shows an AMI of this id that has the ownership tags of this version.
pub(super) async fn has_image(step: &StepContext<'_>, id: &str) -> Result<bool, Error> {
    if let Some(Observed::Image(seen)) = step.observed
        && seen.id == id
        && is_own_image(step.status, seen)
    {
        return Ok(true);
    }
    let found = step.aws().find_images("image-id", &[id.to_owned()]).await?;
    Ok(found.iter().any(|image| is_own_image(step.status, image)))
}

/// The snapshot that a disk of this attempt has become: that its import task names, or that has the attempt's tags.
pub(super) async fn imported_snapshot(step: &StepContext<'_>) -> Result<Option<String>, Error> {
    let tasks = step.status.build.tasks.iter();
    let Some(import) = tasks
        .rev()
        .find(|task| task.kind == TaskKind::ImportSnapshot)
    else {
        return Ok(None);
    };
    if let Some(Observed::Task(seen)) = step.observed
        && is_own_task(step.config(), step.status, import, seen)
        && let Some(snapshot) = seen.snapshots.first()
    {
        return Ok(Some(snapshot.clone()));
    }
    let aws = step.aws();
    let found = aws.find_snapshots("snapshot-id", &import.snapshots).await?;
    let tags = ownership::creation_tags(step.status);
    let tagged = found
        .into_iter()
        .find(|snapshot| ownership::has_tags(&snapshot.tags, &tags));
    if let Some(snapshot) = tagged {
        return Ok(Some(snapshot.id));
    }
    let listed = listed_task(step, import).await?;
    Ok(listed.and_then(|task| task.snapshots.into_iter().next()))
}
