//! The difference of one AMI, and what is ours before and after its changes are made.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::ours::{self, Ours, Replaced};
use super::settings::{Compared, Desired, Difference, Shown};
use super::{describe, on_its_way, product_codes, protect, share};
use crate::image::status::{Action, Applied, Grantee, Intended, Settings};

/// How long a read may show what was before our own last write. Descriptions and deprecation times were seen to lag
/// (public reports of other tools); minutes are generous.
pub const STALE_READS: SignedDuration = SignedDuration::from_mins(5);

/// After how long without a request the functions stood still, or another version was the current one: what EC2 does not
/// show is asked for every few minutes, unless the stack's schedule is slower.
const STANDSTILL: SignedDuration = SignedDuration::from_hours(3);

/// What is to be changed about an AMI.
#[must_use]
pub fn difference(
    desired: &Desired,
    applied: &Applied,
    shown: &Shown,
    now: Timestamp,
) -> Difference {
    let is_recent = |intended: &&Intended| now.duration_since(intended.at) < STALE_READS;
    let intended = applied.intended.as_ref().filter(is_recent);
    let compared = Compared {
        desired,
        ours: &applied.settings,
        earlier: ours::earlier(applied),
        intended,
        shown,
        now,
    };
    // What is sold has its code before anybody may launch it. What EC2 alone can refuse to share, a quota or a key of AWS's,
    // it refuses before anything else is changed, but for a deprecation that has to be put off.
    let stages: [fn(&Compared<'_>) -> Difference; 4] = [
        product_codes::difference,
        share::difference,
        describe::difference,
        protect::difference,
    ];
    let mut all = Difference::default();
    for stage in stages {
        let found = stage(&compared);
        all.ready.extend(found.ready);
        all.blocked.extend(found.blocked);
        all.is_settling |= found.is_settling;
    }
    all.is_settling |= on_its_way::any(&compared);
    // What is sold is seen to have its code before anybody may launch it.
    let has_code = |code: &String| {
        let shown = shown.product_codes.as_ref();
        shown.is_some_and(|it| it.contains(code))
    };
    if !desired.product_code.as_ref().is_none_or(has_code) {
        all.ready.retain_mut(|action| match action {
            Action::ShareSnapshot { .. } => false,
            Action::ChangeGrants { add, remove } => {
                add.clear();
                !remove.is_empty()
            }
            _ => true,
        });
    }
    if !shown.public && all.ready.iter().any(publishes) {
        deprecate_first(&mut all, &compared);
    }
    all
}

/// Whether everybody may launch the AMI then.
pub(super) fn publishes(action: &Action) -> bool {
    matches!(action, Action::ChangeGrants { add, .. } if add.contains(&Grantee::Public))
}

/// The deprecation of a public AMI can be neither put off nor cancelled ("Deprecate an Amazon EC2 AMI", EC2 user guide): that
/// comes before the AMI becomes public. Where it does not show yet, nothing is done.
fn deprecate_first(found: &mut Difference, compared: &Compared<'_>) {
    let shown = compared.shown.deprecate_at;
    let puts_off = |action: &Action| match action {
        Action::SetDeprecation { at } => shown.is_some_and(|shown| at.is_none_or(|at| at > shown)),
        _ => false,
    };
    if let Some(at) = found.ready.iter().position(puts_off) {
        let first = found.ready.remove(at);
        found.ready.insert(0, first);
    } else if on_its_way::deprecation(compared) {
        found.ready.clear();
    }
}

/// What is to be written down before these actions are done: a crash in between must not turn our grant into somebody
/// else's. What is to go stays ours until it is seen to be gone; what others granted does not become ours by that. `shown` is
/// what EC2 shows of the AMI; none where nobody has looked.
#[must_use]
pub fn intend(
    applied: &Applied,
    actions: &[Action],
    shown: Option<&Shown>,
    now: Timestamp,
) -> Applied {
    let mut ours = applied.settings.clone();
    let before = applied.intended.clone().unwrap_or_else(|| Intended {
        at: now,
        since: now,
        settings: applied.settings.clone(),
        revokes: BTreeSet::new(),
        earlier: Vec::new(),
        gone: Settings::default(),
    });
    let mut after = before.clone();
    for action in actions {
        if !removes_description(action) {
            add_to(action, &mut ours);
        }
        done(action, &mut after.settings);
        add_gone(action, &applied.settings, &mut after.gone);
        if let Action::ChangeGrants { add, remove } = action {
            after.revokes.retain(|grantee| !add.contains(grantee));
            after.revokes.extend(remove.clone());
        }
    }
    let replaced = Replaced {
        before: &applied.settings,
        now: &ours,
        shown,
    };
    after.earlier = replaced.remember(&before.earlier);
    // What was last asked for before that is asked for anew.
    let goes_on = now.duration_since(before.at) < STANDSTILL;
    let is_same = goes_on && applied.intended.is_some() && is_same(&before, &after, now);
    Applied {
        settings: ours,
        intended: Some(Intended {
            at: now,
            since: if is_same { before.since } else { now },
            ..after
        }),
    }
}

/// Whether the same is asked for. What is to be deprecated at once is so a little later each time.
fn is_same(before: &Intended, after: &Intended, now: Timestamp) -> bool {
    let is_soon = |it: &Intended| {
        let at = it.settings.deprecate_at;
        at.is_some_and(|at| at <= protect::soon(now))
    };
    let mut settings = before.settings.clone();
    if is_soon(before) && is_soon(after) {
        settings.deprecate_at = after.settings.deprecate_at;
    }
    settings == after.settings && before.revokes == after.revokes
}

/// Whether just these actions were asked for again and again for longer than `limit`, and EC2 does not show it.
pub(super) fn is_in_vain(
    applied: &Applied,
    actions: &[Action],
    limit: SignedDuration,
    now: Timestamp,
) -> bool {
    let intended = intend(applied, actions, None, now).intended;
    intended.is_some_and(|it| now.duration_since(it.since) > limit)
}

/// What is ours now that the AMI is as it should be: of what was ever asked for, what is still asked for. A request that
/// was refused made nothing ours, what somebody else has set since is theirs, and what was to be removed and is asked for
/// again was never not ours.
#[must_use]
pub fn confirm(applied: &Applied, desired: &Desired) -> Applied {
    let ours = Ours {
        last: &applied.settings,
        earlier: ours::earlier(applied),
    };
    let mut settings = ours.confirmed(desired);
    settings.product_code = settings
        .product_code
        .filter(|code| desired.product_code.as_ref() == Some(code));
    settings.grants.retain(|it| desired.grants.contains(it));
    let copying = share::copying(desired);
    for accounts in settings.snapshots.values_mut() {
        accounts.retain(|account| copying.contains(account));
    }
    settings
        .snapshots
        .retain(|_, accounts| !accounts.is_empty());
    Applied {
        settings,
        ..Applied::default()
    }
}

/// What is set once this is done.
pub fn done(action: &Action, settings: &mut Settings) {
    add_to(action, settings);
    remove_from(action, settings);
}

/// Adds what is to go then; of what has one value at a time, that which is `ours`.
fn add_gone(action: &Action, ours: &Settings, gone: &mut Settings) {
    match action {
        Action::SetDescription { text } if text.is_empty() => {
            gone.description.clone_from(&ours.description);
        }
        Action::RemoveTags { tags } => gone.tags.extend(tags.clone()),
        Action::RevokeSnapshot { snapshot, accounts } => {
            let known = gone.snapshots.entry(snapshot.clone()).or_default();
            known.extend(accounts.clone());
        }
        Action::ChangeGrants { remove, .. } => gone.grants.extend(remove.clone()),
        Action::SetDeprecation { at: None } => gone.deprecate_at = ours.deprecate_at,
        Action::SetProtection { protection: None } => gone.protection = ours.protection,
        _ => {}
    }
}

/// Whether a description is to go: it stays ours until it is seen to be gone, or a crash would leave it.
fn removes_description(action: &Action) -> bool {
    matches!(action, Action::SetDescription { text } if text.is_empty())
}

fn add_to(action: &Action, settings: &mut Settings) {
    match action {
        Action::SetDescription { text } => settings.description = Some(text.clone()),
        Action::SetTags { tags } => settings.tags.extend(tags.clone()),
        Action::SetProductCode { code: Some(code) } => settings.product_code = Some(code.clone()),
        Action::ShareSnapshot { snapshot, accounts } => {
            let shared = settings.snapshots.entry(snapshot.clone()).or_default();
            shared.extend(accounts.clone());
        }
        Action::ChangeGrants { add, .. } => settings.grants.extend(add.clone()),
        Action::SetDeprecation { at: Some(at) } => settings.deprecate_at = Some(*at),
        Action::SetProtection {
            protection: Some(protection),
        } => settings.protection = Some(*protection),
        Action::RemoveTags { .. }
        | Action::SetProductCode { code: None }
        | Action::RevokeSnapshot { .. }
        | Action::LeaveShare { .. }
        | Action::SetDeprecation { at: None }
        | Action::SetProtection { protection: None }
        // What a copy gets when it is made is in its request.
        | Action::CopyImage { .. }
        | Action::RemoveFailedCopy { .. }
        // Of other AMIs.
        | Action::DeprecatePrevious { .. }
        | Action::UnprotectPrevious { .. }
        | Action::ProtectPrevious { .. }
        | Action::DeregisterPrevious { .. }
        | Action::RevokePrevious { .. }
        | Action::DeleteSnapshot { .. }
        // Of no AMI.
        | Action::PutParameter { .. }
        | Action::LeaveParameter { .. } => {}
    }
}

fn remove_from(action: &Action, settings: &mut Settings) {
    match action {
        Action::RemoveTags { tags } => settings.tags.retain(|key, _| !tags.contains_key(key)),
        Action::RevokeSnapshot { snapshot, accounts } => {
            if let Some(shared) = settings.snapshots.get_mut(snapshot) {
                shared.retain(|account| !accounts.contains(account));
            }
            settings.snapshots.retain(|_, shared| !shared.is_empty());
        }
        Action::ChangeGrants { remove, .. } => {
            settings.grants.retain(|grantee| !remove.contains(grantee));
        }
        Action::SetDeprecation { at: None } => settings.deprecate_at = None,
        Action::SetProtection { protection: None } => settings.protection = None,
        Action::SetDescription { .. }
        | Action::SetTags { .. }
        | Action::SetProductCode { .. }
        | Action::ShareSnapshot { .. }
        | Action::LeaveShare { .. }
        | Action::SetDeprecation { at: Some(_) }
        | Action::SetProtection {
            protection: Some(_),
        }
        | Action::CopyImage { .. }
        | Action::RemoveFailedCopy { .. }
        | Action::DeprecatePrevious { .. }
        | Action::UnprotectPrevious { .. }
        | Action::ProtectPrevious { .. }
        | Action::DeregisterPrevious { .. }
        | Action::RevokePrevious { .. }
        | Action::DeleteSnapshot { .. }
        | Action::PutParameter { .. }
        | Action::LeaveParameter { .. } => {}
    }
}
