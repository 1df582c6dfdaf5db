//! Changes that were claimed a moment ago and do not show yet: whoever claimed them may still be about to make them, and the
//! manifest may ask for something else by now. An AMI is not as it should be before they have shown.

use std::collections::{BTreeMap, BTreeSet};

use super::protect::to_minute;
use super::settings::{Compared, Shown};
use crate::image::status::{Intended, Settings};

/// Whether any of them does not show yet.
pub(super) fn any(compared: &Compared<'_>) -> bool {
    let (ours, shown) = (compared.ours, compared.shown);
    compared.intended.is_some_and(|intended| {
        let after = &intended.settings;
        description(after, shown)
            || tags(compared, after)
            || product_code(after, shown)
            || grants(intended, shown)
            || snapshots(ours, after, shown)
            || deprecation(compared)
            || protection(compared, after)
    })
}

fn description(after: &Settings, shown: &Shown) -> bool {
    let shown = shown.description.as_deref().unwrap_or_default();
    after.description.as_ref().is_some_and(|text| text != shown)
}

fn tags(compared: &Compared<'_>, after: &Settings) -> bool {
    let shown = &compared.shown.tags;
    let is_shown = |(key, value): (&String, &String)| shown.get(key) == Some(value);
    let ours = compared.all_ours().tags(shown);
    !after.tags.iter().all(is_shown) || ours.keys().any(|key| !after.tags.contains_key(key))
}

fn product_code(after: &Settings, shown: &Shown) -> bool {
    let is_missing = |code| {
        let shown = shown.product_codes.as_ref();
        shown.is_some_and(|shown| !shown.contains(code))
    };
    after.product_code.as_ref().is_some_and(is_missing)
}

fn grants(intended: &Intended, shown: &Shown) -> bool {
    let after = &intended.settings.grants;
    shown
        .grants
        .as_ref()
        .is_some_and(|shown| !after.is_subset(shown) || !intended.revokes.is_disjoint(shown))
}

fn snapshots(ours: &Settings, after: &Settings, shown: &Shown) -> bool {
    let none = BTreeSet::new();
    let of = |settings: &BTreeMap<String, BTreeSet<String>>, snapshot: &String| {
        settings.get(snapshot).unwrap_or(&none).clone()
    };
    shown.snapshots.iter().any(|(snapshot, shown)| {
        let (ours, after) = (
            of(&ours.snapshots, snapshot),
            of(&after.snapshots, snapshot),
        );
        !after.is_subset(shown) || !(&ours - &after).is_disjoint(shown)
    })
}

/// Whether another time of deprecation, or none, does not show yet.
pub(super) fn deprecation(compared: &Compared<'_>) -> bool {
    let Some(intended) = compared.intended else {
        return false;
    };
    let shown = compared.shown.deprecate_at.map(to_minute);
    let after = intended.settings.deprecate_at.map(to_minute);
    differs(after, shown, |at| compared.all_ours().has_deprecation(at))
}

fn protection(compared: &Compared<'_>, after: &Settings) -> bool {
    let shown = compared.shown.current_protection();
    differs(after.protection, shown, |it| {
        compared.all_ours().has_protection(it)
    })
}

/// Whether a value is to become another than it is shown to be. What was never ours is not to become anything.
fn differs<T: PartialEq>(
    after: Option<T>,
    shown: Option<T>,
    is_ours: impl FnOnce(T) -> bool,
) -> bool {
    match after {
        Some(after) => Some(after) != shown,
        None => shown.is_some_and(is_ours),
    }
}
