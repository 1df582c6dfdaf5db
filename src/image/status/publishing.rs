//! What a status knows of how its AMI is published: what was set on it, what is being changed, what failed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::protection::Protection;
use super::release::{ParameterId, ParameterType};
use super::retiring::KeptReason;
use crate::image::words::is_zero;

/// Members of a set that a recorded change names; the status of the AMI itself has them all.
pub const NAMED_MAX: usize = 20;

/// What was set on an AMI by amiwright. It is what lets a removed grant be revoked and a grant by hand be left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Applied {
    /// All that was set, and was not seen to be gone.
    #[serde(flatten)]
    pub settings: Settings,
    /// What was asked for last, from before it is asked until it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intended: Option<Intended>,
}

impl Applied {
    /// Whether nothing was set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Forgets the protection that was set: the AMI has somebody else's since, also where that is of the same kind.
    pub(in crate::image) fn forget_protection(&mut self) {
        let intended = self.intended.iter_mut();
        let asked = intended.flat_map(|it| it.earlier.iter_mut().chain([&mut it.settings]));
        for settings in asked.chain([&mut self.settings]) {
            settings.protection = None;
        }
    }
}

/// What was asked of EC2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Intended {
    /// When. Reads may show what was before for a while.
    pub at: Timestamp,
    /// Since when just this is asked for.
    pub since: Timestamp,
    /// What is ours once it is done.
    pub settings: Settings,
    /// Who may not launch the AMI any more once it is done, whoever had granted it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub revokes: BTreeSet<Grantee>,
    /// What was ours before, of that which has one value at a time: an AMI may still have it, should EC2 never have been asked for
    /// another. Of each setting the value that was seen last comes first, then the others, newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Settings>,
    /// What was to go at any time since, even where it is to be there again: EC2 may have heard that last.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub gone: Settings,
}

/// Settings of an AMI that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tags, without the ownership tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The product code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_code: Option<String>,
    /// Launch permissions.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub grants: BTreeSet<Grantee>,
    /// The accounts that each snapshot is shared with.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub snapshots: BTreeMap<String, BTreeSet<String>>,
    /// The time of deprecation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecate_at: Option<Timestamp>,
    /// The deregistration protection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protection: Option<Protection>,
}

impl Settings {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Who may launch an AMI.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Grantee {
    /// An account, by its 12 digits.
    Account(String),
    /// An organization, by its ARN.
    Organization(String),
    /// An organizational unit, by its ARN.
    OrganizationalUnit(String),
    /// Everybody.
    Public,
}

/// One change of an AMI that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "action",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Action {
    /// CopyImage, in the Region of the copy.
    CopyImage {
        /// How many copies were begun there before.
        attempt: u32,
        /// The KMS key that the copy is encrypted with, of its Region; none to leave it as the AMI is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kms_key_id: Option<String>,
        /// The copy, once there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        image: Option<String>,
        /// Whether it was there, made by an earlier version or attempt, so that EC2 was not asked for it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        was_there: bool,
    },
    /// DeregisterImage and DeleteSnapshot: what a failed copy left.
    RemoveFailedCopy {
        /// The copy.
        image: String,
        /// Why it failed, in EC2's words.
        reason: String,
    },
    /// ModifyImageAttribute, description.
    SetDescription {
        /// The new one.
        text: String,
    },
    /// CreateTags.
    SetTags {
        /// Keys and values.
        tags: BTreeMap<String, String>,
    },
    /// DeleteTags: a tag is only deleted if it still has this value.
    RemoveTags {
        /// Keys and values.
        tags: BTreeMap<String, String>,
    },
    /// ModifyImageAttribute, product codes; none where it is to be removed, which EC2 does not do.
    SetProductCode {
        /// The code.
        code: Option<String>,
    },
    /// ModifySnapshotAttribute: before the AMI is shared, so that nobody can launch what they cannot copy yet.
    ShareSnapshot {
        /// The snapshot.
        snapshot: String,
        /// The accounts.
        accounts: BTreeSet<String>,
    },
    /// ModifyImageAttribute, launchPermission: additions and removals in one request.
    ChangeGrants {
        /// Who may launch it from now on.
        add: BTreeSet<Grantee>,
        /// Who may not any more.
        remove: BTreeSet<Grantee>,
    },
    /// ModifySnapshotAttribute: after the AMI was revoked.
    RevokeSnapshot {
        /// The snapshot.
        snapshot: String,
        /// The accounts.
        accounts: BTreeSet<String>,
    },
    /// Nothing is done: the manifest stopped asking for this share, and its accounts may launch another AMI of the snapshot.
    LeaveShare {
        /// The other AMI.
        image: String,
        /// The snapshot.
        snapshot: String,
        /// The accounts.
        accounts: BTreeSet<String>,
    },
    /// EnableImageDeprecation, or DisableImageDeprecation where there is no time.
    SetDeprecation {
        /// When it is deprecated.
        at: Option<Timestamp>,
    },
    /// EnableImageDeregistrationProtection, or DisableImageDeregistrationProtection where there is none.
    SetProtection {
        /// The protection.
        protection: Option<Protection>,
    },
    /// EnableImageDeprecation, of an AMI that is retired.
    DeprecatePrevious {
        /// The AMI.
        image: String,
        /// When it is deprecated: as soon as EC2 takes it.
        at: Timestamp,
        /// Why it is not deregistered, if that was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<KeptReason>,
    },
    /// DisableImageDeregistrationProtection, of an AMI that is retired.
    UnprotectPrevious {
        /// The AMI.
        image: String,
        /// Whether it cannot be deregistered for 24 hours then.
        cooldown: bool,
    },
    /// EnableImageDeregistrationProtection, of an AMI that was to be retired and stays.
    ProtectPrevious {
        /// The AMI.
        image: String,
        /// The protection that it had before.
        protection: Protection,
    },
    /// DeregisterImage.
    DeregisterPrevious {
        /// The AMI.
        image: String,
        /// Its snapshots.
        snapshots: Vec<String>,
        /// Whether they are deleted after it.
        delete: bool,
    },
    /// ModifySnapshotAttribute, of an AMI that was deregistered: ends the shares that were granted for it.
    RevokePrevious {
        /// The AMI.
        image: String,
        /// The snapshot.
        snapshot: String,
        /// The accounts.
        accounts: BTreeSet<String>,
    },
    /// DeleteSnapshot, of an AMI that was deregistered.
    DeleteSnapshot {
        /// The AMI.
        image: String,
        /// The snapshot.
        snapshot: String,
    },
    /// PutParameter.
    PutParameter {
        /// The parameter's name.
        name: String,
        /// The AMI of its Region.
        value: String,
        /// The version that was read before; 0 to create the parameter, and not to overwrite one.
        after: u64,
        /// The data type.
        data_type: ParameterType,
    },
    /// Nothing is done: the manifest stopped naming this parameter. Without it, launches that refer to it would fail.
    LeaveParameter {
        /// The parameter's name.
        name: String,
        /// The value that it has, as far as is known.
        value: Option<String>,
    },
}

