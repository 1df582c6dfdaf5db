//! The sweep: what events should have reported, and did not.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};

use super::misnamed;
use super::polling_history::PollingHistory;
use super::report::{Report, fail};
use crate::Failures;
use crate::aws::{AwsError, ObjectInfo};
use crate::image::apply::can_be_removed;
use crate::image::plan;
use crate::keys;
use crate::limits;
use crate::manifest::key::{self, Kind};
use crate::notify;
use crate::reconcile::{self, Context, Error, Outcome};
use crate::status_store::{self, DueMarker, Loaded};

/// The longest time from reading a manifest to writing the status that records it: a function's time-out
/// (template.yaml), and what is lost because S3's times have whole seconds.
const READ_TO_WRITE_MAX: SignedDuration = SignedDuration::from_secs(62);

/// Images without manifest that are read at once.
const AT_ONCE: usize = 8;

/// Reconciles manifests that have no status, or that were uploaded after their status was last written:
/// their events were lost. Returns whether an audit is unfinished.
pub(super) async fn sweep(
    context: Context<'_>,
    history: &PollingHistory,
    report: &mut Report,
    failures: &mut Failures,
) -> bool {
    let listed = match list(context).await {
        Ok(listed) => listed,
        Err(error) => {
            failures.add("the sweep", &error);
            return false;
        }
    };
    if !listed.is_complete {
        failures.add("the sweep", &TooMany);
    }
    let uploaded: BTreeSet<&str> = listed.manifests.iter().map(|it| it.key.as_str()).collect();
    let open: BTreeSet<&str> = listed
        .open
        .iter()
        .filter_map(|it| keys::manifest_of_open(&it.key))
        .collect();
    let statuses: BTreeMap<&str, &ObjectInfo> = listed
        .statuses
        .iter()
        .filter_map(|object| Some((keys::manifest_of_status(&object.key)?, object)))
        .collect();
    if listed.is_complete {
        history.reviews().begin_sweep();
        let removed = open.difference(&uploaded).map(|key| Removed {
            key,
            status: statuses.get(key).copied(),
            is_open: true,
        });
        reconcile_removed(context, history, removed, report, failures).await;
    }
    answer_due(context, &listed.due, report, failures).await;
    let first = first_of(listed.manifests.len(), context.now);
    let (before, after) = listed.manifests.split_at(first);
    for object in after.iter().chain(before) {
        let manifest_key = responsible(&uploaded, &object.key);
        let Some(manifest_key) = manifest_key.filter(|key| keys::can_have_status(key)) else {
            continue;
        };
        let status = statuses.get(manifest_key.as_str()).copied();
        let is_open = || open.contains(manifest_key.as_str());
        if is_reviewed(history, object, status, is_open) || context.is_over() {
            continue;
        }
        let reconciled = reconcile::reconcile(context, &manifest_key, None).await;
        if reconciled.is_ok() {
            history.reviews().record_exchange(object);
        }
        match reconciled {
            Ok(Outcome::Status { advanced: true, .. }) => report.swept += 1,
            Ok(_) => status
                .into_iter()
                .for_each(|status| history.reviews().record(object, status)),
            Err(error) => fail(report, failures, &manifest_key, &error),
        }
    }
    misnamed::tell(context, history, &listed.misnamed, report, failures).await;
    // Last: there may be any number of them, and nobody waits for most.
    if listed.is_complete {
        let is_removed = |key: &str| !open.contains(key) && !uploaded.contains(key);
        let removed = statuses.iter().filter(|(key, _)| is_removed(key));
        let removed = removed.map(|(key, status)| Removed {
            key,
            status: Some(status),
            is_open: false,
        });
        reconcile_removed(context, history, removed, report, failures).await;
    }
    listed.open.iter().any(|it| it.key == keys::AUDIT_MARK)
}

/// Where a sweep begins in the list: each one elsewhere, so that a manifest which ends the process, or a bucket with more
/// than one sweep has time for, does not keep all that come after it from being seen.
fn first_of(manifests: usize, now: Timestamp) -> usize {
    // The fraction of the golden ratio: successive multiples of it lie far from each other.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let minutes = u64::try_from(now.as_second() / 60).unwrap_or_default();
    let place = u128::from(minutes.wrapping_mul(STEP)) * (manifests as u128);
    usize::try_from(place >> 64).unwrap_or_default()
}

