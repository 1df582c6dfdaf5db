//! The exit codes of all commands: one table, which docs/operating.md shows.

use std::process::ExitCode;

/// How a command ended. Each has its own exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; every image that was watched became available.
    Done,
    /// The command failed, was refused, or found problems.
    Failed,
    /// Invalid arguments: clap's own code.
    Usage,
    /// It ran, and there is something to do; or the answer is no.
    ToDo,
    /// It ran, and something could not be looked at.
    Unknown,
    /// An image that was watched did not become available.
    ImageFailed,
    /// `--timeout` was over.
    TimedOut,
    /// AWS does not answer.
    Unreachable,
    /// Ctrl-C: 128 and the number of SIGINT, as shells report it.
    Interrupted,
    /// Whoever read the output closed it: 128 and the number of SIGPIPE, as shells report it.
    ClosedPipe,
}

impl Exit {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 10] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::ToDo,
        Self::Unknown,
        Self::ImageFailed,
        Self::TimedOut,
        Self::Unreachable,
        Self::Interrupted,
        Self::ClosedPipe,
    ];

    /// The code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::ToDo => 3,
            Self::Unknown => 4,
            Self::ImageFailed => 5,
            Self::TimedOut => 6,
            Self::Unreachable => 7,
            Self::Interrupted => 130,
            Self::ClosedPipe => 141,
        }
    }

    /// What it means, as `--help`, the man page and docs/operating.md say it.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done; every image that was watched became available",
            Self::Failed => "the command failed or was refused, or a manifest has problems",
            Self::Usage => "invalid arguments",
            Self::ToDo => "there is something to do, or the answer is no",
            Self::Unknown => "nothing known to do, but something could not be looked at",
            Self::ImageFailed => "an image that was watched did not become available",
            Self::TimedOut => "`--timeout` was over; the images continue",
            Self::Unreachable => "AWS does not answer",
            Self::Interrupted => "Ctrl-C; the images continue",
            Self::ClosedPipe => "whoever read the output closed it before its end",
        }
    }

    /// The table, for `--help` and the man page.
    pub(super) fn table() -> String {
        let lines = Self::ALL.map(|exit| format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
        format!("Exit codes:\n{}", lines.concat())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_used_once_and_clap_has_its_own() {
        let codes = Exit::ALL.map(Exit::code);
        assert!(codes.is_sorted_by(|one, other| one < other), "{codes:?}");
        let refused = clap::Error::new(clap::error::ErrorKind::UnknownArgument);
        assert_eq!(i32::from(Exit::Usage.code()), refused.exit_code());
    }
}
