//! How EC2 behaves here: times, failures to come, eras, permissions. Not part of the saved state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::ec2::model::timeline::TaskKind;

/// How long a registered image is pending, unless set otherwise: long enough to be seen, short enough for a demo.
const PENDING_TIME: Duration = Duration::from_secs(5);

/// "AMI quotas in Amazon EC2" (EC2 User Guide): public AMIs per Region.
const PUBLIC_IMAGES: usize = 5;
/// The same: entities that an AMI can be shared with in a Region.
const SHARES: usize = 1000;
/// "Destination Regions are limited to 300 concurrent AMI copies" ("Copy an Amazon EC2 AMI", EC2 User Guide).
const COPIES: usize = 300;

/// How this world behaves. Set by whoever makes it, not part of the saved state. Not `Debug`: it has secrets.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) pending_time: Duration,
    pub(crate) visibility_delay: Duration,
    pub(crate) billing_products: bool,
    pub(crate) denied: BTreeSet<String>,
    pub(crate) task_times: BTreeMap<TaskKind, Duration>,
    pub(crate) roles: BTreeSet<String>,
    pub(crate) era: Era,
    /// Secrets by access key id. Secrets are not state: they are in no saved file.
    pub(crate) bundle_keys: BTreeMap<String, String>,
    /// How long reads show an image or a snapshot as it was before a change.
    pub(crate) stale_reads: Duration,
    /// Public images in a Region.
    pub(crate) public_images: usize,
    /// Accounts, organizations and units that an image is shared with.
    pub(crate) shares: usize,
    /// Copies of images under way into a Region.
    pub(crate) copies: usize,
    /// The most that a page of a listing holds.
    pub(crate) page_limit: Option<usize>,
    /// Keys that cannot be used, as requests name them.
    pub(crate) unusable_keys: BTreeSet<String>,
    /// Product codes of other accounts.
    pub(crate) foreign_product_codes: BTreeSet<String>,
}

/// What EC2 still supports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Era {
    /// As AWS is in 2026: BundleInstance and CancelBundleTask are no longer supported.
    #[default]
    Today,
    /// As AWS was, and as EC2-compatible clouds are: they are.
    Classic,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pending_time: PENDING_TIME,
            visibility_delay: Duration::ZERO,
            billing_products: false,
            denied: BTreeSet::new(),
            task_times: BTreeMap::new(),
            roles: BTreeSet::from(["vmimport".to_owned()]),
            era: Era::Today,
            bundle_keys: BTreeMap::new(),
            stale_reads: Duration::ZERO,
            public_images: PUBLIC_IMAGES,
            shares: SHARES,
            copies: COPIES,
            page_limit: None,
            unusable_keys: BTreeSet::new(),
            foreign_product_codes: BTreeSet::new(),
        }
    }
}
