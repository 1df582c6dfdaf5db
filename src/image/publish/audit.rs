//! The audit of a finished AMI: what [`plan()`](super::plan()) would change now is what somebody else has changed since. What could not be
//! seen is never a difference, nor is what EC2 fails to list once, or shows otherwise once. Parameters are compared although they could not be written now,
//! if they were seen to hold the AMI.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::asked::Asked;
use super::copy::is_under_way;
use super::observation::{CopyFault, Observation, Observed, Pending};
use super::plan::{Plan, plan};
use super::protect::to_minute;
use super::release::{self, ReleasePlan};
use super::settings::Shown;
use crate::image::plan::{LOOK_AGAIN, VISIBILITY_GRACE};
use crate::image::status::{
    Action, Deviation, Difference, ParameterId, RegionAction, Settings, Status,
};
use crate::image::words::{FailureKind, State};
use crate::manifest::text::excerpt;

/// How long after an AMI was seen to be right, or was changed by us, it is not audited: reads may still show what was
/// before our last write.
pub const AUDIT_GRACE: SignedDuration = SignedDuration::from_mins(15);

/// What an audit has seen of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audited {
    /// The Regions that are as they should be.
    pub verified: BTreeSet<String>,
    /// What is not.
    pub deviations: Vec<Deviation>,
    /// The Regions whose AMI EC2 does not list, for the first time or not for long.
    pub unseen: BTreeSet<String>,
    /// The Regions of which nothing can be said.
    pub unknown: BTreeSet<String>,
    /// The parameters of which nothing can be said: most were not read.
    pub unread: BTreeSet<ParameterId>,
    /// Those that differ, and would not be written before something about an AMI is as it should be.
    pub held: BTreeSet<ParameterId>,
}

/// Whether an image is audited now: it is finished, nothing is about to be done for it, and it was not seen to be right
/// a moment ago. Where settings were seen to differ it is looked at again before that.
#[must_use]
pub fn is_auditable(status: &Status, now: Timestamp) -> bool {
    let is_finished = matches!(status.state, State::Available | State::Incomplete);
    let since = status.build.step_since;
    let last = status.last_verified().map_or(since, |at| at.max(since));
    let is_due = match status.doubted_at() {
        Some(at) => now.duration_since(at) >= LOOK_AGAIN,
        None => now.duration_since(last) >= AUDIT_GRACE,
    };
    is_finished && status.is_built() && status.retry.is_none() && is_due
}

/// What differs about a finished AMI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// What publishing would change now.
    plan: Plan,
    /// What it would change about the parameters that pointed to the AMI, once nothing else keeps it from writing them: whoever
    /// launches from one launches at once, whatever has become of the AMI in another Region.
    held: ReleasePlan,
    /// When the AMI of each Region is to be deprecated, as the manifest says: once that has passed, what EC2 would be asked for is
    /// later each time.
    deprecate_at: BTreeMap<String, Timestamp>,
}

impl Comparison {
    /// The parameters that are still to be seen.
    #[must_use]
    pub fn pending(&self) -> BTreeSet<ParameterId> {
        let all = [&self.plan.release.pending, &self.held.pending];
        all.into_iter().flat_map(|it| it.keys().cloned()).collect()
    }

    /// A change as the manifest says it.
    fn said(&self, what: &RegionAction) -> RegionAction {
        let mut said = what.clone();
        if let Action::SetDeprecation { at: at @ Some(_) } = &mut said.action {
            let date = self.deprecate_at.get(&what.region).copied();
            *at = date.map(to_minute).or(*at);
        }
        said
    }
}

/// Compares what was seen of a finished AMI with what is asked for. The status is as [`Status::unverified`].
#[must_use]
pub fn compare(asked: &Asked, status: &Status, observed: &Observed, now: Timestamp) -> Comparison {
    let plan = plan(asked, status, observed, now);
    let is_held = |id: &ParameterId| plan.release.is_held || !plan.verified.contains(&id.region);
    let has_shown = |id: &ParameterId| {
        let known = status.image_in(&id.region);
        known.is_some_and(|known| status.release.has_shown(id, &known.image))
    };
    let all = asked.regions.keys().cloned().collect();
    let mut held = release::difference(asked, status, &all, &observed.parameters, now);
    held.retain(|id| is_held(id) && has_shown(id));
    let dates = asked.regions.iter();
    let dates = dates.filter_map(|(region, it)| Some((region.clone(), it.desired.deprecate_at?)));
    Comparison {
        plan,
        held,
        deprecate_at: dates.collect(),
    }
}

