//! What is granted, and what of it was used.

use serde::Serialize;

use super::principal::{Held, Identity};

/// One part of a statement that a principal has, and how many calls it allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Grant {
    /// Logical id of the function, or name of the user.
    pub principal: String,
    /// `Sid` of the statement, or its number.
    pub sid: String,
    /// The part.
    #[serde(flatten)]
    pub part: Part,
    /// How many calls it allowed.
    pub uses: u64,
}

/// A part of a statement that can be of use by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase", untagged)]
pub enum Part {
    /// An action on a resource, both as the policy writes them.
    Access {
        /// For example `s3:getobject`: actions have no case.
        action: String,
        /// An ARN with wildcards.
        resource: String,
    },
    /// One of several values of a condition.
    Value {
        /// For example `StringEquals`.
        operator: String,
        /// The condition key.
        key: String,
        /// The value.
        value: String,
    },
}

/// A call that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denial {
    /// Logical id of the function, or name of the user.
    pub principal: String,
    /// For example `s3:GetObject`.
    pub action: String,
    /// What it was to be done to.
    pub resource: String,
    /// Sid of the statement that denies it; none if no statement allows it.
    pub denied_by: Option<String>,
}

/// All parts of what a principal has. Pairs of an action and a resource that the action never takes are left out: in a
/// statement with several of both, AWS ignores them, too.
pub(crate) fn of(identity: &Identity, takes: impl Fn(&str, &str) -> bool) -> Vec<Grant> {
    let mut grants = Vec::new();
    for held in identity.statements.iter().filter(|held| !held.withdrawn) {
        let grant = |part: Part, uses: u64| Grant {
            principal: identity.name.clone(),
            sid: held.statement.sid.clone(),
            part,
            uses,
        };
        grants.extend(access(held, &takes).map(|(part, uses)| grant(part, uses)));
        grants.extend(values(held).map(|(part, uses)| grant(part, uses)));
    }
    grants
}

fn access(held: &Held, takes: &impl Fn(&str, &str) -> bool) -> impl Iterator<Item = (Part, u64)> {
    let statement = &held.statement;
    let mut parts = Vec::new();
    for (a, action) in statement.actions.patterns.iter().enumerate() {
        for (r, resource) in statement.resources.patterns.iter().enumerate() {
            if takes(&action.text, &resource.text) {
                let uses = held.access.get(&(a, r)).copied().unwrap_or_default();
                let (action, resource) = (action.text.clone(), resource.text.clone());
                parts.push((Part::Access { action, resource }, uses));
            }
        }
    }
    parts.into_iter()
}

/// A condition with one value is used whenever its statement is; negated ones and `Null` name what must not be.
fn values(held: &Held) -> impl Iterator<Item = (Part, u64)> {
    let conditions = held.statement.conditions.iter().enumerate();
    conditions
        .filter(|(_, condition)| condition.values.len() > 1 && !condition.is_negated())
        .flat_map(move |(c, condition)| {
            condition.values.iter().enumerate().map(move |(v, value)| {
                let part = Part::Value {
                    operator: condition.operator_name.clone(),
                    key: condition.key.clone(),
                    value: value.clone(),
                };
                (part, held.values.get(&(c, v)).copied().unwrap_or_default())
            })
        })
}
