//! Parameters, their versions and labels.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::name::{self, Selector};
use crate::ACCOUNT;
use crate::ssm::request::{Failure, not_found, refuse};

/// "Parameter Store retains the 100 most recent versions" (Systems Manager quotas); the oldest one goes.
const MOST_VERSIONS: usize = 100;

/// What is kept of one.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Region {
    pub(crate) parameters: BTreeMap<String, Parameter>,
    /// Values that are being validated, by the parameter's name.
    pub(crate) pending: BTreeMap<String, Pending>,
}

/// A value that is accepted, but not there yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) put: Put,
    pub(crate) due: Timestamp,
}

/// A parameter.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Parameter {
    pub(crate) versions: Vec<Version>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// One version of a parameter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) kind: String,
    pub(crate) value: String,
    pub(crate) data_type: String,
    pub(crate) description: Option<String>,
    pub(crate) allowed_pattern: Option<String>,
    pub(crate) labels: BTreeSet<String>,
    pub(crate) modified_at: Timestamp,
}

/// A new value, with all that a request said or what was there before.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Put {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) value: String,
    pub(crate) data_type: String,
    pub(crate) description: Option<String>,
    pub(crate) allowed_pattern: Option<String>,
    /// Of a new parameter.
    pub(crate) tags: BTreeMap<String, String>,
}

impl Parameter {
    /// Refuses another version when the oldest one would go and has a label.
    pub(crate) fn check_room(&self, name: &str) -> Result<(), Failure> {
        let oldest = self
            .versions
            .first()
            .filter(|oldest| self.versions.len() >= MOST_VERSIONS && !oldest.labels.is_empty());
        let Some(oldest) = oldest else { return Ok(()) };
        Err(refuse(
            "ParameterMaxVersionLimitExceeded",
            format!(
                "You attempted to create a new version of {name} by calling the PutParameter API with the overwrite \
                 flag. Version {}, the oldest version, can't be deleted because it has a label associated with it. Move \
                 the label to another version of the parameter, and try again.",
                oldest.number
            ),
        ))
    }
}

impl Region {
    /// The number of this parameter's next version.
    pub(crate) fn next_version(&self, name: &str) -> u64 {
        let parameter = self.parameters.get(name);
        let last = parameter.and_then(|parameter| parameter.versions.last());
        last.map_or(1, |version| version.number + 1)
    }

    /// Adds a version, and gives its number.
    pub(crate) fn add(&mut self, put: Put, now: Timestamp) -> u64 {
        let number = self.next_version(&put.name);
        let parameter = self.parameters.entry(put.name).or_default();
        parameter.tags.extend(put.tags);
        if parameter.versions.len() >= MOST_VERSIONS {
            parameter.versions.remove(0);
        }
        parameter.versions.push(Version {
            number,
            kind: put.kind,
            value: put.value,
            data_type: put.data_type,
            description: put.description,
            allowed_pattern: put.allowed_pattern,
            labels: BTreeSet::new(),
            modified_at: now,
        });
        number
    }

    /// The name of the parameter that is meant: `/a` and `a` have the same ARN and are the same parameter.
    pub(crate) fn name_of(&self, asked: &str) -> String {
        let other = match asked.strip_prefix('/') {
            Some(name) if !name.contains('/') => name.to_owned(),
            None if !asked.contains('/') => format!("/{asked}"),
            _ => return asked.to_owned(),
        };
        let is_here =
            |name: &str| self.parameters.contains_key(name) || self.pending.contains_key(name);
        match !is_here(asked) && is_here(&other) {
            true => other,
            false => asked.to_owned(),
        }
    }

    /// The selection, by the name of the parameter that is meant.
    pub(crate) fn among(&self, mut selector: Selector) -> Selector {
        selector.name = self.name_of(&selector.name);
        selector
    }

    /// The parameter of this name.
    pub(crate) fn parameter_mut(&mut self, name: &str) -> Result<&mut Parameter, Failure> {
        let known = self.name_of(name);
        let parameter = self.parameters.get_mut(&known);
        parameter.ok_or_else(|| not_found(name))
    }

    /// The version that is selected.
    pub(crate) fn version(&self, selector: &Selector) -> Result<&Version, Failure> {
        let name = &selector.name;
        let parameter = self.parameters.get(name).ok_or_else(|| not_found(name))?;
        let mut versions = parameter.versions.iter().rev();
        let version = match &selector.version {
            None => versions.next(),
            Some(wanted) => versions.find(|version| {
                version.number.to_string() == *wanted || version.labels.contains(wanted)
            }),
        };
        version.ok_or_else(|| {
            let wanted = selector.version.as_deref().unwrap_or_default();
            let message = format!("Systems Manager could not find version {wanted} of {name}.");
            refuse("ParameterVersionNotFound", message)
        })
    }
}

impl Version {
    /// The value, as far as a request may see it.
    fn shown(&self, decrypt: bool) -> String {
        match self.kind.as_str() {
            "SecureString" if !decrypt => STANDARD.encode("encrypted, says localaws"),
            _ => self.value.clone(),
        }
    }

    /// `Parameter` of the API.
    pub(crate) fn write(&self, region: &str, selector: &Selector, decrypt: bool) -> Value {
        let mut parameter = json!({
            "Name": selector.name,
            "Type": self.kind,
            "Value": self.shown(decrypt),
            "Version": self.number,
            "LastModifiedDate": self.modified_at.as_second(),
            "ARN": name::arn(region, &selector.name),
            "DataType": self.data_type,
        });
        if let Some(version) = &selector.version {
            parameter["Selector"] = format!(":{version}").into();
        }
        parameter
    }

    /// The key that encrypts it: AWS's own, as no other can be given here.
    pub(crate) fn key_id(&self) -> Option<&'static str> {
        (self.kind == "SecureString").then_some("alias/aws/ssm")
    }

    /// `ParameterHistory` of the API.
    pub(crate) fn write_history(&self, name: &str, decrypt: bool) -> Value {
        let mut history = self.write_known(name);
        history["Value"] = self.shown(decrypt).into();
        history["Labels"] = json!(self.labels);
        history
    }

    /// `ParameterMetadata` of the API.
    pub(crate) fn write_metadata(&self, region: &str, name: &str) -> Value {
        let mut metadata = self.write_known(name);
        metadata["ARN"] = name::arn(region, name).into();
        metadata
    }

    /// What both say. Who changed a parameter is not known here: it is the account.
    fn write_known(&self, name: &str) -> Value {
        let mut known = json!({
            "Name": name,
            "Type": self.kind,
            "Version": self.number,
            "LastModifiedDate": self.modified_at.as_second(),
            "LastModifiedUser": format!("arn:aws:iam::{ACCOUNT}:root"),
            "DataType": self.data_type,
            "Tier": "Standard",
            "Policies": [],
        });
        if let Some(key) = self.key_id() {
            known["KeyId"] = key.into();
        }
        if let Some(description) = &self.description {
            known["Description"] = description.clone().into();
        }
        if let Some(pattern) = &self.allowed_pattern {
            known["AllowedPattern"] = pattern.clone().into();
        }
        known
    }
}
