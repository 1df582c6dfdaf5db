//! What is ours of that which has one value at a time: description, tags, time of deprecation, protection.
//!
//! Another value is written down before EC2 is asked for it. Until it shows, the AMI may have this one, or the one before:
//! the invocation may have died in between, and the manifest may ask for something else again. So both are ours, or what the
//! manifest had asked for would be taken for somebody else's, and stay for good.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::protect::to_minute;
use super::settings::{Compared, Desired};
use crate::image::status::{Applied, Protection, Settings};

/// How many of a setting's values before are remembered, besides the first: more than are asked for within the minutes until one
/// of them shows.
const EARLIER_KEPT: usize = 3;

/// What was ours before that of `applied`, and may still be shown.
pub(super) fn earlier(applied: &Applied) -> &[Settings] {
    let intended = applied.intended.as_ref();
    intended.map(|it| &*it.earlier).unwrap_or_default()
}

/// Remembers what of `before` has another value now.
pub(super) fn remember(earlier: &mut Vec<Settings>, before: &Settings, now: &Settings) {
    fn replaced<T: Clone + PartialEq>(before: Option<&T>, now: Option<&T>) -> Option<T> {
        before.filter(|before| Some(*before) != now).cloned()
    }
    let tags = before.tags.iter();
    let tags = tags.filter(|(key, value)| now.tags.get(*key) != Some(value));
    let replaced = Settings {
        description: replaced(before.description.as_ref(), now.description.as_ref()),
        tags: tags
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        deprecate_at: replaced(before.deprecate_at.as_ref(), now.deprecate_at.as_ref()),
        protection: replaced(before.protection.as_ref(), now.protection.as_ref()),
        ..Settings::default()
    };
    if replaced == Settings::default() || earlier.contains(&replaced) {
        return;
    }
    earlier.push(replaced);
    forget_oldest(earlier);
}

/// Each setting is counted by itself: a time of deprecation that is asked for again and again leaves the other settings known.
/// The first of its values stays: it was seen, and none of the others may ever have reached EC2.
fn forget_oldest(earlier: &mut Vec<Settings>) {
    fn limit<T>(value: &mut Option<T>, newer: &mut usize, is_first: bool) {
        *newer += usize::from(value.is_some());
        value.take_if(|_| *newer > EARLIER_KEPT && !is_first);
    }
    let first = |has: fn(&Settings) -> bool| earlier.iter().position(has);
    let description = first(|it| it.description.is_some());
    let deprecation = first(|it| it.deprecate_at.is_some());
    let protection = first(|it| it.protection.is_some());
    let mut first_tags = BTreeMap::new();
    for (at, it) in earlier.iter().enumerate() {
        for key in it.tags.keys() {
            first_tags.entry(key.clone()).or_insert(at);
        }
    }
    let (mut descriptions, mut deprecations, mut protections) = (0, 0, 0);
    let mut tags: BTreeMap<String, usize> = BTreeMap::new();
    for (at, it) in earlier.iter_mut().enumerate().rev() {
        limit(
            &mut it.description,
            &mut descriptions,
            description == Some(at),
        );
        limit(
            &mut it.deprecate_at,
            &mut deprecations,
            deprecation == Some(at),
        );
        limit(&mut it.protection, &mut protections, protection == Some(at));
        it.tags.retain(|key, _| {
            let newer = tags.entry(key.clone()).or_default();
            *newer += 1;
            *newer <= EARLIER_KEPT || first_tags.get(key) == Some(&at)
        });
    }
    earlier.retain(|it| *it != Settings::default());
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
