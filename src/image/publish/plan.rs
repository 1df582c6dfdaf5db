//! The difference in all Regions: what can be done now, what cannot, and what is still to be seen.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::asked::{Asked, AskedRegion};
use super::blockers::{self, AccountSettings};
use super::copy::{self, Copied};
use super::difference::{STALE_READS, difference, is_in_vain};
use super::observation::{CopyFault, Observation, Observed, Pending};
use super::public_date;
use super::release::{self, ReleasePlan};
use super::settings::{Desired, Shown};
use super::share;
use super::unrecorded;
use crate::image::plan::PUBLISH_GRACE;
use crate::image::status::{Action, Applied, CopyRequest, RegionAction, RegionStatus, Status};
use crate::image::words::Blocker;

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
    /// The Regions in which the AMI came back and is without the protection that was switched off for it to go, and is to be: whatever
    /// else is not as it should be there.
    pub unprotected: BTreeSet<String>,
    /// What is ours of AMIs that were found without a record of it, by Region: it is to be written down.
    pub adopted: BTreeMap<String, Applied>,
    /// What is left as it is in those that are verified, although nobody asks for it any more.
    pub left: Vec<RegionAction>,
    /// The Regions that will have no copy, or not as it is asked for.
    pub failed: BTreeMap<String, CopyFault>,
    /// The Regions that do not become as they should be, however often EC2 is asked.
    pub in_vain: BTreeSet<String>,
    /// The Regions that are known of and not asked for any more. Their AMIs are kept.
    pub unlisted: BTreeSet<String>,
    /// The parameters that point to the AMIs.
    pub release: ReleasePlan,
}

impl Plan {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_waiting = !self.pending.is_empty() || !self.release.pending.is_empty();
        let is_released =
            self.release.conflicts.is_empty() && self.release.not_validated.is_empty();
        let is_refused =
            !self.blocked.is_empty() || !self.failed.is_empty() || !self.in_vain.is_empty();
        self.ready.is_empty() && !is_waiting && !is_refused && is_released
    }

    /// What is ours of the AMI of a Region.
    #[must_use]
    pub fn applied_in(&self, status: &Status, region: &str) -> Applied {
        let adopted = self.adopted.get(region).cloned();
        adopted.unwrap_or_else(|| status.applied_in(region))
    }
}

/// The difference between what is asked for, what was applied and what was seen. A Region that failed for good is left
/// out until it is tried again; one that is done is not looked at again until others are, too.
#[must_use]
pub fn plan(asked: &Asked, status: &Status, observed: &Observed, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    let known = status.regions.keys().chain(status.copies.keys());
    let unlisted = known.filter(|region| !asked.regions.contains_key(*region));
    plan.unlisted = unlisted.cloned().collect();
    let home = match observed.regions.get(&asked.home) {
        Some(Observation::Seen(shown)) => Some(shown),
        _ => None,
    };
    for (region, wanted) in &asked.regions {
        if let (Some(known), Some(Observation::Seen(shown))) =
            (status.image_in(region), observed.regions.get(region))
            && is_left_unprotected(&wanted.desired, known, shown, now)
        {
            plan.unprotected.insert(region.clone());
        }
        if status.failure_in(region).is_some() {
            continue;
        }
        // Of the AMI of the stack's Region, copies may still have to be made: that it was verified is not enough.
        let is_usable = *region != asked.home || home.is_some_and(|it| it.is_available);
        if is_usable && status.is_verified_now(region) {
            plan.verified.insert(region.clone());
            continue;
        }
        let seen = observed.regions.get(region);
        let copied = if *region == asked.home {
            at_home(status.image_in(region), seen)
        } else {
            copy::next((region, wanted), status, home, seen, now)
        };
        let account = observed.accounts.get(region).copied().unwrap_or_default();
        match copied {
            Copied::Available(shown) => {
                plan.compare(region, wanted, status, (shown, account), now);
            }
            Copied::Do(action) => match unshareable(status, region, wanted, home, account) {
                Some(blocker) => plan.blocked.push((in_region(region, action), blocker)),
                None => plan.ready.push(in_region(region, action)),
            },
            Copied::Pending(why) => {
                plan.pending.insert(region.clone(), why);
            }
            Copied::Failed(fault) => {
                plan.failed.insert(region.clone(), fault);
            }
            Copied::NotYet => {}
        }
    }
    for region in &plan.unlisted {
        match copy::left(region, status, observed.regions.get(region), now) {
            Some(Copied::Do(action)) => plan.ready.push(in_region(region, action)),
            Some(Copied::Pending(why)) => {
                plan.pending.insert(region.clone(), why);
            }
            _ => {}
        }
    }
    let parameters = &observed.parameters;
    plan.release = release::difference(asked, status, &plan.verified, parameters, now);
    plan.ready.append(&mut plan.release.ready);
    plan
}

