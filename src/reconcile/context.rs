//! What one invocation works with, and what it comes to.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::earlier_imports::EarlierImports;
use crate::aws::{Aws, AwsError, Remedy};
use crate::config::{Config, ConfigError};
use crate::metrics::{Meter, Metric};
use crate::status_store::{Loaded, StoreError};

/// How often a change is decided again when others write the same status. Three functions can meet; more is a defect.
pub(super) const CONFLICTS_MAX: usize = 8;

/// In how many Regions something is done at once for one image: enough for all Regions in a few seconds, few enough for
/// the memory of a function that works on several images.
pub(super) const REGIONS_AT_ONCE: usize = 8;

/// What one invocation works with.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The way to AWS.
    pub aws: &'a Aws,
    /// The function's configuration.
    pub config: &'a Config,
    /// The time.
    pub now: Timestamp,
    /// When nothing new may be begun any more; none where the invocation has one thing to do.
    pub until: Option<Instant>,
    /// What measures the invocation; none where nobody asks.
    pub meter: Option<&'a Meter>,
    /// How fast the world's time runs.
    pub time_scale: TimeScale,
    /// The earlier imports, listed once for all images of a tick; none where each image lists them.
    pub earlier_imports: Option<&'a EarlierImports>,
}

/// How many times as fast as the process's own clock the world's time runs: once, but in `amiwright local --speed`.
#[derive(Debug, Clone, Copy)]
pub struct TimeScale(f64);

impl TimeScale {
    /// This many times.
    #[must_use]
    pub fn times(times: f64) -> Self {
        Self(times)
    }

    /// An interval of the world by the process's own clock.
    #[must_use]
    pub fn scaled(self, interval: SignedDuration) -> SignedDuration {
        interval.mul_f64(1.0 / self.0)
    }
}

impl Default for TimeScale {
    fn default() -> Self {
        Self(1.0)
    }
}

impl<'a> Context<'a> {
    /// A context without a time limit.
    #[must_use]
    pub fn new(aws: &'a Aws, config: &'a Config, now: Timestamp) -> Self {
        Self {
            aws,
            config,
            now,
            until: None,
            meter: None,
            time_scale: TimeScale::default(),
            earlier_imports: None,
        }
    }

    /// The same context, in which all images share these.
    #[must_use]
    pub fn sharing(self, earlier_imports: &'a EarlierImports) -> Self {
        Self {
            earlier_imports: Some(earlier_imports),
            ..self
        }
    }

    /// The same context, in which this measures what happens.
    #[must_use]
    pub fn measured_by(self, meter: &'a Meter) -> Self {
        Self {
            meter: Some(meter),
            ..self
        }
    }

    /// The same context, in a world whose time runs as fast as this.
    #[must_use]
    pub fn in_time(self, time_scale: TimeScale) -> Self {
        Self { time_scale, ..self }
    }

    /// Measures something, if anybody asks.
    pub(crate) fn measure(&self, note: impl FnOnce(&Meter)) {
        if let Some(meter) = self.meter {
            note(meter);
        }
    }

    /// The same context, in which nothing new is begun after `time_left`.
    #[must_use]
    pub fn within(self, time_left: Duration) -> Self {
        Self {
            until: Instant::now().checked_add(time_left),
            ..self
        }
    }

    /// Measures how many calls the rate limiter held back.
    pub(crate) fn measure_limited(&self) {
        let limited = self.aws.rate_limiter().take_limited();
        self.measure(|meter| {
            meter.count(Metric::CallsDelayed, limited.delayed);
            meter.count(Metric::CallsDeferred, limited.deferred);
        });
    }

    /// Whether the time is up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// Why an image could not be advanced. Its status, if it has one, does not say so: the next attempt may go well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A status cannot be worked with.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// AWS failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The function is not configured for it.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Others kept writing the status.
    #[error(
        "the status of {manifest} changed {CONFLICTS_MAX} times while it was being worked on; retrying on the next tick"
    )]
    Contended {
        /// The manifest's key.
        manifest: String,
    },
}

impl Error {
    /// Whether it may go well by itself another time: AWS is busy or does not answer, or others are faster.
    pub(crate) fn passes(&self) -> bool {
        match self {
            Self::Aws(error) | Self::Store(StoreError::Aws(error)) => {
                error.remedy != Remedy::Never || error.is_rate_limited_locally()
            }
            Self::Contended { .. } => true,
            Self::Store(_) | Self::Config(_) => false,
        }
    }

    /// Whether the next attempt fails in the same way, and that of no other image: what is kept of this image cannot be
    /// used, or AWS refuses a call for it.
    pub(crate) fn lasts(&self) -> bool {
        match self {
            Self::Aws(error) | Self::Store(StoreError::Aws(error)) => {
                error.remedy == Remedy::Never && !error.is_rate_limited_locally()
            }
            Self::Store(
                StoreError::Unreadable { .. }
                | StoreError::OtherBucket { .. }
                | StoreError::UnusableMarker { .. }
                | StoreError::TooLarge { .. }
                | StoreError::Newer { .. },
            ) => true,
            Self::Config(_) | Self::Contended { .. } => false,
        }
    }
}

/// What an invocation found or made of an image.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// There is no such manifest, and there never was a status for it.
    NoManifest,
    /// Another invocation has just started this version; the schedule continues it.
    StartedElsewhere,
    /// This is its status now; `advanced` says whether this invocation changed it.
    Status {
        /// The status as it is in the bucket now.
        loaded: Box<Loaded>,
        /// Whether this invocation changed it.
        advanced: bool,
        /// Whether the object with its `ETag` has all of it, and nothing else. Not if something was learned since that was
        /// not worth saving.
        is_saved: bool,
    },
}

impl Outcome {
    /// Whether this invocation changed the status.
    #[must_use]
    pub fn has_advanced(&self) -> bool {
        matches!(self, Self::Status { advanced: true, .. })
    }
}
