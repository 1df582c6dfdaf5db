//! `advance-tasks`: the schedule's guarantee. Visits every image that is not finalized and advances it;
//! less often it searches for manifests whose events were lost.

mod audit;
mod batches;
mod changed;
mod known;
mod late_notices;
mod leaving;
mod measured;
mod misnamed;
mod pause;
mod polling;
mod polling_history;
mod publishing;
mod read_ahead;
mod report;
mod requested;
mod reviews;
mod sweep;
mod turns;
mod unchanged;

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join;
use futures_util::stream::{FuturesOrdered, StreamExt};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::Failures;
use crate::aws::{Aws, AwsError, FILTER_VALUES_MAX};
use crate::config::Config;
use crate::events::Tick;
use crate::image::plan::{self, Next};
use crate::image::words::Step;
use crate::metrics::{Meter, Metric};
use crate::reconcile::{self, Context, Error, Outcome, Recovery};
use crate::status_store::{self, Fetched, Loaded, Open, OpenMarker};
use leaving::leave;
pub use polling_history::PollingHistory;
use polling_history::Remembered;
use read_ahead::{AT_ONCE, Awaiting, ReadAhead, Room};
pub use report::Report;
use report::{count, fail};
use sweep::sweep;

/// Time that is kept for what is under way when the invocation's time runs out: one call with its retries.
const MARGIN: Duration = Duration::from_secs(25);

/// Handles a tick: the schedule's, or an event that makes one worth while. `history` is the process's; `time_left` is
/// the invocation's, if it is known; `meter` measures it.
///
/// # Errors
/// If anything failed; everything else was done all the same. What is wrong with one image and stays so fails a tick
/// only now and then: every minute would say the same.
pub async fn handle(
    aws: &Aws,
    config: &Config,
    history: &PollingHistory,
    event: &Value,
    now: Timestamp,
    time_left: Option<Duration>,
    meter: &Meter,
) -> Result<Report, Failures> {
    let mut context = Context::new(aws, config, now).measured_by(meter);
    if let Some(time_left) = time_left {
        context = context.within(time_to_begin(time_left));
    }
    let mut failures = Failures::default();
    let mut report = Report::default();
    match Tick::from_event(event) {
        Ok(Tick::Image(change)) => {
            changed::visit(context, &change, &mut report, &mut failures).await;
        }
        Ok(Tick::Advance) => advance_all(context, history, &mut report, &mut failures).await,
        Ok(Tick::Sweep) => {
            let is_audit_unfinished = sweep(context, history, &mut report, &mut failures).await;
            if is_audit_unfinished && !context.is_over() {
                Box::pin(audit::run(context, &mut report, &mut failures)).await;
            }
        }
        Ok(Tick::Audit) => Box::pin(audit::run(context, &mut report, &mut failures)).await,
        Err(error) => failures.add("the event", &error),
    }
    failures.count_lasting(|about| history.is_failure_due(about, now));
    measured::visits(meter, &report);
    context.measure_limited();
    let Report {
        found,
        advanced,
        finalized,
        failed,
        skipped,
        swept,
        audited,
    } = report;
    tracing::info!(
        found, advanced, finalized, failed, skipped, swept, audited, "tick"
    );
    failures.or(report)
}

/// For how long something new may be begun. A short invocation keeps half of its time for what is under way:
/// with the whole margin it would begin nothing, at every tick.
fn time_to_begin(time_left: Duration) -> Duration {
    time_left.saturating_sub(MARGIN.min(time_left / 2))
}

/// The result of a visit to one image.
enum Visit {
    /// It waits for its task or its AMI, or is being published: one Describe call answers for many.
    Awaits(Box<Awaiting>),
    /// Everything that could be done was.
    Done { advanced: bool, finalized: bool },
}

impl Visit {
    /// Nothing is to be done now.
    const UNCHANGED: Self = Self::Done {
        advanced: false,
        finalized: false,
    };
}

async fn advance_all(
    context: Context<'_>,
    history: &PollingHistory,
    report: &mut Report,
    failures: &mut Failures,
) {
    let begun_at = Instant::now();
    match list_after_requests(context, failures).await {
        Ok(open) => {
            measured::open(context, &open);
            advance(context, history, open, report, failures).await;
            context.measure(|meter| meter.took(Metric::TickDuration, begun_at.elapsed()));
        }
        Err(error) => failures.add("the list of open images", &error),
    }
}

/// The open images, once the requests are answered.
async fn list_after_requests(
    context: Context<'_>,
    failures: &mut Failures,
) -> Result<Vec<OpenMarker>, AwsError> {
    match status_store::list_requests_or_open(context.aws, context.config).await? {
        Open::Images(open) => Ok(open),
        Open::Requests(keys) => {
            requested::answer_all(context, keys, failures).await;
            status_store::list_open(context.aws, context.config).await
        }
    }
}

