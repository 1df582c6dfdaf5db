//! `tag-imported`: ImportSnapshot and ImportImage tag their task, not what it makes.

use crate::aws::Remedy;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::ownership;
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::words::FailureKind;
use crate::reconcile::context::Error;
use crate::reconcile::spec::ManifestRead;
use crate::reconcile::step_context::{StepContext, failure, retrying};

/// The tag that people and the console take for a name. An imported AMI has its task's id for one, and keeps it.
const NAME_TAG: &str = "Name";

pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    let status = step.status;
    let Some(task) = status.build.tasks.last() else {
        return Ok(StepOutcome::Unchanged);
    };
    let ids: Vec<String> = task.image.iter().chain(&task.snapshots).cloned().collect();
    // What is imported is ours whatever became of the manifest: without the tags it could not be deleted.
    let mut tags = match step.manifest {
        ManifestRead::Spec(spec) => spec.tags(status),
        _ => ownership::creation_tags(status),
    };
    if task.image.is_some()
        && let Some(name) = &status.build.name
    {
        tags.entry(NAME_TAG.to_owned()).or_insert(name.clone());
    }
    let Err(error) = step.aws().create_tags(&ids, &tags).await else {
        return Ok(StepOutcome::Advance(Evidence::ImportTagged));
    };
    // EC2's answers are eventually consistent: what a task has just made may not be found.
    let code = error.code.as_deref().unwrap_or_default();
    let reason = retrying(&error);
    let may_pass = code.ends_with(".NotFound") && !step.has_waited(&reason, VISIBILITY_GRACE);
    if error.remedy == Remedy::Never && !may_pass {
        let action = "CreateTags".to_owned();
        let kind = FailureKind::RequestRefused { action };
        return Ok(StepOutcome::Fail(failure(kind, error)));
    }
    Ok(StepOutcome::Wait(reason))
}
