//! `advance-tasks`: the schedule's guarantee. Looks at everything that is not settled and moves it on;
//! on a slower beat it looks for manifests whose events were lost.

mod changed;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::Failures;
use crate::aws::{Aws, AwsError, FILTER_VALUES_MAX};
use crate::config::Config;
use crate::image::observed::ObservedImage;
use crate::image::plan::{self, Next};
use crate::image::transition;
use crate::manifest::key::{self, Kind};
use crate::notify;
use crate::reconcile::{self, Error, Outcome, Turn};
use crate::store::{self, Loaded, OpenMarker};
use crate::trigger::Tick;

/// Statuses that are read, and images that are advanced, at once.
const AT_ONCE: usize = 16;

/// Time that is kept for what is under way when the invocation's time runs out: one call with its retries.
const MARGIN: Duration = Duration::from_secs(25);

/// What one invocation found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Images that were not settled.
    pub found: usize,
    /// Images whose status changed.
    pub advanced: usize,
    /// Images that are settled now.
    pub settled: usize,
    /// Images that could not be looked at; the next tick tries again.
    pub failed: usize,
    /// Images left for the next tick because the time was up.
    pub skipped: usize,
    /// Manifests that no event had told of.
    pub swept: usize,
}

/// Handles a tick: the schedule's, or an event that makes one worth while. `time_left` is the invocation's, if it is known.
///
/// # Errors
/// If anything failed; everything else was done all the same.
pub async fn handle(
    aws: &Aws,
    config: &Config,
    event: &Value,
    now: Timestamp,
    time_left: Option<Duration>,
) -> Result<Report, Failures> {
    let mut turn = Turn::new(aws, config, now);
    if let Some(time_left) = time_left {
        turn = turn.within(time_to_begin(time_left));
    }
    let mut failures = Failures::default();
    let mut report = Report::default();
    match Tick::from_event(event) {
        Ok(Tick::Image(change)) => {
            changed::look(turn, &change.image_id, &mut report, &mut failures).await;
        }
        Ok(Tick::Advance) => advance_all(turn, &mut report, &mut failures).await,
        Ok(Tick::Sweep) => {
            sweep(turn, &mut report, &mut failures).await;
            advance_all(turn, &mut report, &mut failures).await;
        }
        Err(error) => failures.add("the event", &error),
    }
    let Report {
        found,
        advanced,
        settled,
        failed,
        skipped,
        swept,
    } = report;
    tracing::info!(found, advanced, settled, failed, skipped, swept, "tick");
    failures.or(report)
}

/// For how long something new may be begun. A short invocation keeps half of its time for what is under way:
/// with the whole margin it would begin nothing, at every tick anew.
fn time_to_begin(time_left: Duration) -> Duration {
    time_left.saturating_sub(MARGIN.min(time_left / 2))
}

/// What a look at one image came to.
enum Visit {
    /// It waits for its AMI: one Describe call will tell for many.
    AwaitsImage(Box<Loaded>),
    /// Everything that could be done was.
    Done { advanced: bool, settled: bool },
}

async fn advance_all(turn: Turn<'_>, report: &mut Report, failures: &mut Failures) {
    match store::list_open(turn.aws, turn.config).await {
        Ok(open) => advance(turn, open, report, failures).await,
        Err(error) => failures.add("the list of open images", &error),
    }
}

/// Moves the open images on, one Describe call's worth after the other: however many there are,
/// the oldest get all the way before the time is up.
async fn advance(
    turn: Turn<'_>,
    open: Vec<OpenMarker>,
    report: &mut Report,
    failures: &mut Failures,
) {
    report.found = open.len();
    for group in open.chunks(FILTER_VALUES_MAX) {
        if turn.is_over() {
            report.skipped += group.len();
            continue;
        }
        let awaiting = visit_all(turn, group, report, failures).await;
        look_at_images(turn, &awaiting, report, failures).await;
    }
}

