//! The half of a manifest that an AMI which exists can be changed to: what it is called in words, who may use it, where
//! it is copied, when it ends.

use std::collections::BTreeMap;

use jiff::{Span, Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::sha256_hex;

use super::{canonical, form::Form};

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
    /// Deregistration protection; none: it is off.
    pub protect: Option<Protect>,
    /// The SSM parameters that point to the newest AMI.
    pub parameters: Vec<Parameter>,
    /// What happens to the AMI of the previous version; none: it is kept.
    pub replaces: Option<Replaces>,
    /// What happens to the AMI once its manifest is deleted; none: it is kept.
    pub on_delete: Option<OnDelete>,
    /// Whether changes made outside amiwright to the finished AMI are reverted; without it, they are only reported.
    #[serde(skip_serializing_if = "is_off")]
    pub repair: bool,
    /// Where the finished AMI is stored as an S3 object.
    pub store: Option<Store>,
}

impl PublishSpec {
    /// Whether everybody is to be able to launch the AMI.
    #[must_use]
    pub fn is_public(&self) -> bool {
        let access = self.access.as_ref();
        access.is_some_and(|access| access.public == Some(true))
    }

    /// The publish half as canonical JSON: two manifests that ask for the same have the same bytes, whatever they leave
    /// out or write out, and in whatever order. All its lists are sets.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut spec = self.clone();
        for copy in spec.regions.values_mut() {
            let copy = copy.get_or_insert_default();
            copy.required = copy.required.filter(|required| !*required);
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
        spec.parameters.sort_unstable();
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
    /// Whether nobody else may: grants that amiwright did not make are revoked, too. Without it they are left.
    #[serde(default, deserialize_with = "off", skip_serializing_if = "is_off")]
    #[schemars(with = "Option<bool>")]
    pub exact: bool,
    /// Whether the accounts may copy the AMI as well: the AMI's snapshots are shared with them. EC2 shares snapshots
    /// with accounts only, not with organizations.
    #[serde(default, deserialize_with = "off", skip_serializing_if = "is_off")]
    #[schemars(with = "Option<bool>")]
    pub copy: bool,
}

impl Access {
    /// Whether anybody but the owner may launch the AMI.
    #[must_use]
    pub fn has_grantees(&self) -> bool {
        let lists = [
            &self.accounts,
            &self.organizations,
            &self.organizational_units,
        ];
        self.public == Some(true) || lists.iter().any(|list| !list.is_empty())
    }
}

/// Reads a setting that is off unless it is switched on.
fn off<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's `skip_serializing_if` passes a reference"
)]
fn is_off(setting: &bool) -> bool {
    !setting
}

/// A copy of the AMI in another Region (CopyImage).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegionCopy {
    /// The KMS key, of that Region, that encrypts the copy: its ARN, as the stack's parameter `KmsKeys` lists it.
    pub kms_key_id: Option<String>,
    /// Whether the image is released only once this copy is finished: it is, unless this is `false`.
    pub required: Option<bool>,
}

impl RegionCopy {
    /// Whether the image is released only once this copy is finished.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required.unwrap_or(true)
    }
}

/// Deregistration protection (EnableImageDeregistrationProtection).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "ProtectForm")]
pub struct Protect {
    /// Whether the AMI cannot be deregistered for 24 hours after protection is switched off, either.
    pub cooldown: bool,
}

/// Whether deregistration protection is switched on: `true`, `false`, or `{cooldown: true}`.
pub(super) type ProtectForm = Form<bool, ProtectFields>;

/// Deregistration protection, switched on.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Protect")]
pub(super) struct ProtectFields {
    /// Whether the AMI cannot be deregistered for 24 hours after protection is switched off, either.
    cooldown: Option<bool>,
}

impl Protect {
    /// What the manifest says; none if protection is off.
    pub(super) fn read(form: ProtectForm) -> Option<Self> {
        match form {
            Form::Short(on) => on.then_some(Self { cooldown: false }),
            Form::Full(ProtectFields { cooldown }) => Some(Self {
                cooldown: cooldown.unwrap_or_default(),
            }),
        }
    }
}

impl From<Protect> for ProtectForm {
    fn from(Protect { cooldown }: Protect) -> Self {
        if cooldown {
            Self::Full(ProtectFields {
                cooldown: Some(true),
            })
        } else {
            Self::Short(true)
        }
    }
}

/// An SSM parameter that points to the newest AMI (PutParameter, data type `aws:ec2:image`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(from = "ParameterForm", into = "ParameterForm")]
#[schemars(inline, with = "ParameterForm")]
pub struct Parameter {
    /// The parameter's name.
    pub name: String,
    /// Whether a parameter that exists and that amiwright did not set is overwritten; without it, that is a conflict.
    pub take_over: bool,
}

/// An SSM parameter: its name, or `{name: …, takeOver: true}`.
type ParameterForm = Form<String, ParameterFields>;

/// An SSM parameter with its settings.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Parameter")]
struct ParameterFields {
    /// The parameter's name.
    name: String,
    /// Whether a parameter that exists and that amiwright did not set is overwritten.
    take_over: Option<bool>,
}

impl From<ParameterForm> for Parameter {
    fn from(form: ParameterForm) -> Self {
        match form {
            Form::Short(name) => Self {
                name,
                take_over: false,
            },
            Form::Full(ParameterFields { name, take_over }) => Self {
                name,
                take_over: take_over.unwrap_or_default(),
            },
        }
    }
}

impl From<Parameter> for ParameterForm {
    fn from(Parameter { name, take_over }: Parameter) -> Self {
        if take_over {
            Self::Full(ParameterFields {
                name,
                take_over: Some(true),
            })
        } else {
            Self::Short(name)
        }
    }
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
    /// It is deprecated, at once.
    Deprecate,
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
    /// It is deprecated, at once.
    Deprecate,
    /// It is deregistered.
    Deregister,
}

/// Where the finished AMI is stored (CreateStoreImageTask).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Store {
    /// The bucket, in the AMI's Region.
    pub bucket: String,
    /// Tags of the object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}
