//! Objects that look like image manifests and are not named as such: nothing is made of them, and their uploaders wait.
//!
//! No event leads here: one for each object of such a name would cost an invocation for whatever else is in the bucket. The
//! sweep lists the bucket anyway. It reads a few of the latest, and of what is a manifest by its content it begins a status,
//! which is rejected at once: so it is told once for each upload, as all notices are.

use std::cmp::Reverse;

use jiff::SignedDuration;

use super::polling_history::PollingHistory;
use super::report::{Report, fail};
use crate::Failures;
use crate::aws::{ObjectInfo, Which};
use crate::keys;
use crate::limits;
use crate::manifest::{image, key};
use crate::reconcile::{self, Context, Error, Outcome};

/// For how long after its upload an object is read: what was there before the stack, or before this was switched on, is
/// nothing that anybody waits for. Longer than sweeps are usually apart.
const RECENT: SignedDuration = SignedDuration::from_hours(24);

/// The latest of the objects that may be manifests under another name.
#[derive(Debug, Default)]
pub(super) struct Latest(Vec<ObjectInfo>);

impl Latest {
    /// Adds an object if it may be one.
    pub(super) fn add(&mut self, context: Context<'_>, object: &ObjectInfo) {
        let is_recent = context.now.duration_since(object.modified_at) < RECENT;
        let is_read = (1..=limits::MISNAMED_BYTES).contains(&object.size);
        if !context.config.notify_ignored
            || !is_recent
            || !is_read
            || !key::is_misnamed(&object.key)
            || !keys::can_have_status(&object.key)
        {
            return;
        }
        self.0.push(object.clone());
        if self.0.len() > 2 * limits::MISNAMED_A_SWEEP {
            self.keep();
        }
    }

    /// Drops all but the latest.
    fn keep(&mut self) {
        self.0.sort_by_key(|object| Reverse(object.modified_at));
        self.0.truncate(limits::MISNAMED_A_SWEEP);
    }

    pub(super) fn into_objects(mut self) -> Vec<ObjectInfo> {
        self.keep();
        self.0
    }
}

/// Tells of each that is a manifest by its content. Each upload is read once by this process.
pub(super) async fn tell(
    context: Context<'_>,
    history: &PollingHistory,
    objects: &[ObjectInfo],
    report: &mut Report,
    failures: &mut Failures,
) {
    for object in objects {
        if history.reviews().has(object, object) || context.is_over() {
            continue;
        }
        match tell_one(context, object).await {
            Ok(advanced) => {
                report.swept += usize::from(advanced);
                history.reviews().record(object, object);
            }
            Err(error) => fail(report, failures, &object.key, &error),
        }
    }
}

/// Whether it is told of now.
async fn tell_one(context: Context<'_>, object: &ObjectInfo) -> Result<bool, Error> {
    let (bucket, key) = (&context.config.bucket, &object.key);
    let which = Which::Unchanged(&object.etag);
    let read = context
        .aws
        .get_object(bucket, key, which, limits::MISNAMED_BYTES)
        .await?;
    let content = read.and_then(|read| read.content);
    if !content.is_some_and(|content| image::looks_like(key, &content)) {
        return Ok(false);
    }
    let outcome = reconcile::reconcile(context, key, None).await?;
    Ok(matches!(outcome, Outcome::Status { advanced: true, .. }))
}
