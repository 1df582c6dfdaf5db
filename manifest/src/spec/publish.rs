//! The half of a manifest that an AMI which exists can be changed to: what it is called in words, who may use it, where
//! it is copied, when it ends.

use std::collections::BTreeMap;

use jiff::{Span, Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sha256_hex;

use super::canonical;

/// How the image is published. A change here changes the AMI in place and builds nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishSpec {
    /// The AMI's description.
    pub description: Option<String>,
    /// Tags of the AMI and its snapshots, without amiwright's own.
    pub tags: BTreeMap<String, String>,
    /// Product codes of a paid AMI.
    pub product_codes: Vec<String>,
    /// Who may launch the AMI besides its owner.
    pub access: Option<Access>,
    /// Regions that get a copy, by name.
    pub regions: BTreeMap<String, Option<RegionCopy>>,
    /// When the AMI is deprecated.
    pub deprecate: Option<Deprecate>,
    /// Whether deregistration protection is switched on.
    pub protect: Option<bool>,
    /// Names of the SSM parameters that point to the newest AMI.
    pub parameters: Vec<String>,
    /// What happens to the AMI of the previous version; none: it is kept.
    pub replaces: Option<Replaces>,
    /// What happens to the AMI once its manifest is deleted; none: it is kept.
    pub on_delete: Option<OnDelete>,
    /// Where the finished AMI is stored as an S3 object.
    pub store: Option<Store>,
}

impl PublishSpec {
    /// The publish half as canonical JSON: two manifests that ask for the same have the same bytes, whatever they leave
    /// out or write out, and in whatever order. All its lists are sets.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut spec = self.clone();
        spec.protect = spec.protect.filter(|protect| *protect);
        for copy in spec.regions.values_mut() {
            copy.get_or_insert_default();
        }
        if let Some(access) = &mut spec.access {
            access.public = access.public.filter(|public| *public);
            canonical::sort(&mut access.accounts);
            canonical::sort(&mut access.organizations);
            canonical::sort(&mut access.organizational_units);
        }
        if let Some(replaces) = &mut spec.replaces {
            replaces.previous = replaces.previous.filter(|it| *it != Previous::Keep);
            replaces.snapshots = replaces.snapshots.filter(|it| *it != Snapshots::Keep);
        }
        spec.on_delete = spec.on_delete.filter(|it| *it != OnDelete::Keep);
        canonical::sort(&mut spec.product_codes);
        canonical::sort(&mut spec.parameters);
        canonical::bytes(&spec)
    }

    /// SHA-256 of [`PublishSpec::canonical`], in hex.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256_hex(&self.canonical())
    }
}

/// Who may launch the AMI besides its owner (ModifyImageAttribute, launchPermission).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegionCopy {
    /// The KMS key, of that Region, that encrypts the copy: id, ARN, `alias/NAME` or alias ARN.
    pub kms_key_id: Option<String>,
}

/// When the AMI is deprecated: exactly one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Replaces {
    /// What happens to the previous AMI; it is kept if this is left out.
    pub previous: Option<Previous>,
    /// What happens to the snapshots of the previous AMI; they are kept if this is left out.
    pub snapshots: Option<Snapshots>,
}

/// What happens to the previous AMI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Previous {
    /// Nothing.
    Keep,
    /// It is deregistered.
    Deregister,
}

/// What happens to the snapshots of the previous AMI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Snapshots {
    /// Nothing.
    Keep,
    /// They are deleted, unless another AMI uses them.
    Delete,
}

/// What happens to the AMI once its manifest is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnDelete {
    /// Nothing.
    Keep,
    /// It is deregistered.
    Deregister,
}

/// Where the finished AMI is stored (CreateStoreImageTask).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Store {
    /// The bucket, in the AMI's Region.
    pub bucket: String,
}
