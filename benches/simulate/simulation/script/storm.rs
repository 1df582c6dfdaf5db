//! What goes wrong with calls.

use serde::{Deserialize, Serialize};

use super::Event;

/// A Region other than the stack's counts as one that is not there if it does not answer for so long, in seconds.
pub(crate) const SILENT: u64 = 900;

/// How long a function waits for an answer, in seconds.
const TRIED: u64 = 8;

/// Actions of EC2 that begin work. How much of it runs at once is limited, and that passes when some of it has ended.
const STARTS_WORK: [&str; 7] = [
    "BundleInstance",
    "CopyImage",
    "CreateRestoreImageTask",
    "CreateStoreImageTask",
    "ImportImage",
    "ImportSnapshot",
    "RegisterImage",
];

/// Whether an action begins work.
pub(crate) fn starts_work(action: &str) -> bool {
    STARTS_WORK.contains(&action)
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Wrong {
    Throttled,
    AnswerLost,
    CrashAfter,
    CrashBefore,
    Slow(u64),
    InternalError,
    Unavailable,
    Denied,
    /// Too much of it runs at once.
    LimitExceeded,
}

/// Which calls are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Meant {
    Action(String, String),
    Service(String),
    Region(usize),
}

impl Meant {
    /// Whether calls of a service are meant.
    pub(crate) fn is_of(&self, name: &str) -> bool {
        match self {
            Self::Action(service, _) | Self::Service(service) => service == name,
            Self::Region(_) => ["ec2", "ssm"].contains(&name),
        }
    }
}

impl Event {
    /// For how long EC2's calls have no answer, in seconds.
    pub(crate) fn silence(&self) -> u64 {
        match self {
            Self::Storm {
                what,
                fault: Wrong::Slow(TRIED..) | Wrong::AnswerLost,
                seconds,
            } if what.is_of("ec2") => *seconds,
            _ => 0,
        }
    }
}
