//! What people were not told yet: changes whose answer was lost, or that an invocation made and did not live to record.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::changes::record_change;
use crate::image::publish;
use crate::image::status::{Action, AppliedChange, RegionAction, Settings, Status};

/// The AMI of a Region is as its manifest says, and `ours` is confirmed. What was asked of EC2 since people were last told,
/// and is so now, was changed, whether or not an answer said so: what is not listed yet is added. What is `left` was not changed.
pub(super) fn add_unanswered(
    status: &mut Status,
    region: &str,
    (ours, left): (&Settings, &[RegionAction]),
    now: Timestamp,
) {
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
    let reached = reached(&told, &without(&intended.gone, region, left), ours);
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

/// What an AMI has that people know as `told`, now that it is as its manifest says: what is ours it has, whichever request
/// that was. Of the rest, what was to go at any time since is gone.
fn reached(told: &Settings, gone: &Settings, ours: &Settings) -> Settings {
    fn value<T: Clone>(told: Option<&T>, gone: Option<&T>, ours: Option<&T>) -> Option<T> {
        ours.or(told.filter(|_| gone.is_none())).cloned()
    }
    let mut tags = told.tags.clone();
    tags.retain(|key, _| !gone.tags.contains_key(key));
    tags.extend(ours.tags.clone());
    let none = BTreeSet::new();
    let known = [told, gone, ours].map(|it| &it.snapshots);
    let snapshots = known.into_iter().flat_map(BTreeMap::keys).map(|id| {
        let [told, gone, ours] = known.map(|it| it.get(id).unwrap_or(&none));
        (id.clone(), &(told - gone) | ours)
    });
    Settings {
        description: value(
            told.description.as_ref(),
            gone.description.as_ref(),
            text(ours.description.as_ref()),
        ),
        tags,
        product_code: value(told.product_code.as_ref(), None, ours.product_code.as_ref()),
        grants: &(&told.grants - &gone.grants) | &ours.grants,
        snapshots: snapshots.collect(),
        deprecate_at: value(
            told.deprecate_at.as_ref(),
            gone.deprecate_at.as_ref(),
            ours.deprecate_at.as_ref(),
        ),
        protection: value(
            told.protection.as_ref(),
            gone.protection.as_ref(),
            ours.protection.as_ref(),
        ),
    }
}

/// What was to go, without the shares that are left.
fn without(gone: &Settings, region: &str, left: &[RegionAction]) -> Settings {
    let mut gone = gone.clone();
    for it in left.iter().filter(|it| it.region == region) {
        if let Action::LeaveShare {
            snapshot, accounts, ..
        } = &it.action
            && let Some(known) = gone.snapshots.get_mut(snapshot)
        {
            known.retain(|account| !accounts.contains(account));
        }
    }
    gone
}

/// None is asked for as an empty one.
fn text(description: Option<&String>) -> Option<&String> {
    description.filter(|text| !text.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::status::{Applied, Grantee, Protection, RegionStatus};

    const REGION: &str = "us-east-1";
    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// One of each that can be taken back.
    fn all() -> Settings {
        let text = |it: &str| it.to_owned();
        let account = text("111122223333");
        Settings {
            description: Some(text("Web tier")),
            tags: BTreeMap::from([(text("team"), text("db"))]),
            grants: BTreeSet::from([Grantee::Account(account.clone())]),
            snapshots: BTreeMap::from([(text("snap-1"), BTreeSet::from([account]))]),
            deprecate_at: Some(NOW),
            protection: Some(Protection::On),
            ..Settings::default()
        }
    }

    fn listed(told: &Settings, asked: &[&[Action]], ours: &Settings) -> Vec<Action> {
        listed_beside(told, asked, (ours, &[]))
    }

    /// These are asked for, one after the other, of an AMI that people know as `told`; what is listed once `ours` is confirmed, and
    /// something is left.
    fn listed_beside(
        told: &Settings,
        asked: &[&[Action]],
        (ours, left): (&Settings, &[RegionAction]),
    ) -> Vec<Action> {
        let manifest = serde_json::json!({
            "bucket": "images", "key": "web.image.yaml", "etag": "e", "sha256": "0", "uploadedAt": NOW,
        });
        let mut status = Status::new(serde_json::from_value(manifest).unwrap(), NOW);
        let mut image = RegionStatus::pending("ami-1".to_owned());
        image.told = Some(Box::new(told.clone()));
        image.applied.settings = told.clone();
        for actions in asked {
            let applied: Applied = publish::intend(&image.applied, actions, None, NOW);
            image.applied = applied;
        }
        status.regions.insert(REGION.to_owned(), image);
        add_unanswered(&mut status, REGION, (ours, left), NOW);
        let changes = status.changes.into_iter();
        changes.map(|it| it.what.action).collect()
    }

    #[test]
    fn what_was_asked_for_and_taken_back_is_listed_if_it_is_so() {
        let (none, all) = (Settings::default(), all());
        let (set, removed) = (changes(&none, &all), changes(&all, &none));
        assert_eq!((set.len(), removed.len()), (6, 6));
        assert_eq!(listed(&none, &[&set, &removed], &all), set);
        assert_eq!(listed(&none, &[&set, &removed], &none), []);
        assert_eq!(listed(&all, &[&removed, &set], &none), removed);
        assert_eq!(listed(&all, &[&removed, &set], &all), []);
    }

    #[test]
    fn a_share_that_was_to_end_and_is_left_is_not_listed_as_ended() {
        let (none, all) = (Settings::default(), all());
        let leave = |(snapshot, accounts)| RegionAction {
            region: REGION.to_owned(),
            action: Action::LeaveShare {
                image: "ami-2".to_owned(),
                snapshot,
                accounts,
            },
        };
        let left: Vec<RegionAction> = all.snapshots.clone().into_iter().map(leave).collect();
        let removed = changes(&all, &none);
        let is_end = |it: &Action| matches!(it, Action::RevokeSnapshot { .. });
        let mut expected = removed.clone();
        expected.retain(|it| !is_end(it));
        assert_eq!(expected.len() + 1, removed.len());
        assert_eq!(listed_beside(&all, &[&removed], (&none, &left)), expected);
    }

    #[test]
    fn what_nobody_was_asked_to_remove_is_not_listed() {
        let (none, all) = (Settings::default(), all());
        let text = "API tier".to_owned();
        let ours = Settings {
            description: Some(text.clone()),
            ..none
        };
        let set = [Action::SetDescription { text }];
        assert_eq!(listed(&all, &[&set], &ours), set);
    }
}
