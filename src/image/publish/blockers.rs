//! What EC2 would refuse to share, told before anything is changed. In a Region where sharing would be refused, nothing
//! about the AMI is changed.

use super::asked::AskedRegion;
use super::difference::publishes;
use super::settings::Shown;
use crate::image::status::{Action, Grantee};
use crate::image::words::{Blocker, UnshareableReason};
use crate::manifest::image::Source;

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

impl PublicBlock {
    /// Who has blocked them; none if they are not blocked.
    #[must_use]
    pub fn of(is_blocked: bool, by_policy: bool) -> Option<Self> {
        match (is_blocked, by_policy) {
            (false, _) => None,
            (true, false) => Some(Self::Account),
            (true, true) => Some(Self::Policy),
        }
    }
}

/// How the snapshots of an AMI are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all, or that is not known.
    Off,
    /// If the account encrypts all that is made.
    ByAccount,
    /// With the key by default.
    DefaultKey,
    /// With a key that is named for it.
    NamedKey,
}

impl Encryption {
    /// That of what is made new: by a copy, or by an import. What is encrypted stays so in a copy ("Encryption and
    /// copying", EC2 User Guide).
    #[must_use]
    pub fn of_new(is_encrypted: bool, has_named_key: bool) -> Self {
        match (is_encrypted, has_named_key) {
            (_, true) => Self::NamedKey,
            (true, false) => Self::DefaultKey,
            (false, false) => Self::ByAccount,
        }
    }

    /// That of an AMI which is still to be made of this. An AMI of a snapshot has that snapshot as it is, and one of a
    /// bundle has none. CreateRestoreImageTask takes no key: "if your account is enabled for encryption by default, your IAM
    /// principal must have permission to use the KMS key" ("Store and restore an AMI using S3", EC2 User Guide).
    #[must_use]
    pub fn of_made(source: &Source) -> Self {
        let (is_encrypted, key) = source.encryption();
        match source {
            Source::Disk(_) | Source::Vm(_) | Source::Stored(_) | Source::Image(_) => {
                Self::of_new(is_encrypted, key.is_some())
            }
            Source::Snapshot(_) | Source::Bundle(_) | Source::Instance(_) => Self::Off,
        }
    }

    /// Whether the key is the account's by default.
    #[must_use]
    pub fn takes_default_key(self, account: AccountSettings) -> bool {
        match self {
            Self::Off | Self::NamedKey => false,
            Self::ByAccount => account.encrypts_by_default,
            Self::DefaultKey => true,
        }
    }

    fn is_on(self, account: AccountSettings) -> bool {
        self == Self::NamedKey || self.takes_default_key(account)
    }
}

/// Why an AMI with such snapshots cannot be shared with accounts, organizations or units.
#[must_use]
pub fn not_shareable(
    encryption: Encryption,
    account: AccountSettings,
) -> Option<UnshareableReason> {
    let is_managed = encryption.takes_default_key(account) && account.has_managed_key;
    is_managed.then_some(UnshareableReason::ManagedKey)
}

/// Why an AMI with such snapshots cannot be public. "You can't publicly share an AMI that has encrypted volumes, snapshots
/// of encrypted volumes, or product codes" ("Make your AMI publicly available", EC2 User Guide).
#[must_use]
pub fn not_public(
    encryption: Encryption,
    has_product_code: bool,
    account: AccountSettings,
) -> Option<UnshareableReason> {
    if encryption.is_on(account) {
        return Some(UnshareableReason::Encrypted);
    }
    if has_product_code {
        return Some(UnshareableReason::ProductCode);
    }
    account.public_block.map(|block| match block {
        PublicBlock::Account => UnshareableReason::PublicBlocked,
        PublicBlock::Policy => UnshareableReason::PublicBlockedByPolicy,
    })
}

/// Why what is about to be done to an AMI would be refused.
pub(super) fn sharing(
    ready: &[Action],
    shown: &Shown,
    account: AccountSettings,
) -> Option<(Action, Blocker)> {
    let action = ready.iter().find(|action| publishes(action))?;
    let encryption = match shown.is_encrypted {
        true => Encryption::DefaultKey,
        false => Encryption::Off,
    };
    let why = not_public(encryption, shown.has_product_code, account)?;
    Some((action.clone(), Blocker::NotShareable(why)))
}

/// Why a copy that is about to be made could not be shared as it is asked for. `home` is the AMI that it is made of.
pub(super) fn copying(
    asked: &AskedRegion,
    home: &Shown,
    account: AccountSettings,
) -> Option<Blocker> {
    let encryption = Encryption::of_new(home.is_encrypted, asked.kms_key_id.is_some());
    let why = unshareable(asked, encryption, home.has_product_code, account);
    why.map(Blocker::NotShareable)
}

/// Why an AMI that is about to be made could not be shared as it is asked for.
#[must_use]
pub fn making(
    asked: &AskedRegion,
    encryption: Encryption,
    account: AccountSettings,
) -> Option<UnshareableReason> {
    unshareable(asked, encryption, false, account)
}

fn unshareable(
    asked: &AskedRegion,
    encryption: Encryption,
    has_product_code: bool,
    account: AccountSettings,
) -> Option<UnshareableReason> {
    let grants = &asked.desired.grants;
    if grants.is_empty() {
        return None;
    }
    if grants.contains(&Grantee::Public) {
        not_public(encryption, has_product_code, account)
    } else {
        not_shareable(encryption, account)
    }
}
