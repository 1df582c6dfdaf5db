//! How EC2 behaves here: times, failures to come, eras, permissions. Not part of the saved state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::ec2::model::timeline::TaskKind;

/// How long a registered image is pending, unless set otherwise: long enough to be seen, short enough for a demo.
const PENDING_TIME: Duration = Duration::from_secs(5);

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
        }
    }
}
