//! What happens to a finished image: who may use it, where it is copied, when it ends.

use jiff::{Span, Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::Deserialize;

/// Who may launch the AMI besides its owner (ModifyImageAttribute, launchPermission).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Access {
    /// Account ids: 12 digits, as text.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// ARNs of organizations.
    #[serde(default)]
    pub organizations: Vec<String>,
    /// ARNs of organizational units.
    #[serde(default)]
    pub organizational_units: Vec<String>,
    /// Whether everybody may launch it.
    pub public: Option<bool>,
}

/// A copy of the AMI in another Region (CopyImage).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegionCopy {
    /// The KMS key, of that Region, that encrypts the copy: id, ARN, `alias/NAME` or alias ARN.
    pub kms_key_id: Option<String>,
}

/// When the AMI is deprecated: exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deprecate {
    /// So long after it is registered: `90d`, `26 weeks`, `2y`, `P6M`.
    pub after: Option<String>,
    /// At this moment, RFC 3339: `2027-01-01T00:00:00Z`.
    pub at: Option<String>,
}

impl Deprecate {
    /// The moment of deprecation of an AMI that is registered at `registered`; none if neither field can be read.
    #[must_use]
    pub fn moment(&self, registered: Timestamp) -> Option<Timestamp> {
        match (&self.after, &self.at) {
            (Some(after), None) => {
                let span: Span = after.trim().parse().ok()?;
                Some(
                    registered
                        .to_zoned(TimeZone::UTC)
                        .checked_add(span)
                        .ok()?
                        .timestamp(),
                )
            }
            (None, Some(at)) => at.trim().parse().ok(),
            _ => None,
        }
    }
}

/// What happens to the AMI of the previous manifest version once the new one is available everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replaces {
    /// What happens to the previous AMI; it is kept if this is left out.
    pub previous: Option<Previous>,
    /// What happens to the snapshots of the previous AMI; they are kept if this is left out.
    pub snapshots: Option<Snapshots>,
}

/// What happens to the previous AMI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Previous {
    /// Nothing.
    Keep,
    /// It is deregistered.
    Deregister,
}

/// What happens to the snapshots of the previous AMI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Snapshots {
    /// Nothing.
    Keep,
    /// They are deleted, unless another AMI uses them.
    Delete,
}

/// Where the finished AMI is stored (CreateStoreImageTask).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Store {
    /// The bucket, in the AMI's Region.
    pub bucket: String,
}
