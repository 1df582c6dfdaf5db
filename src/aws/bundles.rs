//! EC2: bundling instances.

use std::fmt;

use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{BundleTask, Filter, S3Storage, Storage};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::connect::Aws;
use super::ec2::{filter, incomplete, non_empty, percent, without_retries};
use super::error::AwsError;
use crate::image::observed::ObservedTask;
use crate::keys::bundle_manifest_key;
use crate::manifest::location::s3_uri;

/// BundleInstance's parameters: what is bundled, and the permission to upload it to S3.
#[derive(Clone, PartialEq, Eq)]
pub struct BundledInstance {
    /// `i-…`.
    pub instance_id: String,
    /// The bucket for the bundle.
    pub bucket: String,
    /// The prefix of its objects' keys; the manifest's key is this and `.manifest.xml`.
    pub prefix: String,
    /// The id of the long-lived access key that signs the policy.
    pub access_key_id: String,
    /// The upload policy: plain JSON, which the SDK encodes.
    pub policy: String,
    /// The policy's signature: base64 of the HMAC-SHA1 of the encoded policy.
    pub signature: String,
}

impl fmt::Debug for BundledInstance {
    /// Without what would let others write to the bucket.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BundledInstance")
            .field("instance_id", &self.instance_id)
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Aws {
    /// Starts to bundle an instance. Check for an earlier task first: the call has no client token, so the SDK does not
    /// retry it.
    ///
    /// # Errors
    /// If EC2 refuses, or does not answer: then the task may have started. The error contains neither policy, signature
    /// nor key.
    pub async fn bundle_instance(
        &self,
        params: &BundledInstance,
    ) -> Result<ObservedTask, AwsError> {
        let storage = S3Storage::builder()
            .bucket(&params.bucket)
            .prefix(&params.prefix)
            .aws_access_key_id(&params.access_key_id)
            .upload_policy(Blob::new(params.policy.as_bytes()))
            .upload_policy_signature(&params.signature)
            .build();
        let request = self
            .ec2()
            .bundle_instance()
            .instance_id(&params.instance_id)
            .storage(Storage::builder().s3(storage).build())
            .customize()
            .config_override(without_retries());
        let doing = format!("bundling the instance {}", params.instance_id);
        let answer = self
            .send_ec2("BundleInstance", &doing, Box::pin(request.send()))
            .await;
        let answer = answer.map_err(|error| redacted(error, params))?;
        match answer.bundle_task.map(observed) {
            Some(task) if !task.id.is_empty() => Ok(task),
            _ => Err(incomplete("BundleInstance", doing, "the task")),
        }
    }

    /// The bundle tasks that match one of these values of a filter. DescribeBundleTasks has no pages. At most
    /// [`FILTER_VALUES_MAX`](super::FILTER_VALUES_MAX) values. EC2 lists finished tasks "for only a limited time".
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

    /// The bundle tasks that write to this prefix.
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
        let doing = format!("looking for bundle tasks to {}", s3_uri(bucket, prefix));
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
            .send_ec2("DescribeBundleTasks", doing, Box::pin(request.send()))
            .await?;
        let tasks = answer.bundle_tasks.unwrap_or_default();
        Ok(tasks.into_iter().map(observed).collect())
    }

    /// Cancels a bundle task. Its state shows the result.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses: for example because the task has finished.
    pub async fn cancel_bundle_task(&self, id: &str) -> Result<(), AwsError> {
        let request = self.ec2().cancel_bundle_task().bundle_id(id);
        let doing = format!("cancelling the bundle task {id}");
        self.send_ec2("CancelBundleTask", doing, Box::pin(request.send()))
            .await?;
        Ok(())
    }
}

/// The error without the request's secrets, in case the service quotes them.
fn redacted(error: AwsError, params: &BundledInstance) -> AwsError {
    let encoded = STANDARD.encode(&params.policy);
    let secrets = [
        &encoded,
        &params.policy,
        &params.signature,
        &params.access_key_id,
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
        let s3 = storage.s3?;
        Some(s3_uri(&s3.bucket?, &bundle_manifest_key(&s3.prefix?)))
    });
    let (code, message) = task
        .bundle_task_error
        .map(|error| (non_empty(error.code), non_empty(error.message)))
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
        instance: non_empty(task.instance_id),
        ..ObservedTask::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Remedy;
    use super::*;

    fn params() -> BundledInstance {
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
    fn debug_output_omits_the_upload_policy() {
        let text = format!("{:?}", params());
        assert_eq!(
            text,
            r#"BundledInstance { instance_id: "i-1", bucket: "b", prefix: "p", .. }"#
        );
    }

    #[test]
    fn an_error_that_quotes_the_request_is_redacted() {
        let params = params();
        let encoded = STANDARD.encode(&params.policy);
        let message = format!(
            "{encoded} of AKIDEXAMPLE is not {}, nor signed c2lnbmVk",
            params.policy
        );
        let doing = "bundling the instance i-1";
        let error = AwsError::unexplained("BundleInstance", doing, Remedy::Never, message);
        let message = redacted(error, &params).message;
        assert_eq!(message, "… of … is not …, nor signed …");
    }
}