/// Moves the open images on, the oldest first: while EC2 answers for some, S3 answers for the next. A tick whose time
/// is up says where the next one begins: however many there are, each is visited in turn.
async fn advance(
    context: Context<'_>,
    history: &PollingHistory,
    mut open: Vec<OpenMarker>,
    report: &mut Report,
    failures: &mut Failures,
) {
    report.found = open.len();
    let many = open.len() > FILTER_VALUES_MAX;
    if many
        && let Err(error) =
            status_store::load_resume_point(context.aws, context.config, &mut open).await
    {
        failures.add("where the last tick ended", &error);
    }
    let read_ahead = ReadAhead::default();
    let unchanged = unchanged::list(context, history, &open).await;
    let (sender, receiver) = mpsc::channel(AT_ONCE);
    let visitor = Visitor {
        context,
        history,
        read_ahead: &read_ahead,
        unchanged: &unchanged,
    };
    let visits = visitor.visit_all(&open, sender, report, failures);
    let polled = polling::poll(context, history, &read_ahead, receiver);
    let (skipped, polls) = join(visits, polled).await;
    *report += polls.report;
    failures.append(polls.failures);
    let is_first_left = |it: &&OpenMarker| {
        skipped.is_some_and(|skipped| skipped == *it)
            || polls.unpublished.as_ref() == Some(&it.manifest_key)
    };
    if many
        && let Some(next) = open.iter().find(is_first_left)
        && let Err(error) = status_store::save_resume_point(context.aws, context.config, next).await
    {
        failures.add("where this tick ended", &error);
    }
}

/// What a tick visits the open images with.
#[derive(Clone, Copy)]
struct Visitor<'a> {
    context: Context<'a>,
    history: &'a PollingHistory,
    read_ahead: &'a ReadAhead,
    /// The keys of manifests whose statuses are as the process knows them.
    unchanged: &'a HashSet<&'a str>,
}

impl<'a> Visitor<'a> {
    /// Visits the images in their order, and hands on those that wait for EC2. Returns the first for which there was no
    /// time.
    async fn visit_all(
        self,
        open: &'a [OpenMarker],
        awaiting: mpsc::Sender<Awaiting>,
        report: &mut Report,
        failures: &mut Failures,
    ) -> Option<&'a OpenMarker> {
        let mut left = None;
        let (mut markers, mut visits) = (open.iter(), FuturesOrdered::new());
        loop {
            let room = AT_ONCE - visits.len();
            visits.extend(markers.by_ref().take(room).map(|it| self.visit_in_time(it)));
            let Some((marker, visit)) = visits.next().await else {
                return left;
            };
            match visit {
                None => {
                    report.skipped += 1;
                    left = left.or(Some(marker));
                }
                Some(Ok(Visit::Awaits(image))) => {
                    // Who polls takes all there are, and ends when there are no more.
                    let _polled = awaiting.send(*image).await;
                }
                Some(Ok(Visit::Done {
                    advanced,
                    finalized,
                })) => count(report, advanced, finalized),
                Some(Err(error)) => fail(report, failures, &marker.manifest_key, &error),
            }
        }
    }

    /// The visit, if there is time for it. An image whose next poll is not due yet is not even read.
    async fn visit_in_time(
        self,
        marker: &'a OpenMarker,
    ) -> (&'a OpenMarker, Option<Result<Visit, Error>>) {
        if self.history.waits(marker, self.context.now) {
            return (marker, Some(Ok(Visit::UNCHANGED)));
        }
        let room = self.read_ahead.usual_room().await;
        if self.context.is_over() {
            return (marker, None);
        }
        let visit = Box::pin(self.visit(marker, room));
        (marker, Some(visit.await))
    }

    /// The status of an image if it was not written since this process has read it, and if nobody is about to write it.
    fn unchanged(self, marker: &OpenMarker) -> Option<Remembered> {
        let key = marker.manifest_key.as_str();
        if !self.unchanged.contains(key) {
            return None;
        }
        let object = self.history.object(key)?;
        let loaded = object.read(self.context.config, key).ok()?;
        let is_marked = loaded.status.open_marker.as_ref() == Some(&marker.etag);
        is_marked.then(|| Remembered {
            loaded,
            size: object.content.len(),
            at: self.context.now,
        })
    }

    /// Reads the status of an image, with its size, and keeps it if it only waits for EC2. Its text is not held for longer.
    async fn read(self, key: &str, room: &mut Room) -> Result<Option<(Loaded, usize)>, Error> {
        let Context { aws, config, .. } = self.context;
        let object = match status_store::load_usual_object(aws, config, key).await? {
            None => None,
            Some(Fetched::Object(object)) => Some(object),
            Some(Fetched::Larger(_)) => {
                room.give_back();
                *room = self.read_ahead.room().await;
                status_store::load_object(aws, config, key).await?
            }
        };
        let Some(object) = object else {
            return Ok(None);
        };
        let loaded = object.read(config, key)?;
        if plan::next(&loaded.status, self.context.now) == Next::Poll {
            self.history.record_object(key, &object);
        }
        Ok(Some((loaded, object.content.len())))
    }

    /// Does for one image whatever does not need its AMI's state.
    async fn visit(self, marker: &OpenMarker, mut room: Room) -> Result<Visit, Error> {
        let (context, key) = (self.context, &marker.manifest_key);
        let remembered = self.history.status(marker, context.now);
        if let Some(Remembered { loaded, size, at }) = remembered.or_else(|| self.unchanged(marker))
            && plan::next(&loaded.status, context.now) == Next::Poll
        {
            measured::notices(context, &loaded.status);
            room.keep(size);
            return Ok(Visit::Awaits(Box::new(Awaiting {
                loaded,
                marker: marker.clone(),
                size,
                read_at: at,
                room,
            })));
        }
        let sized = self.read(key, &mut room).await?;
        let current = sized.as_ref().map(|(loaded, _)| loaded);
        let recovery = Box::pin(reconcile::recover_draft(context, marker, current)).await?;
        if recovery == Recovery::Written {
            return Box::pin(visit_recovered(context, marker)).await;
        }
        if let Some((loaded, _)) = &sized {
            measured::notices(context, &loaded.status);
        }
        let Some((loaded, size)) = sized else {
            if recovery == Recovery::Later {
                return Ok(Visit::UNCHANGED);
            }
            return Box::pin(visit_marker(context, marker)).await;
        };
        let outcome = match plan::next(&loaded.status, context.now) {
            Next::Poll | Next::Do(Step::Publish) => {
                room.keep(size);
                return Ok(Visit::Awaits(Box::new(Awaiting {
                    loaded,
                    marker: marker.clone(),
                    size,
                    read_at: context.now,
                    room,
                })));
            }
            Next::SendNotices | Next::AwaitNotices | Next::Finalize => {
                return Box::pin(finish(context, loaded, marker)).await;
            }
            Next::Retry => reconcile::reconcile(context, key, Some(marker)).await?,
            // The manifest may have been replaced while its image could not proceed.
            _ if plan::may_be_superseded(&loaded.status) => {
                Box::pin(reconcile::reconcile(context, key, Some(marker))).await?
            }
            _ => Box::pin(reconcile::run_steps(context, loaded)).await?,
        };
        Ok(Visit::Done {
            advanced: leave(context, self.history, marker, outcome).await?,
            finalized: false,
        })
    }
}

