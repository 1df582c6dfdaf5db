//! What the functions measure, written for CloudWatch in its embedded metric format ("Specification: Embedded metric
//! format", Amazon CloudWatch User Guide): one JSON document a line of the function's log, of which CloudWatch makes
//! metrics by itself. So measuring takes no call, and nothing at the start.
//!
//! [`Metric`] has each name, once. A [`Meter`] gathers what one invocation measured; whoever runs the function prints
//! its lines. Dimensions are few on purpose, because CloudWatch charges for each combination of them: the stack, and the
//! kind of source where that matters; never a key or an id.

mod document;
mod metric;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::image::words::SourceKind;
pub use metric::{Dimensions, Metric, NAMESPACE, SOURCE, STACK, Unit};
use values::Values;

/// What [`SOURCE`] says of an image whose manifest could not be read that far.
pub const UNKNOWN_SOURCE: &str = "unknown";

/// What one invocation has measured.
#[derive(Debug, Default)]
pub struct Meter {
    /// By what the dimension [`SOURCE`] says, if the metric has it.
    series: Mutex<Series>,
}

type Series = BTreeMap<Option<String>, BTreeMap<Metric, Values>>;

impl Meter {
    /// Counts something about the stack. Nothing is said of what did not happen.
    pub fn count(&self, metric: Metric, more: usize) {
        if more > 0 {
            self.add(metric, None, Values::Count(wide(more)));
        }
    }

    /// Says how many there are now; zero is said, too.
    pub fn level(&self, metric: Metric, now: usize) {
        self.add(metric, None, Values::Largest(wide(now)));
    }

    /// Says how old something is; of several, the oldest counts.
    pub fn age(&self, metric: Metric, age: SignedDuration) {
        self.add(metric, None, Values::Largest(seconds(age)));
    }

    /// Says how long something took.
    pub fn took(&self, metric: Metric, took: Duration) {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.add(metric, None, Values::Each(vec![milliseconds]));
    }

    /// Counts an image of this source.
    pub fn count_image(&self, metric: Metric, source: Option<SourceKind>) {
        self.add(metric, Some(source_word(source)), Values::Count(1));
    }

    /// Says how long an image of this source took.
    pub fn image_took(&self, metric: Metric, source: Option<SourceKind>, took: SignedDuration) {
        let values = Values::Each(vec![seconds(took)]);
        self.add(metric, Some(source_word(source)), values);
    }

    fn add(&self, metric: Metric, source: Option<String>, values: Values) {
        debug_assert_eq!(
            metric.dimensions() == Dimensions::StackAndSource,
            source.is_some(),
            "{metric:?}"
        );
        let mut series = self.series();
        let metrics = series.entry(source).or_default();
        match metrics.get_mut(&metric) {
            Some(known) => known.add(values),
            None => {
                metrics.insert(metric, values);
            }
        }
    }

    /// What was measured until now, as lines of the log of a function of this stack; nothing is left. Empty if nothing
    /// was measured.
    #[must_use]
    pub fn take_lines(&self, stack: &str, now: Timestamp) -> Vec<String> {
        let series = std::mem::take(&mut *self.series());
        series
            .into_iter()
            .flat_map(|(source, metrics)| document::lines(stack, source.as_deref(), metrics, now))
            .collect()
    }

    /// No holder of the lock can panic half-way, so a poisoned map is still consistent.
    fn series(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn source_word(source: Option<SourceKind>) -> String {
    source.map_or_else(|| UNKNOWN_SOURCE.to_owned(), |source| source.to_string())
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Clocks differ by a little: what lies ahead of ours has just happened.
fn seconds(age: SignedDuration) -> u64 {
    u64::try_from(age.as_secs()).unwrap_or(0)
}
