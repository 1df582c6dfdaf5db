//! The deregistration protection of an AMI that is to be retired: whose it is, and until when it holds.

use jiff::{SignedDuration, Timestamp};

use super::seen::{Pending, Shown};
use super::targets::Target;
use crate::image::publish::difference::STALE_READS;
use crate::image::publish::ours::{self, Ours};
use crate::image::status::Protection;

/// How long a protection with cooldown holds after it is switched off ("Protect an AMI from deregistration", EC2 User
/// Guide).
pub const COOLDOWN: SignedDuration = SignedDuration::from_hours(24);

/// When a cooldown whose end cannot be read is looked at again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// Whether somebody else has protected an AMI since its protection was to be switched off, so that it could go.
pub(in crate::image::publish) enum Anew {
    /// Nobody has, as far as EC2 shows.
    No,
    /// EC2 does not show that yet: the read may be older than the request that switched off whatever was on.
    Unclear(Pending),
    /// Somebody has: to switch on the protection that it had would replace theirs.
    Yes,
}

/// Whether somebody else has. Only another kind than amiwright's shows that: the same kind may be on by a request whose answer was
/// lost.
pub(in crate::image::publish) fn protected_anew(
    target: &Target,
    shown: &Shown,
    now: Timestamp,
) -> Anew {
    let retiring = &target.known.retiring;
    if retiring.protection.is_none() || !is_protected_by_others(target, shown) {
        return Anew::No;
    }
    let is_stale = |off| now.duration_since(off) < STALE_READS;
    match retiring.unprotected_at.is_some_and(is_stale) {
        true => {
            let until = cooldown(target, shown, now);
            Anew::Unclear(until.map_or(Pending::Settling, Pending::Cooldown))
        }
        false => Anew::Yes,
    }
}

/// Whether its protection is not ours to switch off: another one than was set for its version. One that was to be switched
/// off before was.
pub(in crate::image::publish) fn is_protected_by_others(target: &Target, shown: &Shown) -> bool {
    let retiring = &target.known.retiring;
    let now = Protection::shown(&shown.protection);
    let is_ours = |it| retiring.protection == Some(it) || applied(target).has_protection(it);
    now.is_some_and(|now| !is_ours(now))
}

/// Whether a protection was set for its version, which EC2 may not show yet.
#[must_use]
pub fn may_be_protected(target: &Target) -> bool {
    let kinds = [Protection::On, Protection::WithCooldown];
    kinds.iter().any(|it| applied(target).has_protection(*it))
}

/// What was set on it for its version.
fn applied(target: &Target) -> Ours<'_> {
    let applied = &target.known.applied;
    Ours {
        last: &applied.settings,
        earlier: ours::earlier(applied),
    }
}

/// Until when a protection that is off still holds (DescribeImages: `disabled after TIME`; the form of the time is not
/// documented).
pub(super) fn cooldown(target: &Target, shown: &Shown, now: Timestamp) -> Option<Timestamp> {
    let retiring = &target.known.retiring;
    let off = retiring.unprotected_at.filter(|_| retiring.has_cooldown);
    let own = off.and_then(|off| off.checked_add(COOLDOWN).ok());
    if let Some(after) = shown.protection.strip_prefix("disabled after ") {
        let until = after.trim().parse().ok().or(own);
        let again = || now.checked_add(LOOK_AGAIN).ok();
        return until.filter(|until| *until > now).or_else(again);
    }
    // A read that is older than our request shows it as it was.
    let is_stale = off.is_some_and(|off| now.duration_since(off) < STALE_READS);
    let is_on = shown.protection.starts_with("enabled");
    own.filter(|until| is_stale && is_on && *until > now)
}
