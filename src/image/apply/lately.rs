//! AMIs that EC2 may still show, with what was theirs, for minutes after it has deregistered them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::image::plan::VISIBILITY_GRACE;
use crate::image::status::Status;

/// What was retired last is told by now: only what EC2 may still show of it is remembered.
pub(super) fn forget_retired(status: &mut Status, now: Timestamp) {
    status.build.deregistered_before = deregistered_lately(status, now);
    status.retired.clear();
}

/// The AMIs that EC2 may still show although it has deregistered them.
pub(super) fn deregistered_lately(before: &Status, now: Timestamp) -> BTreeMap<String, Timestamp> {
    let build = &before.build;
    let cleaned_up = build.deleted.iter().filter(|it| {
        let is_unsure = build.deleting.contains(it);
        it.starts_with("ami-") && !is_unsure && build.orphans.iter().all(|left| left.what != **it)
    });
    let cleaned_up = cleaned_up.map(|image| (image, now));
    let lately = before
        .deregistered()
        .chain(cleaned_up)
        .filter(|(_, at)| now.duration_since(*at) < VISIBILITY_GRACE);
    lately.map(|(image, at)| (image.clone(), at)).collect()
}
