//! S3: the settings of a bucket.

use crate::aws::connect::Aws;
use crate::aws::error::{AwsError, classify};

/// The settings of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its Region, if S3 says.
    pub region: Option<String>,
}

impl Aws {
    /// A bucket; none if there is none of this name.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn bucket(&self, name: &str) -> Result<Option<Bucket>, AwsError> {
        match self.bucket_region(name).await {
            Ok(region) => Ok(Some(Bucket { region })),
            // An answer to HEAD has no code.
            Err(error) if error.has_status(404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a bucket sends its events to EventBridge.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn sends_events(&self, bucket: &str) -> Result<bool, AwsError> {
        let request = self.s3().get_bucket_notification_configuration();
        let request = request.bucket(bucket);
        let doing = format!("reading the notification configuration of {bucket}");
        let answer = Box::pin(request.send()).await;
        let answer = classify("GetBucketNotificationConfiguration", doing, answer)?;
        Ok(answer.event_bridge_configuration.is_some())
    }

    /// Whether a bucket's objects have ACLs: they do, unless its owner owns them all.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn has_acls(&self, bucket: &str) -> Result<bool, AwsError> {
        let request = self.s3().get_bucket_ownership_controls().bucket(bucket);
        let doing = format!("reading the ownership controls of {bucket}");
        let answer = Box::pin(request.send()).await;
        let controls = match classify("GetBucketOwnershipControls", doing, answer) {
            // Of a bucket from before ownership controls: ACLs are in force.
            Err(error) if error.has_code("OwnershipControlsNotFoundError") => return Ok(true),
            answer => answer?.ownership_controls,
        };
        let rules = controls.map(|controls| controls.rules).unwrap_or_default();
        Ok(!rules
            .iter()
            .any(|rule| rule.object_ownership.as_str() == "BucketOwnerEnforced"))
    }
}