/// Visits the images of a group; returns those that wait for their AMIs.
async fn visit_all(
    turn: Turn<'_>,
    group: &[OpenMarker],
    report: &mut Report,
    failures: &mut Failures,
) -> Vec<Loaded> {
    let mut awaiting = Vec::new();
    let visits: Vec<_> = group
        .iter()
        .map(|marker| async move {
            if turn.is_over() {
                return (marker, None);
            }
            (marker, Some(visit(turn, marker).await))
        })
        .collect();
    let mut visits = stream::iter(visits).buffered(AT_ONCE);
    while let Some((marker, visit)) = visits.next().await {
        match visit {
            None => report.skipped += 1,
            Some(Ok(Visit::AwaitsImage(loaded))) => awaiting.push(*loaded),
            Some(Ok(Visit::Done { advanced, settled })) => count(report, advanced, settled),
            Some(Err(error)) => fail(report, failures, &marker.manifest_key, &error),
        }
    }
    awaiting
}

fn count(report: &mut Report, advanced: bool, settled: bool) {
    report.advanced += usize::from(advanced);
    report.settled += usize::from(settled);
}

fn fail(report: &mut Report, failures: &mut Failures, key: &str, error: &Error) {
    report.failed += 1;
    failures.add(key, error);
}

/// Does for one image whatever needs no look at its AMI.
async fn visit(turn: Turn<'_>, marker: &OpenMarker) -> Result<Visit, Error> {
    let key = &marker.manifest_key;
    let Some(loaded) = store::load(turn.aws, turn.config, key).await? else {
        return visit_marker(turn, marker).await;
    };
    let outcome = match plan::next(&loaded.status, turn.now) {
        Next::AwaitImage => return Ok(Visit::AwaitsImage(Box::new(loaded))),
        Next::SendNotices | Next::AwaitNotices | Next::Settle => {
            return finish(turn, loaded, marker).await;
        }
        // The manifest may have been replaced while its image could not go on.
        Next::CheckManifest | Next::CheckBundle | Next::RegisterImage
            if plan::may_be_superseded(&loaded.status) =>
        {
            reconcile::take_up(turn, key).await?
        }
        _ => {
            reconcile::drive(turn, loaded, None).await?
        }
    };
    let advanced = outcome.has_advanced();
    if let Outcome::Status { loaded, .. } = outcome {
        send_late_notices(turn, *loaded).await?;
    }
    Ok(Visit::Done {
        advanced,
        settled: false,
    })
}

/// Notices are usually sent by `notify`, within seconds; one that is older had no event, or a failing one.
async fn send_late_notices(turn: Turn<'_>, loaded: Loaded) -> Result<(), Error> {
    let late = |at: Timestamp| turn.now.duration_since(at) >= plan::NOTICE_LATE;
    if loaded
        .status
        .unsent()
        .any(|notice| notice.is_due(turn.now) && late(notice.at))
    {
        notify::send_due(turn, loaded).await?;
    }
    Ok(())
}

/// An open marker without a status: an invocation died between the two, or the status was removed.
async fn visit_marker(turn: Turn<'_>, marker: &OpenMarker) -> Result<Visit, Error> {
    let outcome = reconcile::take_up(turn, &marker.manifest_key).await?;
    let settled = outcome == Outcome::NoManifest
        && store::mark_settled(turn.aws, turn.config, marker).await?;
    Ok(Visit::Done {
        advanced: outcome.has_advanced(),
        settled,
    })
}

/// Sends what is left to be told of a final state, then settles the image.
async fn finish(turn: Turn<'_>, loaded: Loaded, marker: &OpenMarker) -> Result<Visit, Error> {
    if loaded.status.unsent().next().is_some() {
        send_late_notices(turn, loaded).await?;
        return Ok(Visit::Done {
            advanced: false,
            settled: false,
        });
    }
    // A version whose event was lost, or that had to wait for this one to end.
    if reconcile::is_outdated(turn, &loaded.status).await?
        && reconcile::take_up(turn, &marker.manifest_key)
            .await?
            .has_advanced()
    {
        return Ok(Visit::Done {
            advanced: true,
            settled: false,
        });
    }
    let settled = store::mark_settled(turn.aws, turn.config, marker).await?;
    Ok(Visit::Done {
        advanced: false,
        settled,
    })
}

