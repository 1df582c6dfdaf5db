//! Errors of commands, for the person who ran them.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::io;

use super::exit_code::Exit;
use super::text::plain;
use crate::failures::causes;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The output cannot be written.
    #[error("cannot write the output")]
    Output(#[from] io::Error),
    /// Anything else.
    #[error("{message}")]
    Failed {
        /// What failed.
        message: String,
        /// What the user can do.
        hint: Option<String>,
        /// The cause.
        source: Option<Box<dyn StdError + Send + Sync>>,
        /// How the process ends.
        exit: Exit,
    },
}

impl Error {
    /// An error without a cause.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Failed {
            message: message.into(),
            hint: None,
            source: None,
            exit: Exit::Failed,
        }
    }

    /// An error with its cause.
    pub fn from_source(
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::Failed {
            message: message.into(),
            hint: None,
            source: Some(source.into()),
            exit: Exit::Failed,
        }
    }

    /// The same error with what the user can do.
    #[must_use]
    pub fn with_hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Failed { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    /// The same error with another exit code than that of any failure.
    #[must_use]
    pub fn with_exit(mut self, code: Exit) -> Self {
        if let Self::Failed { exit, .. } = &mut self {
            *exit = code;
        }
        self
    }

    /// How the process ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Output(_) => Exit::Failed,
            Self::Failed { exit, .. } => *exit,
        }
    }

    /// The error, its causes and the hint, each on a line.
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
        let cause = io::Error::other("port \x1b[31m4566 is in use");
        let error = Error::from_source("cannot start", cause).with_hint("use another --port");
        insta::assert_snapshot!(error.report(), @r"
        error: cannot start
          because: port �[31m4566 is in use
          hint: use another --port
        ");
    }
}
