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
    /// The key of the customer's that it is encrypted with.
    pub(crate) kms_key_id: Option<String>,
}
