//! BundleInstance.

use jiff::Timestamp;

use super::request::{answered, found};
use crate::aws::{BundledInstance, Remedy};
use crate::image::message::failures;
use crate::image::observed::ObservedTask;
use crate::image::outcome::StepOutcome;
use crate::image::status::Failure;
use crate::image::task::{Phase, Task, TaskKind, phase};
use crate::image::words::{FailureKind, WaitReason};
use crate::manifest::location::s3_uri;
use crate::reconcile::context::Error;
use crate::reconcile::proof;
use crate::reconcile::step_context::{StepContext, failure};
use crate::upload_policy::{self, BundleKey, POLICY_LIFE};

/// Bundles an instance, unless that has been done.
pub(super) async fn start(step: &StepContext<'_>, instance_id: &str) -> Result<StepOutcome, Error> {
    if let Some(found) = adopt(step).await? {
        return Ok(found);
    }
    let key = match bundle_key(step).await? {
        Ok(key) => key,
        Err(failure) => return Ok(StepOutcome::Fail(failure)),
    };
    let bucket = &step.config().state_bucket;
    let prefix = proof::bundle_prefix(step.status);
    let expires_at = step.now().checked_add(POLICY_LIFE);
    let expires_at = expires_at.unwrap_or(Timestamp::MAX);
    let policy = upload_policy::policy(bucket, &prefix, expires_at);
    let signature = upload_policy::sign(&policy, &key);
    let request = BundledInstance {
        instance_id: instance_id.to_owned(),
        bucket: bucket.clone(),
        prefix,
        access_key_id: key.access_key_id,
        policy,
        signature,
    };
    let answer = step.aws().bundle_instance(&request).await;
    if let Err(error) = &answer
        && error.has_code("BundlingInProgress")
    {
        // Ours after a lost answer, or another manifest's.
        return match adopt(step).await? {
            Some(found) => Ok(found),
            None => wait_for_other(step, instance_id).await,
        };
    }
    let answer = answer.map(|seen| task(step, &seen));
    Ok(answered(step, answer))
}

fn task(step: &StepContext<'_>, seen: &ObservedTask) -> Task {
    let (kind, region) = (TaskKind::BundleInstance, &step.config().region);
    Task::started(kind, region, seen, step.now())
}

/// Takes over the bundle task that puts a bundle where ours belongs, or the bundle that is there already: finished
/// tasks are listed "for only a limited time".
pub(super) async fn adopt(step: &StepContext<'_>) -> Result<Option<StepOutcome>, Error> {
    let prefix = proof::bundle_prefix(step.status);
    let bucket = &step.config().state_bucket;
    let mut tasks = step.aws().find_bundle_tasks_to(bucket, &prefix).await?;
    tasks.sort_by_key(|task| phase(&task.state) == Phase::Failed);
    let seen = match tasks.into_iter().next() {
        Some(task) => Some(task),
        None => finished(step).await?,
    };
    Ok(seen.map(|seen| found(task(step, &seen))))
}

/// A bundle whose task is no longer listed.
async fn finished(step: &StepContext<'_>) -> Result<Option<ObservedTask>, Error> {
    let (bucket, key) = proof::bundle_address(step.config(), step.status);
    let found = step.aws().head_object(&bucket, &key).await?;
    Ok(found.map(|_| ObservedTask {
        id: "bun-unknown".to_owned(),
        state: "complete".to_owned(),
        object: Some(s3_uri(&bucket, &key)),
        ..ObservedTask::default()
    }))
}

async fn wait_for_other(step: &StepContext<'_>, instance_id: &str) -> Result<StepOutcome, Error> {
    let running = running(step, instance_id).await?;
    if let Some(ours) = running.iter().find(|it| is_ours(step, it)) {
        return Ok(found(task(step, ours)));
    }
    Ok(StepOutcome::Wait(WaitReason::InstanceBusy {
        instance: instance_id.to_owned(),
        task: running.into_iter().next().map(|it| it.id),
    }))
}

/// Whether EC2 has refused to bundle the instance ever since the first attempt, as far as its one task at a time tells: the
/// task of another manifest that was in the way still runs, so no attempt since can have been heard.
pub(in crate::reconcile::build) async fn is_refused_until_now(
    step: &StepContext<'_>,
) -> Result<bool, Error> {
    let build = &step.status.build;
    let Some(waiting) = &build.waiting else {
        return Ok(false);
    };
    let WaitReason::InstanceBusy {
        instance,
        task: Some(other),
    } = &waiting.reason
    else {
        return Ok(false);
    };
    if waiting.since != build.step_since {
        return Ok(false);
    }
    let running = running(step, instance).await?;
    Ok(running
        .iter()
        .any(|it| it.id == *other && !is_ours(step, it)))
}

/// The bundle tasks of an instance that have not ended.
async fn running(step: &StepContext<'_>, instance_id: &str) -> Result<Vec<ObservedTask>, Error> {
    let ids = [instance_id.to_owned()];
    let mut tasks = step.aws().find_bundle_tasks("instance-id", &ids).await?;
    tasks.retain(|task| matches!(phase(&task.state), Phase::Running | Phase::Ending));
    Ok(tasks)
}

/// Whether a bundle task writes where the bundle of this image belongs.
fn is_ours(step: &StepContext<'_>, task: &ObservedTask) -> bool {
    let (bucket, key) = proof::bundle_address(step.config(), step.status);
    task.object == Some(s3_uri(&bucket, &key))
}

/// The long-lived key whose signature lets EC2 write the bundle, or why there is none.
async fn bundle_key(step: &StepContext<'_>) -> Result<Result<BundleKey, Failure>, Error> {
    let Some(name) = &step.config().bundle_key_parameter else {
        return Ok(Err(failures::bundle_key(
            "no parameter is named".to_owned(),
        )));
    };
    let secret = match step.aws().secure_parameter(name).await {
        Ok(Some(secret)) => secret,
        Ok(None) => {
            let message = format!("there is no parameter {name}");
            return Ok(Err(failures::bundle_key(message)));
        }
        Err(error) if error.remedy == Remedy::Never => {
            return Ok(Err(failure(FailureKind::BundleKeyUnusable, error)));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(BundleKey::parse(secret.expose())
        .map_err(|error| failures::bundle_key(format!("the parameter {name}: {error}"))))
}
