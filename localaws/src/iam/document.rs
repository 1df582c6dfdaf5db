//! Statements of a policy, read strictly ("IAM JSON policy element reference", IAM User Guide).
//!
//! What is not known here is an error, never ignored: a stack with it does not start.

use serde_json::Value;

use super::operator::Condition;
use super::pattern::Pattern;

/// What a statement does with what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// A list of patterns, or everything but it (`NotAction`, `NotResource`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Patterns {
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) negated: bool,
}

/// Whom a statement of a resource's policy is for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Principal {
    /// `*`
    Everybody,
    /// A whole account, by its id or its root's ARN: an Allow only lets the account's own policies decide.
    Account(String),
    /// One role, user or session.
    Arn(String),
    /// A service; none of this world's callers is one.
    Service,
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    /// `Sid`, or its number in the policy.
    pub(crate) sid: String,
    pub(crate) effect: Effect,
    /// Only in a resource's policy.
    pub(crate) principals: Vec<Principal>,
    /// Patterns in lower case: "the action name is case-insensitive".
    pub(crate) actions: Patterns,
    pub(crate) resources: Patterns,
    pub(crate) conditions: Vec<Condition>,
}

/// What a policy is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A role or user: it has no `Principal`.
    Identity,
    /// A bucket or topic: it has one.
    Resource,
}

/// Reads the statements of one policy.
///
/// # Errors
/// What is wrong or not built, with the statement's Sid.
pub(crate) fn statements(policy: &[Value], kind: Kind) -> Result<Vec<Statement>, String> {
    let read = |(number, value): (usize, &Value)| {
        let sid = value["Sid"]
            .as_str()
            .map_or_else(|| format!("#{}", number + 1), str::to_owned);
        statement(value, kind, &sid).map_err(|problem| format!("statement {sid}: {problem}"))
    };
    policy.iter().enumerate().map(read).collect()
}

fn statement(value: &Value, kind: Kind, sid: &str) -> Result<Statement, String> {
    const ELEMENTS: [&str; 8] = [
        "Sid",
        "Effect",
        "Principal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let elements = value.as_object().ok_or("a statement is a map")?;
    if let Some(unknown) = elements
        .keys()
        .find(|key| !ELEMENTS.contains(&key.as_str()))
    {
        return Err(format!("the element {unknown} is not built here"));
    }
    let effect = match value["Effect"].as_str() {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err("Effect is Allow or Deny".to_owned()),
    };
    let principals = match (kind, elements.get("Principal")) {
        (Kind::Identity, None) => Vec::new(),
        (Kind::Identity, Some(_)) => {
            return Err("a policy of a role or user has no Principal".to_owned());
        }
        (Kind::Resource, None) => return Err("a resource's policy needs a Principal".to_owned()),
        (Kind::Resource, Some(principal)) => principals(principal)?,
    };
    let actions = one_of(value, "Action", "NotAction", |text| {
        if text != "*" && text.split(':').count() != 2 {
            return Err(format!("`{text}` is not an action"));
        }
        Pattern::with_wildcards(&text.to_ascii_lowercase())
    })?;
    let resources = one_of(value, "Resource", "NotResource", |text| {
        // AWS completes shorter ARNs with wildcards; that is not built here.
        if text != "*" && text.splitn(6, ':').count() != 6 {
            return Err(format!("`{text}` is neither an ARN nor `*`"));
        }
        Pattern::with_wildcards(text)
    })?;
    let conditions = elements.get("Condition").map_or(Ok(Vec::new()), conditions);
    Ok(Statement {
        sid: sid.to_owned(),
        effect,
        principals,
        actions,
        resources,
        conditions: conditions?,
    })
}

fn one_of(
    statement: &Value,
    name: &str,
    not: &str,
    read: impl Fn(&str) -> Result<Pattern, String>,
) -> Result<Patterns, String> {
    let (value, negated) = match (&statement[name], &statement[not]) {
        (value, Value::Null) if !value.is_null() => (value, false),
        (Value::Null, value) if !value.is_null() => (value, true),
        _ => return Err(format!("either {name} or {not} is needed")),
    };
    let texts = texts(value).ok_or_else(|| format!("{name} is a text or a list of texts"))?;
    let patterns: Result<Vec<_>, _> = texts.iter().map(|text| read(text)).collect();
    let patterns = patterns?;
    if patterns.is_empty() {
        return Err(format!("{name} is empty"));
    }
    Ok(Patterns { patterns, negated })
}

fn conditions(block: &Value) -> Result<Vec<Condition>, String> {
    let operators = block.as_object().ok_or("Condition is a map of operators")?;
    let mut all = Vec::new();
    for (operator, keys) in operators {
        let keys = keys
            .as_object()
            .ok_or_else(|| format!("{operator} is a map of keys"))?;
        for (key, values) in keys {
            let values =
                texts(values).ok_or_else(|| format!("{key} has a value that is not a text"))?;
            all.push(Condition::read(operator, key, values)?);
        }
    }
    Ok(all)
}

fn principals(value: &Value) -> Result<Vec<Principal>, String> {
    if value == "*" {
        return Ok(vec![Principal::Everybody]);
    }
    let kinds = value.as_object().ok_or("Principal is `*` or a map")?;
    let mut all = Vec::new();
    for (kind, value) in kinds {
        let texts = texts(value).ok_or("a Principal is a text or a list of texts")?;
        for text in texts {
            all.push(match kind.as_str() {
                "AWS" => aws_principal(&text)?,
                "Service" => Principal::Service,
                other => return Err(format!("the principal type {other} is not built here")),
            });
        }
    }
    Ok(all)
}

fn aws_principal(text: &str) -> Result<Principal, String> {
    let is_account = |id: &str| id.len() == 12 && id.bytes().all(|it| it.is_ascii_digit());
    if text == "*" {
        return Ok(Principal::Everybody);
    }
    if is_account(text) {
        return Ok(Principal::Account(text.to_owned()));
    }
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    match fields[..] {
        ["arn", _, "iam", "", account, "root"] if is_account(account) => {
            Ok(Principal::Account(account.to_owned()))
        }
        // "You cannot use a wildcard to match part of a principal name or ARN."
        ["arn", _, "iam" | "sts", "", account, _] if is_account(account) && !text.contains('*') => {
            Ok(Principal::Arn(text.to_owned()))
        }
        _ => Err(format!("`{text}` is not a principal that is built here")),
    }
}

/// A text or a list of texts; CloudFormation may have made numbers or booleans of them.
fn texts(value: &Value) -> Option<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        one => Some(vec![text(one)?]),
    }
}
