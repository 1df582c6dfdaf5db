//! Deregistration protection, as settings and retired AMIs have it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Deregistration protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// Until it is switched off.
    On,
    /// Until 24 hours after it is switched off.
    WithCooldown,
}

impl Protection {
    /// That of an AMI, of EC2's words for it (DescribeImages, DeregistrationProtection); none where it is off. `disabled after …`
    /// is one that is off and still holds for the rest of its cooldown.
    #[must_use]
    pub fn shown(words: &str) -> Option<Self> {
        match words {
            "enabled-with-cooldown" => Some(Self::WithCooldown),
            words if words.starts_with("enabled") => Some(Self::On),
            _ => None,
        }
    }
}
