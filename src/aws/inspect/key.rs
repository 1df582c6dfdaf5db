//! KMS: keys.

use crate::aws::connect::Aws;
use crate::aws::error::{AwsError, classify};

/// A key as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its ARN.
    pub arn: String,
    /// Whether AWS manages it: then no other account can use what is encrypted with it.
    pub is_managed_by_aws: bool,
    /// KMS's word for its state, as `Enabled`.
    pub state: String,
}

impl Aws {
    /// A key by its id, alias, or the ARN of either; none if there is none in this Region.
    ///
    /// # Errors
    /// If KMS does not answer, or refuses.
    pub async fn kms_key(&self, key: &str) -> Result<Option<Key>, AwsError> {
        let kms = aws_sdk_kms::Client::new(self.sdk_config());
        let doing = format!("describing the KMS key {key}");
        let answer = Box::pin(kms.describe_key().key_id(key).send()).await;
        let metadata = match classify("DescribeKey", doing, answer) {
            Err(error) if error.has_code("NotFoundException") => return Ok(None),
            answer => answer?.key_metadata,
        };
        Ok(metadata.map(|key| Key {
            arn: key.arn.unwrap_or_default(),
            is_managed_by_aws: key.key_manager.is_some_and(|it| it.as_str() == "AWS"),
            state: key
                .key_state
                .map(|state| state.as_str().to_owned())
                .unwrap_or_default(),
        }))
    }
}
