//! An account's settings in one Region, as calls read and change them. They are part of the saved state.

use serde::{Deserialize, Serialize};

use crate::ec2::model::key;
use crate::ec2::wire::error::{Failure, refuse};

/// What the account has set in a Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccountSettings {
    pub(crate) image_block: ImageBlock,
    pub(crate) snapshot_block: SnapshotBlock,
    /// Whether the blocks were set by a declarative policy of the organization: calls cannot change them then.
    pub(crate) by_policy: bool,
    pub(crate) encrypts_by_default: bool,
    /// The key for EBS, if it is not `alias/aws/ebs`.
    pub(crate) default_key: Option<String>,
}

impl Default for AccountSettings {
    /// A new account's: sharing images publicly is blocked ("Block public access to your AMIs", EC2 User Guide).
    fn default() -> Self {
        Self {
            image_block: ImageBlock::NewSharing,
            snapshot_block: SnapshotBlock::Unblocked,
            by_policy: false,
            encrypts_by_default: false,
            default_key: None,
        }
    }
}

impl AccountSettings {
    /// The ARN of the key by default; none if it is the one that AWS manages, or is none of the Region.
    pub(crate) fn own_key(&self, region: &str) -> Option<String> {
        key::arn(region, self.default_key.as_deref()?)
    }

    /// Refuses a change of what a declarative policy sets. Code and words are not documented.
    pub(crate) fn check_changeable(&self) -> Result<(), Failure> {
        if self.by_policy {
            let message = "Block public access is managed by a declarative policy";
            return Err(refuse("OperationNotPermitted", message));
        }
        Ok(())
    }

    /// `ManagedBy` of the EC2 API.
    pub(crate) fn managed_by(&self) -> &'static str {
        if self.by_policy {
            "declarative-policy"
        } else {
            "account"
        }
    }
}

/// Block public access for AMIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageBlock {
    /// No image can become public; those that are stay so.
    NewSharing,
    /// Images can become public.
    Unblocked,
}

impl ImageBlock {
    /// As the API writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NewSharing => "block-new-sharing",
            Self::Unblocked => "unblocked",
        }
    }
}

/// Block public access for EBS snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotBlock {
    /// No snapshot can become public, and those that are public are treated as private.
    AllSharing,
    /// No snapshot can become public; those that are stay so.
    NewSharing,
    /// Snapshots can become public.
    Unblocked,
}

impl SnapshotBlock {
    /// As the API writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AllSharing => "block-all-sharing",
            Self::NewSharing => "block-new-sharing",
            Self::Unblocked => "unblocked",
        }
    }
}
