//! What is wrong with a manifest, in words that help to fix it.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{limits, suggestion::Suggestions, text};

/// One thing that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// Where in the document, as `register.blockDeviceMappings[0].ebs.volumeSize`; empty for the whole document.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Line, from 1; none where the document has no such place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where the rule comes from: an API or guide page's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What the hint proposes, for programs. A status does not keep it.
    #[serde(skip)]
    pub suggestions: Suggestions,
}

impl Problem {
    /// A problem of the document as a whole; add to it with the `with_` and `at` methods.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            path: String::new(),
            line: None,
            column: None,
            message: message.into(),
            hint: None,
            rule: None,
            suggestions: Suggestions::default(),
        }
    }

    /// Puts every text on one line, and cuts it to what a status and a notice can carry: a manifest may hold very long names.
    pub fn shorten(&mut self) {
        let texts = [
            Some(&mut self.path),
            Some(&mut self.message),
            self.hint.as_mut(),
            self.rule.as_mut(),
        ];
        for text in texts.into_iter().flatten() {
            *text = text::cut(text, limits::PROBLEM_TEXT);
        }
    }

    /// The same problem at this path.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The same problem at this line and column, both from 1.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        (self.line, self.column) = (Some(line), Some(column));
        self
    }

    /// The same problem with what would be right.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem with the source of the rule.
    #[must_use]
    pub fn with_rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}
