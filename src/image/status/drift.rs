//! How a finished AMI differs from what its manifest says, as an audit saw it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::publishing::{Action, AppliedChange, RegionAction, Settings};
use super::release::ParameterId;
use crate::image::words::{Blocker, is_zero};
use crate::manifest::sha256_hex;

/// Deviations that a status keeps, and the notice about them: a few hundred kilobytes at most, whatever was changed.
const KEPT: usize = 20;

/// Digests of others that a status keeps: some 25 kilobytes.
const DIGESTS_KEPT: usize = 1000;

/// Digits of a digest.
const DIGEST_DIGITS: usize = 10;

/// Tags that a deviation names.
const TAGS_KEPT: usize = 10;

/// How a finished AMI differs from what its manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// When an audit saw the first of it.
    pub since: Timestamp,
    /// What differs, Region by Region.
    pub found: Vec<Deviation>,
    /// How much more differs than is kept here.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u32,
    /// Digests of what was told before and is not kept, by which that is not told again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub digests: BTreeSet<String>,
    /// Whether it is being repaired.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repairing: bool,
}

impl Drift {
    /// This drift, with as much of it as is kept: first what decides whether the rest is set right ([`Self::is_repairable`]).
    #[must_use]
    pub fn of(since: Timestamp, mut found: Vec<Deviation>) -> Self {
        let omitted = found.len().saturating_sub(KEPT);
        if omitted > 0 {
            found.sort_by_key(|it| (it.is_about_parameter(), it.is_repairable()));
        }
        let surplus = found.split_off(found.len() - omitted);
        let digests: BTreeSet<String> = surplus.iter().map(Deviation::digest).collect();
        Self {
            since,
            found,
            omitted: u32::try_from(omitted).unwrap_or(u32::MAX),
            digests: digests.into_iter().take(DIGESTS_KEPT).collect(),
            repairing: false,
        }
    }

    /// What differs now, where this did before. What is new is named before what is known. Where not all was seen, what is not
    /// named may be as it was.
    #[must_use]
    pub fn then(&self, mut found: Vec<Deviation>, is_all_seen: bool) -> Self {
        if found.len() > KEPT {
            found.sort_by_key(|it| self.has(it));
        }
        let mut now = Self::of(self.since, found);
        if !is_all_seen {
            let room = DIGESTS_KEPT.saturating_sub(now.digests.len());
            now.digests.extend(self.digests.iter().take(room).cloned());
        }
        now
    }

    /// What is named of it, without what only the next audit needs.
    #[must_use]
    pub fn named(&self) -> Self {
        Self {
            digests: BTreeSet::new(),
            ..self.clone()
        }
    }

    /// Whether all of it can be set right by the changes that publishing makes. Parameters are written last: where an AMI differs,
    /// they decide nothing.
    #[must_use]
    pub fn is_repairable(&self) -> bool {
        let mut of_images = self.found.iter().filter(|it| !it.is_about_parameter());
        match of_images.next() {
            Some(first) => first.is_repairable() && of_images.all(Deviation::is_repairable),
            None => self.found.iter().all(Deviation::is_repairable),
        }
    }

    /// Whether the AMI of a Region is deregistered.
    #[must_use]
    pub fn is_deregistered(&self, region: &str) -> bool {
        let mut found = self.found.iter().filter(|it| it.region == region);
        found.any(|it| matches!(it.what, Difference::Deregistered { .. }))
    }

    /// Whether it has anything that the other has not.
    #[must_use]
    pub fn exceeds(&self, before: &Self) -> bool {
        let named = self.found.iter().filter(|it| !before.has(it)).count();
        let known: BTreeSet<String> = before.found.iter().map(Deviation::digest).collect();
        let unnamed = self.digests.difference(&before.digests);
        let unnamed = unnamed.filter(|it| !known.contains(*it)).count();
        // Of these nothing else is known. They may be among what is named now.
        let omitted = usize::try_from(before.omitted).unwrap_or(usize::MAX);
        named + unnamed > omitted.saturating_sub(before.digests.len())
    }

    /// Whether it has this, as far as is known.
    #[must_use]
    pub fn has(&self, deviation: &Deviation) -> bool {
        let is_named = self.found.iter().any(|it| it.is_same(deviation));
        is_named || (!self.digests.is_empty() && self.digests.contains(&deviation.digest()))
    }
}

impl Deviation {
    /// Whether it is only known once EC2 was asked again: what it shows of an AMI may be what was before. Of parameters it knows
    /// nothing, and what has its own word for how it is went to that from another.
    #[must_use]
    pub fn needs_second_look(&self) -> bool {
        matches!(self.what, Difference::Setting { .. } | Difference::Untagged)
    }

    /// Whether a change that publishing makes would set it right.
    #[must_use]
    pub fn is_repairable(&self) -> bool {
        matches!(
            self.what,
            Difference::Setting { blocked: None, .. }
                | Difference::Parameter { blocked: false, .. }
        )
    }

    /// The parameter that it is about; none if it is about the AMI.
    #[must_use]
    pub fn parameter(&self) -> Option<ParameterId> {
        match &self.what {
            Difference::Parameter { name, .. } => Some(ParameterId {
                region: self.region.clone(),
                name: name.clone(),
            }),
            _ => None,
        }
    }

    fn is_about_parameter(&self) -> bool {
        matches!(self.what, Difference::Parameter { .. })
    }

