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
//! | `exists` | whether the field is there and not an object |
//! | `numeric` | `["=", n]`, `[">", n]`, `["<=", n]`, `[">=", n, "<", m]` … |
//! | `cidr` | `10.0.0.0/24`, `2001:db8::/32` |
//! | `$or` | instead of a field: a list of two or more patterns |

mod matching;
mod parse;
mod pattern;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use self::pattern::{Pattern, PatternError};

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
