//! EBS snapshots, as plain values.

use std::fmt;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ACCOUNT;
use crate::ec2::model::image::Billing;
use crate::ec2::model::key;
use crate::ec2::model::permission::Permission;
/// What EC2 gives as the volume of a snapshot that comes from none.
pub(crate) const NO_VOLUME: &str = "vol-ffffffff";

/// An EBS snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// `snap-` and 17 hex digits.
    pub id: String,
    /// GiB.
    pub volume_size: u32,
    /// Whether it can be used.
    pub state: SnapshotState,
    /// Why, if a copy could not be made.
    #[serde(default)]
    pub state_message: Option<String>,
    /// In words.
    pub description: String,
    /// 12 digits. Snapshots of other accounts are private, unless they are shared: they are not visible here.
    pub owner_id: String,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// The key that it was asked to be encrypted with; none is the account's own for EBS.
    #[serde(default)]
    pub kms_key_id: Option<String>,
    /// Marketplace product codes.
    pub product_codes: Vec<String>,
    /// What is known with it of how an image of it is billed. EC2 does not show it.
    #[serde(default)]
    pub billing: Option<Billing>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was begun.
    pub started_at: Timestamp,
    /// Who else may make volumes and copies from it: accounts, or everybody.
    #[serde(default)]
    pub create_volume_permissions: BTreeSet<Permission>,
}

impl Snapshot {
    /// Whether it is encrypted with the key that AWS manages for EBS in its Region, which cannot be shared.
    pub(crate) fn has_managed_key(&self, region: &str) -> bool {
        let managed = |arn: &String| key::is_managed(region, arn);
        self.encrypted && self.kms_key_id.as_ref().is_none_or(managed)
    }

    /// The ARN of the key that it is encrypted with.
    pub(crate) fn key_arn(&self, region: &str) -> Option<String> {
        let managed = self.encrypted.then(|| key::arn(region, key::MANAGED_ALIAS));
        self.kms_key_id.clone().or(managed.flatten())
    }

    /// Whether this account may see it, copy it and make images of it.
    pub(crate) fn is_usable(&self) -> bool {
        let permissions = &self.create_volume_permissions;
        self.owner_id == ACCOUNT
            || permissions.contains(&Permission::Everyone)
            || permissions.contains(&Permission::Account(ACCOUNT.to_owned()))
    }
}

/// `SnapshotState` of the EC2 API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotState {
    /// Being copied.
    Pending,
    /// Usable.
    #[default]
    Completed,
    /// Never usable.
    Error,
}

impl fmt::Display for SnapshotState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Error => "error",
        })
    }
}

/// A snapshot to put into the world, see `Ec2::seed_snapshot`.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedSnapshot {
    /// Its id; none makes one.
    pub id: Option<String>,
    /// GiB.
    pub volume_size: u32,
    /// Completed, if not said otherwise.
    pub state: SnapshotState,
    /// In words.
    pub description: String,
    /// The account that has it; none is this world's.
    pub owner_id: Option<String>,
    /// Whether another account that has it shares it with this world's.
    pub shared: bool,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Marketplace product codes.
    pub product_codes: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Default for SeedSnapshot {
    /// A completed snapshot of 8 GiB that belongs to this world's account.
    fn default() -> Self {
        Self {
            id: None,
            volume_size: 8,
            state: SnapshotState::Completed,
            description: String::new(),
            owner_id: None,
            shared: false,
            encrypted: false,
            product_codes: Vec::new(),
            tags: BTreeMap::new(),
        }
    }
}