    /// What is the same for the same that is wrong, and for nothing else.
    fn digest(&self) -> String {
        let what = serde_json::to_vec(&(&self.region, &self.image, &self.what));
        let mut digest = sha256_hex(&what.unwrap_or_default());
        digest.truncate(DIGEST_DIGITS);
        digest
    }

    /// Whether the same is wrong, since whenever.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.region, &self.image, &self.what) == (&other.region, &other.image, &other.what)
    }
}

/// One thing about the AMI of a Region that is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deviation {
    /// The Region.
    pub region: String,
    /// The AMI.
    pub image: String,
    /// When the AMI of this Region was last seen to be as the manifest says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
    /// What differs.
    #[serde(flatten)]
    pub what: Difference,
}

/// What differs about an AMI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "difference",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub enum Difference {
    /// A setting.
    Setting {
        /// What would set it right. Sets name only their first members.
        change: Action,
        /// How many members of its sets are not named.
        #[serde(default, skip_serializing_if = "is_zero")]
        omitted: u32,
        /// What EC2 shows of it: a description, the tags, a time of deprecation, a protection.
        #[serde(default, skip_serializing_if = "Settings::is_empty")]
        shown: Box<Settings>,
        /// Why EC2 would not make this change now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        blocked: Option<Blocker>,
    },
    /// A parameter does not point to the AMI any more.
    Parameter {
        /// Its name.
        name: String,
        /// What it holds; none if it is gone.
        value: Option<String>,
        /// Whether somebody else has written it, and the manifest does not say that it is taken over.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        blocked: bool,
    },
    /// The AMI is not available.
    NotAvailable {
        /// EC2's word for its state.
        state: String,
    },
    /// The AMI has not the tags that prove whose it is: nothing about it is changed.
    Untagged,
    /// EC2 does not list the AMI any more.
    Deregistered {
        /// Since when.
        since: Timestamp,
    },
}

impl Difference {
    /// A setting that this change would set right, of an AMI with these settings.
    #[must_use]
    pub fn setting(what: &RegionAction, shown: Settings, blocked: Option<Blocker>) -> Self {
        let AppliedChange { what, omitted } = AppliedChange::of(what);
        let (mut change, mut shown, mut omitted) = (what.action, shown, omitted);
        if let Action::SetTags { tags } | Action::RemoveTags { tags } = &mut change {
            let surplus = cut(tags);
            omitted = omitted.saturating_add(u32::try_from(surplus).unwrap_or(u32::MAX));
            shown.tags.retain(|key, _| tags.contains_key(key));
        }
        Self::Setting {
            change,
            omitted,
            shown: Box::new(shown),
            blocked,
        }
    }
}

/// Leaves the first entries; returns how many there were beyond.
fn cut(tags: &mut BTreeMap<String, String>) -> usize {
    let surplus = tags.len().saturating_sub(TAGS_KEPT);
    if let Some(first) = tags.keys().nth(TAGS_KEPT).cloned() {
        let _surplus = tags.split_off(&first);
    }
    surplus
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deviation(number: u32) -> Deviation {
        Deviation {
            region: "us-east-1".to_owned(),
            image: "ami-1".to_owned(),
            verified_at: None,
            what: Difference::Parameter {
                name: format!("/images/{number}"),
                value: None,
                blocked: false,
            },
        }
    }

    fn drift(names: std::ops::Range<u32>) -> Drift {
        Drift::of(Timestamp::UNIX_EPOCH, names.map(deviation).collect())
    }

    #[test]
    fn what_was_not_named_before_is_nothing_new_when_it_is_named() {
        // Two were put right by hand, and two that were not named before are.
        assert!(!drift(2..24).exceeds(&drift(0..24)));
        assert!(drift(0..25).exceeds(&drift(0..24)));
        assert!(drift(10..30).exceeds(&drift(0..20)));
        assert!(drift(0..2).exceeds(&drift(0..1)));
        assert!(!drift(0..1).exceeds(&drift(0..2)));
    }

    /// As many were put right as are new.
    #[test]
    fn what_is_new_is_known_from_what_was_not_named() {
        let (before, now) = (drift(0..24), drift(2..26));
        assert!(now.exceeds(&before));
        let again = before.then(now.found.clone(), true);
        assert!(!again.exceeds(&now));
        // What is new is named.
        let all = (2..26).map(deviation).collect();
        let after = before.then(all, true);
        assert_eq!(after.found[..2], [deviation(24), deviation(25)]);
        assert!(!now.exceeds(&after));
    }

    #[test]
    fn what_was_not_seen_is_nothing_new_when_it_is_seen_again() {
        let (before, some) = (drift(0..24), (0..21).map(deviation).collect());
        let then = before.then(some, false);
        assert!(!then.exceeds(&before));
        assert!(!before.exceeds(&then));
    }

    /// A release before has kept none of their digests.
    #[test]
    fn what_was_only_counted_is_nothing_new_either() {
        let mut before = drift(0..24);
        before.digests.clear();
        assert!(!drift(2..24).exceeds(&before));
        assert!(drift(0..25).exceeds(&before));
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let (before, now) = (drift(0..3000), drift(1..3000));
        assert_eq!(before.digests.len(), DIGESTS_KEPT);
        assert!(!now.exceeds(&before));
        assert_eq!(before.then(Vec::new(), false).digests.len(), DIGESTS_KEPT);
    }
}
