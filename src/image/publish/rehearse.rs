//! What all visits together will come to: [`plan()`](super::plan()) says what can be done now, and what can be done then
//! depends on that. Here the changes are made to what was seen, in place of EC2, until nothing is left to be done; no
//! change is decided here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::asked::Asked;
use super::in_place;
use super::observation::{Observation, Observed};
use super::plan::{Plan, plan};
use super::retire::{self, Seen, SharesSeen, SnapshotSeen, Target};
use super::settings::Shown;
use crate::image::observed::ObservedParameter;
use crate::image::status::{
    Action, CopyRequest, ParameterId, Protection, RegionAction, RegionStatus, Retire, Retirement,
    Status,
};

/// More rounds than the stages need: a copy, its settings, and what a failed copy leaves before both.
const ROUNDS_MAX: usize = 8;

/// A change that will be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The change.
    pub what: RegionAction,
    /// What the AMI is before it; none where there is none yet, or the change is about another AMI.
    pub before: Option<Shown>,
    /// The value of the parameter before it, where the change is about one.
    pub value: Option<String>,
}

impl From<RegionAction> for Planned {
    /// A change of which it does not matter what is there before.
    fn from(what: RegionAction) -> Self {
        Self {
            what,
            before: None,
            value: None,
        }
    }
}

/// What publishing will come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rehearsed {
    /// The changes, in their order.
    pub planned: Vec<Planned>,
    /// What is left when they are made: what EC2 would not do, and what could not be seen. Nothing is ready, unless it goes
    /// on for longer than is rehearsed.
    pub rest: Plan,
}

/// Makes all changes to what was seen. `id` names the copies that are yet to be made, by their Region.
#[must_use]
pub fn rehearse(
    asked: &Asked,
    status: &Status,
    observed: &Observed,
    id: impl Fn(&str) -> String,
    now: Timestamp,
) -> Rehearsed {
    let (mut status, mut observed) = (status.clone(), observed.clone());
    let is_seen = matches!(
        observed.regions.get(&asked.home),
        Some(Observation::Seen(_))
    );
    if is_seen && status.image_in(&asked.home).is_none() {
        let made = available(id(&asked.home));
        status.regions.insert(asked.home.clone(), made);
    }
    let mut rehearsed = Rehearsed::default();
    for _ in 0..ROUNDS_MAX {
        rehearsed.rest = plan(asked, &status, &observed, now);
        if rehearsed.rest.ready.is_empty() {
            return rehearsed;
        }
        for what in std::mem::take(&mut rehearsed.rest.ready) {
            let before = match observed.regions.get(&what.region) {
                Some(Observation::Seen(shown)) => Some(shown.clone()),
                _ => None,
            };
            let value = parameter_value(&observed, &what);
            make(asked, &mut status, &mut observed, &what, id(&what.region));
            rehearsed.planned.push(Planned {
                what,
                before,
                value,
            });
        }
    }
    rehearsed.rest = plan(asked, &status, &observed, now);
    rehearsed
}

/// Makes one change.
fn make(
    asked: &Asked,
    status: &mut Status,
    observed: &mut Observed,
    what: &RegionAction,
    id: String,
) {
    let region = &what.region;
    match &what.action {
        Action::CopyImage {
            attempt,
            kms_key_id,
            ..
        } => {
            let request = CopyRequest {
                attempt: *attempt,
                asked_at: Some(status.build.step_since),
                kms_key_id: kms_key_id.clone(),
                ..CopyRequest::default()
            };
            status.copies.insert(region.clone(), request);
            let copy = copied(asked, observed, region);
            observed
                .regions
                .insert(region.clone(), Observation::Seen(copy));
            status.regions.insert(region.clone(), available(id));
        }
        Action::RemoveFailedCopy { .. } => {
            status.regions.remove(region);
            observed.regions.insert(region.clone(), Observation::Absent);
            let request = status.copies.entry(region.clone()).or_default();
            request.attempt = request.attempt.saturating_add(1);
            request.asked_at = None;
        }
        Action::PutParameter {
            name,
            value,
            after,
            data_type,
        } => {
            let shown = ObservedParameter {
                kind: "String".to_owned(),
                data_type: data_type.as_str().to_owned(),
                value: value.clone(),
                version: after.saturating_add(1),
            };
            let parameter = ParameterId {
                region: region.clone(),
                name: name.clone(),
            };
            observed
                .parameters
                .insert(parameter, Observation::Seen(shown));
        }
        action => {
            note(status, region, action);
            if let Some(Observation::Seen(shown)) = observed.regions.get_mut(region) {
                set(shown, action);
            }
        }
    }
}

