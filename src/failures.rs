//! Error chains in one place, and the failures of an invocation that continues after the first.

use std::error::Error;
use std::fmt;
use std::iter;

/// Bytes of failures after which the error of an invocation names no more of them. Lambda puts that into its record of a failed event,
/// and does not deliver a record that is too large for the queue ("Capturing records of Lambda asynchronous invocations"): then the
/// alarm would stay silent while most goes wrong.
const TEXT_MAX: usize = 16 * 1024;

/// What caused an error, the nearest cause first.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'a),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(error.source(), |&cause| cause.source())
}

/// An error and its causes on one line. No `Display` of an error repeats its source.
pub(crate) fn chain(error: &dyn Error) -> String {
    causes(error).fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The failures of an invocation, each with what it was about. One bad record does not keep the others from being
/// handled, and none is forgotten: the invocation fails with all of them.
#[derive(Debug, Default)]
pub struct Failures {
    list: Vec<String>,
    /// Those that are logged and do not fail the invocation, unless they are to: what each is about, and its text.
    lasting: Vec<(String, String)>,
    /// What was throttled, which is logged and does not fail the invocation, unless it is to.
    throttled: Vec<String>,
}

impl Failures {
    /// Logs a failure with its causes, and adds it.
    pub fn add(&mut self, about: &str, error: &dyn Error) {
        self.list.push(logged(about, error));
    }

    /// The same of what fails again in just the same way until a person does something about it: it fails the invocation
    /// only if [`Self::count_lasting`] says so.
    pub fn add_lasting(&mut self, about: &str, error: &dyn Error) {
        self.lasting.push((about.to_owned(), logged(about, error)));
    }

    /// Lets what lasts fail the invocation, too, where that is due.
    pub fn count_lasting(&mut self, is_due: impl Fn(&str) -> bool) {
        let lasting = std::mem::take(&mut self.lasting).into_iter();
        let due = lasting.filter(|(about, _)| is_due(about));
        self.list.extend(due.map(|(_, text)| text));
    }

    /// Adds what AWS throttles: it passes by itself, and fails the invocation only if [`Self::count_throttled`] says so.
    pub fn add_throttled(&mut self, about: &str, error: &dyn Error) {
        let text = chain(error);
        tracing::warn!(about, error = text, "throttled");
        self.throttled.push(format!("{about}: {text}"));
    }

    /// Whether anything was throttled.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        !self.throttled.is_empty()
    }

    /// Lets what was throttled fail the invocation, too: as one failure, for one says as much as thousands.
    pub fn count_throttled(&mut self) {
        let mut throttled = std::mem::take(&mut self.throttled).into_iter();
        if let Some(first) = throttled.next() {
            let others = throttled.len();
            self.list.push(match others {
                0 => first,
                _ => format!("{first} (and {others} more were throttled)"),
            });
        }
    }

    /// Adds the failures of another part of the invocation, which are logged already.
    pub fn append(&mut self, other: Self) {
        self.list.extend(other.list);
        self.lasting.extend(other.lasting);
        self.throttled.extend(other.throttled);
    }

    /// The number of failures that fail the invocation.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// `value` if nothing failed that fails the invocation.
    ///
    /// # Errors
    /// All failures that do.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.list.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

fn logged(about: &str, error: &dyn Error) -> String {
    let text = chain(error);
    tracing::error!(about, error = text, "failed");
    format!("{about}: {text}")
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = 0;
        for (at, failure) in self.list.iter().enumerate() {
            bytes += failure.len();
            if at > 0 && bytes > TEXT_MAX {
                let more = self.list.len() - at;
                return write!(f, "; and {more} more, which the log names");
            }
            let separator = if at > 0 { "; " } else { "" };
            write!(f, "{separator}{failure}")?;
        }
        Ok(())
    }
}

impl Error for Failures {}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    #[test]
    fn very_many_failures_are_counted() {
        let mut failures = Failures::default();
        let error = Layer {
            text: "no",
            source: None,
        };
        for number in 0..10 {
            failures.add(&number.to_string(), &error);
        }
        assert!(failures.to_string().starts_with("0: no; 1: no; "));
        assert!(failures.to_string().ends_with("; 9: no"));
        for number in 10..5_000 {
            failures.add(&number.to_string(), &error);
        }
        let shown = failures.to_string();
        assert!(shown.len() < 2 * TEXT_MAX, "{}", shown.len());
        assert!(shown.ends_with(" more, which the log names"), "{shown}");
    }

    #[test]
    fn a_chain_names_every_cause_once() {
        let over = |text, source| Layer {
            text,
            source: Some(Box::new(source)),
        };
        let reset = Layer {
            text: "connection reset",
            source: None,
        };
        assert_eq!(chain(&reset), "connection reset");
        let error = over("cannot read", over("request failed", reset));
        assert_eq!(
            chain(&error),
            "cannot read: request failed: connection reset"
        );
    }
}
