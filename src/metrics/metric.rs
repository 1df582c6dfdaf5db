//! The metrics: each with its name, its unit and its dimensions.

use std::fmt;

/// The namespace of all of them.
pub const NAMESPACE: &str = "amiwright";

/// The dimension that says of which stack it is: its name.
pub const STACK: &str = "Stack";

/// The dimension that says what an image is made from: a [`crate::image::words::SourceKind`].
pub const SOURCE: &str = "Source";

/// What is measured. The names are what dashboards and alarms ask for: they stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Images that are not finished, as a tick finds them.
    ImagesOpen,
    /// For how long the oldest of them has been open; nothing while there is none.
    OldestImageAge,
    /// How long a tick took that could list the open images. That there is one says that ticks come.
    TickDuration,
    /// Images that a tick left for the next one, for want of time or because EC2's request rate is used up.
    ImagesSkipped,
    /// Images that a tick could not read, poll or advance.
    VisitsFailed,
    /// Calls that waited for the rate limiter.
    CallsDelayed,
    /// Calls that the rate limiter left for a later tick.
    CallsDeferred,
    /// Notices that were published.
    NoticesSent,
    /// How old the oldest notice is that was not sent in time; nothing while all are.
    OldestNoticeAge,
    /// Finished images that an audit found to differ from their manifests, or to differ more.
    ImagesDrifted,
    /// Images whose manifest passed the checks; each attempt counts.
    ImagesStarted,
    /// Images that became available as their manifests say.
    ImagesCompleted,
    /// Images whose AMI is there, and a Region, a setting or the stored AMI is not.
    ImagesIncomplete,
    /// Images that failed, or whose task was lost.
    ImagesFailed,
    /// Images whose manifest, or what it names, did not pass the checks.
    ImagesRejected,
    /// Notices of images that EC2 reports no change of.
    ImagesStalled,
    /// From the upload until the AMI was available in the stack's Region.
    TimeToAvailable,
    /// From the upload until the parameters pointed to the AMI.
    TimeToReleased,
}

/// What a metric is counted in ("MetricDatum", Amazon CloudWatch API Reference).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of something.
    Count,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// By what a metric is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimensions {
    /// The stack.
    Stack,
    /// The stack, and what the image is made from.
    StackAndSource,
}

impl Dimensions {
    /// Their names.
    #[must_use]
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Stack => &[STACK],
            Self::StackAndSource => &[STACK, SOURCE],
        }
    }
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::ImagesOpen,
        Self::OldestImageAge,
        Self::TickDuration,
        Self::ImagesSkipped,
        Self::VisitsFailed,
        Self::CallsDelayed,
        Self::CallsDeferred,
        Self::NoticesSent,
        Self::OldestNoticeAge,
        Self::ImagesDrifted,
        Self::ImagesStarted,
        Self::ImagesCompleted,
        Self::ImagesIncomplete,
        Self::ImagesFailed,
        Self::ImagesRejected,
        Self::ImagesStalled,
        Self::TimeToAvailable,
        Self::TimeToReleased,
    ];

    /// What it is counted in.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Self::OldestImageAge
            | Self::OldestNoticeAge
            | Self::TimeToAvailable
            | Self::TimeToReleased => Unit::Seconds,
            Self::TickDuration => Unit::Milliseconds,
            Self::ImagesOpen
            | Self::ImagesSkipped
            | Self::VisitsFailed
            | Self::CallsDelayed
            | Self::CallsDeferred
            | Self::NoticesSent
            | Self::ImagesDrifted
            | Self::ImagesStarted
            | Self::ImagesCompleted
            | Self::ImagesIncomplete
            | Self::ImagesFailed
            | Self::ImagesRejected
            | Self::ImagesStalled => Unit::Count,
        }
    }

    /// By what it is told apart.
    #[must_use]
    pub fn dimensions(self) -> Dimensions {
        match self {
            Self::ImagesStarted
            | Self::ImagesCompleted
            | Self::ImagesIncomplete
            | Self::ImagesFailed
            | Self::ImagesRejected
            | Self::ImagesStalled
            | Self::TimeToAvailable
            | Self::TimeToReleased => Dimensions::StackAndSource,
            Self::ImagesOpen
            | Self::OldestImageAge
            | Self::TickDuration
            | Self::ImagesSkipped
            | Self::VisitsFailed
            | Self::CallsDelayed
            | Self::CallsDeferred
            | Self::NoticesSent
            | Self::OldestNoticeAge
            | Self::ImagesDrifted => Dimensions::Stack,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A variant's name is how it is written.
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
