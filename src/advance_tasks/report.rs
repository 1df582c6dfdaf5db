//! What one invocation found and did.

use std::collections::BTreeSet;
use std::ops::AddAssign;

use serde::Serialize;

use super::batches::Kind;
use super::read_ahead::Awaiting;
use crate::Failures;
use crate::aws::{AwsError, PUBLISH};
use crate::reconcile::Error;

/// What one invocation found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Images that were not finalized.
    pub found: usize,
    /// Images whose status changed.
    pub advanced: usize,
    /// Images that are finalized now.
    pub finalized: usize,
    /// Images that could not be polled or advanced; the next tick tries again.
    pub failed: usize,
    /// Images left for the next tick because the time was up, or there were too many requests.
    pub skipped: usize,
    /// Manifests that no event had named.
    pub swept: usize,
    /// Finished images that were compared with their manifests.
    pub audited: usize,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.found += other.found;
        self.advanced += other.advanced;
        self.finalized += other.finalized;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.swept += other.swept;
        self.audited += other.audited;
    }
}

/// What polls came to.
#[derive(Debug, Default)]
pub(super) struct Polls {
    pub(super) report: Report,
    pub(super) failures: Failures,
    /// The keys of the images for which there was no time.
    pub(super) left: BTreeSet<String>,
    /// The keys of the images for which there were too many requests.
    pub(super) limited: BTreeSet<String>,
}

impl Polls {
    /// Counts an image: whether its status changed, or why it could not be advanced; none if there was no time for it.
    pub(super) fn add(&mut self, key: String, advanced: Option<Result<bool, Error>>) {
        match advanced {
            Some(Ok(advanced)) => count(&mut self.report, advanced, false),
            Some(Err(error)) => {
                fail(&mut self.report, &mut self.failures, &key, &error);
                if limited(&error).is_some() {
                    self.limited.insert(key);
                }
            }
            None => {
                self.report.skipped += 1;
                self.left.insert(key);
            }
        }
    }

    /// There was no time to describe any of these.
    pub(super) fn left(kind: Kind, images: Vec<Awaiting>) -> Self {
        let mut polls = Self::default();
        polls.report.skipped = images.len();
        // EC2 describes so few at once of those that store that some are left at every tick.
        let left = match kind {
            Kind::STORED => &mut polls.limited,
            _ => &mut polls.left,
        };
        left.extend(images.into_iter().map(|it| it.marker.manifest_key));
        polls
    }

    /// Both, these first.
    pub(super) fn and(mut self, next: Self) -> Self {
        self.report += next.report;
        self.failures.append(next.failures);
        self.left.extend(next.left);
        self.limited.extend(next.limited);
        self
    }
}

/// Counts images that are left for the next tick because there were too many requests: nothing went wrong, unless AWS throttles
/// them again and again.
pub(super) fn leave(
    report: &mut Report,
    failures: &mut Failures,
    images: usize,
    about: &str,
    error: &AwsError,
) {
    report.skipped += images;
    if error.is_throttled() {
        failures.add_throttled(about, error);
    }
}

/// The error of an image that can be left for the next tick, for there were too many requests. A notice that SNS does not take
/// cannot: somebody waits for it.
fn limited(error: &Error) -> Option<&AwsError> {
    match error {
        Error::Aws(error) => Some(error).filter(|it| it.is_rate_limited() && it.action != PUBLISH),
        _ => None,
    }
}

pub(super) fn count(report: &mut Report, advanced: bool, finalized: bool) {
    report.advanced += usize::from(advanced);
    report.finalized += usize::from(finalized);
}

/// Counts an image that failed, and logs why. One that fails at every tick until a person does something does not fail
/// every tick.
pub(super) fn fail(report: &mut Report, failures: &mut Failures, key: &str, error: &Error) {
    if let Some(error) = limited(error) {
        return leave(report, failures, 1, key, error);
    }
    report.failed += 1;
    if error.lasts() {
        failures.add_lasting(key, error);
    } else {
        failures.add(key, error);
    }
}
