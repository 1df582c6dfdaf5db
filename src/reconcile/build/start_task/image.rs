//! CopyImage and CreateRestoreImageTask: the AMI is there at once, and pending.

use std::collections::{BTreeMap, BTreeSet};

use super::request::{answered, found};
use crate::aws::{CopiedImage, RestoredImage};
use crate::image::message::problems;
use crate::image::observed::ObservedImage;
use crate::image::outcome::StepOutcome;
use crate::image::ownership::{self, Lookup};
use crate::image::plan::REGISTER_GRACE;
use crate::image::task::{Task, TaskKind};
use crate::image::words::{SourceKind, WaitReason};
use crate::manifest::image::Image as SourceImage;
use crate::reconcile::build::{encryption, sources};
use crate::reconcile::context::Error;
use crate::reconcile::lookup;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::{StepContext, retrying};

pub(super) async fn copy(
    step: &StepContext<'_>,
    spec: &Spec,
    source: &SourceImage,
) -> Result<StepOutcome, Error> {
    // Copies may have the name of another AMI as far as EC2 is concerned; the two could not be distinguished.
    if let Some(outcome) = already_there(step, TaskKind::CopyImage).await? {
        return Ok(outcome);
    }
    let sources = match sources::look(step, spec).await? {
        Ok(found) => found,
        Err(outcome) => return Ok(outcome),
    };
    let found = sources.image.clone().unwrap_or_default();
    if let Some(outcome) = Box::pin(encryption::check(step, spec, Some(&found))).await {
        return Ok(outcome);
    }
    let tags = spec.tags(step.status);
    let further_tags = match source.copy_tags {
        Some(true) => ownership::copied_tags(&found.tags),
        _ => BTreeMap::new(),
    };
    let keys: BTreeSet<&String> = tags.keys().chain(further_tags.keys()).collect();
    if keys.len() > ownership::TAGS_MAX {
        let problem = problems::too_many_tags(further_tags.len(), keys.len());
        return Ok(StepOutcome::Reject(vec![problem]));
    }
    let request = CopiedImage {
        source_id: source.id.clone(),
        source_region: source.region.clone(),
        name: step.status.build.name.clone().unwrap_or_default(),
        description: spec.description().map(str::to_owned),
        client_token: ownership::client_token(step.status),
        tags,
        further_tags,
        encrypted: source.encrypted.unwrap_or_default(),
        kms_key_id: source.kms_key_id.clone(),
        completion_minutes: source.completion_minutes.map(i64::from),
    };
    let answer = step.aws().copy_image(&request).await;
    if let Err(error) = &answer {
        let wait = sources::wait_until_ready(step, &sources, error);
        // It was just seen in its Region; this one may not know of it yet.
        let is_unknown = error.has_code("InvalidAMIID.NotFound") && !sources.has_failed;
        let wait = wait
            .or_else(|| is_unknown.then(|| step.wait_up_to(retrying(error), REGISTER_GRACE))?);
        if let Some(wait) = wait {
            return Ok(wait);
        }
    }
    let answer = answer.map(|id| begun(step, TaskKind::CopyImage, id));
    let outcome = answered(step, answer);
    Ok(sources::noted(outcome, sources.owners))
}

pub(super) async fn restore(step: &StepContext<'_>, spec: &Spec) -> Result<StepOutcome, Error> {
    let kind = TaskKind::RestoreImage;
    if let Some(outcome) = already_there(step, kind).await? {
        return Ok(outcome);
    }
    if let Some(outcome) = Box::pin(encryption::check(step, spec, None)).await {
        return Ok(outcome);
    }
    let build = &step.status.build;
    let object = build.object.as_ref();
    let request = RestoredImage {
        bucket: object
            .map(|object| object.bucket.clone())
            .unwrap_or_default(),
        key: object.map(|object| object.key.clone()).unwrap_or_default(),
        name: build.name.clone().unwrap_or_default(),
        tags: spec.tags(step.status),
    };
    let answer = step.aws().create_restore_image_task(&request).await;
    if let Err(error) = &answer
        && error.has_code("InvalidAMIName.Duplicate")
    {
        // The name is taken: by an attempt whose answer was lost, or an AMI that is not visible any more or yet.
        if let Some(outcome) = already_there(step, kind).await? {
            return Ok(outcome);
        }
        if let Some(wait) = step.wait_up_to(retrying(error), REGISTER_GRACE) {
            return Ok(wait);
        }
    }
    let answer = answer.map(|id| begun(step, kind, id));
    Ok(answered(step, answer))
}

/// Takes over the AMI that an earlier attempt has begun, if EC2 shows one.
pub(super) async fn adopt(step: &StepContext<'_>) -> Result<Option<StepOutcome>, Error> {
    let kind = match step.status.build.source {
        Some(SourceKind::Image) => TaskKind::CopyImage,
        _ => TaskKind::RestoreImage,
    };
    Ok(match lookup::by_tag(step.context, step.status).await? {
        Lookup::Ours(image) => Some(taken_over(step, kind, &image)),
        _ => None,
    })
}

/// Checks whether the AMI, or another of its name, exists. None if nothing is in the way of making it.
async fn already_there(
    step: &StepContext<'_>,
    kind: TaskKind,
) -> Result<Option<StepOutcome>, Error> {
    let found = lookup::by_tag_and_name(step.context, step.status).await?;
    Ok(match found {
        Lookup::Ours(image) => Some(taken_over(step, kind, &image)),
        Lookup::NameTaken(_) | Lookup::Several(_) | Lookup::Absent => lookup::outcome(step, found),
    })
}

/// The AMI is there, unless EC2 only still shows it.
fn taken_over(step: &StepContext<'_>, kind: TaskKind, image: &ObservedImage) -> StepOutcome {
    if lookup::is_going(step.status, &image.id, step.now()) {
        return StepOutcome::Wait(WaitReason::DeletionNotVisible);
    }
    found(task(step, kind, image))
}

fn begun(step: &StepContext<'_>, kind: TaskKind, id: String) -> Task {
    let image = ObservedImage {
        id,
        state: "pending".to_owned(),
        ..ObservedImage::default()
    };
    task(step, kind, &image)
}

fn task(step: &StepContext<'_>, kind: TaskKind, image: &ObservedImage) -> Task {
    Task::of_image(kind, &step.config().region, image, step.now())
}