/// A share is for this AMI, and not one that was there.
fn note(status: &mut Status, region: &str, action: &Action) {
    if let (Some(known), Action::ShareSnapshot { snapshot, accounts }) =
        (status.regions.get_mut(region), action)
    {
        let shared = known.applied.settings.snapshots.entry(snapshot.clone());
        shared.or_default().extend(accounts.iter().cloned());
    }
}

/// An AMI that is made.
fn available(id: String) -> RegionStatus {
    RegionStatus {
        image_state: "available".to_owned(),
        ..RegionStatus::pending(id)
    }
}

/// What the parameter holds that a change is about.
fn parameter_value(observed: &Observed, what: &RegionAction) -> Option<String> {
    let Action::PutParameter { name, .. } = &what.action else {
        return None;
    };
    let parameter = ParameterId {
        region: what.region.clone(),
        name: name.clone(),
    };
    match observed.parameters.get(&parameter) {
        Some(Observation::Seen(shown)) => Some(shown.value.clone()),
        _ => None,
    }
}

/// What a copy is once it is made: it gets description and tags by the request, and as many snapshots as the AMI has.
fn copied(asked: &Asked, observed: &Observed, region: &str) -> Shown {
    let desired = asked.regions.get(region).map(|it| it.desired.clone());
    let desired = desired.unwrap_or_default();
    let snapshots = match observed.regions.get(&asked.home) {
        Some(Observation::Seen(home)) => home.snapshots.clone(),
        _ => BTreeMap::new(),
    };
    let snapshots = snapshots
        .into_keys()
        .map(|of| (format!("the copy of {of}"), BTreeSet::new()));
    Shown {
        description: desired.description,
        tags: desired.tags,
        ..Shown::made(snapshots.collect())
    }
}

impl Shown {
    /// An AMI that was just made, with these snapshots: nobody may launch it, and nothing is set on it.
    #[must_use]
    pub fn made(snapshots: BTreeMap<String, BTreeSet<String>>) -> Self {
        Self {
            grants: Some(BTreeSet::new()),
            snapshots,
            protection: "disabled".to_owned(),
            state: "available".to_owned(),
            is_available: true,
            product_codes: Some(BTreeSet::new()),
            ..Self::default()
        }
    }
}

/// Sets what an action sets.
fn set(shown: &mut Shown, action: &Action) {
    match action {
        Action::SetDescription { text } => shown.description = Some(text.clone()),
        Action::SetTags { tags } => shown.tags.extend(tags.clone()),
        Action::RemoveTags { tags } => shown.tags.retain(|key, _| !tags.contains_key(key)),
        Action::SetProductCode { code } => shown.product_codes = Some(code.iter().cloned().collect()),
        Action::ShareSnapshot { snapshot, accounts } => {
            let shared = shown.snapshots.entry(snapshot.clone()).or_default();
            shared.extend(accounts.clone());
        }
        Action::RevokeSnapshot { snapshot, accounts } => {
            let shared = shown.snapshots.entry(snapshot.clone()).or_default();
            shared.retain(|account| !accounts.contains(account));
        }
        Action::ChangeGrants { add, remove } => {
            let grants = shown.grants.get_or_insert_default();
            grants.extend(add.clone());
            grants.retain(|grantee| !remove.contains(grantee));
        }
        Action::SetDeprecation { at } => shown.deprecate_at = *at,
        Action::SetProtection { protection } => {
            let words = match protection {
                None => "disabled",
                Some(Protection::On) => "enabled-without-cooldown",
                Some(Protection::WithCooldown) => "enabled-with-cooldown",
            };
            words.clone_into(&mut shown.protection);
        }
        // Of whole AMIs.
        Action::CopyImage { .. }
        | Action::RemoveFailedCopy { .. }
        // They change nothing.
        | Action::LeaveShare { .. }
        // Of what points to the AMI.
        | Action::PutParameter { .. }
        | Action::LeaveParameter { .. }
        // Of other AMIs.
        | Action::DeprecatePrevious { .. }
        | Action::UnprotectPrevious { .. }
        | Action::ProtectPrevious { .. }
        | Action::DeregisterPrevious { .. }
        | Action::RevokePrevious { .. }
        | Action::DeleteSnapshot { .. } => {}
    }
}

/// What retiring will come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retired {
    /// The changes, in their order.
    pub planned: Vec<RegionAction>,
    /// What AMIs will be of which the manifest's wish is not, or not wholly, fulfilled.
    pub ended: Vec<Retirement>,
    /// What could not be seen, by Region and AMI.
    pub pending: Vec<(String, String, retire::Pending)>,
}

