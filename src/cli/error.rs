//! Why a command failed, for the person who gave it.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io;

use super::text::plain;
use crate::error_chain::causes;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What it found could not be written.
    #[error("cannot write the output")]
    Output(#[from] io::Error),
    /// Anything else.
    #[error("{what}")]
    Failed {
        /// What went wrong, with what.
        what: String,
        /// What the person can do.
        hint: Option<String>,
        /// What it came from.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
}

impl Error {
    /// A failure that is its own cause.
    pub fn new(what: impl Into<String>) -> Self {
        Self::Failed {
            what: what.into(),
            hint: None,
            source: None,
        }
    }

    /// A failure that another error led to.
    pub fn from_source(
        what: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Failed {
            what: what.into(),
            hint: None,
            source: Some(source.into()),
        }
    }

    /// The same failure, with what the person can do.
    #[must_use]
    pub fn with_hint(mut self, advice: impl Into<String>) -> Self {
        if let Self::Failed { hint, .. } = &mut self {
            *hint = Some(advice.into());
        }
        self
    }

    /// The failure, its causes and the hint, each on a line.
    #[must_use]
    pub fn report(&self) -> String {
        let mut text = format!("error: {}\n", plain(&self.to_string()));
        for cause in causes(self) {
            let _ = writeln!(text, "  because: {}", plain(&cause.to_string()));
        }
        if let Self::Failed {
            hint: Some(hint), ..
        } = self
        {
            let _ = writeln!(text, "  hint: {}", plain(hint));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_the_causes_and_the_hint() {
        let error = Error::from_source("cannot look", io::Error::other("no \x1b[31mlight"))
            .with_hint("switch it on");
        assert_eq!(
            error.report(),
            "error: cannot look\n  because: no  [31mlight\n  hint: switch it on\n"
        );
    }
}