impl Action {
    /// Whether it is done to an AMI that is retired, or to a snapshot of one.
    #[must_use]
    pub fn is_of_previous(&self) -> bool {
        matches!(
            self,
            Self::DeprecatePrevious { .. }
                | Self::UnprotectPrevious { .. }
                | Self::ProtectPrevious { .. }
                | Self::DeregisterPrevious { .. }
                | Self::RevokePrevious { .. }
                | Self::DeleteSnapshot { .. }
        )
    }
}

/// An action in its Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegionAction {
    /// The Region.
    pub region: String,
    /// What is done there.
    #[serde(flatten)]
    pub action: Action,
}

impl RegionAction {
    /// The parameter that it is about; none if it is about the AMI.
    #[must_use]
    pub fn parameter(&self) -> Option<ParameterId> {
        let (Action::PutParameter { name, .. } | Action::LeaveParameter { name, .. }) =
            &self.action
        else {
            return None;
        };
        Some(ParameterId {
            region: self.region.clone(),
            name: name.clone(),
        })
    }
}

/// A change that was made, as it is remembered: sets name only their first members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppliedChange {
    /// What was done.
    #[serde(flatten)]
    pub what: RegionAction,
    /// How many members of its sets are not named.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u32,
}

impl AppliedChange {
    /// Remembers an action.
    #[must_use]
    pub fn of(what: &RegionAction) -> Self {
        let mut what = what.clone();
        let omitted = match &mut what.action {
            Action::ChangeGrants { add, remove } => cut(add) + cut(remove),
            Action::ShareSnapshot { accounts, .. }
            | Action::RevokeSnapshot { accounts, .. }
            | Action::LeaveShare { accounts, .. }
            | Action::RevokePrevious { accounts, .. } => cut(accounts),
            Action::CopyImage { .. }
            | Action::RemoveFailedCopy { .. }
            | Action::SetTags { .. }
            | Action::RemoveTags { .. }
            | Action::SetDescription { .. }
            | Action::SetProductCode { .. }
            | Action::SetDeprecation { .. }
            | Action::SetProtection { .. }
            | Action::DeprecatePrevious { .. }
            | Action::UnprotectPrevious { .. }
            | Action::ProtectPrevious { .. }
            | Action::DeregisterPrevious { .. }
            | Action::DeleteSnapshot { .. }
            | Action::PutParameter { .. }
            | Action::LeaveParameter { .. } => 0,
        };
        let omitted = u32::try_from(omitted).unwrap_or(u32::MAX);
        Self { what, omitted }
    }
}

/// Leaves the first members in a set; returns how many it had beyond.
fn cut<T: Ord + Clone>(set: &mut BTreeSet<T>) -> usize {
    let omitted = set.len().saturating_sub(NAMED_MAX);
    if let Some(first) = set.iter().nth(NAMED_MAX).cloned() {
        let _omitted = set.split_off(&first);
    }
    omitted
}