/// Makes all changes to what was seen of AMIs that are to be retired. Which of their snapshots can be deleted is only seen
/// when they are deregistered: here all can.
#[must_use]
pub fn rehearse_retiring(asked: Retire, seen: &[(Target, Seen)], now: Timestamp) -> Retired {
    let mut seen = seen.to_vec();
    let mut retired = Retired::default();
    for _ in 0..ROUNDS_MAX {
        let found = retire::plan(asked, &seen, now);
        // What is finished is not looked at again.
        for it in found.ended {
            seen.retain(|(target, _)| target.known.image != it.image);
            retired.ended.push(it);
        }
        retired.pending = found.pending;
        if found.ready.is_empty() && found.done.is_empty() {
            break;
        }
        for what in found.done {
            for (target, seen) in &mut seen {
                retire_one(target, seen, &what.action, now);
            }
        }
        for what in found.ready {
            for (target, seen) in &mut seen {
                retire_one(target, seen, &what.action, now);
            }
            retired.planned.push(what);
        }
    }
    retired.ended.retain(|it| it.why.is_some());
    retired
}

/// What will become of AMIs that have to go before the new one is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The changes, in their order.
    pub planned: Vec<RegionAction>,
    /// What is next then: unless the new AMI can be registered, what is in its way.
    pub then: in_place::Next,
}

/// Makes all changes to what was seen of AMIs that have to go first.
#[must_use]
pub fn rehearse_in_place(
    because: in_place::Because,
    asked: Retire,
    seen: &[(Target, Seen)],
    now: Timestamp,
) -> Replaced {
    let mut seen = seen.to_vec();
    let mut planned = Vec::new();
    for _ in 0..ROUNDS_MAX {
        seen.retain(|(target, _)| target.known.retiring.deregistered_at.is_none());
        match in_place::next(because, asked, &seen, now) {
            in_place::Next::Do(ready, _) => {
                for what in ready {
                    for (target, seen) in &mut seen {
                        retire_one(target, seen, &what.action, now);
                    }
                    planned.push(what);
                }
            }
            in_place::Next::Wait(image, retire::Pending::AskedAndNotShown) => {
                let mut asked = seen.iter_mut();
                let asked = asked.find(|(target, _)| target.known.image == image);
                if let Some((target, seen)) = asked
                    && let Some(what) = retire::heard(target)
                {
                    retire_one(target, seen, &what.action, now);
                }
            }
            then => return Replaced { planned, then },
        }
    }
    let then = in_place::Next::Register;
    Replaced { planned, then }
}

fn retire_one(target: &mut Target, seen: &mut Seen, action: &Action, now: Timestamp) {
    let id = target.known.image.clone();
    let is_of = |image: &String| *image == id;
    let retiring = &mut target.known.retiring;
    match (action, &mut seen.image) {
        (Action::DeprecatePrevious { image, at, .. }, Observation::Seen(shown)) if is_of(image) => {
            shown.deprecate_at = Some(*at);
        }
        (Action::UnprotectPrevious { image, .. }, Observation::Seen(shown)) if is_of(image) => {
            "disabled".clone_into(&mut shown.protection);
        }
        (Action::ProtectPrevious { image, .. }, _) if is_of(image) => retiring.protection = None,
        (
            Action::DeregisterPrevious {
                image,
                snapshots,
                delete,
            },
            _,
        ) if is_of(image) => {
            retiring.deregistered_at = Some(now);
            if *delete {
                retiring.snapshots.clone_from(snapshots);
            }
            let free = snapshots.iter().map(|id| (id.clone(), SnapshotSeen::Free));
            seen.snapshots = free.collect();
        }
        (
            Action::RevokePrevious {
                snapshot, accounts, ..
            },
            _,
        ) => revoke_one(target, seen, snapshot, accounts),
        (Action::DeleteSnapshot { image, snapshot }, _) if is_of(image) => {
            retiring.snapshots.retain(|it| it != snapshot);
            retiring.deleted.push(snapshot.clone());
        }
        _ => {}
    }
}

/// Of all AMIs that have the share on record.
fn revoke_one(target: &mut Target, seen: &mut Seen, snapshot: &str, gone: &BTreeSet<String>) {
    let granted = &mut target.known.applied.settings.snapshots;
    if let Some(accounts) = granted.get_mut(snapshot) {
        accounts.retain(|account| !gone.contains(account));
    }
    if let Some(SharesSeen::Ours { accounts, .. }) = seen.shares.get_mut(snapshot) {
        accounts.retain(|account| !gone.contains(account));
    }
}