/// What that says of the AMI.
#[must_use]
pub fn audit(
    comparison: &Comparison,
    status: &Status,
    observed: &Observed,
    now: Timestamp,
) -> Audited {
    let Comparison { plan, held, .. } = comparison;
    let mut audited = Audited::default();
    for (id, blocked) in moved(&plan.ready, &plan.release) {
        audited.moved(status, &id, observed, blocked);
    }
    audited.settings(comparison, status, observed);
    for (region, fault) in &plan.failed {
        audited.fault(status, region, fault, now);
    }
    // Of a copy that no manifest names any more nothing is said.
    let of_named = plan.pending.iter();
    let of_named = of_named.filter(|(region, _)| !plan.unlisted.contains(*region));
    for (region, pending) in of_named {
        match (pending, observed.regions.get(region)) {
            (Pending::NoImage, _) => audited.deregistered(status, region, now),
            (Pending::NotAvailable, Some(Observation::Seen(shown)))
                if !is_under_way(&shown.state) =>
            {
                let state = shown.state.clone();
                audited.deviate(status, region, Difference::NotAvailable { state });
            }
            _ => {
                audited.unknown.insert(region.clone());
            }
        }
    }
    let is_read = |id: &&ParameterId| {
        let seen = observed.parameters.get(id);
        matches!(seen, Some(Observation::Seen(_) | Observation::Absent))
    };
    let named = plan.release.named.iter();
    audited.unread = named.filter(|id| !is_read(id)).cloned().collect();
    for (id, blocked) in moved(&held.ready, held) {
        // Whether that AMI is gone the next audit says, and of both together.
        if audited.unseen.is_empty() {
            audited.moved(status, &id, observed, blocked);
            audited.held.insert(id);
        } else {
            audited.unread.insert(id);
        }
    }
    audited.unknown.extend(plan.in_vain.iter().cloned());
    audited.verified = plan.verified.clone();
    audited
}

/// The parameters that do not point to the AMI: those that would be written, and those that somebody else has written.
fn moved<'a>(
    ready: &'a [RegionAction],
    release: &'a ReleasePlan,
) -> impl Iterator<Item = (ParameterId, bool)> + 'a {
    let puts = ready.iter().filter_map(RegionAction::parameter);
    let conflicts = release.conflicts.iter().map(|it| it.parameter.clone());
    let puts = puts.map(|id| (id, false));
    puts.chain(conflicts.map(|id| (id, true)))
}

impl Audited {
    /// What is to be changed about the AMIs.
    fn settings(&mut self, comparison: &Comparison, status: &Status, observed: &Observed) {
        let plan = &comparison.plan;
        let ready = plan.ready.iter().map(|what| (what, None));
        let blocked = plan.blocked.iter().map(|(what, why)| (what, Some(*why)));
        for (what, blocked) in ready.chain(blocked) {
            if what.parameter().is_some() {
                continue;
            }
            let Some(Observation::Seen(shown)) = observed.regions.get(&what.region) else {
                self.unknown.insert(what.region.clone());
                continue;
            };
            let difference = match &what.action {
                // A copy that was finished is not made again, and not deleted.
                Action::CopyImage { .. } | Action::RemoveFailedCopy { .. } => {
                    Difference::NotAvailable {
                        state: shown.state.clone(),
                    }
                }
                _ if was_never_set(status, &what.region) => {
                    self.unknown.insert(what.region.clone());
                    continue;
                }
                _ => Difference::setting(&comparison.said(what), shown_of(what, shown), blocked),
            };
            self.deviate(status, &what.region, difference);
        }
    }

