//! What people were not told yet: changes whose answer was lost, or that an invocation made and did not live to record.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::changes::record_change;
use crate::image::publish;
use crate::image::status::{Action, AppliedChange, RegionAction, Settings, Status};

/// The AMI of a Region is as its manifest says, and `ours` is confirmed. What was asked of EC2 since people were last told,
/// and is so now, was changed, whether or not an answer said so: what is not listed yet is added.
pub(super) fn add_unanswered(status: &mut Status, region: &str, ours: &Settings, now: Timestamp) {
    let Some(known) = status.regions.get(region) else {
        return;
    };
    let (Some(before), Some(intended)) = (&known.told, &known.applied.intended) else {
        return;
    };
    let of_region = status.changes.iter().filter(|it| it.what.region == region);
    let listed: Vec<&AppliedChange> = of_region.collect();
    // What is not named may be what is looked for.
    if listed.iter().any(|it| it.omitted > 0) {
        return;
    }
    let mut told = (**before).clone();
    let listed = listed.iter().map(|it| &it.what.action);
    listed.for_each(|action| publish::done(action, &mut told));
    let reached = reached(&told, &intended.settings, ours);
    for action in changes(&told, &reached) {
        let region = region.to_owned();
        record_change(status, &RegionAction { region, action }, now);
    }
}

/// This is about to be done to an AMI of which people were told how it is: what was so before is remembered, as `ours` says and as
/// the actions show.
pub(super) fn remember(told: &mut Option<Box<Settings>>, ours: Settings, actions: &[&Action]) {
    let told = told.get_or_insert_with(|| Box::new(ours));
    for action in actions {
        match action {
            Action::SetDescription { text } => {
                told.description.take_if(|known| known == text);
            }
            Action::SetTags { tags } => {
                told.tags.retain(|key, value| tags.get(key) != Some(value));
            }
            Action::RemoveTags { tags } => told.tags.extend(tags.clone()),
            Action::ShareSnapshot { snapshot, accounts } => {
                if let Some(known) = told.snapshots.get_mut(snapshot) {
                    known.retain(|it| !accounts.contains(it));
                }
            }
            Action::RevokeSnapshot { snapshot, accounts } => {
                let known = told.snapshots.entry(snapshot.clone()).or_default();
                known.extend(accounts.clone());
            }
            Action::ChangeGrants { add, remove } => {
                told.grants.retain(|it| !add.contains(it));
                told.grants.extend(remove.clone());
            }
            Action::SetDeprecation { at: Some(at) } => {
                told.deprecate_at.take_if(|known| known == at);
            }
            Action::SetProtection {
                protection: Some(protection),
            } => {
                told.protection.take_if(|known| known == protection);
            }
            _ => {}
        }
    }
}

/// The changes that people were told of are forgotten.
pub(super) fn forget_told(status: &mut Status) {
    let untold = usize::try_from(status.untold).unwrap_or(usize::MAX);
    let told = status.changes.len().saturating_sub(untold);
    status.changes.drain(..told);
}

/// What an AMI has that people know as `told`: what was to be so, and is `ours` and seen, counts.
fn reached(told: &Settings, asked: &Settings, ours: &Settings) -> Settings {
    fn value<T: Clone + PartialEq>(
        told: Option<&T>,
        asked: Option<&T>,
        ours: Option<&T>,
    ) -> Option<T> {
        if asked == ours { asked } else { told }.cloned()
    }
    let mut tags = told.tags.clone();
    tags.retain(|key, _| asked.tags.contains_key(key) || ours.tags.contains_key(key));
    let set = asked.tags.iter();
    let set = set.filter(|(key, value)| ours.tags.get(*key) == Some(value));
    tags.extend(set.map(|(key, value)| (key.clone(), value.clone())));
    let none = BTreeSet::new();
    let known = [told, asked, ours].map(|it| &it.snapshots);
    let snapshots = known.into_iter().flat_map(BTreeMap::keys).map(|id| {
        let [told, asked, ours] = known.map(|it| it.get(id).unwrap_or(&none));
        (id.clone(), members(told, asked, ours))
    });
    Settings {
        description: value(
            text(told.description.as_ref()),
            text(asked.description.as_ref()),
            text(ours.description.as_ref()),
        ),
        tags,
        product_code: value(
            told.product_code.as_ref(),
            asked.product_code.as_ref(),
            ours.product_code.as_ref(),
        ),
        grants: members(&told.grants, &asked.grants, &ours.grants),
        snapshots: snapshots.collect(),
        deprecate_at: value(
            told.deprecate_at.as_ref(),
            asked.deprecate_at.as_ref(),
            ours.deprecate_at.as_ref(),
        ),
        protection: value(
            told.protection.as_ref(),
            asked.protection.as_ref(),
            ours.protection.as_ref(),
        ),
    }
}

