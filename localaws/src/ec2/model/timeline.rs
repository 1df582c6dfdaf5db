//! What all tasks have in common: kinds, a timeline through time, failures to come, and client tokens.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The tasks that take their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// ImportSnapshot: a disk becomes a snapshot.
    ImportSnapshot,
    /// ImportImage: a virtual machine becomes an image.
    ImportImage,
    /// CopyImage: an image becomes another one, maybe in another Region.
    CopyImage,
    /// CreateStoreImageTask: an image becomes an object in S3.
    StoreImage,
    /// CreateRestoreImageTask: such an object becomes an image.
    RestoreImage,
    /// BundleInstance: an instance becomes a bundle in S3.
    BundleInstance,
}

impl TaskKind {
    /// How long it takes unless set otherwise: real ones take minutes to hours, and a demo must see an end.
    pub(crate) fn usual_time(self) -> Duration {
        Duration::from_secs(match self {
            Self::ImportImage => 120,
            Self::ImportSnapshot | Self::BundleInstance => 60,
            Self::CopyImage | Self::StoreImage | Self::RestoreImage => 30,
        })
    }
}

/// From when to when a task runs, if nothing comes in between.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Timeline {
    pub(crate) started_at: Timestamp,
    pub(crate) ends_at: Timestamp,
}

impl Timeline {
    /// How far it is, in percent, rounded down; 100 only at its end.
    pub(crate) fn percent(&self, now: Timestamp) -> u8 {
        let done = now.duration_since(self.started_at).as_nanos().max(0);
        let whole = self.ends_at.duration_since(self.started_at).as_nanos();
        if done >= whole {
            return 100;
        }
        u8::try_from(done * 100 / whole).unwrap_or(99)
    }

    /// When it is this far: [`Timeline::percent`] says so from then on.
    pub(crate) fn at(&self, percent: i32) -> Timestamp {
        let whole = self.ends_at.duration_since(self.started_at).as_nanos();
        // Rounded up, as percent are rounded down.
        let part = (whole * i128::from(percent) + 99) / 100;
        let part = i64::try_from(part).map_or(SignedDuration::MAX, SignedDuration::from_nanos);
        let at = self.started_at.checked_add(part);
        at.map_or(self.ends_at, |at| at.min(self.ends_at))
    }

    /// Whether something that ended at `ended_at` has been listed for long enough.
    pub(crate) fn is_past(ended_at: Timestamp, listed_for: SignedDuration, now: Timestamp) -> bool {
        now.duration_since(ended_at) >= listed_for
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_how_far_it_is() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let timeline = Timeline {
            started_at: at("2026-11-21T10:00:00Z"),
            ends_at: at("2026-11-21T10:01:40Z"),
        };
        assert_eq!(timeline.percent(at("2026-11-21T09:00:00Z")), 0);
        assert_eq!(timeline.percent(at("2026-11-21T10:00:42Z")), 42);
        assert_eq!(timeline.percent(at("2026-11-21T10:01:39.9Z")), 99);
        assert_eq!(timeline.percent(timeline.ends_at), 100);
        assert_eq!(timeline.at(40), at("2026-11-21T10:00:40Z"));
        let at_once = Timeline {
            ends_at: timeline.started_at,
            ..timeline
        };
        assert_eq!(at_once.percent(timeline.started_at), 100);
    }
}
