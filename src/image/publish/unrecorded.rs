//! An AMI that was found by its tags, and of which no status knows what was set on it: the last one was lost. Else an account
//! that its manifest stops naming would keep it for good, as if somebody else had shared it.
//!
//! As in the server-side apply of Kubernetes, whoever asks for a value that is there already owns it, too.

use jiff::Timestamp;

use super::protect::{asked_for, to_minute};
use super::settings::{Desired, Shown};
use super::share::copying;
use crate::image::status::{Applied, Status};

/// What is ours of such an AMI: what it was made with, and of that which it is shown to have what is asked for now. The rest
/// stays somebody else's. None if there is nothing to add to what the status says.
pub(super) fn adopted(
    status: &Status,
    region: &str,
    desired: &Desired,
    shown: &Shown,
    now: Timestamp,
) -> Option<Applied> {
    if !shown.is_of_other_attempt || !status.is_unrecorded(region) {
        return None;
    }
    let known = status.applied_in(region);
    let mut applied = known.clone();
    let settings = &mut applied.settings;
    let description = desired.description.clone();
    let description = description.filter(|_| desired.description == shown.description);
    settings.description = description.or(settings.description.take());
    let tags = desired.tags.iter();
    let tags = tags.filter(|(key, value)| shown.tags.get(*key) == Some(value));
    let tags = tags.map(|(key, value)| (key.clone(), value.clone()));
    settings.tags.extend(tags);
    let grants = shown.grants.iter().flatten();
    let grants = grants.filter(|it| desired.grants.contains(it));
    settings.grants.extend(grants.cloned());
    let copying = copying(desired);
    for (snapshot, accounts) in &shown.snapshots {
        let accounts = accounts & &copying;
        if !accounts.is_empty() {
            let known = settings.snapshots.entry(snapshot.clone()).or_default();
            known.extend(accounts);
        }
    }
    let code = desired.product_code.clone();
    let is_shown = |code: &String| shown.product_codes.iter().flatten().any(|it| it == code);
    settings.product_code = code.filter(is_shown).or(settings.product_code.take());
    let at = shown.deprecate_at.map(to_minute);
    let is_asked = |at: &Timestamp| {
        let desired = desired.deprecate_at;
        desired.is_some_and(|desired| asked_for(desired, Some(*at), None, now) == *at)
    };
    settings.deprecate_at = at.filter(is_asked).or(settings.deprecate_at);
    let protection = shown.current_protection();
    let is_asked = desired.protection == protection;
    settings.protection = protection.filter(|_| is_asked).or(settings.protection);
    (applied != known).then_some(applied)
}
