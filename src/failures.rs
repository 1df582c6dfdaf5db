//! The failures of an invocation that went on after the first.

use std::error::Error;
use std::fmt;

use crate::error_chain::error_chain;

/// What failed, each with what it was about. One bad record does not keep the others from being handled,
/// and none is forgotten: the invocation fails with all of them.
#[derive(Debug, Default)]
pub struct Failures {
    list: Vec<String>,
}

impl Failures {
    /// Logs a failure with all its causes, and remembers it.
    pub fn add(&mut self, about: &str, error: &dyn Error) {
        let text = error_chain(error);
        tracing::error!(about, error = text, "failed");
        self.list.push(format!("{about}: {text}"));
    }

    /// Takes over those of another part of the invocation, which has logged them.
    pub fn append(&mut self, other: Self) {
        self.list.extend(other.list);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// `value`, if nothing failed.
    ///
    /// # Errors
    /// All that failed.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.list.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.list.join("; "))
    }
}

impl Error for Failures {}
