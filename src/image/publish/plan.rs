//! The difference in all Regions: what can be done now, what cannot, and what is still to be seen.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::asked::Asked;
use super::difference::difference;
use super::settings::{Blocker, Shown};
use crate::image::status::{Action, RegionAction, Status};

/// What was seen of a thing in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation<T> {
    /// This.
    Seen(T),
    /// It is not there.
    Absent,
    /// That cannot be said: the call failed, or shows something that is not proven to be ours.
    Unknown,
}

/// What was seen of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Its AMI in each Region.
    pub regions: BTreeMap<String, Observation<Shown>>,
}

/// Why a Region is not done, and will be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// What was changed a moment ago does not show yet.
    Settling,
    /// There is no AMI yet.
    NoImage,
    /// The AMI is not available yet.
    NotAvailable,
    /// It could not be seen.
    Unknown,
}

/// What is to be done about an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be done now, in this order.
    pub ready: Vec<RegionAction>,
    /// What EC2 would not do now.
    pub blocked: Vec<(RegionAction, Blocker)>,
    /// The Regions that are not done, and have nothing that could be done now.
    pub pending: BTreeMap<String, Pending>,
    /// The Regions that are as they should be.
    pub verified: BTreeSet<String>,
}

impl Plan {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.blocked.is_empty() && self.pending.is_empty()
    }
}

/// The difference between what is asked for, what was applied and what was seen. A Region that failed for good is left
/// out until it is tried again.
#[must_use]
pub fn plan(asked: &Asked, status: &Status, observed: &Observed, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    for (region, wanted) in &asked.regions {
        if has_failed(status, region) {
            continue;
        }
        let shown = match observed.regions.get(region) {
            Some(Observation::Seen(shown)) => shown,
            Some(Observation::Absent) => {
                plan.pending.insert(region.clone(), Pending::NoImage);
                continue;
            }
            Some(Observation::Unknown) | None => {
                plan.pending.insert(region.clone(), Pending::Unknown);
                continue;
            }
        };
        if !shown.is_available {
            plan.pending.insert(region.clone(), Pending::NotAvailable);
            continue;
        }
        let found = difference(&wanted.desired, &status.applied_in(region), shown, now);
        let is_done = found.is_empty();
        let in_region = |action: Action| RegionAction {
            region: region.clone(),
            action,
        };
        if found.ready.is_empty() && found.is_settling {
            plan.pending.insert(region.clone(), Pending::Settling);
        }
        plan.ready.extend(found.ready.into_iter().map(in_region));
        let blocked = found.blocked.into_iter();
        plan.blocked
            .extend(blocked.map(|(action, why)| (in_region(action), why)));
        if is_done {
            plan.verified.insert(region.clone());
        }
    }
    plan
}

/// Whether a Region will not become as it should be.
fn has_failed(status: &Status, region: &str) -> bool {
    let image = status.regions.get(region);
    let copy = status.copies.get(region);
    image.is_some_and(|it| it.failure.is_some()) || copy.is_some_and(|it| it.failure.is_some())
}
