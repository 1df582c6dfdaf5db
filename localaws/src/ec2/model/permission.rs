//! Who may use an image or a snapshot, and how requests change that.
//!
//! Requests say it in one of two forms: a structure (`LaunchPermission.Add.1.UserId`), or lists next to `OperationType`
//! (`UserId.1`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ec2::wire::error::{Failure, invalid_combination, invalid_value, missing, refuse};
use crate::ec2::wire::query::Fields;
use crate::ec2::wire::xml::Xml;

/// One entry of `launchPermission` or `createVolumePermission`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// The group `all`: public.
    Everyone,
    /// An account, by its 12 digits.
    Account(String),
    /// All accounts of an organization, by its ARN. Images only.
    Organization(String),
    /// All accounts below an organizational unit, by its ARN. Images only.
    OrganizationalUnit(String),
}

/// What a request adds and removes.
#[derive(Debug, Default)]
pub(crate) struct PermissionChange {
    pub(crate) add: Vec<Permission>,
    pub(crate) remove: Vec<Permission>,
}

/// What a request with flat lists says about them.
#[derive(Debug, Default)]
pub(crate) struct Form {
    /// In lower case: EC2 takes `LaunchPermission` for `launchPermission`.
    pub(crate) attribute: Option<String>,
    /// Whether the lists are added or removed.
    pub(crate) adds: Option<bool>,
}

impl Form {
    /// Takes `Attribute` and `OperationType`.
    pub(crate) fn read(fields: &mut Fields) -> Result<Self, Failure> {
        let attribute = fields.text("Attribute");
        let adds = match fields.text("OperationType").as_deref() {
            None => None,
            Some("add") => Some(true),
            Some("remove") => Some(false),
            Some(other) => {
                let message = format!("Invalid value '{other}' for operationType.");
                return Err(invalid_value(message));
            }
        };
        Ok(Self {
            attribute: attribute.map(|name| name.to_ascii_lowercase()),
            adds,
        })
    }
}

/// The kinds that a resource can have: name of the field in a structure, and of the flat list.
const OF_IMAGES: [(&str, &str); 4] = [
    ("Group", "UserGroup"),
    ("UserId", "UserId"),
    ("OrganizationArn", "OrganizationArn"),
    ("OrganizationalUnitArn", "OrganizationalUnitArn"),
];
/// "createVolumePermission" has no organizations (ModifySnapshotAttribute, EC2 API Reference).
const OF_SNAPSHOTS: [(&str, &str); 2] = [OF_IMAGES[0], OF_IMAGES[1]];

impl Permission {
    fn read(kind: &str, value: String) -> Result<Self, Failure> {
        let (name, known) = match kind {
            "Group" => ("UserGroup", value == "all"),
            "UserId" => ("userId", is_account(&value)),
            "OrganizationArn" => ("OrganizationArn", is_organization(&value, "organization")),
            _ => ("OrganizationalUnitArn", is_organization(&value, "ou")),
        };
        if !known {
            let message = format!("Invalid attribute item value \"{value}\" for {name} item type.");
            return Err(refuse("InvalidAMIAttributeItemValue", message));
        }
        Ok(match kind {
            "Group" => Self::Everyone,
            "UserId" => Self::Account(value),
            "OrganizationArn" => Self::Organization(value),
            _ => Self::OrganizationalUnit(value),
        })
    }

    /// The element of an answer that says it.
    pub(crate) fn write(&self, xml: &mut Xml) {
        match self {
            Self::Everyone => xml.text("group", "all"),
            Self::Account(id) => xml.text("userId", id),
            Self::Organization(arn) => xml.text("organizationArn", arn),
            Self::OrganizationalUnit(arn) => xml.text("organizationalUnitArn", arn),
        }
    }
}

impl PermissionChange {
    /// The change of an image's `launchPermission`, if the request names one.
    pub(crate) fn of_image(fields: &mut Fields, form: &Form) -> Result<Option<Self>, Failure> {
        Self::read(fields, form, "LaunchPermission", &OF_IMAGES)
    }

    /// The change of a snapshot's `createVolumePermission`, if the request names one.
    pub(crate) fn of_snapshot(fields: &mut Fields, form: &Form) -> Result<Option<Self>, Failure> {
        Self::read(fields, form, "CreateVolumePermission", &OF_SNAPSHOTS)
    }

    /// Takes both forms out of the request. The flat one needs `Attribute` and `OperationType`.
    fn read(
        fields: &mut Fields,
        form: &Form,
        structure: &str,
        kinds: &[(&str, &str)],
    ) -> Result<Option<Self>, Failure> {
        let structured = fields.group(structure);
        let mut flat = Vec::new();
        for (kind, list) in kinds {
            for value in fields.texts(list)? {
                flat.push(Permission::read(kind, value)?);
            }
        }
        if !flat.is_empty() && form.attribute.is_none() {
            return Err(missing(structure));
        }
        if structured.is_none() && flat.is_empty() {
            return Ok(None);
        }
        let mut change = Self::default();
        if let Some(mut structured) = structured {
            change.add = entries(&mut structured, "Add", kinds)?;
            change.remove = entries(&mut structured, "Remove", kinds)?;
            structured.finish()?;
        }
        match form.adds {
            Some(true) => change.add.extend(flat),
            Some(false) => change.remove.extend(flat),
            None if flat.is_empty() => {}
            None => return Err(missing("OperationType")),
        }
        Ok(Some(change))
    }

    /// The permissions after the change. Adding what is there and removing what is not is not an error.
    pub(crate) fn apply(&self, before: &BTreeSet<Permission>) -> BTreeSet<Permission> {
        let mut after = before.clone();
        after.extend(self.add.iter().cloned());
        after.retain(|permission| !self.remove.contains(permission));
        after
    }

    /// How many entries the request has.
    pub(crate) fn len(&self) -> usize {
        self.add.len() + self.remove.len()
    }
}

/// The refusal of a request that changes no attribute (cloud-custodian issue 8323).
pub(crate) fn no_attributes() -> Failure {
    invalid_combination("No attributes specified.")
}

/// The entries of `Add` or `Remove`. One that has several fields stands for each of them; EC2 documents only one field
/// an entry, so what it answers is not known.
fn entries(
    structure: &mut Fields,
    list: &str,
    kinds: &[(&str, &str)],
) -> Result<Vec<Permission>, Failure> {
    let mut found = Vec::new();
    for mut entry in structure.list(list)? {
        for (kind, _) in kinds {
            if let Some(value) = entry.text(kind) {
                found.push(Permission::read(kind, value)?);
            }
        }
        entry.finish()?;
    }
    Ok(found)
}

fn is_account(value: &str) -> bool {
    value.len() == 12 && value.bytes().all(|b| b.is_ascii_digit())
}

/// Whether it is the ARN of an organization (`organization/o-…`) or of a unit (`ou/o-…/ou-…`) in this partition.
fn is_organization(arn: &str, kind: &str) -> bool {
    let Some(rest) = arn.strip_prefix("arn:aws:organizations::") else {
        return false;
    };
    let Some((account, path)) = rest.split_once(':') else {
        return false;
    };
    let mut parts = path.split('/');
    let is_id = |part: Option<&str>, prefix: &str| {
        part.and_then(|part| part.strip_prefix(prefix))
            .is_some_and(|id| {
                id.len() >= 4 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            })
    };
    is_account(account)
        && parts.next() == Some(kind)
        && is_id(parts.next(), "o-")
        && (kind == "organization" || is_id(parts.next(), "ou-"))
        && parts.next().is_none()
}
