//! The parameters of the stack, and what an update changes about them.

use serde::{Deserialize, Serialize};

use super::{COPY_REGIONS, is_not};

/// How the stack is set up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Stack {
    /// Whether EC2 is as it was when instances were bundled.
    #[serde(default)]
    pub(crate) classic: bool,
    /// `ShareWith`.
    pub(crate) share_with: String,
    #[serde(default)]
    pub(crate) public: bool,
    /// Whether the account lets AMIs be public: in a new one, block public access is on.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) unblocked: bool,
    pub(crate) retire: bool,
    pub(crate) copies: bool,
    pub(crate) parameters: bool,
    /// The only one of [`COPY_REGIONS`] that manifests may copy to, if they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) only_region: Option<usize>,
    /// Whether manifests may name KMS keys.
    #[serde(default)]
    pub(crate) keys: bool,
    /// Whether AMIs may be stored.
    #[serde(default = "yes", skip_serializing_if = "is_so")]
    pub(crate) stores: bool,
    /// The only tag keys that manifests may set; empty for all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) tag_keys: String,
    /// Whether sources may be in another bucket.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) source_buckets: bool,
    /// Whether sources may be another account's.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) source_owners: bool,
    /// The most that pages of listings hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<usize>,
    /// Whether the manifest bucket keeps versions.
    pub(crate) versions: bool,
    #[serde(default)]
    pub(crate) notify_started: bool,
}

impl Stack {
    /// The same stack once its owner has changed this.
    pub(crate) fn with(&self, change: &Change) -> Self {
        let mut stack = self.clone();
        match change.clone() {
            Change::ShareWith(whom) => stack.share_with = whom,
            Change::Public(is) => stack.public = is,
            Change::Retire(is) => stack.retire = is,
            Change::Copies(is) => (stack.copies, stack.only_region) = (is, None),
            Change::OnlyRegion(at) => (stack.copies, stack.only_region) = (true, Some(at)),
            Change::Parameters(is) => stack.parameters = is,
            Change::Keys(is) => stack.keys = is,
            Change::Stores(is) => stack.stores = is,
            Change::TagKeys(keys) => stack.tag_keys = keys,
            Change::SourceBuckets(is) => stack.source_buckets = is,
            Change::SourceOwners(is) => stack.source_owners = is,
            Change::NotifyStarted(is) => stack.notify_started = is,
        }
        stack
    }

    /// The Regions that manifests may copy to.
    pub(crate) fn copy_regions(&self) -> impl Iterator<Item = &'static str> {
        let is_open = |at: usize| {
            let only = self.only_region.map(|it| it % COPY_REGIONS.len());
            self.copies && only.is_none_or(|it| it == at)
        };
        let all = COPY_REGIONS.into_iter().enumerate();
        all.filter(move |(at, _)| is_open(*at)).map(|(_, it)| it)
    }

    /// Whether manifests may set tags of a key.
    pub(crate) fn allows_tag(&self, key: &str) -> bool {
        self.tag_keys.is_empty() || self.tag_keys.split(',').any(|it| it == key)
    }

    /// Whether manifests may share with an account or an organization.
    pub(crate) fn shares_with(&self, entity: &str) -> bool {
        self.share_with == "*" || self.share_with.split(',').any(|it| it == entity)
    }
}

/// What the stack's owner opens or closes by an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Change {
    ShareWith(String),
    Public(bool),
    Retire(bool),
    Copies(bool),
    OnlyRegion(usize),
    Parameters(bool),
    Keys(bool),
    Stores(bool),
    NotifyStarted(bool),
    TagKeys(String),
    SourceBuckets(bool),
    SourceOwners(bool),
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_so(it: &bool) -> bool {
    *it
}
