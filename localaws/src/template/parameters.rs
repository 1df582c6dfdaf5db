//! The `Parameters` section: given values and defaults, with their rules ("CloudFormation template Parameters syntax",
//! CloudFormation User Guide).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use regex_lite::Regex;

use super::problem::{Problem, TemplateError};
use super::yaml::{Entry, Kind, Node};

/// What a parameter may have.
const PROPERTIES: [&str; 11] = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];

/// Stands for a value that may not be shown.
const HIDDEN: &str = "****";

/// The types that are built here. AWS's own (`AWS::EC2::Image::Id`, `AWS::SSM::Parameter::…`) name things of an
/// account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    String,
    Number,
    NumberList,
    CommaDelimitedList,
}

impl Type {
    const ALL: [(&str, Self); 4] = [
        ("String", Self::String),
        ("Number", Self::Number),
        ("List<Number>", Self::NumberList),
        ("CommaDelimitedList", Self::CommaDelimitedList),
    ];

    fn is_list(self) -> bool {
        matches!(self, Self::NumberList | Self::CommaDelimitedList)
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::NumberList)
    }
}

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
        let problem = format!("the template has no parameter of this name. Known: {known}");
        return Err(Problem::new(line, problem).at(format!("Parameters.{unknown}")));
    }
    entries
        .iter()
        .map(|entry| {
            let value = Parameter::read(entry)
                .and_then(|parameter| parameter.value(given.get(&entry.key)))
                .map_err(|problem| problem.at(format!("Parameters.{}", entry.key)))?;
            Ok((entry.key.clone(), value))
        })
        .collect()
}

/// Every parameter's value as CloudFormation shows it: items of a list are separated by commas, and what may not be shown
/// is hidden.
pub(super) fn shown(
    section: Option<&Node>,
    values: &BTreeMap<String, Node>,
) -> BTreeMap<String, String> {
    let is_hidden = |name: &str| {
        let rules = section.and_then(|section| section.get(name));
        rules.is_some_and(|rules| is_hidden(rules).unwrap_or(true))
    };
    let item = |node: &Node| match &node.kind {
        Kind::Text(text) => text.clone(),
        _ => String::new(),
    };
    let text = |node: &Node| match &node.kind {
        Kind::List(items) => items.iter().map(item).collect::<Vec<_>>().join(","),
        _ => item(node),
    };
    let values = values.iter();
    let shown = values.map(|(name, node)| match is_hidden(name) {
        true => (name.clone(), HIDDEN.to_owned()),
        false => (name.clone(), text(node)),
    });
    shown.collect()
}

/// One parameter with its rules.
struct Parameter<'a> {
    line: usize,
    rules: &'a Node,
    kind: Type,
    /// Whether its value is a secret: it is in no message.
    is_hidden: bool,
}

impl<'a> Parameter<'a> {
    fn read(entry: &'a Entry) -> Result<Self, Problem> {
        let (line, rules) = (entry.line, &entry.value);
        for property in rules.entries() {
            if !PROPERTIES.contains(&property.key.as_str()) {
                let problem = format!(
                    "a parameter has no property `{}`. Known: {}",
                    property.key,
                    PROPERTIES.join(", ")
                );
                return Err(Problem::new(property.line, problem));
            }
        }
        let name = text_of(rules, "Type")?.ok_or_else(|| Problem::new(line, "it has no Type"))?;
        let found = Type::ALL.into_iter().find(|(known, _)| *known == name);
        let Some((_, kind)) = found else {
            let known: Vec<&str> = Type::ALL.into_iter().map(|(known, _)| known).collect();
            let problem = format!(
                "the type `{name}` is not built here. Known: {}",
                known.join(", ")
            );
            return Err(Problem::new(line, problem));
        };
        Ok(Self {
            line,
            rules,
            kind,
            is_hidden: is_hidden(rules)?,
        })
    }

    /// The given value, or the default. A default must obey the rules even if it is not used.
    fn value(&self, given: Option<&String>) -> Result<Node, Problem> {
        let default = text_of(self.rules, "Default")?;
        if let Some(default) = &default {
            self.check(default)?;
        }
        if let Some(given) = given {
            self.check(given)?;
        }
        let text = given.or(default.as_ref()).ok_or_else(|| {
            Problem::new(self.line, "it has no default: a value must be given for it")
        })?;
        if !self.kind.is_list() {
            // A number, too, is text wherever it is referred to.
            return Ok(Node::text(self.line, text));
        }
        let items = self.items(text).into_iter();
        Ok(Node {
            line: self.line,
            kind: Kind::List(items.map(|item| Node::text(self.line, item)).collect()),
        })
    }

