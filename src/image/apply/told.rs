//! What people were not told yet: changes whose answer was lost, or that an invocation made and did not live to record.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::changes::record_change;
use crate::image::status::{Action, AppliedChange, Grantee, RegionAction, Settings, Status};

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
    let listed: Vec<&Action> = listed.iter().map(|it| &it.what.action).collect();
    let asked = Asked {
        before,
        after: &intended.settings,
        ours,
    };
    for action in asked.missing(&listed) {
        let region = region.to_owned();
        record_change(status, &RegionAction { region, action }, now);
    }
}

/// This is about to be done to an AMI that people know as finished: what was so before is remembered, as `ours` says and as
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

/// What was asked of EC2 for one AMI.
struct Asked<'a> {
    /// What was ours when people were last told.
    before: &'a Settings,
    /// What was to be ours then.
    after: &'a Settings,
    /// What is ours, and is seen.
    ours: &'a Settings,
}

impl Asked<'_> {
    /// What became so and is not among these actions.
    fn missing(&self, listed: &[&Action]) -> Vec<Action> {
        let mut missing = Vec::new();
        self.describing(listed, &mut missing);
        self.sharing(listed, &mut missing);
        self.protecting(listed, &mut missing);
        missing
    }

    /// Whether a value became another one, as it was asked for.
    fn is_new<T: PartialEq>(&self, of: impl Fn(&Settings) -> Option<T>) -> bool {
        let (before, after, ours) = (of(self.before), of(self.after), of(self.ours));
        after == ours && after != before
    }

    fn describing(&self, listed: &[&Action], missing: &mut Vec<Action>) {
        // None is asked for as an empty one.
        if self.is_new(|it| it.description.clone().filter(|text| !text.is_empty())) {
            let text = self.after.description.clone().unwrap_or_default();
            push_unless_last(missing, listed, Action::SetDescription { text }, |it| {
                matches!(it, Action::SetDescription { .. })
            });
        }
        let mut set = BTreeMap::new();
        for (key, value) in &self.after.tags {
            let is_set = |it: &&Action| matches!(it, Action::SetTags { tags } if tags.get(key) == Some(value));
            let is_ours = self.ours.tags.get(key) == Some(value);
            if is_ours && self.before.tags.get(key) != Some(value) && !listed.iter().any(is_set) {
                set.insert(key.clone(), value.clone());
            }
        }
        let mut removed = BTreeMap::new();
        for (key, value) in &self.before.tags {
            let is_removed =
                |it: &&Action| matches!(it, Action::RemoveTags { tags } if tags.contains_key(key));
            let is_gone = !self.after.tags.contains_key(key) && !self.ours.tags.contains_key(key);
            if is_gone && !listed.iter().any(is_removed) {
                removed.insert(key.clone(), value.clone());
            }
        }
        if !set.is_empty() {
            missing.push(Action::SetTags { tags: set });
        }
        if !removed.is_empty() {
            missing.push(Action::RemoveTags { tags: removed });
        }
        if self.is_new(|it| it.product_code.clone())
            && let Some(code) = self.after.product_code.clone()
        {
            let action = Action::SetProductCode { code: Some(code) };
            push_unless_last(missing, listed, action, |it| {
                matches!(it, Action::SetProductCode { .. })
            });
        }
    }

    fn sharing(&self, listed: &[&Action], missing: &mut Vec<Action>) {
        let none = BTreeSet::new();
        let of = |settings: &Settings, snapshot: &String| -> BTreeSet<String> {
            settings.snapshots.get(snapshot).unwrap_or(&none).clone()
        };
        let known = [self.before, self.after, self.ours];
        let snapshots = known.into_iter().flat_map(|it| it.snapshots.keys());
        let snapshots: BTreeSet<&String> = snapshots.collect();
        for snapshot in &snapshots {
            let (mut added, _) = changed(
                &of(self.before, snapshot),
                &of(self.after, snapshot),
                &of(self.ours, snapshot),
            );
            for action in listed {
                if let Action::ShareSnapshot {
                    snapshot: id,
                    accounts,
                } = action
                    && id == *snapshot
                {
                    added.retain(|it| !accounts.contains(it));
                }
            }
            if !added.is_empty() {
                missing.push(Action::ShareSnapshot {
                    snapshot: (*snapshot).clone(),
                    accounts: added,
                });
            }
        }
        self.granting(listed, missing);
        for snapshot in snapshots {
            let (_, mut removed) = changed(
                &of(self.before, snapshot),
                &of(self.after, snapshot),
                &of(self.ours, snapshot),
            );
            for action in listed {
                if let Action::RevokeSnapshot {
                    snapshot: id,
                    accounts,
                } = action
                    && id == snapshot
                {
                    removed.retain(|it| !accounts.contains(it));
                }
            }
            if !removed.is_empty() {
                missing.push(Action::RevokeSnapshot {
                    snapshot: snapshot.clone(),
                    accounts: removed,
                });
            }
        }
    }

    fn granting(&self, listed: &[&Action], missing: &mut Vec<Action>) {
        let (mut add, mut remove): (BTreeSet<Grantee>, BTreeSet<Grantee>) =
            changed(&self.before.grants, &self.after.grants, &self.ours.grants);
        for action in listed {
            if let Action::ChangeGrants {
                add: added,
                remove: removed,
            } = action
            {
                add.retain(|it| !added.contains(it));
                remove.retain(|it| !removed.contains(it));
            }
        }
        if !add.is_empty() || !remove.is_empty() {
            missing.push(Action::ChangeGrants { add, remove });
        }
    }

    fn protecting(&self, listed: &[&Action], missing: &mut Vec<Action>) {
        if self.is_new(|it| it.deprecate_at) {
            let at = self.after.deprecate_at;
            push_unless_last(missing, listed, Action::SetDeprecation { at }, |it| {
                matches!(it, Action::SetDeprecation { .. })
            });
        }
        if self.is_new(|it| it.protection) {
            let protection = self.after.protection;
            push_unless_last(
                missing,
                listed,
                Action::SetProtection { protection },
                |it| matches!(it, Action::SetProtection { .. }),
            );
        }
    }
}

/// What was added to a set and what was taken out of it, as it was asked for.
fn changed<T: Ord + Clone>(
    before: &BTreeSet<T>,
    after: &BTreeSet<T>,
    ours: &BTreeSet<T>,
) -> (BTreeSet<T>, BTreeSet<T>) {
    let added = after.intersection(ours).filter(|it| !before.contains(it));
    let gone = |it: &&T| !after.contains(*it) && !ours.contains(*it);
    let removed = before.iter().filter(gone);
    (added.cloned().collect(), removed.cloned().collect())
}

/// Adds an action, unless the last one of its kind is the same.
fn push_unless_last(
    missing: &mut Vec<Action>,
    listed: &[&Action],
    action: Action,
    is_kind: impl Fn(&Action) -> bool,
) {
    let last = listed.iter().rev().find(|it| is_kind(it));
    if last.is_none_or(|it| **it != action) {
        missing.push(action);
    }
}
