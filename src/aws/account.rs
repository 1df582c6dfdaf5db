//! EC2: what the account has set in a Region about sharing and encryption.

use aws_sdk_ec2::types::ManagedBy;

use super::connect::Aws;
use super::error::AwsError;

/// EC2's word for block public access for AMIs that is on (GetImageBlockPublicAccessState).
const BLOCKED: &str = "block-new-sharing";

/// Block public access for AMIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageBlock {
    /// EC2's word for its state.
    pub state: String,
    /// Whether a declarative policy of the organization has set it: then the account cannot change it.
    pub by_policy: bool,
}

impl ImageBlock {
    /// Whether AMIs are kept from becoming public.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.state == BLOCKED
    }
}

impl Aws {
    /// Whether AMIs are kept from becoming public in this Region, and by whom.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn image_block(&self) -> Result<ImageBlock, AwsError> {
        let request = self.ec2().get_image_block_public_access_state();
        let action = "GetImageBlockPublicAccessState";
        let doing = format!("reading block public access for AMIs in {}", self.region());
        let answer = self
            .send_ec2(action, doing, Box::pin(request.send()))
            .await?;
        Ok(ImageBlock {
            state: answer.image_block_public_access_state.unwrap_or_default(),
            by_policy: answer.managed_by == Some(ManagedBy::DeclarativePolicy),
        })
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

    /// The key of what is encrypted in this Region without naming one: an id, an alias, or the ARN of either. For as long as
    /// the account has set no other, it is the alias of the key that AWS manages for EBS.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn default_key(&self) -> Result<String, AwsError> {
        let request = self.ec2().get_ebs_default_kms_key_id();
        let doing = format!("reading the default key for EBS in {}", self.region());
        let action = "GetEbsDefaultKmsKeyId";
        let answer = self
            .send_ec2(action, doing, Box::pin(request.send()))
            .await?;
        Ok(answer.kms_key_id.unwrap_or_default())
    }
}
