//! EC2: instances that become bundles.

use std::fmt;

use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{BundleTask, Filter, S3Storage, Storage};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::ec2::{filter, once, percent, said, unnamed};
use super::{Aws, AwsError};
use crate::image::observed::ObservedTask;

/// What is bundled, and the right to put it into S3: BundleInstance's parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct BundledInstance {
    /// `i-…`.
    pub instance_id: String,
    /// The bucket for the bundle.
    pub bucket: String,
    /// What the keys of its objects begin with; the manifest's is this and `.manifest.xml`.
    pub prefix: String,
    /// The id of the long-lived key that the policy is signed with.
    pub access_key_id: String,
    /// The upload policy: its JSON as it is, which the SDK encodes.
    pub policy: String,
    /// The policy's signature: base64 of the HMAC-SHA1 of the encoded policy.
    pub signature: String,
}

impl fmt::Debug for BundledInstance {
    /// Without what lets others write into the bucket.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BundledInstance")
            .field("instance_id", &self.instance_id)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Aws {
    /// Begins to bundle an instance. Look before: the call has no client token, so it is sent once and never again by
    /// itself.
    ///
    /// # Errors
    /// If EC2 refuses, or does not answer: then it may have begun. The error says nothing of policy, signature or key.
    pub async fn bundle_instance(
        &self,
        wanted: &BundledInstance,
    ) -> Result<ObservedTask, AwsError> {
        let place = S3Storage::builder()
            .bucket(&wanted.bucket)
            .prefix(&wanted.prefix)
            .aws_access_key_id(&wanted.access_key_id)
            .upload_policy(Blob::new(wanted.policy.as_bytes()))
            .upload_policy_signature(&wanted.signature)
            .build();
        let request = self
            .ec2()
            .bundle_instance()
            .instance_id(&wanted.instance_id)
            .storage(Storage::builder().s3(place).build())
            .customize()
            .config_override(once());
        let doing = format!("bundling the instance {}", wanted.instance_id);
        let answer = self.ask_ec2("BundleInstance", &doing, request.send()).await;
        let answer = answer.map_err(|error| discreet(error, wanted))?;
        match answer.bundle_task.map(observed) {
            Some(task) if !task.id.is_empty() => Ok(task),
            _ => Err(unnamed("BundleInstance", doing, "the task")),
        }
    }

    /// The bundle tasks that have one of these values for a filter of DescribeBundleTasks, which has no pages. At most
    /// [`FILTER_VALUES_MAX`](super::FILTER_VALUES_MAX) values. EC2 lists ended tasks "for only a limited time".
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn find_bundle_tasks(
        &self,
        name: &str,
        values: &[String],
    ) -> Result<Vec<ObservedTask>, AwsError> {
        let doing = format!("looking for bundle tasks by {name}");
        self.bundle_tasks(doing, vec![filter(name, values)]).await
    }

    /// The bundle tasks that write to this place.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn find_bundle_tasks_to(
        &self,
        bucket: &str,
        prefix: &str,
    ) -> Result<Vec<ObservedTask>, AwsError> {
        let filters = vec![
            filter("s3-bucket", &[bucket.to_owned()]),
            filter("s3-prefix", &[prefix.to_owned()]),
        ];
        let doing = format!("looking for bundle tasks to s3://{bucket}/{prefix}");
        self.bundle_tasks(doing, filters).await
    }

    async fn bundle_tasks(
        &self,
        doing: String,
        filters: Vec<Filter>,
    ) -> Result<Vec<ObservedTask>, AwsError> {
        let request = self
            .ec2()
            .describe_bundle_tasks()
            .set_filters(Some(filters));
        let answer = self
            .ask_ec2("DescribeBundleTasks", doing, request.send())
            .await?;
        let tasks = answer.bundle_tasks.unwrap_or_default();
        Ok(tasks.into_iter().map(observed).collect())
    }

    /// Cancels a bundle task. What becomes of it, its state tells.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses: for example because the task has ended.
    pub async fn cancel_bundle_task(&self, id: &str) -> Result<(), AwsError> {
        let request = self.ec2().cancel_bundle_task().bundle_id(id);
        let doing = format!("cancelling the bundle task {id}");
        self.ask_ec2("CancelBundleTask", doing, request.send())
            .await?;
        Ok(())
    }
}

/// The error without the secrets of the request, should the service quote them.
fn discreet(error: AwsError, wanted: &BundledInstance) -> AwsError {
    let encoded = STANDARD.encode(&wanted.policy);
    let secrets = [
        &encoded,
        &wanted.policy,
        &wanted.signature,
        &wanted.access_key_id,
    ];
    let message = secrets
        .into_iter()
        .filter(|secret| !secret.is_empty())
        .fold(error.message, |message, secret| {
            message.replace(secret.as_str(), "…")
        });
    AwsError { message, ..error }
}

fn observed(task: BundleTask) -> ObservedTask {
    let object = task.storage.and_then(|storage| {
        let place = storage.s3?;
        Some(format!(
            "s3://{}/{}.manifest.xml",
            place.bucket?, place.prefix?
        ))
    });
    let (code, message) = task
        .bundle_task_error
        .map(|error| (said(error.code), said(error.message)))
        .unwrap_or_default();
    ObservedTask {
        id: task.bundle_id.unwrap_or_default(),
        state: task
            .state
            .map(|state| state.as_str().to_owned())
            .unwrap_or_default(),
        progress: percent(task.progress.as_deref()),
        message,
        code,
        object,
        instance: said(task.instance_id),
        ..ObservedTask::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Remedy;
    use super::*;

    fn wanted() -> BundledInstance {
        BundledInstance {
            instance_id: "i-1".into(),
            bucket: "b".into(),
            prefix: "p".into(),
            access_key_id: "AKIDEXAMPLE".into(),
            policy: r#"{"expiration": "2026"}"#.into(),
            signature: "c2lnbmVk".into(),
        }
    }

    #[test]
    fn debug_output_gives_no_right_away() {
        let text = format!("{:?}", wanted());
        assert_eq!(
            text,
            r#"BundledInstance { instance_id: "i-1", bucket: "b", prefix: "p", .. }"#
        );
    }

    #[test]
    fn an_error_that_quotes_the_request_is_discreet() {
        let wanted = wanted();
        let encoded = STANDARD.encode(&wanted.policy);
        let message = format!(
            "{encoded} of AKIDEXAMPLE is not {}, nor signed c2lnbmVk",
            wanted.policy
        );
        let doing = "bundling the instance i-1";
        let error = AwsError::unexplained("BundleInstance", doing, Remedy::Never, message);
        let message = discreet(error, &wanted).message;
        assert_eq!(message, "… of … is not …, nor signed …");
    }
}
