//! `store-image`: the AMI is available, and is kept in S3, too. CreateStoreImageTask has neither a client token nor
//! anything else by which EC2 would recognise a repetition: that it is about to be sent is claimed first.

use std::collections::BTreeMap;

use super::proven;
use crate::aws::{AwsError, Remedy};
use crate::image::message::failures;
use crate::image::observed::ObservedTask;
use crate::image::outcome::{Claim, Evidence, Origin, StepOutcome};
use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{Failure, Owners};
use crate::image::task::{Task, TaskKind};
use crate::image::words::WaitReason;
use crate::manifest::guardrails::Guardrails;
use crate::manifest::location::s3_uri;
use crate::reconcile::context::Error;
use crate::reconcile::manifest_reader::ManifestRead;
use crate::reconcile::named_sources;
use crate::reconcile::step_context::{StepContext, request_refused, retrying};

pub(super) const ACTION: &str = "CreateStoreImageTask";

pub(super) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    let region = step.status.image_in(&step.config().region);
    let (Some(store), Some(region)) = (&step.status.store, region) else {
        return Ok(StepOutcome::Unchanged);
    };
    let id = &region.image;
    // The bucket comes from the status, and the stack's owner may have closed it meanwhile.
    let guardrails = &step.config().guardrails;
    if !guardrails.store_buckets.allows(&store.bucket) {
        return Ok(StepOutcome::Fail(closed(guardrails, &store.bucket)));
    }
    if step.claimed.is_some() {
        return Ok(ask(&step, &store.bucket, id).await);
    }
    if let Some(seen) = find(&step, &store.bucket, id).await? {
        return Ok(started(&step, &seen, Origin::Found));
    }
    if let Some(asked_at) = store.asked_at
        && step.now().duration_since(asked_at) <= VISIBILITY_GRACE
    {
        let image = id.clone();
        return Ok(StepOutcome::Wait(WaitReason::StoreUnanswered {
            image,
            asked_at,
        }));
    }
    // That it asks for this bucket was compared before.
    if let Err(outcome) = Box::pin(named_sources::allowed(&step, failures::manifest_gone)).await {
        return Ok(outcome);
    }
    if !proven::has_image(&step, id).await? {
        let what = id.clone();
        let wait = step.wait_up_to(WaitReason::Unproven { what }, VISIBILITY_GRACE);
        return Ok(wait.unwrap_or_else(|| StepOutcome::Fail(failures::unproven(id))));
    }
    Ok(StepOutcome::Claim(Claim::Store))
}

async fn ask(step: &StepContext<'_>, bucket: &str, id: &str) -> StepOutcome {
    let tags = match step.manifest {
        ManifestRead::Spec(spec) => spec.store_tags(),
        _ => BTreeMap::new(),
    };
    match step.aws().create_store_image_task(id, bucket, &tags).await {
        Ok(key) => {
            let seen = ObservedTask {
                id: id.to_owned(),
                state: "InProgress".to_owned(),
                object: Some(s3_uri(bucket, &key)),
                ..ObservedTask::default()
            };
            started(step, &seen, Origin::Created)
        }
        Err(error) if error.is_throttled() || error.is_rate_limited_locally() => {
            let action = ACTION.to_owned();
            StepOutcome::NotBegun(WaitReason::RateLimited { action })
        }
        // The AMI was made a moment ago; what EC2 answers is eventually consistent.
        Err(error) if is_not_seen_yet(&error) && !step.step_exceeds(VISIBILITY_GRACE) => {
            StepOutcome::NotBegun(retrying(&error))
        }
        Err(error) if error.remedy == Remedy::Never => StepOutcome::Fail(request_refused(error)),
        Err(error) if is_refused_for_now(&error) => StepOutcome::NotBegun(retrying(&error)),
        Err(error) => StepOutcome::Wait(retrying(&error)),
    }
}

/// Whether EC2 has begun nothing and may take the request later: a state or a quota kept it from that.
fn is_refused_for_now(error: &AwsError) -> bool {
    error.has_code("IncorrectState") || error.is_about_capacity() || is_not_seen_yet(error)
}

/// Whether EC2 does not know the AMI that we have just seen.
fn is_not_seen_yet(error: &AwsError) -> bool {
    error.has_code("InvalidAMIID.NotFound") || error.has_code("InvalidAMIID.Unavailable")
}

/// The stack's owner has closed the bucket meanwhile.
fn closed(guardrails: &Guardrails, bucket: &str) -> Failure {
    let arn = guardrails.bucket_arn(bucket);
    failures::manifest_not_allowed(format!(
        "the bucket {bucket} is not among those that AMIs are stored in: the stack's owner adds {arn} to \
         the parameter StoreBuckets"
    ))
}

fn started(step: &StepContext<'_>, seen: &ObservedTask, origin: Origin) -> StepOutcome {
    let task = Task::started(
        TaskKind::StoreImage,
        &step.config().region,
        seen,
        step.now(),
    );
    StepOutcome::Advance(Evidence::TaskStarted {
        task,
        origin,
        owners: Owners::new(),
    })
}

/// The task that stores, or has stored, the AMI in the bucket; also where only its object is left to be seen: tasks are
/// listed for 31 days.
async fn find(
    step: &StepContext<'_>,
    bucket: &str,
    image_id: &str,
) -> Result<Option<ObservedTask>, Error> {
    let ids = [image_id.to_owned()];
    let tasks = step.aws().find_store_image_tasks(&ids);
    let is_there = |task: &ObservedTask| task.bucket().is_none_or(|it| it == bucket);
    match tasks.await?.into_iter().find(is_there) {
        Some(task) => Ok(Some(task)),
        None => stored_object(step, bucket, image_id).await,
    }
}

/// The object of a stored AMI ("Store and restore an AMI": it is named after the AMI, and there when it is complete).
pub(super) async fn stored_object(
    step: &StepContext<'_>,
    bucket: &str,
    image_id: &str,
) -> Result<Option<ObservedTask>, Error> {
    let key = format!("{image_id}.bin");
    let found = match step.aws().head_object(bucket, &key).await {
        Ok(found) => found,
        // A bucket that may be written to need not be readable: then the object cannot be seen.
        Err(error) if error.remedy == Remedy::Never => None,
        Err(error) => return Err(error.into()),
    };
    Ok(found.map(|_| ObservedTask {
        id: image_id.to_owned(),
        state: "Completed".to_owned(),
        object: Some(s3_uri(bucket, &key)),
        ..ObservedTask::default()
    }))
}
