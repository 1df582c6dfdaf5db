//! What a tick says about itself and about the open images.

use jiff::SignedDuration;

use super::report::Report;
use crate::image::plan::NOTICE_LATE;
use crate::image::status::Status;
use crate::metrics::{Meter, Metric};
use crate::reconcile::Context;
use crate::status_store::OpenMarker;

/// Measures the open images, as they were listed.
pub(super) fn open(context: Context<'_>, open: &[OpenMarker]) {
    context.measure(|meter| {
        meter.level(Metric::ImagesOpen, open.len());
        if let Some(oldest) = open.iter().map(|it| it.opened_at).min() {
            let age = context.now.duration_since(oldest);
            meter.age(Metric::OldestImageAge, age);
        }
    });
}

/// Measures the notices of an image that a tick has read: what is late had no event, or cannot be sent.
pub(super) fn notices(context: Context<'_>, status: &Status) {
    let oldest = status.unsent().map(|notice| notice.at).min();
    let age = oldest.map(|at| context.now.duration_since(at));
    if let Some(age) = age.filter(|age: &SignedDuration| *age >= NOTICE_LATE) {
        context.measure(|meter| meter.age(Metric::OldestNoticeAge, age));
    }
}

/// Measures what the visits came to.
pub(super) fn visits(meter: &Meter, report: &Report) {
    meter.count(Metric::ImagesSkipped, report.skipped);
    meter.count(Metric::VisitsFailed, report.failed);
}