    /// A parameter does not point to the AMI any more.
    fn moved(&mut self, status: &Status, id: &ParameterId, observed: &Observed, blocked: bool) {
        if was_never_set(status, &id.region) {
            self.unread.insert(id.clone());
            return;
        }
        let value = match observed.parameters.get(id) {
            Some(Observation::Seen(shown)) => Some(excerpt(&shown.value)),
            _ => None,
        };
        let name = id.name.clone();
        let difference = Difference::Parameter {
            name,
            value,
            blocked,
        };
        self.deviate(status, &id.region, difference);
    }

    /// The AMI of a Region is not there, or not as it is asked for, and is not made again.
    fn fault(&mut self, status: &Status, region: &str, fault: &CopyFault, now: Timestamp) {
        let state = match fault {
            CopyFault::Deregistered(_) => return self.deregistered(status, region, now),
            CopyFault::Disabled(_) => "disabled".to_owned(),
            CopyFault::Broken { state, .. } => state.clone(),
            // Not somebody else's doing: the image is incomplete already.
            CopyFault::InstanceStore | CopyFault::OtherKey { .. } => {
                self.unknown.insert(region.to_owned());
                return;
            }
        };
        self.deviate(status, region, Difference::NotAvailable { state });
    }

    /// The AMI of this Region is there by its id and its name, and has lost the tags that prove whose it is. Nothing else is
    /// said of it.
    pub fn untagged(&mut self, status: &Status, region: &str) {
        self.unknown.insert(region.to_owned());
        self.verified.remove(region);
        self.deviate(status, region, Difference::Untagged);
    }

    fn deviate(&mut self, status: &Status, region: &str, what: Difference) {
        let Some(known) = status.image_in(region) else {
            self.unknown.insert(region.to_owned());
            return;
        };
        self.deviations.push(Deviation {
            region: region.to_owned(),
            image: known.image.clone(),
            verified_at: confirmed_at(status, region, &what)
                .max(known.verified_at)
                .or(status.completed_at),
            what,
        });
    }

    /// EC2 does not list the AMI: one empty answer does not prove anything.
    fn deregistered(&mut self, status: &Status, region: &str, now: Timestamp) {
        let known = status.image_in(region);
        match known.and_then(|known| known.unseen_since) {
            Some(since) if now.duration_since(since) >= VISIBILITY_GRACE => {
                self.deviate(status, region, Difference::Deregistered { since });
            }
            _ => {
                self.unseen.insert(region.to_owned());
            }
        }
    }
}

/// Whether the image ended before the AMI of a Region had the settings that were uploaded last: what differs was changed by
/// nobody else.
fn was_never_set(status: &Status, region: &str) -> bool {
    let failure = status.build.failure.as_ref();
    let is_ended = failure.is_some_and(|it| {
        matches!(
            it.kind,
            FailureKind::SettingsGone | FailureKind::ManifestNotAllowed
        )
    });
    let verified_at = status.image_in(region).and_then(|it| it.verified_at);
    let is_verified = verified_at.is_some_and(|at| at >= status.manifest.last_uploaded_at());
    is_ended && !is_verified && !status.only_storing()
}

/// When a parameter was seen to be right last: after the AMI was.
fn confirmed_at(status: &Status, region: &str, what: &Difference) -> Option<Timestamp> {
    let Difference::Parameter { name, .. } = what else {
        return None;
    };
    let (region, name) = (region.to_owned(), name.clone());
    let known = status.release.parameters.get(&ParameterId { region, name });
    known?.confirmed_at
}

/// What EC2 shows of the setting that an action would change.
fn shown_of(what: &RegionAction, shown: &Shown) -> Settings {
    let none = Settings::default();
    match &what.action {
        Action::SetDescription { .. } => Settings {
            description: shown.description.clone(),
            ..none
        },
        Action::SetTags { tags } | Action::RemoveTags { tags } => {
            let mut kept = shown.tags.clone();
            kept.retain(|key, _| tags.contains_key(key));
            Settings { tags: kept, ..none }
        }
        Action::SetDeprecation { .. } => Settings {
            deprecate_at: shown.deprecate_at,
            ..none
        },
        Action::SetProtection { .. } => Settings {
            protection: shown.current_protection(),
            ..none
        },
        _ => none,
    }
}
