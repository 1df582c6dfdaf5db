//! What a notice says about images in general: each is sent once, so what is told of is counted once.

use jiff::Timestamp;

use crate::image::status::{ConditionKind, ConditionStatus, Notice, Status};
use crate::image::words::NoticeKind;
use crate::metrics::{Meter, Metric};

/// Counts a notice that was published.
pub(super) fn sent(meter: &Meter, status: &Status, notice: &Notice) {
    meter.count(Metric::NoticesSent, 1);
    let source = status.build.source;
    if let Some(metric) = metric(notice.kind) {
        meter.count_image(metric, source);
    }
    let uploaded_at = status.manifest.uploaded_at;
    // A notice that is sent late may be of the version before.
    if notice.kind != NoticeKind::Completed || notice.at < uploaded_at {
        return;
    }
    let measure = |metric, at: Option<Timestamp>| {
        if let Some(at) = at {
            meter.image_took(metric, source, at.duration_since(uploaded_at));
        }
    };
    measure(Metric::TimeToAvailable, available_at(status));
    // Without parameters nothing is released.
    let is_released = status.release.named().next().is_some();
    let released_at = status.release.released_at.filter(|_| is_released);
    measure(Metric::TimeToReleased, released_at);
}

/// What counts the images that such notices are about.
fn metric(kind: NoticeKind) -> Option<Metric> {
    match kind {
        NoticeKind::Completed => Some(Metric::ImagesCompleted),
        NoticeKind::Incomplete => Some(Metric::ImagesIncomplete),
        NoticeKind::Failed | NoticeKind::Lost => Some(Metric::ImagesFailed),
        NoticeKind::Rejected => Some(Metric::ImagesRejected),
        NoticeKind::Stalled => Some(Metric::ImagesStalled),
        // Starting is counted where it happens: its notice is off by default.
        NoticeKind::Started
        | NoticeKind::WaitingLong
        | NoticeKind::Cancelled
        | NoticeKind::Changed
        | NoticeKind::Retired
        | NoticeKind::Drifted
        | NoticeKind::Ignored => None,
    }
}

/// When the AMI became available in the stack's Region.
fn available_at(status: &Status) -> Option<Timestamp> {
    let mut conditions = status.conditions.iter();
    let built = conditions.find(|it| it.kind == ConditionKind::Built)?;
    (built.status == ConditionStatus::True).then_some(built.since)
}
