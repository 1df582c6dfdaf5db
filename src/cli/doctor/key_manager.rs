//! Who manages a KMS key.

use super::finding::Check;
use crate::aws::{Aws, AwsError};
use crate::manifest::ids::is_managed_key;

/// Why the kind of a key is not known.
pub(super) enum NotKnown {
    Missing(String),
    Error(AwsError),
}

impl NotKnown {
    pub(super) fn into_check(self, subject: String) -> Check {
        match self {
            Self::Missing(key) => {
                let what = format!("its key {key} does not exist");
                let next = "set another: aws ec2 modify-ebs-default-kms-key-id";
                Check::todo(subject, what, next)
            }
            Self::Error(error) => Check::not_seen(subject, "kms:DescribeKey on its key", &error),
        }
    }
}

pub(super) async fn is_managed(aws: &Aws, key: &str) -> Result<bool, NotKnown> {
    if is_managed_key(key) {
        return Ok(true);
    }
    match aws.kms_key(key).await {
        Ok(Some(key)) => Ok(key.is_managed_by_aws),
        Ok(None) => Err(NotKnown::Missing(key.to_owned())),
        Err(error) => Err(NotKnown::Error(error)),
    }
}
