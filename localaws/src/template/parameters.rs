//! The `Parameters` section: given values and defaults, with their rules ("Parameters", CloudFormation User Guide).

use std::collections::BTreeMap;

use regex_lite::Regex;

use super::problem::{Problem, TemplateError};
use super::yaml::{Entry, Kind, Node};

/// Parameter types that are known here.
const TYPES: [&str; 3] = ["String", "Number", "CommaDelimitedList"];

/// Every parameter's value, as `Ref` gives it.
pub(super) fn values(
    section: Option<&Node>,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Node>, TemplateError> {
    let entries = section.map(Node::entries).unwrap_or_default();
    if let Some(unknown) = given
        .keys()
        .find(|name| !entries.iter().any(|entry| entry.key == **name))
    {
        let known = entries
            .iter()
            .map(|entry| entry.key.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let line = section.map_or(1, |section| section.line);
        return Err(
            Problem::new(line, format!("no parameter is called so. Known: {known}"))
                .at(format!("Parameters.{unknown}")),
        );
    }
    entries
        .iter()
        .map(|entry| {
            let value = value(entry, given.get(&entry.key))
                .map_err(|problem| problem.at(format!("Parameters.{}", entry.key)))?;
            Ok((entry.key.clone(), value))
        })
        .collect()
}

fn value(parameter: &Entry, given: Option<&String>) -> Result<Node, Problem> {
    let Entry {
        line, value: rules, ..
    } = parameter;
    let kind = text_of(rules, "Type")?.ok_or_else(|| Problem::new(*line, "it has no Type"))?;
    if !TYPES.contains(&kind.as_str()) {
        let problem = format!(
            "the type `{kind}` is not built here. Known: {}",
            TYPES.join(", ")
        );
        return Err(Problem::new(*line, problem));
    }
    let text = match given {
        Some(given) => given.clone(),
        None => text_of(rules, "Default")?
            .ok_or_else(|| Problem::new(*line, "it has no default: give it a value"))?,
    };
    let parts: Vec<&str> = if kind == "CommaDelimitedList" {
        text.split(',').map(str::trim).collect()
    } else {
        vec![text.as_str()]
    };
    for part in &parts {
        check(rules, part, *line)?;
    }
    match kind.as_str() {
        "CommaDelimitedList" => {
            let items = parts.iter().map(|part| Node::text(*line, *part)).collect();
            Ok(Node {
                line: *line,
                kind: Kind::List(items),
            })
        }
        "Number" => match serde_json::from_str(&text) {
            Ok(number) => Ok(Node {
                line: *line,
                kind: Kind::Number(number),
            }),
            Err(_) => Err(Problem::new(*line, format!("`{text}` is not a number"))),
        },
        _ => Ok(Node::text(*line, text)),
    }
}

/// The value against the parameter's own rules.
fn check(rules: &Node, value: &str, line: usize) -> Result<(), Problem> {
    let refuse = |rule: String| {
        let own = text_of(rules, "ConstraintDescription")?
            .map(|text| format!(" ({text})"))
            .unwrap_or_default();
        Err(Problem::new(
            line,
            format!("`{value}` is not allowed: {rule}{own}"),
        ))
    };
    if let Some(Node {
        kind: Kind::List(allowed),
        ..
    }) = rules.get("AllowedValues")
    {
        let allowed: Vec<String> = allowed.iter().filter_map(scalar).collect();
        if !allowed.iter().any(|allowed| allowed == value) {
            return refuse(format!("AllowedValues are {}", allowed.join(", ")));
        }
    }
    if let Some(pattern) = text_of(rules, "AllowedPattern")? {
        let whole = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            Problem::new(
                line,
                format!("AllowedPattern `{pattern}` is not understood: {error}"),
            )
        })?;
        if !whole.is_match(value) {
            return refuse(format!("AllowedPattern is {pattern}"));
        }
    }
    let length = u64::try_from(value.chars().count()).unwrap_or(u64::MAX);
    for (rule, breaks) in [
        (
            "MinLength",
            (|length, _, limit| length < limit) as fn(f64, f64, f64) -> bool,
        ),
        ("MaxLength", |length, _, limit| length > limit),
        ("MinValue", |_, number, limit| number < limit),
        ("MaxValue", |_, number, limit| number > limit),
    ] {
        let Some(limit) = text_of(rules, rule)?.and_then(|limit| limit.parse::<f64>().ok()) else {
            continue;
        };
        // Lengths are far below 2^52.
        #[expect(clippy::cast_precision_loss, reason = "a length of a text")]
        if breaks(length as f64, value.parse().unwrap_or(f64::NAN), limit) {
            return refuse(format!("{rule} is {limit}"));
        }
    }
    Ok(())
}

fn text_of(rules: &Node, key: &str) -> Result<Option<String>, Problem> {
    match rules.get(key) {
        None => Ok(None),
        Some(node) => scalar(node).map(Some).ok_or_else(|| {
            Problem::new(
                node.line,
                format!("{key} must be a plain value, not {}", node.what()),
            )
        }),
    }
}

fn scalar(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Text(text) => Some(text.clone()),
        Kind::Number(number) => Some(number.to_string()),
        Kind::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}