/// Why a copy could not be shared as it is asked for, if nothing has been asked of EC2 in that Region yet: what was is
/// there, or will be.
fn unshareable(
    status: &Status,
    region: &str,
    wanted: &AskedRegion,
    home: Option<&Shown>,
    account: AccountSettings,
) -> Option<Blocker> {
    let request = status.copies.get(region);
    let may_be_heard = request.is_some_and(CopyRequest::may_be_heard);
    let home = home.filter(|_| !may_be_heard && !status.regions.contains_key(region))?;
    blockers::copying(wanted, home, account)
}

/// The AMI that the copies are made of.
fn at_home<'a>(known: Option<&RegionStatus>, seen: Option<&'a Observation<Shown>>) -> Copied<'a> {
    match seen {
        Some(Observation::Seen(shown)) if copy::is_disabled(&shown.state) => {
            let image = known.map(|known| known.image.clone());
            Copied::Failed(CopyFault::Disabled(image.unwrap_or_default()))
        }
        Some(Observation::Seen(shown)) if shown.is_available => Copied::Available(shown),
        Some(Observation::Seen(_)) => Copied::Pending(Pending::NotAvailable),
        Some(Observation::Absent) => Copied::Pending(Pending::NoImage),
        Some(Observation::Unknown) | None => Copied::Pending(Pending::Unknown),
    }
}

/// Whether an AMI that came back is without the protection that was switched off for it to go, as is asked for now. Not where the
/// read may be older than the last request about that.
fn is_left_unprotected(
    desired: &Desired,
    known: &RegionStatus,
    shown: &Shown,
    now: Timestamp,
) -> bool {
    let retiring = &known.retiring;
    let intended_at = known.applied.intended.as_ref().map(|it| it.at);
    let asked_at = retiring.unprotected_at.or(intended_at);
    let is_settled = asked_at.is_some_and(|at| now.duration_since(at) >= STALE_READS);
    let is_off = desired.protection.is_none() && shown.current_protection().is_none();
    retiring.protection.is_some() && is_off && is_settled
}

/// Whether an AMI of the manifest was deregistered, and its shares ended, so lately that reads may be older.
fn has_deregistered_lately(status: &Status, now: Timestamp) -> bool {
    let gone = status.deregistered().map(|(_, at)| at);
    let previous = status.previous.iter().flat_map(|it| it.regions.values());
    let previous = previous.filter_map(|it| it.retiring.deregistered_at.or(it.retiring.asked_at));
    let mut all = gone.chain(previous);
    all.any(|at| now.duration_since(at) < STALE_READS)
}

/// Whether what is asked for now is so since lately.
fn has_begun_lately(status: &Status, now: Timestamp) -> bool {
    now.duration_since(status.build.step_since).abs() < STALE_READS
}

fn in_region(region: &str, action: Action) -> RegionAction {
    let region = region.to_owned();
    RegionAction { region, action }
}

impl Plan {
    /// Adds what is to be changed about the AMI of a Region.
    fn compare(
        &mut self,
        region: &str,
        wanted: &AskedRegion,
        status: &Status,
        (shown, account): (&Shown, AccountSettings),
        now: Timestamp,
    ) {
        let adopted = unrecorded::adopted(status, region, &wanted.desired, shown, now);
        let adopted = adopted.map(|applied| (region.to_owned(), applied));
        self.adopted.extend(adopted);
        let applied = self.applied_in(status, region);
        let mut found = difference(&wanted.desired, &applied, shown, now);
        // A share that ended with its AMI may be shown for minutes; and whoever has shared it may be about to end that, and not know
        // of this AMI's need yet.
        found.is_settling |= (has_deregistered_lately(status, now)
            || has_begun_lately(status, now))
            && share::is_shared_otherwise(&wanted.desired, &applied, shown);
        if found.is_empty() {
            self.verified.insert(region.to_owned());
            let left = share::left(&wanted.desired, &applied.settings, shown);
            let left = left.into_iter().map(|it| in_region(region, it));
            self.left.extend(left);
        }
        let unshareable = blockers::sharing(&found.ready, shown, account);
        let is_dated = || public_date::too_late(&found, &wanted.desired, shown, now);
        if let Some((action, why)) = unshareable.or_else(is_dated) {
            self.blocked.push((in_region(region, action), why));
            return;
        }
        if !found.ready.is_empty() && is_in_vain(&applied, &found.ready, PUBLISH_GRACE, now) {
            self.in_vain.insert(region.to_owned());
            return;
        }
        if found.ready.is_empty() && found.is_settling {
            self.pending.insert(region.to_owned(), Pending::Settling);
        }
        let ready = found.ready.into_iter();
        self.ready.extend(ready.map(|it| in_region(region, it)));
        // What is not shown yet may be what is in the way.
        let blocked = found.blocked.into_iter().filter(|_| !found.is_settling);
        let blocked = blocked.map(|(action, why)| (in_region(region, action), why));
        self.blocked.extend(blocked);
    }
}
