//! EC2: storing AMIs in S3, and restoring them.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{ResourceType, S3ObjectTag, StoreImageTaskResult};

use super::connect::Aws;
use super::ec2::{incomplete, non_empty, tag_specifications, without_retries};
use super::error::AwsError;
use crate::image::observed::ObservedTask;
use crate::manifest::location::s3_uri;

/// CreateRestoreImageTask's parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestoredImage {
    /// The bucket of the stored AMI, in the Region of the call.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// The name of the restored AMI.
    pub name: String,
    /// The tags of the AMI and of its snapshots, the ownership tags among them.
    pub tags: BTreeMap<String, String>,
}

/// The most AMI ids of one call (DescribeStoreImageTasks, ImageIds).
pub const STORED_IDS_MAX: usize = 20;

impl Aws {
    /// Starts to store an AMI as an object with these tags; returns the object's key. Check for an earlier task first: the call has no client token,
    /// so the SDK does not retry it.
    ///
    /// # Errors
    /// If EC2 refuses, or does not answer: then the task may have started.
    pub async fn create_store_image_task(
        &self,
        image_id: &str,
        bucket: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<String, AwsError> {
        let tags = tags
            .iter()
            .map(|(key, value)| S3ObjectTag::builder().key(key).value(value).build());
        let tags: Vec<_> = tags.collect();
        let request = self
            .ec2()
            .create_store_image_task()
            .image_id(image_id)
            .bucket(bucket)
            .set_s3_object_tags((!tags.is_empty()).then_some(tags))
            .customize()
            .config_override(without_retries());
        let doing = format!("storing the AMI {image_id} in the bucket {bucket}");
        let answer = self
            .send_ec2("CreateStoreImageTask", &doing, Box::pin(request.send()))
            .await?;
        non_empty(answer.object_key)
            .ok_or_else(|| incomplete("CreateStoreImageTask", doing, "the object"))
    }

    /// The tasks that store these AMIs, in any bucket. An unknown id is left out.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn find_store_image_tasks(
        &self,
        image_ids: &[String],
    ) -> Result<Vec<ObservedTask>, AwsError> {
        let mut tasks = Vec::new();
        for ids in image_ids.chunks(STORED_IDS_MAX) {
            let mut ids = ids.to_vec();
            while !ids.is_empty() {
                let request = self
                    .ec2()
                    .describe_store_image_tasks()
                    .set_image_ids(Some(ids.clone()));
                let doing = "checking the tasks that store AMIs";
                match self
                    .send_ec2("DescribeStoreImageTasks", doing, Box::pin(request.send()))
                    .await
                {
                    Ok(answer) => {
                        let found = answer.store_image_task_results.unwrap_or_default();
                        tasks.extend(found.into_iter().map(observed));
                        break;
                    }
                    // One id that EC2 refuses must not hide the others.
                    Err(error) if names_one(&error, &ids) => {
                        ids.retain(|id| !error.message.contains(id.as_str()));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(tasks)
    }

    /// Starts to restore a stored AMI; returns the new AMI's id. Check for an earlier task first: the call has no client
    /// token, so the SDK does not retry it.
    ///
    /// # Errors
    /// If EC2 refuses, or does not answer: then the task may have started.
    pub async fn create_restore_image_task(
        &self,
        params: &RestoredImage,
    ) -> Result<String, AwsError> {
        let request = self
            .ec2()
            .create_restore_image_task()
            .bucket(&params.bucket)
            .object_key(&params.key)
            .name(&params.name)
            .set_tag_specifications(tag_specifications(
                &params.tags,
                &[ResourceType::Image, ResourceType::Snapshot],
            ))
            .customize()
            .config_override(without_retries());
        let doing = format!("restoring the AMI {}", s3_uri(&params.bucket, &params.key));
        let answer = self
            .send_ec2("CreateRestoreImageTask", &doing, Box::pin(request.send()))
            .await?;
        non_empty(answer.image_id)
            .ok_or_else(|| incomplete("CreateRestoreImageTask", doing, "the AMI"))
    }
}

/// Whether the error is about one or some of these ids.
fn names_one(error: &AwsError, ids: &[String]) -> bool {
    let is_of_id = |code: &str| code.starts_with("InvalidAMIID.");
    error.code.as_deref().is_some_and(is_of_id)
        && ids.iter().any(|id| error.message.contains(id.as_str()))
}

fn observed(task: StoreImageTaskResult) -> ObservedTask {
    let object = task
        .bucket
        .zip(task.s3object_key)
        .map(|(bucket, key)| s3_uri(&bucket, &key));
    ObservedTask {
        id: task.ami_id.unwrap_or_default(),
        state: task.store_task_state.unwrap_or_default(),
        progress: task
            .progress_percentage
            .and_then(|percent| u8::try_from(percent).ok())
            .filter(|percent| *percent <= 100),
        message: non_empty(task.store_task_failure_reason),
        object,
        ..ObservedTask::default()
    }
}