    /// The items of a list, without the spaces around them; any other value is one item.
    fn items<'t>(&self, text: &'t str) -> Vec<&'t str> {
        if self.kind.is_list() {
            text.split(',').map(str::trim).collect()
        } else {
            vec![text]
        }
    }

    /// A value against the parameter's rules; those on values hold for each item of a list.
    fn check(&self, text: &str) -> Result<(), Problem> {
        for item in self.items(text) {
            if self.kind.is_number() && item.parse::<f64>().ok().is_none_or(|it| !it.is_finite()) {
                return self.refuse(item, "it is not a number");
            }
            self.check_allowed(item)?;
            self.check_pattern(item)?;
            self.check_range(item)?;
        }
        Ok(())
    }

    fn check_allowed(&self, item: &str) -> Result<(), Problem> {
        let Some(allowed) = self.rules.get("AllowedValues") else {
            return Ok(());
        };
        let Kind::List(values) = &allowed.kind else {
            let problem = format!("AllowedValues must be a list, not {}", allowed.what());
            return Err(Problem::new(allowed.line, problem));
        };
        let values: Vec<String> = values.iter().filter_map(scalar).collect();
        if values.iter().any(|value| value == item) {
            return Ok(());
        }
        self.refuse(item, &format!("AllowedValues are {}", values.join(", ")))
    }

    /// The pattern must match the whole value.
    fn check_pattern(&self, item: &str) -> Result<(), Problem> {
        let Some(pattern) = text_of(self.rules, "AllowedPattern")? else {
            return Ok(());
        };
        let whole = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            let problem = format!("AllowedPattern `{pattern}` is not understood: {error}");
            Problem::new(self.line, problem)
        })?;
        if whole.is_match(item) {
            return Ok(());
        }
        self.refuse(item, &format!("AllowedPattern is {pattern}"))
    }

    /// Lengths are limits of strings, values of numbers.
    fn check_range(&self, item: &str) -> Result<(), Problem> {
        let length = u32::try_from(item.chars().count()).map_or(f64::INFINITY, f64::from);
        let rules = [
            ("MinLength", false, Ordering::Less),
            ("MaxLength", false, Ordering::Greater),
            ("MinValue", true, Ordering::Less),
            ("MaxValue", true, Ordering::Greater),
        ];
        for (rule, is_of_numbers, refused) in rules {
            let Some(limit) = text_of(self.rules, rule)? else {
                continue;
            };
            let is_applicable = if is_of_numbers {
                self.kind.is_number()
            } else {
                self.kind == Type::String
            };
            let number: Option<f64> = limit.parse().ok();
            let Some(number) = number.filter(|_| is_applicable) else {
                let problem =
                    format!("{rule} `{limit}` is not a limit for a parameter of this type");
                return Err(Problem::new(self.line, problem));
            };
            let measured = if is_of_numbers {
                item.parse().unwrap_or(f64::NAN)
            } else {
                length
            };
            if measured.partial_cmp(&number) == Some(refused) {
                return self.refuse(item, &format!("{rule} is {limit}"));
            }
        }
        Ok(())
    }

    fn refuse(&self, item: &str, rule: &str) -> Result<(), Problem> {
        let own = text_of(self.rules, "ConstraintDescription")?
            .map(|text| format!(" ({text})"))
            .unwrap_or_default();
        let item = if self.is_hidden { HIDDEN } else { item };
        let problem = format!("`{item}` is not allowed: {rule}{own}");
        Err(Problem::new(self.line, problem))
    }
}

/// Whether a parameter's value is a secret. `NoEcho` is a Boolean or its text.
fn is_hidden(rules: &Node) -> Result<bool, Problem> {
    let no_echo = text_of(rules, "NoEcho")?;
    Ok(no_echo.is_some_and(|value| value.eq_ignore_ascii_case("true")))
}

fn text_of(rules: &Node, key: &str) -> Result<Option<String>, Problem> {
    match rules.get(key) {
        None => Ok(None),
        Some(node) => scalar(node).map(Some).ok_or_else(|| {
            let problem = format!("{key} must be a plain value, not {}", node.what());
            Problem::new(node.line, problem)
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
