//! How copies are encrypted ("Encryption and copying", EC2 User Guide).

use std::collections::BTreeSet;

use crate::ec2::model::account::AccountSettings;
use crate::ec2::model::image::StateReason;
use crate::ec2::model::key::{self, MANAGED_ALIAS};
use crate::ec2::model::snapshot::Snapshot;
use crate::ec2::wire::error::{Failure, refuse};

/// What a request says about the encryption of its copy.
#[derive(Debug)]
pub(crate) struct Encryption {
    /// Nothing keeps what the source has.
    pub(crate) asked: Option<bool>,
    pub(crate) key: Option<String>,
    /// Whether source and copy are in the same Region: a key cannot leave its own.
    pub(crate) same_region: bool,
}

impl Encryption {
    /// Refuses a copy that would be less encrypted than its source.
    pub(crate) fn check(&self, snapshots: &[Snapshot]) -> Result<(), Failure> {
        let mut snapshots = snapshots.iter();
        match snapshots.find(|it| it.encrypted && self.asked == Some(false)) {
            Some(Snapshot { id, .. }) => Err(refuse(
                "InvalidRequest",
                format!(
                    "Snapshot {id} is encrypted. Creating an unencrypted copy from an encrypted snapshot is not supported."
                ),
            )),
            None => Ok(()),
        }
    }

    /// Whether the copy of a snapshot is encrypted.
    pub(crate) fn is_on(&self, source: &Snapshot, account: &AccountSettings) -> bool {
        source.encrypted || self.asked == Some(true) || account.encrypts_by_default
    }

    /// The name of the key for the copy of a snapshot.
    ///
    /// An encrypted source keeps its key within its Region; in another one the copy gets the key by default. The guide
    /// says "the same key" of both, which cannot be.
    fn key_for(&self, source: &Snapshot, account: &AccountSettings) -> String {
        let kept = source.kms_key_id.as_ref();
        let kept = kept.filter(|_| self.same_region && source.encrypted && self.asked.is_none());
        let default = account.default_key.as_ref();
        let key = self.key.as_ref().or(kept).or(default);
        key.map_or(MANAGED_ALIAS, String::as_str).to_owned()
    }

    /// The ARN of the key for the copy of a snapshot, if it is encrypted and the key can be named.
    pub(crate) fn arn(
        &self,
        source: &Snapshot,
        account: &AccountSettings,
        region: &str,
    ) -> Option<String> {
        let on = self.is_on(source, account);
        on.then(|| key::arn(region, &self.key_for(source, account)))
            .flatten()
    }

    /// Why the copy fails, if its key cannot be used: EC2 finds that out after it has answered. The words are those that
    /// packer's users report (packer issues 6599, 6737, 7673).
    pub(crate) fn failure(
        &self,
        snapshots: &[Snapshot],
        account: &AccountSettings,
        region: &str,
        unusable: &BTreeSet<String>,
    ) -> Option<StateReason> {
        let bad = snapshots.iter().any(|source| {
            let arn = self.arn(source, account, region);
            self.is_on(source, account)
                && (arn.is_none_or(|arn| unusable.contains(&arn))
                    || unusable.contains(&self.key_for(source, account)))
        });
        let words = "Copy image failed with an internal error";
        bad.then(|| StateReason::from_words(words.to_owned()))
    }
}
