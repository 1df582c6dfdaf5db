//! BundleInstance.

use jiff::Timestamp;

use super::{answered, client_token};
use crate::aws::{AwsError, BundledInstance};
use crate::image::observed::ObservedTask;
use crate::image::status::{Status, Waiting};
use crate::image::task::{Phase, Task, TaskKind, phase};
use crate::image::transition;
use crate::reconcile::{Context, Error, hints};
use crate::upload_policy::{self, BundleKey, POLICY_LIFE};

/// Digits of the attempt's token that go into the prefix: a bundle never lies over that of another version.
const VERSION_DIGITS: usize = 16;

/// Bundles an instance, unless that has been done.
pub(super) async fn bundle(
    context: Context<'_>,
    status: &mut Status,
    instance_id: &str,
) -> Result<bool, Error> {
    if adopt(context, status).await? {
        return Ok(true);
    }
    let key = match bundle_key(context).await? {
        Ok(key) => key,
        Err(failure) => {
            transition::fail(status, failure, context.now);
            return Ok(true);
        }
    };
    let bucket = &context.config.bucket;
    let prefix = prefix(context, status);
    let expires_at = context
        .now
        .checked_add(POLICY_LIFE)
        .unwrap_or(Timestamp::MAX);
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
    let answer = context.aws.bundle_instance(&request).await;
    if let Err(error) = &answer
        && error.has_code("BundlingInProgress")
    {
        // Ours after a lost answer, or another manifest's.
        return Ok(
            adopt(context, status).await? || wait_for_other(context, status, instance_id).await?
        );
    }
    let kind = TaskKind::BundleInstance;
    let answer = answer.map(|seen| Task::started(kind, &context.config.region, &seen, context.now));
    Ok(answered(context, status, answer, |error: &AwsError| {
        hints::for_refused_task(kind, error)
    }))
}

/// Where EC2 is to put the bundle; it adds `.manifest.xml` and `.part.N`.
pub(in crate::reconcile) fn prefix(context: Context<'_>, status: &Status) -> String {
    let token = client_token(status);
    let version = token.get(..VERSION_DIGITS).unwrap_or(&token);
    context
        .config
        .state
        .bundle_prefix(&status.manifest.key, version)
}

/// Takes up the bundle task that puts a bundle where ours belongs, or the bundle that is there already: finished tasks
/// are listed "for only a limited time".
pub(super) async fn adopt(context: Context<'_>, status: &mut Status) -> Result<bool, Error> {
    let bucket = &context.config.bucket;
    let prefix = prefix(context, status);
    let mut tasks = context.aws.find_bundle_tasks_to(bucket, &prefix).await?;
    tasks.sort_by_key(|task| phase(&task.state) == Phase::Failed);
    let seen = match tasks.into_iter().next() {
        Some(task) => task,
        None => match finished(context, &prefix).await? {
            Some(bundle) => bundle,
            None => return Ok(false),
        },
    };
    let task = Task::started(
        TaskKind::BundleInstance,
        &context.config.region,
        &seen,
        context.now,
    );
    let why = "found where an earlier try had started it";
    transition::task_started(status, task, why, context.now);
    transition::task_seen(status, Some(&seen), context.now);
    Ok(true)
}

/// A bundle whose task is listed no longer.
async fn finished(context: Context<'_>, prefix: &str) -> Result<Option<ObservedTask>, Error> {
    let bucket = &context.config.bucket;
    let key = format!("{prefix}.manifest.xml");
    let found = context.aws.head_object(bucket, &key).await?;
    Ok(found.map(|_| ObservedTask {
        id: "bun-unknown".to_owned(),
        state: "complete".to_owned(),
        object: Some(format!("s3://{bucket}/{key}")),
        ..ObservedTask::default()
    }))
}

async fn wait_for_other(
    context: Context<'_>,
    status: &mut Status,
    instance_id: &str,
) -> Result<bool, Error> {
    let others = context
        .aws
        .find_bundle_tasks("instance-id", &[instance_id.to_owned()])
        .await?;
    let running = others
        .iter()
        .find(|task| matches!(phase(&task.state), Phase::Running | Phase::Ending));
    let by = running
        .map(|task| format!(" by the task {}", task.id))
        .unwrap_or_default();
    let waiting = Waiting {
        code: Some("BundlingInProgress".to_owned()),
        ..Waiting::new(format!(
            "{instance_id} is being bundled{by}, which is not this manifest's; it comes after that"
        ))
    };
    Ok(transition::wait(status, waiting, context.now))
}

/// The long-lived key whose signature lets EC2 write the bundle, or why there is none.
async fn bundle_key(
    context: Context<'_>,
) -> Result<Result<BundleKey, crate::image::status::Failure>, Error> {
    let Some(name) = &context.config.bundle_key_parameter else {
        return Ok(Err(hints::no_bundle_key(
            "no parameter is named".to_owned(),
        )));
    };
    let secret = match context.aws.secure_parameter(name).await {
        Ok(Some(secret)) => secret,
        Ok(None) => {
            return Ok(Err(hints::no_bundle_key(format!(
                "there is no parameter {name}"
            ))));
        }
        Err(error) if error.remedy == crate::aws::Remedy::Never => {
            let hint = hints::no_bundle_key(String::new()).hint;
            return Ok(Err(error.into_failure(hint)));
        }
        Err(error) => return Err(error.into()),
    };
    Ok(BundleKey::parse(secret.expose())
        .map_err(|error| hints::no_bundle_key(format!("the parameter {name}: {error}"))))
}
