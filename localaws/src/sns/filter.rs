//! Filter policies on message attributes ("Amazon SNS subscription filter policies"): exact strings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::Attribute;

/// For each named attribute, the values that pass. All named attributes must be there and pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct FilterPolicy(BTreeMap<String, Vec<String>>);

/// Why a filter policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is not a filter policy.
    Invalid(String),
    /// It is one, but uses more than exact strings.
    NotBuilt,
}

impl FilterPolicy {
    /// Reads a policy.
    pub(super) fn read(policy: &Value) -> Result<Self, Unusable> {
        let invalid = |why: &str| Unusable::Invalid(format!("FilterPolicy: {why}"));
        let members = policy
            .as_object()
            .ok_or_else(|| invalid("must be a JSON object"))?;
        let mut names = BTreeMap::new();
        for (name, values) in members {
            if name.starts_with('$') || values.is_object() {
                return Err(Unusable::NotBuilt);
            }
            let values = values.as_array().filter(|values| !values.is_empty());
            let values =
                values.ok_or_else(|| invalid(&format!("\"{name}\" must be a non-empty array")))?;
            let texts: Option<Vec<String>> = values
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect();
            names.insert(name.clone(), texts.ok_or(Unusable::NotBuilt)?);
        }
        Ok(Self(names))
    }

    /// Whether a message with these attributes passes.
    pub(super) fn passes(&self, attributes: &BTreeMap<String, Attribute>) -> bool {
        self.0
            .iter()
            .all(|(name, values)| attributes.get(name).is_some_and(|it| is_one_of(it, values)))
    }
}

fn is_one_of(attribute: &Attribute, values: &[String]) -> bool {
    match attribute.data_type.as_str() {
        "String.Array" => {
            let members: Vec<Value> = serde_json::from_str(&attribute.value).unwrap_or_default();
            members
                .iter()
                .filter_map(Value::as_str)
                .any(|member| values.iter().any(|value| value == member))
        }
        data_type if data_type.starts_with("String") => values.contains(&attribute.value),
        _ => false,
    }
}
