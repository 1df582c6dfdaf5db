//! Deprecation and deregistration protection.

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use super::settings::{Compared, Difference, Shown};
use crate::image::status::{Action, Protection};
use crate::image::words::Blocker;

/// EC2 takes no time of deprecation in the past, and rounds to minutes (EnableImageDeprecation, DeprecateAt): as much later as a
/// function's clock may be slow, and a request may take.
const SOON: SignedDuration = SignedDuration::from_mins(5);

pub(super) fn difference(compared: &Compared<'_>) -> Difference {
    let mut found = Difference::default();
    deprecation(compared, &mut found);
    protection(compared, &mut found);
    found
}

/// EC2 rounds to the nearest minute ("EnableImageDeprecation", DeprecateAt), so finer differences are none.
#[must_use]
pub(super) fn to_minute(at: Timestamp) -> Timestamp {
    let round = TimestampRound::new()
        .smallest(Unit::Minute)
        .mode(RoundMode::HalfExpand);
    at.round(round).unwrap_or(at)
}

/// The first whole minute that is surely not past when EC2 hears of it.
pub(super) fn soon(now: Timestamp) -> Timestamp {
    let up = TimestampRound::new()
        .smallest(Unit::Minute)
        .mode(RoundMode::Ceil);
    let soon = now.saturating_add(SOON).unwrap_or(now);
    soon.round(up).unwrap_or(soon)
}

/// The time of deprecation that an AMI is to have which is shown to have this one, if another was asked for a moment ago and is
/// `on_its_way`.
pub(super) fn asked_for(
    desired: Timestamp,
    shown: Option<Timestamp>,
    on_its_way: Option<Timestamp>,
    now: Timestamp,
) -> Timestamp {
    let desired = to_minute(desired);
    let soon = soon(now);
    if desired > soon {
        return desired;
    }
    // EC2 takes no time in the past, and this one may be when it hears of it: what is deprecated by now, or is about to be, is as it
    // should be. Each time later than one that is on its way would be another.
    let shown = shown.filter(|at| *at <= soon);
    let on_its_way = || on_its_way.filter(|at| *at > now && *at <= soon);
    shown.or_else(on_its_way).unwrap_or(soon)
}

fn deprecation(compared: &Compared<'_>, found: &mut Difference) {
    let shown = compared.shown.deprecate_at.map(to_minute);
    let wanted = match compared.desired.deprecate_at {
        Some(desired) => {
            let on_its_way = compared.intended.and_then(|it| it.settings.deprecate_at);
            let on_its_way = on_its_way.map(to_minute);
            Some(asked_for(desired, shown, on_its_way, compared.now))
        }
        // It was ours, and nobody has set another time since.
        None if shown.is_some_and(|at| compared.all_ours().has_deprecation(at)) => None,
        None => return,
    };
    if wanted == shown {
        return;
    }
    let action = Action::SetDeprecation { at: wanted };
    let is_earlier = matches!((wanted, shown), (Some(wanted), Some(shown)) if wanted < shown);
    if compared.shown.public && shown.is_some() && !is_earlier {
        found.blocked.push((action, Blocker::Public));
    } else {
        let is_intended = compared.is_intended(|it| it.deprecate_at.map(to_minute) == wanted);
        found.add(action, is_intended);
    }
}

fn protection(compared: &Compared<'_>, found: &mut Difference) {
    let shown = compared.shown.current_protection();
    let is_ours = |it| compared.all_ours().has_protection(it);
    let wanted = match compared.desired.protection {
        Some(desired) => Some(desired),
        None if shown.is_some_and(is_ours) => None,
        None => return,
    };
    if wanted != shown {
        let action = Action::SetProtection { protection: wanted };
        let is_intended = compared.is_intended(|it| it.protection == wanted);
        found.add(action, is_intended);
    }
}

impl Shown {
    /// Its deregistration protection; none where that is off.
    #[must_use]
    pub fn current_protection(&self) -> Option<Protection> {
        Protection::shown(&self.protection)
    }
}
