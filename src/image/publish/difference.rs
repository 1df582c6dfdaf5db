//! The difference of one AMI, and what is ours before and after its changes are made.

use jiff::{SignedDuration, Timestamp};

use super::settings::{Compared, Desired, Difference, Shown};
use super::{describe, protect, share};
use crate::image::status::{Action, Applied, Intended, Settings};

/// How long a read may show what was before our own last write. Descriptions and deprecation times were seen to lag
/// (public reports of other tools); minutes are generous.
const STALE_READS: SignedDuration = SignedDuration::from_mins(5);

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
        intended: intended.map(|intended| &intended.settings),
        shown,
    };
    let stages: [fn(&Compared<'_>) -> Difference; 3] =
        [describe::difference, share::difference, protect::difference];
    let mut all = Difference::default();
    for stage in stages {
        let found = stage(&compared);
        all.ready.extend(found.ready);
        all.blocked.extend(found.blocked);
        all.is_settling |= found.is_settling;
    }
    all
}

/// What is to be written down before these actions are done: a crash in between must not turn our grant into somebody
/// else's. What is to go stays ours until it is seen to be gone.
#[must_use]
pub fn intend(applied: &Applied, actions: &[Action], now: Timestamp) -> Applied {
    let mut ours = applied.settings.clone();
    let before = applied.intended.as_ref().map(|it| &it.settings);
    let mut after = before.unwrap_or(&applied.settings).clone();
    for action in actions {
        add_to(action, &mut ours);
        if let Action::ChangeGrants { remove, .. } = action {
            ours.grants.extend(remove.clone());
        }
        add_to(action, &mut after);
        remove_from(action, &mut after);
    }
    Applied {
        settings: ours,
        intended: Some(Intended {
            at: now,
            settings: after,
        }),
    }
}

/// What is ours now that the AMI shows all that was asked for.
#[must_use]
pub fn confirm(applied: Applied) -> Applied {
    let settings = applied.intended.map(|intended| intended.settings);
    Applied {
        settings: settings.unwrap_or(applied.settings),
        intended: None,
    }
}

fn add_to(action: &Action, settings: &mut Settings) {
    match action {
        Action::SetDescription { text } => settings.description = Some(text.clone()),
        Action::SetTags { tags } => settings.tags.extend(tags.clone()),
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
        | Action::RevokeSnapshot { .. }
        | Action::SetDeprecation { at: None }
        | Action::SetProtection { protection: None } => {}
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
        | Action::ShareSnapshot { .. }
        | Action::SetDeprecation { at: Some(_) }
        | Action::SetProtection {
            protection: Some(_),
        } => {}
    }
}
