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
