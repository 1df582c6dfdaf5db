//! EC2: what the account has set in a Region.

use crate::aws::connect::Aws;
use crate::aws::error::AwsError;

/// EC2's word for "not blocked" (GetImageBlockPublicAccessState, GetSnapshotBlockPublicAccessState).
const UNBLOCKED: &str = "unblocked";

/// Block public access, of AMIs or of snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicAccess {
    /// EC2's word, as `block-new-sharing`.
    pub state: String,
    /// Whether an organization's declarative policy sets it, so that the account cannot.
    pub is_by_policy: bool,
}

impl PublicAccess {
    fn of(state: Option<&str>, managed_by: Option<&str>) -> Self {
        Self {
            state: state.unwrap_or_default().to_owned(),
            is_by_policy: managed_by == Some("declarative-policy"),
        }
    }

    /// Whether something can be made public.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == UNBLOCKED
    }
}

/// How new volumes, and the snapshots of imports and copies, are encrypted if a request does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// Whether everything is encrypted by default.
    pub is_by_default: bool,
    /// The key by default: an alias, an id or an ARN.
    pub key: String,
}

impl Aws {
    /// Block public access for AMIs.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn image_public_access(&self) -> Result<PublicAccess, AwsError> {
        let request = self.ec2().get_image_block_public_access_state();
        let doing = "reading block public access for AMIs";
        let answer = Box::pin(request.send());
        let answer = self.send_ec2("GetImageBlockPublicAccessState", doing, answer);
        let answer = answer.await?;
        let managed_by = answer.managed_by.as_ref().map(|it| it.as_str());
        let state = answer.image_block_public_access_state.as_deref();
        Ok(PublicAccess::of(state, managed_by))
    }

    /// Block public access for snapshots.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn snapshot_public_access(&self) -> Result<PublicAccess, AwsError> {
        let request = self.ec2().get_snapshot_block_public_access_state();
        let doing = "reading block public access for snapshots";
        let answer = Box::pin(request.send());
        let answer = self.send_ec2("GetSnapshotBlockPublicAccessState", doing, answer);
        let answer = answer.await?;
        let managed_by = answer.managed_by.as_ref().map(|it| it.as_str());
        let state = answer.state.as_ref().map(|it| it.as_str());
        Ok(PublicAccess::of(state, managed_by))
    }

    /// Encryption by default, and its key.
    ///
    /// # Errors
    /// If EC2 does not answer, or refuses.
    pub async fn default_encryption(&self) -> Result<Encryption, AwsError> {
        let request = self.ec2().get_ebs_encryption_by_default();
        let doing = "reading whether snapshots are encrypted by default";
        let answer = Box::pin(request.send());
        let on = self.send_ec2("GetEbsEncryptionByDefault", doing, answer);
        let on = on.await?.ebs_encryption_by_default;
        let request = self.ec2().get_ebs_default_kms_key_id();
        let doing = "reading the default key for EBS";
        let answer = Box::pin(request.send());
        let key = self.send_ec2("GetEbsDefaultKmsKeyId", doing, answer);
        Ok(Encryption {
            is_by_default: on.unwrap_or_default(),
            key: key.await?.kms_key_id.unwrap_or_default(),
        })
    }
}