/// One Describe call for all images of a group that wait for their AMIs.
async fn look_at_images(
    turn: Turn<'_>,
    awaiting: &[Loaded],
    report: &mut Report,
    failures: &mut Failures,
) {
    if awaiting.is_empty() {
        return;
    }
    let seen = match observe(turn, awaiting).await {
        Ok(seen) => seen,
        Err(error) => {
            report.failed += awaiting.len();
            return failures.add("the AMIs that are waited for", &error);
        }
    };
    let changes: Vec<_> = awaiting
        .iter()
        .map(|loaded| {
            let image = loaded.status.images.get(&turn.config.region);
            let seen = image.and_then(|image| seen.get(&image.id));
            async move { (loaded, image_seen(turn, loaded, seen).await) }
        })
        .collect();
    let mut changes = stream::iter(changes).buffered(AT_ONCE);
    while let Some((loaded, change)) = changes.next().await {
        match change {
            Ok(advanced) => count(report, advanced, false),
            Err(error) => fail(report, failures, &loaded.status.manifest.key, &error),
        }
    }
}

async fn observe(
    turn: Turn<'_>,
    group: &[Loaded],
) -> Result<BTreeMap<String, ObservedImage>, AwsError> {
    let ids: BTreeSet<String> = group
        .iter()
        .filter_map(|loaded| loaded.status.images.get(&turn.config.region))
        .map(|image| image.id.clone())
        .collect();
    let ids: Vec<String> = ids.into_iter().collect();
    let images = turn.aws.find_images("image-id", &ids).await?;
    Ok(images
        .into_iter()
        .map(|image| (image.id.clone(), image))
        .collect())
}

async fn image_seen(
    turn: Turn<'_>,
    loaded: &Loaded,
    seen: Option<&ObservedImage>,
) -> Result<bool, Error> {
    let etag = &loaded.etag;
    let after = reconcile::change(turn, loaded.clone(), |status| {
        // Somebody else may have moved it on meanwhile.
        plan::next(status, turn.now) == Next::AwaitImage
            && transition::image_seen(status, &turn.config.region, seen, turn.now)
    })
    .await?;
    let advanced = after.etag != *etag;
    send_late_notices(turn, after).await?;
    Ok(advanced)
}

/// Takes up manifests that have no status, or that were uploaded after their status was last written:
/// their events were lost.
async fn sweep(turn: Turn<'_>, report: &mut Report, failures: &mut Failures) {
    let state = &turn.config.state;
    // The bucket also holds the parts of bundles and whole disks: only what is needed is kept.
    let mut objects = Vec::new();
    let mut complete = true;
    let listed = turn.aws.each_page(&turn.config.bucket, "", |page| {
        objects.extend(page.into_iter().filter(|object| {
            key::kind(&object.key, state.as_str()).is_some()
                || state.manifest_of_status(&object.key).is_some()
        }));
        complete = !turn.is_over();
        complete
    });
    if let Err(error) = listed.await {
        return failures.add("the sweep", &error);
    }
    if !complete {
        failures.add("the sweep", &TooMany);
    }
    let written: BTreeMap<&str, Timestamp> = objects
        .iter()
        .filter_map(|object| Some((state.manifest_of_status(&object.key)?, object.modified_at)))
        .collect();
    let keys: BTreeSet<&str> = objects.iter().map(|object| object.key.as_str()).collect();
    for object in &objects {
        let Some(manifest_key) = responsible(turn, &keys, &object.key) else {
            continue;
        };
        if turn.is_over()
            || written
                .get(manifest_key.as_str())
                .is_some_and(|written| *written > object.modified_at)
        {
            continue;
        }
        match reconcile::take_up(turn, &manifest_key).await {
            Ok(Outcome::Status { advanced: true, .. }) => report.swept += 1,
            Ok(_) => {}
            Err(error) => fail(report, failures, &manifest_key, &error),
        }
    }
}

/// The bucket cannot be listed in the time of one invocation.
#[derive(Debug, thiserror::Error)]
#[error(
    "the bucket has too many objects to list in time, so manifests at its end whose events are lost are not found: \
     move what is not amiwright's to another bucket"
)]
struct TooMany;

/// The manifest that decides about the object at this key; none if it is no manifest.
fn responsible(turn: Turn<'_>, keys: &BTreeSet<&str>, object_key: &str) -> Option<String> {
    match key::kind(object_key, turn.config.state.as_str())? {
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
    fn a_short_invocation_begins_something_too() {
        let seconds = Duration::from_secs;
        assert_eq!(time_to_begin(seconds(50)), seconds(25));
        assert_eq!(time_to_begin(seconds(900)), seconds(875));
        assert_eq!(time_to_begin(seconds(10)), seconds(5));
    }
}
