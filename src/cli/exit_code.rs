//! The exit codes of all commands: one table, which docs/operating.md shows.

use std::process::ExitCode;

/// How a command ended. Each has its own exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; every image that was watched became available.
    Done,
    /// The command failed, was refused, or found problems.
    Failed,
    /// `plan --exit-code`: there is something to do, as for other tools that plan.
    Changes,
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
    /// Invalid arguments: `EX_USAGE` of sysexits.h. Clap's own code, 2, is that of a plan with changes.
    Usage,
    /// Ctrl-C: 128 and the number of SIGINT, as shells report it.
    Interrupted,
    /// Whoever read the output closed it: 128 and the number of SIGPIPE, as shells report it.
    ClosedPipe,
}

impl Exit {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::Failed,
        Self::Changes,
        Self::ToDo,
        Self::Unknown,
        Self::ImageFailed,
        Self::TimedOut,
        Self::Unreachable,
        Self::Usage,
        Self::Interrupted,
        Self::ClosedPipe,
    ];

    /// The code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Changes => 2,
            Self::ToDo => 3,
            Self::Unknown => 4,
            Self::ImageFailed => 5,
            Self::TimedOut => 6,
            Self::Unreachable => 7,
            Self::Usage => 64,
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
            Self::Changes => "a plan with changes, or with what is in their way",
            Self::ToDo => "there is something to do, or the answer is no",
            Self::Unknown => "nothing known to do, but something could not be looked at",
            Self::ImageFailed => "an image that was watched did not become available",
            Self::TimedOut => "`--timeout` was over; the images continue",
            Self::Unreachable => "AWS does not answer",
            Self::Usage => "invalid arguments",
            Self::Interrupted => "Ctrl-C; the images continue",
            Self::ClosedPipe => "whoever read the output closed it before its end",
        }
    }

    /// That of a command that did several things, one of which ended so and another so: what a person has to see to goes
    /// before what may go well another time.
    #[must_use]
    pub fn or_worse(self, other: Self) -> Self {
        let rank = |exit| match exit {
            Self::Done => 0,
            Self::Unreachable => 1,
            _ => 2,
        };
        if rank(other) > rank(self) {
            other
        } else {
            self
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
    fn of_several_ends_the_worst_counts_in_whichever_order() {
        let (done, failed, unreachable) = (Exit::Done, Exit::Failed, Exit::Unreachable);
        for (one, other, both) in [
            (done, done, done),
            (done, unreachable, unreachable),
            (unreachable, failed, failed),
            (done, failed, failed),
        ] {
            assert_eq!(one.or_worse(other), both);
            assert_eq!(other.or_worse(one), both);
        }
    }

    #[test]
    fn every_code_is_used_once() {
        let codes = Exit::ALL.map(Exit::code);
        assert!(codes.is_sorted_by(|one, other| one < other), "{codes:?}");
    }
}
