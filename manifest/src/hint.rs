//! Hints: what would be right, in words, and as changes that the rules accept. Both are made of the same values, and the
//! tests make every change and check again.

use serde_json::Value;

use crate::{
    document::{Path, Step},
    suggestion::{Change, Suggestion},
};

/// What would be right.
#[derive(Debug, Clone)]
pub(super) struct Hint {
    pub(super) text: String,
    pub(super) suggestions: Vec<Suggestion>,
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl Hint {
    /// Words alone.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            suggestions: Vec::new(),
        }
    }

    /// "Did you mean", of a value.
    pub(super) fn meant(path: &Path, value: &str) -> Self {
        Self::new(format!("did you mean `{value}`?")).replacing(path, value)
    }

    /// Or this value in its place.
    pub(super) fn replacing(self, path: &Path, value: impl Into<Value>) -> Self {
        self.changing(vec![replace(path, value)])
    }

    /// Or a value of this form in its place.
    pub(super) fn example(mut self, path: &Path, value: impl Into<Value>) -> Self {
        self.suggestions.push(Suggestion {
            changes: vec![replace(path, value)],
            is_example: true,
        });
        self
    }

    /// Or a field of this form besides.
    pub(super) fn example_of(mut self, path: &Path, value: impl Into<Value>) -> Self {
        self.suggestions.push(Suggestion {
            changes: vec![add(path, value)],
            is_example: true,
        });
        self
    }

    /// Or this field besides.
    pub(super) fn adding(self, path: &Path, value: impl Into<Value>) -> Self {
        self.changing(vec![add(path, value)])
    }

    /// Or without it.
    pub(super) fn removing(self, path: &Path) -> Self {
        self.changing(vec![remove(path)])
    }

    /// Or by another name, or in another place.
    pub(super) fn moving(self, from: &Path, to: &Path) -> Self {
        self.changing(vec![Change::Move {
            from: pointer(from),
            path: pointer(to),
        }])
    }

    /// Or these changes, all of them.
    pub(super) fn changing(mut self, changes: Vec<Change>) -> Self {
        self.suggestions.push(Suggestion {
            changes,
            is_example: false,
        });
        self
    }
}

pub(super) fn replace(path: &Path, value: impl Into<Value>) -> Change {
    Change::Replace {
        path: pointer(path),
        value: value.into(),
    }
}

pub(super) fn add(path: &Path, value: impl Into<Value>) -> Change {
    Change::Add {
        path: pointer(path),
        value: value.into(),
    }
}

pub(super) fn remove(path: &Path) -> Change {
    Change::Remove {
        path: pointer(path),
    }
}

/// The path as a JSON Pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let step = |step: &Step| match step {
        Step::Field(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        Step::Index(index) => format!("/{index}"),
    };
    path.0.iter().map(step).collect()
}