/// What is in the two buckets.
struct Listed {
    /// The manifests; the bucket also holds the parts of bundles and whole disks.
    manifests: Vec<ObjectInfo>,
    /// Whether these are all of them.
    is_complete: bool,
    /// The latest of what may be manifests under another name.
    misnamed: Vec<ObjectInfo>,
    statuses: Vec<ObjectInfo>,
    open: Vec<ObjectInfo>,
    due: Vec<ObjectInfo>,
}

async fn list(context: Context<'_>) -> Result<Listed, AwsError> {
    let config = context.config;
    let mut misnamed = misnamed::Latest::default();
    let (manifests, is_complete) = listed(context, &config.bucket, "", |it| {
        misnamed.add(context, it);
        key::kind(&it.key).is_some()
    })
    .await?;
    let state = async |prefix| listed(context, &config.state_bucket, prefix, |_| true).await;
    // What is left out of these costs a read, or waits for a later sweep.
    let (statuses, _) = state(keys::STATUSES).await?;
    let (open, _) = state(keys::OPEN_MARKERS).await?;
    let (due, _) = state(keys::DUE_MARKERS).await?;
    Ok(Listed {
        manifests,
        is_complete,
        misnamed: misnamed.into_objects(),
        statuses,
        open,
        due,
    })
}

/// The objects under a prefix that are needed, and whether these are all: as many as the invocation has time and memory
/// for.
async fn listed(
    context: Context<'_>,
    bucket: &str,
    prefix: &str,
    mut is_needed: impl FnMut(&ObjectInfo) -> bool,
) -> Result<(Vec<ObjectInfo>, bool), AwsError> {
    let (mut objects, mut is_complete) = (Vec::new(), true);
    let pages = context.aws.each_page(bucket, prefix, |page| {
        objects.extend(page.into_iter().filter(&mut is_needed));
        is_complete = !context.is_over() && objects.len() < limits::SWEPT_OBJECTS;
        is_complete
    });
    pages.await?;
    Ok((objects, is_complete))
}

/// Whether nothing is to be done about what is listed at a manifest's key, as far as the lists and this process know.
fn is_reviewed(
    history: &PollingHistory,
    object: &ObjectInfo,
    status: Option<&ObjectInfo>,
    is_open: impl FnOnce() -> bool,
) -> bool {
    let mut reviews = history.reviews();
    let is_exchanged = reviews.is_exchanged(object);
    status.is_some_and(|status| {
        // A manifest that was missing, and whose status is still the same, came back as an old version, and so does one whose
        // newest version is deleted: its date proves nothing.
        let was_missing = reviews.has(status, status);
        let is_proven = !was_missing && !is_exchanged && is_known(object, status, is_open);
        reviews.has(object, status) || is_proven
    })
}

/// Whether the list alone proves that a status knows of this upload, or that it will be checked.
///
/// Who writes a status may have read the manifest just before this upload: a status that is not much newer proves
/// nothing, nor does one of the same second. While the image is open, its manifest is checked before it is finalized.
fn is_known(object: &ObjectInfo, status: &ObjectInfo, is_open: impl FnOnce() -> bool) -> bool {
    let age = status.modified_at.duration_since(object.modified_at);
    age > READ_TO_WRITE_MAX || (!age.is_negative() && is_open())
}

/// An image whose manifest was not listed.
struct Removed<'a> {
    /// The manifest's key.
    key: &'a str,
    /// Its status; none while there is none.
    status: Option<&'a ObjectInfo>,
    /// Whether it has an open marker.
    is_open: bool,
}

