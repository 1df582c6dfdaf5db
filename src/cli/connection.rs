//! What is said while AWS does not answer: the SDK tries again by itself, and would say nothing until it gives up.

use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

use super::options::Options;
use super::text::plain;
use crate::aws::{Aws, AwsError, Trouble, Try};

/// What a command says on standard error while it waits, and the bars that it draws there.
#[derive(Debug, Clone)]
pub(super) struct Aside {
    bars: MultiProgress,
    is_quiet: bool,
    /// What was said last: many parts of a file may meet the same trouble at once.
    last: Arc<Mutex<String>>,
}

impl Aside {
    /// Without bars.
    pub(super) fn new(options: &Options) -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            is_quiet: options.is_quiet(),
            last: Arc::default(),
        }
    }

    /// What says nothing: somebody else does.
    #[cfg(feature = "console")]
    pub(super) fn silent() -> Self {
        Self {
            is_quiet: true,
            ..Self::new(&Options::default())
        }
    }

    /// The same with bars.
    pub(super) fn with_bars(self) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Self { bars, ..self }
    }

    /// Draws a bar below the others, at once: the first part of a file may take long.
    pub(super) fn draw(&self, bar: ProgressBar) -> ProgressBar {
        let bar = self.bars.add(bar);
        bar.tick();
        bar
    }

    /// Does something with the bars out of the way, such as writing lines.
    pub(super) fn apart<T>(&self, write: impl FnOnce() -> T) -> T {
        self.bars.suspend(write)
    }

    fn say(&self, text: &str) {
        let text = plain(text);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_quiet || *last == text {
            return;
        }
        // Without standard error there is nobody to tell.
        self.apart(|| drop(writeln!(io::stderr(), "{text}")));
        *last = text;
    }
}

/// The clients of a command that asks once: each try that fails is told on standard error, unless it is the last, for then
/// the command's own error tells it; and each that has no answer for long.
pub(super) fn told(aws: Aws, aside: Aside) -> Aws {
    aws.with_listener(move |trouble, current| {
        if let Some(text) = waiting(trouble, current) {
            aside.say(&text);
        }
    })
}

/// What is said of a try; nothing of the last one that failed.
fn waiting(trouble: &Trouble, current: Try) -> Option<String> {
    match trouble {
        Trouble::Silent(endpoint, time) => {
            let (seconds, Try { number, of }) = (time.as_secs(), current);
            Some(format!(
                "no answer from {endpoint} for {seconds} s: waiting (try {number} of {of})"
            ))
        }
        Trouble::Unreached(unreached) => {
            let Try { number, of } = current.next()?;
            Some(format!("{unreached}: retrying ({number} of {of})"))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::Unreached;

    #[test]
    fn each_try_but_the_last_says_which_is_next() {
        let of = |number, of| Try { number, of };
        let unreached = Trouble::Unreached(Unreached {
            endpoint: "https://s3.amazonaws.com".to_owned(),
            cause: "Connection refused".to_owned(),
        });
        assert_eq!(
            waiting(&unreached, of(1, 8)).as_deref(),
            Some("cannot reach https://s3.amazonaws.com: Connection refused: retrying (2 of 8)")
        );
        assert_eq!(waiting(&unreached, of(8, 8)), None);
        let silent = Trouble::Silent(
            "https://s3.amazonaws.com".to_owned(),
            Duration::from_secs(2),
        );
        assert_eq!(
            waiting(&silent, of(3, 3)).as_deref(),
            Some("no answer from https://s3.amazonaws.com for 2 s: waiting (try 3 of 3)")
        );
    }
}
