//! What is wrong with a template, and where.

use thiserror::Error;

/// Why a template cannot be run here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line} of the template, {place}: {problem}")]
pub struct TemplateError {
    /// Line of the template, from 1.
    pub line: usize,
    /// Where in the template, for example `Resources.Topic.Properties.TopicName`.
    pub place: String,
    /// What is wrong and what is known.
    pub problem: String,
}

/// A [`TemplateError`] whose place the caller knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) line: usize,
    message: String,
}

impl Problem {
    pub(super) fn new(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }

    pub(super) fn at(self, place: impl Into<String>) -> TemplateError {
        TemplateError {
            line: self.line,
            place: place.into(),
            problem: self.message,
        }
    }
}
