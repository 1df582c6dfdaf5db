//! What is known of a resource beside what the API answers.

use std::collections::BTreeMap;

/// What is known of an AMI, a snapshot or an import task, also of one that EC2 does not show yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    /// Its tags.
    pub(crate) tags: BTreeMap<String, String>,
    /// The account that owns it.
    pub(crate) owner: String,
    /// Further condition keys and their values.
    pub(crate) keys: Vec<(&'static str, String)>,
    /// The volume that a snapshot is of.
    pub(crate) volume: Option<&'static str>,
    /// Snapshots of an AMI.
    pub(crate) snapshots: Vec<String>,
    /// How each of its snapshots is encrypted, or it is itself.
    pub(crate) encryption: Vec<Encrypted>,
}

/// How a snapshot is encrypted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Encrypted {
    /// Whether it is.
    pub(crate) is_on: bool,
    /// The customer's key that it is encrypted with; that of AWS for EBS needs no permission.
    pub(crate) key: Option<String>,
}

/// How new snapshots of the account are encrypted in a Region, where a call does not say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DefaultEncryption {
    /// Whether they are.
    pub(crate) is_on: bool,
    /// The customer's key that encrypts where no other is named.
    pub(crate) key: Option<String>,
}
