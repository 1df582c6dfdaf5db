//! EventBridge event patterns: which events a rule takes ("Comparison operators for use in event patterns",
//! EventBridge User Guide; refusals as in aws/event-ruler, the library that EventBridge runs).
//!
//! A pattern has the shape of the events it takes; a field that it does not name may be anything. Fields beside one
//! another must all match, values in a list are alternatives. A list in an event matches if any element does; of a
//! list of objects, one object must match all that the pattern asks of it.
//!
//! | operator | value |
//! |---|---|
//! | a text, number, `true`, `false`, `null` | equal; numbers by how they are written: `300` is not `300.0` |
//! | `prefix`, `suffix` | a text, or `{"equals-ignore-case": text}` |
//! | `equals-ignore-case` | a text |
//! | `wildcard` | a text; `*` is any characters, `\*` a star, `\\` a backslash |
//! | `anything-but` | a text or number or list of them; `{prefix, suffix, wildcard or equals-ignore-case: text(s)}` |
//! | `exists` | whether the field is there and no object |
//! | `numeric` | `["=", n]`, `[">", n]`, `["<=", n]`, `[">=", n, "<", m]` … |
//! | `cidr` | `10.0.0.0/24`, `2001:db8::/32` |
//! | `$or` | instead of a field: a list of two or more patterns |

mod matching;
mod parse;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use serde_json::Value;
use thiserror::Error;

/// Why EventBridge would not take a pattern, or why it is not known here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("event pattern, {path}: {problem}")]
pub struct PatternError {
    /// Where in the pattern, for example `detail.object.key`.
    pub path: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// A checked pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    fields: Vec<(String, Field)>,
    /// `$or`; none of them: no further condition.
    alternatives: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq)]
enum Field {
    Object(Pattern),
    /// Any of these.
    Values(Vec<Test>),
}

/// What is asked of one value.
#[derive(Debug, Clone, PartialEq)]
enum Test {
    Equals(Value),
    Prefix(String),
    PrefixIgnoringCase(String),
    Suffix(String),
    SuffixIgnoringCase(String),
    EqualsIgnoringCase(String),
    /// What stands between the stars.
    Wildcard(Vec<String>),
    /// There is a value, and none of these holds for it.
    AnythingBut(Vec<Test>),
    Exists(bool),
    Numeric(Vec<(Comparison, f64)>),
    Cidr(IpAddr, u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Pattern {
    /// Checks and reads a pattern.
    ///
    /// # Errors
    /// What EventBridge refuses, and operators that are not known here.
    pub fn parse(pattern: &Value) -> Result<Self, PatternError> {
        parse::pattern(pattern)
    }

    /// Whether a rule with this pattern takes the event (in EventBridge's envelope).
    #[must_use]
    pub fn matches(&self, event: &Value) -> bool {
        matching::object(self, Some(event))
    }
}

/// Whether a rule with this pattern takes the event. To ask often, keep a [`Pattern`].
///
/// # Errors
/// As [`Pattern::parse`].
pub fn matches(pattern: &Value, event: &Value) -> Result<bool, PatternError> {
    Ok(Pattern::parse(pattern)?.matches(event))
}

/// Whether EventBridge would take the pattern.
///
/// # Errors
/// As [`Pattern::parse`].
pub fn check(pattern: &Value) -> Result<(), PatternError> {
    Pattern::parse(pattern).map(drop)
}
