//! The stack's parameters, and how their values are read: strictly, as a typing error would open or close something
//! else.

use std::{collections::BTreeSet, fmt};

use super::{Allowed, Guardrails};
use crate::{
    location::bucket_fault,
    rules::{
        forms::{is_account, is_key_arn, is_partition, is_region, organization},
        tags::key_fault,
    },
    text::quoted,
};

/// A parameter of the stack.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name in `template.yaml`.
    pub name: &'static str,
    /// The environment variable that the functions get its value in; lists are joined by commas.
    pub variable: &'static str,
    read: fn(&mut Guardrails, &str) -> Result<(), String>,
}

impl Parameter {
    /// Sets the guardrail to the parameter's value. An empty one closes it.
    ///
    /// # Errors
    /// If the value is not what the parameter takes.
    pub fn set(&self, guardrails: &mut Guardrails, value: &str) -> Result<(), InvalidValue> {
        (self.read)(guardrails, value.trim()).map_err(|what| InvalidValue {
            parameter: self.name,
            what,
        })
    }

    /// The parameter of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PARAMETERS.into_iter().find(|it| it.name == name)
    }
}

/// A value that a parameter does not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidValue {
    /// The parameter's name.
    pub parameter: &'static str,
    what: String,
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the stack's parameter {} {}", self.parameter, self.what)
    }
}

impl std::error::Error for InvalidValue {}

/// The parameters that open something for manifests.
pub const PARAMETERS: [Parameter; 10] = [
    Parameter {
        name: "ShareWith",
        variable: "AMIWRIGHT_SHARE_WITH",
        read: |guardrails, value| {
            let what = "an account id (12 digits), the ARN of an organization or an organizational unit, or *";
            let is =
                |entry: &str| entry == "*" || is_account(entry) || organization(entry).is_some();
            let entries = entries(value, is, what)?;
            guardrails.share_with = match entries.contains("*") {
                true => Allowed::Any,
                false => Allowed::Only(entries),
            };
            Ok(())
        },
    },
    Parameter {
        name: "AllowPublic",
        variable: "AMIWRIGHT_ALLOW_PUBLIC",
        read: |guardrails, value| switch(value).map(|value| guardrails.allow_public = value),
    },
    Parameter {
        name: "CopyRegions",
        variable: "AMIWRIGHT_COPY_REGIONS",
        read: |guardrails, value| {
            let regions = entries(value, is_region, "a Region, such as us-west-2");
            regions.map(|regions| guardrails.copy_regions = Allowed::Only(regions))
        },
    },
    Parameter {
        name: "ParameterPrefix",
        variable: "AMIWRIGHT_PARAMETER_PREFIX",
        read: |guardrails, value| {
            prefix(value).map(|prefixes| guardrails.parameter_prefix = Allowed::Only(prefixes))
        },
    },
    Parameter {
        name: "AllowRetire",
        variable: "AMIWRIGHT_ALLOW_RETIRE",
        read: |guardrails, value| switch(value).map(|value| guardrails.allow_retire = value),
    },
    Parameter {
        name: "SourceBuckets",
        variable: "AMIWRIGHT_SOURCE_BUCKETS",
        read: |guardrails, value| {
            buckets(value).map(|names| guardrails.source_buckets = Allowed::Only(names))
        },
    },
    Parameter {
        name: "StoreBuckets",
        variable: "AMIWRIGHT_STORE_BUCKETS",
        read: |guardrails, value| {
            buckets(value).map(|names| guardrails.store_buckets = Allowed::Only(names))
        },
    },
    Parameter {
        name: "SourceOwners",
        variable: "AMIWRIGHT_SOURCE_OWNERS",
        read: |guardrails, value| {
            let what = "self, an account id (12 digits), amazon or aws-marketplace";
            let is = |entry: &str| {
                matches!(entry, "self" | "amazon" | "aws-marketplace") || is_account(entry)
            };
            let owners = entries(value, is, what)?;
            // The account's own are always sources.
            let others = owners.into_iter().filter(|owner| owner != "self");
            guardrails.source_owners = Allowed::Only(others.collect());
            Ok(())
        },
    },
    Parameter {
        name: "KmsKeys",
        variable: "AMIWRIGHT_KMS_KEYS",
        read: |guardrails, value| {
            let what = "the ARN of a KMS key (arn:aws:kms:REGION:ACCOUNT:key/ID; not of an alias, which can be pointed at another key)";
            let keys = entries(value, is_key_arn, what);
            keys.map(|keys| guardrails.kms_keys = Allowed::Only(keys))
        },
    },
    Parameter {
        name: "TagKeys",
        variable: "AMIWRIGHT_TAG_KEYS",
        read: |guardrails, value| {
            let what = "a tag's key (1 to 128 characters, not starting with aws: or amiwright:)";
            let keys = entries(value, |key| key_fault(key).is_none(), what)?;
            guardrails.tag_keys = match keys.is_empty() {
                true => Allowed::Any,
                false => Allowed::Only(keys),
            };
            Ok(())
        },
    },
];

/// The entries of a list, each of which must be what `is` says.
fn entries(value: &str, is: impl Fn(&str) -> bool, what: &str) -> Result<BTreeSet<String>, String> {
    if value.is_empty() {
        return Ok(BTreeSet::new());
    }
    let entry = |entry: &str| match entry.trim() {
        "" => Err("has an empty entry: separate the entries by single commas".to_owned()),
        entry if is(entry) => Ok(entry.to_owned()),
        entry => Err(format!("has {}, which is not {what}", quoted(entry))),
    };
    value.split(',').map(entry).collect()
}

fn switch(value: &str) -> Result<bool, String> {
    match value {
        "true" => Ok(true),
        "false" | "" => Ok(false),
        other => Err(format!(
            "is {}, which is neither true nor false",
            quoted(other)
        )),
    }
}

/// Names of buckets, from their ARNs.
fn buckets(value: &str) -> Result<BTreeSet<String>, String> {
    let is = |entry: &str| bucket_of(entry).is_some();
    let arns = entries(value, is, "the ARN of a bucket (arn:aws:s3:::NAME)")?;
    Ok(arns
        .iter()
        .filter_map(|arn| bucket_of(arn))
        .map(str::to_owned)
        .collect())
}

fn bucket_of(arn: &str) -> Option<&str> {
    let (partition, name) = arn.strip_prefix("arn:")?.split_once(":s3:::")?;
    (is_partition(partition) && bucket_fault(name).is_none()).then_some(name)
}

/// The path of SSM parameters, with a slash in front and none behind.
fn prefix(value: &str) -> Result<BTreeSet<String>, String> {
    if value.is_empty() {
        return Ok(BTreeSet::new());
    }
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let is_level = |level: &str| !matches!(level, "" | "." | "..") && level.chars().all(good);
    let path = value
        .strip_prefix('/')
        .filter(|path| path.split('/').all(is_level));
    // SSM API Reference, PutParameter (Name): names cannot start with these.
    let is_reserved = |path: &str| {
        let start = path.get(..3).unwrap_or_default().to_ascii_lowercase();
        start == "aws" || start == "ssm"
    };
    match path {
        Some(path) if !is_reserved(path) => Ok(BTreeSet::from([value.to_owned()])),
        Some(_) => Err(format!(
            "is {}, under which parameters cannot be created: names cannot start with aws or ssm",
            quoted(value)
        )),
        None => Err(format!(
            "is {}, which is not a path such as /images, with a slash in front and none behind",
            quoted(value)
        )),
    }
}
