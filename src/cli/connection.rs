//! What is said while AWS does not answer: the SDK tries again by itself, and would say nothing until it gives up.

use std::io::{self, Write as _};
use std::time::Duration;

use super::text::plain;
use crate::aws::{Aws, AwsError, Unreached};

/// The clients of a command that asks once: each try that fails is told on standard error, unless it is the last, for then
/// the command's own error tells it.
pub(super) fn told(aws: Aws) -> Aws {
    let tries = aws.tries();
    aws.with_listener(move |unreached, failed| {
        if failed < tries {
            say(unreached, failed + 1, tries);
        }
    })
}

/// The clients of a command that asks again and again, and says itself what failed: each call is tried once.
pub(super) fn polled(aws: Aws) -> Aws {
    aws.without_retries().with_listener(|_, _| {})
}

/// What a command that polls says of a poll that failed: which try is next, of how many in a row, and how long ago the last
/// answer was.
pub(super) fn trouble(
    error: &AwsError,
    (next, tries): (u32, u32),
    seen: Option<Duration>,
) -> String {
    let text = format!("{error}: retrying ({next} of {tries})");
    match seen {
        Some(ago) => format!("{text}; last seen {} s ago", ago.as_secs()),
        None => text,
    }
}

fn say(unreached: &Unreached, next: u32, tries: u32) {
    let text = plain(&unreached.to_string());
    // Without standard error there is nobody to tell.
    let _ = writeln!(io::stderr(), "{text}: retrying ({next} of {tries})");
}
