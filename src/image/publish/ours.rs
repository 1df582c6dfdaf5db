//! What is ours of that which has one value at a time: description, tags, time of deprecation, protection.
//!
//! Another value is written down before EC2 is asked for it. Until it shows, the AMI may have this one, or the one before:
//! the invocation may have died in between, and the manifest may ask for something else again. So both are ours, or what the
//! manifest had asked for would be taken for somebody else's, and stay for good.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::protect::to_minute;
use super::settings::{Compared, Desired, Shown};
use crate::image::status::{Applied, Protection, Settings};

/// How many of a setting's values before are remembered: the one that was seen last, and more than are asked for within the
/// minutes until one of them shows.
const EARLIER_KEPT: usize = 4;

/// What was ours before that of `applied`, and may still be shown.
pub(super) fn earlier(applied: &Applied) -> &[Settings] {
    let intended = applied.intended.as_ref();
    intended.map(|it| &*it.earlier).unwrap_or_default()
}

/// What was ours is about to be replaced.
pub(super) struct Replaced<'a> {
    pub(super) before: &'a Settings,
    pub(super) now: &'a Settings,
    /// What EC2 shows of the AMI; none where nobody has looked.
    pub(super) shown: Option<&'a Shown>,
}

impl Replaced<'_> {
    /// What may still be shown then: of what was ours `earlier`, and of what is replaced. Each setting is counted by itself: a
    /// time of deprecation that is asked for again and again leaves the other settings known.
    pub(super) fn remember(&self, earlier: &[Settings]) -> Vec<Settings> {
        let shown = self.shown;
        let mut after = vec![Settings::default(); EARLIER_KEPT];
        let descriptions = self.values(
            earlier,
            |it| it.description.as_ref(),
            |text| shown.is_some_and(|it| it.description.as_ref() == Some(text)),
        );
        for (it, text) in after.iter_mut().zip(descriptions) {
            it.description = Some(text.clone());
        }
        let known = earlier.iter().chain([self.before]);
        let keys: BTreeSet<&String> = known.flat_map(|it| it.tags.keys()).collect();
        for key in keys {
            let values = self.values(
                earlier,
                |it| it.tags.get(key),
                |value| shown.is_some_and(|it| it.tags.get(key) == Some(value)),
            );
            for (it, value) in after.iter_mut().zip(values) {
                it.tags.insert(key.clone(), value.clone());
            }
        }
        let deprecations = self.values(
            earlier,
            |it| it.deprecate_at.as_ref(),
            |at| shown.is_some_and(|it| it.deprecate_at.map(to_minute) == Some(to_minute(*at))),
        );
        for (it, at) in after.iter_mut().zip(deprecations) {
            it.deprecate_at = Some(*at);
        }
        let protections = self.values(
            earlier,
            |it| it.protection.as_ref(),
            |protection| shown.is_some_and(|it| it.current_protection() == Some(*protection)),
        );
        for (it, protection) in after.iter_mut().zip(protections) {
            it.protection = Some(*protection);
        }
        after.retain(|it| !it.is_empty());
        after
    }

    /// The values of one setting: the one that was seen last, as none of the others may ever have reached EC2; then the others
    /// as they were asked for, of which the oldest is forgotten.
    fn values<'b, T: PartialEq>(
        &'b self,
        earlier: &'b [Settings],
        of: impl Fn(&'b Settings) -> Option<&'b T>,
        is_shown: impl Fn(&T) -> bool,
    ) -> Vec<&'b T> {
        let mut values: Vec<&T> = earlier.iter().filter_map(&of).collect();
        let replaced = of(self.before).filter(|it| Some(*it) != of(self.now));
        if let Some(replaced) = replaced.filter(|it| values.first() != Some(it)) {
            values.retain(|it| *it != replaced);
            values.push(replaced);
        }
        let shown = values.iter().position(|it| is_shown(it));
        if let Some(at) = shown.filter(|at| *at > 0) {
            values.swap(0, at);
            // This read may be older than the one that showed another.
            let seen_before = values.remove(at);
            values.push(seen_before);
        }
        while values.len() > EARLIER_KEPT {
            values.remove(1);
        }
        values
    }
}

impl<'a> Compared<'a> {
    /// All that is ours, if it is shown.
    pub(super) fn all_ours(&self) -> Ours<'a> {
        Ours {
            last: self.ours,
            earlier: self.earlier,
        }
    }
}

/// All that may be ours.
#[derive(Clone, Copy)]
pub(super) struct Ours<'a> {
    /// What was asked for last.
    pub(super) last: &'a Settings,
    pub(super) earlier: &'a [Settings],
}

impl<'a> Ours<'a> {
    fn all(self) -> impl Iterator<Item = &'a Settings> {
        self.earlier.iter().chain([self.last])
    }

    /// Whether this is a description of ours.
    pub(super) fn has_description(self, shown: &str) -> bool {
        self.all()
            .any(|it| it.description.as_deref() == Some(shown))
    }

    /// Those of the tags that are ours.
    pub(super) fn tags(self, shown: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut tags = shown.clone();
        tags.retain(|key, value| self.all().any(|it| it.tags.get(key) == Some(value)));
        tags
    }

    /// Whether this is a time of deprecation of ours, in whole minutes.
    pub(super) fn has_deprecation(self, shown: Timestamp) -> bool {
        let mut all = self.all().filter_map(|it| it.deprecate_at);
        all.any(|at| to_minute(at) == shown)
    }

    /// Whether this is a protection of ours.
    pub(super) fn has_protection(self, shown: Protection) -> bool {
        self.all().any(|it| it.protection == Some(shown))
    }

    /// What is ours once the AMI is seen to be as it is asked for. What somebody else has set since is theirs.
    pub(super) fn confirmed(self, desired: &Desired) -> Settings {
        let last = self.last.clone();
        let description = desired.description.as_ref().and_then(|text| {
            let is_ours = self.has_description(text);
            is_ours.then(|| text.clone()).or(last.description)
        });
        let deprecate_at = desired.deprecate_at.and_then(|at| {
            let is_ours = self.has_deprecation(to_minute(at));
            is_ours.then_some(at).or(last.deprecate_at)
        });
        let protection = desired.protection.and_then(|protection| {
            let is_ours = self.has_protection(protection);
            is_ours.then_some(protection).or(last.protection)
        });
        Settings {
            description,
            tags: self.tags(&desired.tags),
            deprecate_at,
            protection,
            product_code: last.product_code,
            grants: last.grants,
            snapshots: last.snapshots,
        }
    }
}