/// None is asked for as an empty one.
fn text(description: Option<&String>) -> Option<&String> {
    description.filter(|text| !text.is_empty())
}

/// A set that people know as `told`, with what was added and without what was taken out, as it was asked for.
fn members<T: Ord + Clone>(
    told: &BTreeSet<T>,
    asked: &BTreeSet<T>,
    ours: &BTreeSet<T>,
) -> BTreeSet<T> {
    let stay = told
        .iter()
        .filter(|it| asked.contains(it) || ours.contains(it));
    stay.chain(asked.intersection(ours)).cloned().collect()
}

/// What was changed between the two, in the order in which it is done.
fn changes(from: &Settings, to: &Settings) -> Vec<Action> {
    let mut changes = Vec::new();
    if text(from.description.as_ref()) != text(to.description.as_ref()) {
        let text = to.description.clone().unwrap_or_default();
        changes.push(Action::SetDescription { text });
    }
    let set = missing(&to.tags, |(key, value)| from.tags.get(key) == Some(value));
    let removed = missing(&from.tags, |(key, _)| to.tags.contains_key(key));
    changes.extend(set.map(|tags| Action::SetTags { tags }));
    changes.extend(removed.map(|tags| Action::RemoveTags { tags }));
    if from.product_code != to.product_code && to.product_code.is_some() {
        let code = to.product_code.clone();
        changes.push(Action::SetProductCode { code });
    }
    let share = |(snapshot, accounts)| Action::ShareSnapshot { snapshot, accounts };
    changes.extend(more(&to.snapshots, &from.snapshots).map(share));
    let (add, remove) = (&to.grants - &from.grants, &from.grants - &to.grants);
    if !add.is_empty() || !remove.is_empty() {
        changes.push(Action::ChangeGrants { add, remove });
    }
    let revoke = |(snapshot, accounts)| Action::RevokeSnapshot { snapshot, accounts };
    changes.extend(more(&from.snapshots, &to.snapshots).map(revoke));
    if from.deprecate_at != to.deprecate_at {
        let at = to.deprecate_at;
        changes.push(Action::SetDeprecation { at });
    }
    if from.protection != to.protection {
        let protection = to.protection;
        changes.push(Action::SetProtection { protection });
    }
    changes
}

/// Those of the tags that the other side has not; none if it has all.
fn missing(
    tags: &BTreeMap<String, String>,
    has: impl Fn((&String, &String)) -> bool,
) -> Option<BTreeMap<String, String>> {
    let missing = tags.iter().filter(|(key, value)| !has((key, value)));
    let missing: BTreeMap<_, _> = missing
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    (!missing.is_empty()).then_some(missing)
}

type Shares = BTreeMap<String, BTreeSet<String>>;

/// The accounts that each snapshot is shared with in the one and not in the other.
fn more(of: &Shares, than: &Shares) -> impl Iterator<Item = (String, BTreeSet<String>)> {
    let more = of.iter().map(|(snapshot, accounts)| {
        let known = than.get(snapshot);
        let more = known.map_or_else(|| accounts.clone(), |known| accounts - known);
        (snapshot.clone(), more)
    });
    more.filter(|(_, accounts)| !accounts.is_empty())
}
