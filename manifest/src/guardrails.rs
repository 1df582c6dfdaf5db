//! What manifests may ask for: everything that reaches beyond the account's own AMIs is closed until the stack's owner
//! opens it by a parameter of the stack.

mod check;
mod parameters;

use std::{collections::BTreeSet, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use check::{check, named_sources};
pub use parameters::{InvalidValue, PARAMETERS, Parameter};

pub use crate::rules::forms::{is_account, is_region};

use crate::{Problem, rules::forms, spec::NamedSource, text::quoted};

/// The values that a guardrail lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// Every value.
    Any,
    /// These values, letter by letter.
    Only(BTreeSet<String>),
}

impl Default for Allowed {
    /// Nothing.
    fn default() -> Self {
        Self::Only(BTreeSet::new())
    }
}

impl Allowed {
    /// Whether this value is let through.
    #[must_use]
    pub fn allows(&self, value: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Only(values) => values.contains(value),
        }
    }
}

/// What manifests may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guardrails {
    /// The bucket of the manifests, whose objects may always be sources; none if it is not known.
    pub bucket: Option<String>,
    /// The Region of the stack, which decides how ARNs begin; none if it is not known.
    pub region: Option<String>,
    /// The account of the stack, which owns the AMIs, 12 digits; none if it is not known.
    pub account: Option<String>,
    /// `ShareWith`: account ids, and ARNs of organizations and organizational units.
    pub share_with: Allowed,
    /// `AllowPublic`: whether AMIs may be public.
    pub allow_public: bool,
    /// `CopyRegions`: Regions that may get copies.
    pub copy_regions: Allowed,
    /// `ParameterPrefix`: the path that the names of SSM parameters must be under.
    pub parameter_prefix: Allowed,
    /// `AllowRetire`: whether AMIs may be deregistered.
    pub allow_retire: bool,
    /// `SourceBuckets`: names of other buckets that sources may be read from.
    pub source_buckets: Allowed,
    /// `StoreBuckets`: names of buckets that AMIs may be stored in.
    pub store_buckets: Allowed,
    /// `SourceOwners`: account ids and aliases of those whose AMIs and snapshots may be sources, besides the account's
    /// own.
    pub source_owners: Allowed,
    /// `KmsKeys`: ARNs of KMS keys.
    pub kms_keys: Allowed,
    /// `TagKeys`: keys of tags.
    pub tag_keys: Allowed,
}

impl Default for Guardrails {
    /// Everything is closed, as in a stack whose owner has set no parameter.
    fn default() -> Self {
        Self {
            bucket: None,
            region: None,
            account: None,
            share_with: Allowed::default(),
            allow_public: false,
            copy_regions: Allowed::default(),
            parameter_prefix: Allowed::default(),
            allow_retire: false,
            source_buckets: Allowed::default(),
            store_buckets: Allowed::default(),
            source_owners: Allowed::default(),
            kms_keys: Allowed::default(),
            tag_keys: Allowed::Any,
        }
    }
}

impl Guardrails {
    /// Everything is open: where no stack is known.
    #[must_use]
    pub fn open() -> Self {
        Self {
            bucket: None,
            region: None,
            account: None,
            share_with: Allowed::Any,
            allow_public: true,
            copy_regions: Allowed::Any,
            parameter_prefix: Allowed::Any,
            allow_retire: true,
            source_buckets: Allowed::Any,
            store_buckets: Allowed::Any,
            source_owners: Allowed::Any,
            kms_keys: Allowed::Any,
            tag_keys: Allowed::Any,
        }
    }

    /// The ARN of a bucket, as the parameters take it: in the partition of the stack's Region ("Amazon Resource Names",
    /// AWS General Reference), or in `aws` if the Region is not known.
    #[must_use]
    pub fn bucket_arn(&self, bucket: &str) -> String {
        let partition = self.region.as_deref().and_then(forms::partition);
        let partition = partition.unwrap_or("aws");
        format!("arn:{partition}:s3:::{bucket}")
    }

    /// Whether sources may be read from this bucket.
    #[must_use]
    pub fn allows_source_bucket(&self, bucket: &str) -> bool {
        self.bucket.as_deref() == Some(bucket) || self.source_buckets.allows(bucket)
    }

    /// Whether manifests may move the SSM parameter of this name: one below the prefix.
    #[must_use]
    pub fn allows_parameter(&self, name: &str) -> bool {
        let is_below = |prefix: &String| {
            let rest = name.strip_prefix(prefix.as_str());
            let rest = rest.and_then(|rest| rest.strip_prefix('/'));
            // SSM takes `..` for a level like any other; a reader would not.
            rest.is_some_and(|rest| {
                rest.split('/')
                    .all(|level| !matches!(level, "" | "." | ".."))
            })
        };
        match &self.parameter_prefix {
            Allowed::Any => true,
            Allowed::Only(prefixes) => prefixes.iter().any(is_below),
        }
    }

    /// The problem of a source that belongs to this other account, if manifests may not use it.
    #[must_use]
    pub fn foreign_source(&self, source: &NamedSource, owner: &Owner) -> Option<Problem> {
        let Owner { id, alias } = owner;
        let is_listed = |name: &str| self.source_owners.allows(name);
        // Aliases are given by AWS alone: an account cannot choose one.
        if is_listed(id) || alias.as_deref().is_some_and(is_listed) {
            return None;
        }
        let message = format!(
            "{} belongs to {owner}, which is not among the owners whose AMIs and snapshots may be sources",
            quoted(&source.id)
        );
        let problem = Problem::new(message)
            .with_path(&source.path)
            .at(source.line, source.column)
            .with_hint(check::opening("SourceOwners", id))
            .with_rule(check::rule("SourceOwners"));
        Some(problem)
    }
}

/// Whose an AMI or a snapshot is, as EC2 says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The account's id.
    pub id: String,
    /// Its alias, if it is in AWS's list: `amazon`, `aws-marketplace`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the account {}", quoted(&self.id))?;
        match &self.alias {
            Some(alias) => write!(f, " ({})", quoted(alias)),
            None => Ok(()),
        }
    }
}
