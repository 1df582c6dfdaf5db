//! What EC2 would refuse to share, told before anything is changed. In a Region where sharing would be refused, nothing
//! about the AMI is changed.

use std::collections::BTreeSet;

use super::asked::AskedRegion;
use super::settings::Shown;
use crate::image::status::{Action, Grantee};
use crate::image::words::{Blocker, UnshareableReason};

/// What the account has set in a Region, as far as it decides what may be shared there. What was not read forbids nothing:
/// then EC2 does, if it has to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AccountSettings {
    /// Block public access for AMIs, if it is on (GetImageBlockPublicAccessState).
    pub public_block: Option<PublicBlock>,
    /// Whether all that is made there is encrypted (GetEbsEncryptionByDefault).
    pub encrypts_by_default: bool,
    /// Whether the key of what is encrypted without naming one is AWS's own (GetEbsDefaultKmsKeyId).
    pub has_managed_key: bool,
}

/// Who has blocked public AMIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicBlock {
    /// The account.
    Account,
    /// A declarative policy of its organization.
    Policy,
}

/// Why what is about to be done to an AMI would be refused.
pub(super) fn sharing(
    ready: &[Action],
    shown: &Shown,
    account: AccountSettings,
) -> Option<(Action, Blocker)> {
    let publishes = |action: &&Action| matches!(action, Action::ChangeGrants { add, .. } if add.contains(&Grantee::Public));
    let action = ready.iter().find(publishes)?;
    let why = public(shown.is_encrypted, shown, account)?;
    Some((action.clone(), Blocker::NotShareable(why)))
}

/// Why a copy that is about to be made could not be shared as it is asked for. `home` is the AMI that it is made of.
pub(super) fn copying(
    asked: &AskedRegion,
    home: &Shown,
    account: AccountSettings,
) -> Option<Blocker> {
    let grants: &BTreeSet<Grantee> = &asked.desired.grants;
    if grants.is_empty() {
        return None;
    }
    let has_own_key = asked.kms_key_id.is_some();
    let is_encrypted = home.is_encrypted || has_own_key || account.encrypts_by_default;
    let why = if grants.contains(&Grantee::Public) {
        public(is_encrypted, home, account)
    } else {
        let is_managed = is_encrypted && !has_own_key && account.has_managed_key;
        is_managed.then_some(UnshareableReason::ManagedKey)
    };
    why.map(Blocker::NotShareable)
}

/// Why an AMI cannot be public. "You can't publicly share an AMI that has encrypted volumes, snapshots of encrypted volumes,
/// or product codes" ("Make your AMI publicly available", EC2 User Guide).
fn public(
    is_encrypted: bool,
    shown: &Shown,
    account: AccountSettings,
) -> Option<UnshareableReason> {
    if is_encrypted {
        return Some(UnshareableReason::Encrypted);
    }
    if shown.has_product_code {
        return Some(UnshareableReason::ProductCode);
    }
    account.public_block.map(|block| match block {
        PublicBlock::Account => UnshareableReason::PublicBlocked,
        PublicBlock::Policy => UnshareableReason::PublicBlockedByPolicy,
    })
}
