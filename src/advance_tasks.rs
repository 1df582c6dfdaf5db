//! `advance-tasks`: the schedule's guarantee. Visits every image that is not finalized and advances it;
//! less often it searches for manifests whose events were lost.

mod audit;
mod batches;
mod beginnings;
mod changed;
mod known;
mod late_notices;
mod leaving;
mod measured;
mod misnamed;
mod not_seen;
mod pause;
mod polled;
mod polling;
mod polling_history;
mod publishing;
mod read_ahead;
mod report;
mod requested;
mod resume;
mod reviews;
mod sweep;
mod turns;
mod unchanged;
mod visiting;

use std::time::Duration;

use futures_util::future::join3;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::Failures;
use crate::aws::{Aws, AwsError, FILTER_VALUES_MAX};
use crate::config::Config;
use crate::events::Tick;
use crate::metrics::{Meter, Metric};
use crate::reconcile::{Context, EarlierImports};
use crate::status_store::{self, Open, OpenMarker};
use beginnings::Beginnings;
pub use polling_history::PollingHistory;
use read_ahead::ReadAhead;
pub use report::Report;
use sweep::sweep;
use visiting::Visitor;

/// Time that is kept for what is under way when the invocation's time runs out: one call with its retries.
const MARGIN: Duration = Duration::from_secs(25);

/// Handles a tick: the schedule's, or an event that makes one worth while. `history` is the process's; `time_left` is
/// the invocation's, if it is known; `meter` measures it.
///
/// # Errors
/// If anything failed; everything else was done all the same. What is wrong with one image and stays so fails a tick
/// only now and then: every minute would say the same. What AWS throttles fails a tick that comes every minute only if the
/// ticks of the last quarter of an hour were all throttled.
pub async fn handle(
    aws: &Aws,
    config: &Config,
    history: &PollingHistory,
    event: &Value,
    now: Timestamp,
    time_left: Option<Duration>,
    meter: &Meter,
) -> Result<Report, Failures> {
    let context = Context::new(aws, config, now).measured_by(meter);
    let earlier_imports = EarlierImports::default();
    let context = context.in_time(history.time_scale());
    let mut context = context.sharing(&earlier_imports);
    if let Some(time_left) = time_left {
        context = context.within(time_to_begin(time_left));
    }
    let mut failures = Failures::default();
    let mut report = Report::default();
    let tick = Tick::from_event(event);
    // The next tick comes in a minute; nothing else comes again so soon.
    let may_be_throttled = matches!(tick, Ok(Tick::Advance));
    match tick {
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
    if !may_be_throttled || history.is_throttled_for_long(failures.is_throttled(), now) {
        failures.count_throttled();
    }
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
    match status_store::list_requests_or_open(context.aws, context.config, context.now).await? {
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
    let (read_ahead, beginnings) = (ReadAhead::default(), Beginnings::new(context));
    let unchanged = unchanged::list(context, history, &open).await;
    let (awaiting, polling) = mpsc::unbounded_channel();
    let (first_left, early) = oneshot::channel();
    let visitor = Visitor {
        context,
        history,
        read_ahead: &read_ahead,
        unchanged: &unchanged,
        beginnings: &beginnings,
    };
    let visits = visitor.visit_all(&open, awaiting, first_left, report, failures);
    let polls = polling::poll(context, history, &read_ahead, &beginnings, polling);
    let saved = async {
        if many {
            resume::save_early(context, early).await
        } else {
            Ok(None)
        }
    };
    let (skipped, polls, saved) = join3(visits, polls, saved).await;
    *report += polls.report;
    let next = resume::next(&open, skipped, &polls);
    failures.append(polls.failures);
    if many
        && let Some(next) = next
        && !matches!(saved, Ok(Some(saved)) if saved == next)
        && let Err(error) = status_store::save_resume_point(context.aws, context.config, next).await
    {
        failures.add("where this tick ended", &error);
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