/// Images whose manifests were removed, and whose events were lost. Each is looked at once by this process, until its status
/// is another one: open images, which are no longer wanted, are left to the ticks after that, and most that have ended have
/// long been seen so. So the next sweep goes on where this one ran out of time.
async fn reconcile_removed<'a>(
    context: Context<'_>,
    history: &PollingHistory,
    removed: impl Iterator<Item = Removed<'a>>,
    report: &mut Report,
    failures: &mut Failures,
) {
    // There is no object: the status stands for both.
    let is_new = |status: &ObjectInfo| !history.reviews().has(status, status);
    let mut all = Vec::new();
    for image in removed.filter(|it| it.status.is_none_or(is_new)) {
        all.push(async move { (looked_at(context, &image).await, image) });
    }
    let mut reconciled = stream::iter(all).buffer_unordered(AT_ONCE);
    while let Some((looked, image)) = reconciled.next().await {
        match (looked, image.status) {
            (Ok(Looked::Advanced), _) => report.swept += 1,
            (Ok(Looked::Unchanged), Some(status)) => history.reviews().record(status, status),
            (Ok(Looked::Unchanged | Looked::NoTime), _) => {}
            (Err(error), _) => fail(report, failures, image.key, &error),
        }
    }
}

/// What became of an image without a manifest.
enum Looked {
    /// Something.
    Advanced,
    /// Nothing.
    Unchanged,
    /// It was not looked at.
    NoTime,
}

/// Reconciles an image whose manifest was not listed; of those that have ended only if there is something about them that this
/// could change: the manifest is asked for then.
async fn looked_at(context: Context<'_>, image: &Removed<'_>) -> Result<Looked, Error> {
    if context.is_over() {
        return Ok(Looked::NoTime);
    }
    let matters = image.is_open || {
        let loaded = status_store::load(context.aws, context.config, image.key).await?;
        loaded.is_some_and(|Loaded { status, .. }| {
            !status.state.is_final() || status.retry.is_some() || can_be_removed(&status)
        })
    };
    if matters {
        let outcome = Box::pin(reconcile::reconcile(context, image.key, None)).await?;
        if outcome.has_advanced() {
            return Ok(Looked::Advanced);
        }
    }
    Ok(Looked::Unchanged)
}

/// Due markers whose events were lost, or whose notices the schedule has sent: they are answered as `notify` would.
async fn answer_due(
    context: Context<'_>,
    markers: &[ObjectInfo],
    report: &mut Report,
    failures: &mut Failures,
) {
    let late = |object: &&ObjectInfo| {
        context.now.duration_since(object.modified_at) >= plan::NOTICE_LATE && !context.is_over()
    };
    for object in markers.iter().filter(late) {
        let Some(manifest_key) = keys::manifest_of_due(&object.key) else {
            continue;
        };
        let marker = DueMarker {
            manifest_key: manifest_key.to_owned(),
            etag: Some(object.etag.clone()),
        };
        match notify::answer(context, &marker).await {
            Ok(delivery) => {
                let finalized = delivery.is_some_and(|delivery| delivery.finalized);
                report.finalized += usize::from(finalized);
            }
            Err(error) => fail(report, failures, manifest_key, &error),
        }
    }
}

/// The bucket cannot be listed by one invocation: its time or its memory is used up.
#[derive(Debug, thiserror::Error)]
#[error(
    "the manifest bucket has too many objects to list in one invocation, so manifests at its end whose events are lost are not \
     found: move what is not amiwright's to another bucket"
)]
struct TooMany;

/// The manifest that describes the object at this key; none if it is not a manifest's.
fn responsible(keys: &BTreeSet<&str>, object_key: &str) -> Option<String> {
    match key::kind(object_key)? {
        Kind::Image => Some(object_key.to_owned()),
        Kind::Bundle => {
            let sibling = key::bundle_siblings(object_key)
                .into_iter()
                .find(|sibling| keys.contains(sibling.as_str()));
            Some(sibling.unwrap_or_else(|| object_key.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_begin_everywhere_in_turn() {
        let start: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let begins = |manifests| {
            let sweeps = (0..40).map(move |sweep| start + SignedDuration::from_mins(15 * sweep));
            sweeps.map(move |now| first_of(manifests, now))
        };
        assert_eq!(begins(0).max(), Some(0));
        assert_eq!(begins(10).collect::<BTreeSet<_>>().len(), 10);
    }
}
