//! The latest time at which a public AMI may be deprecated: "two years from the AMI's creation" (EnableImageDeprecation,
//! `DeprecateAt`). The manifest's rules count from now, which is the same for an AMI that is yet to be made. EC2 looks at it
//! only when the AMI is public already, so it is told before.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::difference::publishes;
use super::protect::to_minute;
use super::settings::{Desired, Difference, Shown};
use crate::image::status::{Action, Grantee};
use crate::image::words::Blocker;
use crate::manifest::image::YEARS_PUBLIC;

/// Why an AMI that is or becomes public could not be deprecated as it would be then, and the change that this is about. A
/// time that has passed is none that EC2 would be asked for.
pub(super) fn too_late(
    found: &Difference,
    desired: &Desired,
    shown: &Shown,
    now: Timestamp,
) -> Option<(Action, Blocker)> {
    let latest = latest(shown.created_at?)?;
    let blocked = found.blocked.iter().map(|(action, _)| action);
    let mut actions = found.ready.iter().chain(blocked);
    let dates = |action: &&Action| matches!(action, Action::SetDeprecation { .. });
    let publishing = actions.clone().find(|action| publishes(action));
    let dating = actions.find(dates);
    let at = match dating {
        Some(Action::SetDeprecation { at }) => *at,
        _ => desired.deprecate_at.or(shown.deprecate_at).map(to_minute),
    };
    let is_late = at.is_some_and(|at| at > latest && at > now);
    if !is_late || !stays_public(found, desired, shown) {
        return None;
    }
    let action = publishing.or(dating)?.clone();
    Some((action, Blocker::DeprecatedTooLate { latest }))
}

/// In whole minutes, as EC2 takes it. A copy has its own time.
fn latest(created_at: Timestamp) -> Option<Timestamp> {
    let created_at = created_at.to_zoned(TimeZone::UTC);
    let latest = created_at
        .checked_add(i64::from(YEARS_PUBLIC).years())
        .ok()?;
    Some(to_minute(latest.timestamp()))
}

/// Whether the AMI is public once this is done.
fn stays_public(found: &Difference, desired: &Desired, shown: &Shown) -> bool {
    let revokes = |action: &Action| matches!(action, Action::ChangeGrants { remove, .. } if remove.contains(&Grantee::Public));
    desired.grants.contains(&Grantee::Public) || (shown.public && !found.ready.iter().any(revokes))
}
