//! What a hint proposes, as changes of the document that a program can make.

use serde::Serialize;
use serde_json::Value;

/// One operation of JSON Patch (RFC 6902); paths are JSON Pointers (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Change {
    /// A field is added, or gets this value if it is there; at the end of a list for a path that ends in `-`.
    Add {
        /// Where.
        path: String,
        /// What.
        value: Value,
    },
    /// A value that is there becomes another.
    Replace {
        /// Where.
        path: String,
        /// What.
        value: Value,
    },
    /// A field or an item is removed.
    Remove {
        /// Which.
        path: String,
    },
    /// A field gets another name, or another place.
    Move {
        /// From where.
        from: String,
        /// To where.
        path: String,
    },
}

/// Changes that answer a problem together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The changes, in this order.
    pub changes: Vec<Change>,
    /// Whether a value stands for others of its form: it is accepted, but only a person knows the right one.
    pub is_example: bool,
}

/// The alternatives that a hint has, any of which answers the problem. They do not count when problems are compared:
/// those of a status have none.
#[derive(Debug, Clone, Default)]
pub struct Suggestions(pub Vec<Suggestion>);

impl PartialEq for Suggestions {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Suggestions {}

impl Suggestions {
    /// The alternatives that need no person: JSON Patch documents, one for each.
    #[must_use]
    pub fn patches(&self) -> Vec<&[Change]> {
        let known = self.0.iter().filter(|it| !it.is_example);
        known.map(|it| it.changes.as_slice()).collect()
    }
}
