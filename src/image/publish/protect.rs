//! Deprecation and deregistration protection.

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};

use super::settings::{Blocker, Compared, Difference, Shown};
use crate::image::status::{Action, Protection};

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

fn deprecation(compared: &Compared<'_>, found: &mut Difference) {
    let shown = compared.shown.deprecate_at.map(to_minute);
    let ours = compared.ours.deprecate_at.map(to_minute);
    let wanted = match compared.desired.deprecate_at.map(to_minute) {
        Some(desired) => Some(desired),
        // It was ours, and nobody has set another time since.
        None if ours.is_some() && ours == shown => None,
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
    let shown = shown(&compared.shown.protection);
    let ours = compared.ours.protection;
    let wanted = match compared.desired.protection {
        Some(desired) => Some(desired),
        None if ours.is_some() && ours == shown => None,
        None => return,
    };
    if wanted != shown {
        let action = Action::SetProtection { protection: wanted };
        let is_intended = compared.is_intended(|it| it.protection == wanted);
        found.add(action, is_intended);
    }
}

/// EC2's words for it (DescribeImages, DeregistrationProtection). `disabled after …` is a protection that is off and
/// still holds for the rest of its cooldown.
pub(super) fn shown(words: &str) -> Option<Protection> {
    match words {
        "enabled-with-cooldown" => Some(Protection::WithCooldown),
        words if words.starts_with("enabled") => Some(Protection::On),
        _ => None,
    }
}

impl Shown {
    /// Its deregistration protection; none where that is off, or on its way to be.
    #[must_use]
    pub fn protection_now(&self) -> Option<Protection> {
        shown(&self.protection)
    }
}