/// An image that an invocation had started and not saved.
async fn visit_recovered(context: Context<'_>, marker: &OpenMarker) -> Result<Visit, Error> {
    Box::pin(reconcile::reconcile(context, &marker.manifest_key, None)).await?;
    Ok(Visit::Done {
        advanced: true,
        finalized: false,
    })
}

/// An open marker without a status: an invocation died between the two, or the status was deleted.
async fn visit_marker(context: Context<'_>, marker: &OpenMarker) -> Result<Visit, Error> {
    if !reconcile::is_dead(context, marker) {
        return Ok(Visit::UNCHANGED);
    }
    let outcome = reconcile::reconcile(context, &marker.manifest_key, Some(marker)).await?;
    let finalized = outcome == Outcome::NoManifest && mark_finalized(context, marker).await?;
    Ok(Visit::Done {
        advanced: outcome.has_advanced(),
        finalized,
    })
}

/// Sends the notices that are left of a final state, then finalizes the image.
async fn finish(
    context: Context<'_>,
    loaded: status_store::Loaded,
    marker: &OpenMarker,
) -> Result<Visit, Error> {
    let left_open = |advanced| Visit::Done {
        advanced,
        finalized: false,
    };
    if loaded.status.unsent().next().is_some() {
        late_notices::send(context, loaded).await?;
        return Ok(left_open(false));
    }
    // A version whose event was lost, or that had to wait for this one to end.
    if reconcile::is_outdated(context, &loaded.status).await? {
        let outcome = reconcile::reconcile(context, &marker.manifest_key, Some(marker)).await?;
        if outcome.has_advanced() || outcome == Outcome::StartedElsewhere {
            return Ok(left_open(outcome.has_advanced()));
        }
    }
    // Another invocation may be about to start the next version: the marker is its, and young.
    let known = loaded.status.open_marker.as_ref();
    if !reconcile::is_dead(context, marker) && known.is_some_and(|known| *known != marker.etag) {
        return Ok(left_open(false));
    }
    let finalized = mark_finalized(context, marker).await?;
    Ok(Visit::Done {
        advanced: false,
        finalized,
    })
}

async fn mark_finalized(context: Context<'_>, marker: &OpenMarker) -> Result<bool, Error> {
    let OpenMarker {
        manifest_key, etag, ..
    } = marker;
    Ok(status_store::mark_finalized(context.aws, context.config, manifest_key, etag).await?)
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
