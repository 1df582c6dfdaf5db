//! AMIs that EC2 may still show, with what was theirs, for minutes after it has deregistered them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::{RetireOutcome, Status};

/// What was retired last is told by now: only what EC2 may still show of it is remembered.
pub(super) fn forget_retired(status: &mut Status, now: Timestamp) {
    status.build.deregistered_before = deregistered_lately(status, now);
    status.retired.clear();
}

/// The AMIs that EC2 may still show although it has deregistered them: they were retired, or were in the way of the one that
/// was made, and `previous` does not name them any more.
pub(super) fn deregistered_lately(before: &Status, now: Timestamp) -> BTreeMap<String, Timestamp> {
    let earlier = &before.build.deregistered_before;
    let earlier = earlier.iter().map(|(image, at)| (image, *at));
    let replaced = before.replaced.iter().map(|it| (&it.image, it.at));
    let retired = before.retired.iter();
    let retired = retired.filter(|it| it.outcome == RetireOutcome::Deregistered);
    let retired = retired.map(|it| (&it.image, it.at));
    let all = earlier.chain(replaced).chain(retired);
    let lately = all.filter(|(_, at)| now.duration_since(*at) < VISIBILITY_GRACE);
    lately.map(|(image, at)| (image.clone(), at)).collect()
}
