//! Deregistration protection ("Protect an Amazon EC2 AMI from deregistration", EC2 User Guide).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::date;

/// How long an image with a cooldown cannot be deregistered after its protection is disabled.
const COOLDOWN: SignedDuration = SignedDuration::from_hours(24);

/// Whether an image can be deregistered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeregistrationProtection {
    /// It can.
    #[default]
    Disabled,
    /// It cannot, and 24 hours after the protection is disabled it still cannot.
    EnabledWithCooldown,
    /// It cannot, until the protection is disabled.
    EnabledWithoutCooldown,
    /// The protection was disabled; it can from this time on.
    CoolingDown(Timestamp),
}

impl DeregistrationProtection {
    /// After DisableImageDeregistrationProtection. A cooldown that runs continues.
    pub(crate) fn disabled(self, now: Timestamp) -> Self {
        match self {
            Self::EnabledWithCooldown => {
                Self::CoolingDown(now.checked_add(COOLDOWN).unwrap_or(Timestamp::MAX))
            }
            Self::EnabledWithoutCooldown | Self::Disabled => Self::Disabled,
            Self::CoolingDown(until) => Self::CoolingDown(until),
        }
    }

    /// Whether it stops DeregisterImage now.
    pub(crate) fn holds(self, now: Timestamp) -> bool {
        match self {
            Self::Disabled => false,
            Self::EnabledWithCooldown | Self::EnabledWithoutCooldown => true,
            Self::CoolingDown(until) => until > now,
        }
    }

    /// As DescribeImages writes it. The form of the time in `disabled after …` is not documented (aws-nuke compares the
    /// first words).
    pub(crate) fn text(self, now: Timestamp) -> String {
        match self {
            Self::EnabledWithCooldown => "enabled-with-cooldown".to_owned(),
            Self::EnabledWithoutCooldown => "enabled-without-cooldown".to_owned(),
            Self::CoolingDown(until) if until > now => format!("disabled after {}", date(until)),
            Self::Disabled | Self::CoolingDown(_) => "disabled".to_owned(),
        }
    }
}
