//! A checked event pattern, as data.

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
    pub(super) fields: Vec<(String, Field)>,
    /// `$or`; none of them: no further condition.
    pub(super) alternatives: Vec<Pattern>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field {
    Object(Pattern),
    /// Any of these.
    Values(Vec<Test>),
}

/// What is asked of one value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
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
pub(super) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}
