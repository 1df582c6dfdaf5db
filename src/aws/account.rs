//! EC2: what the account has set in a Region about sharing and encryption.

use aws_sdk_ec2::types::ManagedBy;

use super::connect::Aws;
use super::error::AwsError;

/// How the aliases of keys begin that AWS manages (KMS API Reference, CreateAlias, AliasName). EC2 names its default key so
/// for as long as the account has set no other.
const MANAGED_ALIAS: &str = "alias/aws/";

/// EC2's word for block public access for AMIs that is on (GetImageBlockPublicAccessState).
const BLOCKED: &str = "block-new-sharing";

/// Block public access for AMIs that is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageBlock {
    /// Whether a declarative policy of the organization has set it: then the account cannot change it.
    pub by_policy: bool,
}

impl Aws {
    /// Whether AMIs are kept from becoming public in this Region, and by whom.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn image_block(&self) -> Result<Option<ImageBlock>, AwsError> {
        let request = self.ec2().get_image_block_public_access_state();
        let action = "GetImageBlockPublicAccessState";
        let doing = format!("reading block public access for AMIs in {}", self.region());
        let answer = self
            .send_ec2(action, doing, Box::pin(request.send()))
            .await?;
        let is_on = answer.image_block_public_access_state.as_deref() == Some(BLOCKED);
        let by_policy = answer.managed_by == Some(ManagedBy::DeclarativePolicy);
        Ok(is_on.then_some(ImageBlock { by_policy }))
    }

    /// Whether all volumes, snapshots and copies that are made in this Region are encrypted.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn encrypts_by_default(&self) -> Result<bool, AwsError> {
        let request = self.ec2().get_ebs_encryption_by_default();
        let doing = format!("reading the default encryption of {}", self.region());
        let action = "GetEbsEncryptionByDefault";
        let answer = self
            .send_ec2(action, doing, Box::pin(request.send()))
            .await?;
        Ok(answer.ebs_encryption_by_default.unwrap_or_default())
    }

    /// Whether what is encrypted in this Region without naming a key gets the key that AWS manages for EBS.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn has_managed_default_key(&self) -> Result<bool, AwsError> {
        let request = self.ec2().get_ebs_default_kms_key_id();
        let doing = format!("reading the default key for EBS in {}", self.region());
        let action = "GetEbsDefaultKmsKeyId";
        let answer = self
            .send_ec2(action, doing, Box::pin(request.send()))
            .await?;
        let key = answer.kms_key_id.unwrap_or_default();
        // An alias, or the ARN of one.
        Ok(key.starts_with(MANAGED_ALIAS) || key.contains(&format!(":{MANAGED_ALIAS}")))
    }
}
