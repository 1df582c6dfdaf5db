//! One image that was polled: when it is due, what is kept of what was seen, and what can be done then.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::batches::{Kind, awaited_id};
use super::late_notices;
use super::leaving::keep_written;
use super::polling_history::{PollingHistory, Remembered, TICK_JITTER};
use super::read_ahead::Awaiting;
use crate::image::Status;
use crate::image::observed::{ObservedImage, ObservedTask};
use crate::image::outcome::Evidence;
use crate::image::plan::{self, Next};
use crate::image::task::{TaskKind, polling_interval};
use crate::reconcile::{self, Context, Error, Outcome};
use crate::status_store::{Loaded, OpenMarker};

/// What one poll returned, by id.
pub(super) enum Seen {
    Images(BTreeMap<String, ObservedImage>),
    Tasks(Vec<ObservedTask>),
}

/// Whether it is time to poll: often while it is young, and whenever something is to end it.
pub(super) fn is_due(context: Context<'_>, history: &PollingHistory, status: &Status) -> bool {
    let Some(id) = awaited_id(&context.config.region, status) else {
        return true;
    };
    let Some(last) = history.last_poll(&id) else {
        return true;
    };
    // What has just not been seen is looked up again at once: one answer without it is not proof.
    let is_unseen = status
        .polled_task()
        .is_some_and(|task| task.unseen_since.is_some());
    status.cancel.is_some()
        || is_unseen
        || context.now.duration_since(last) >= between_polls(context, history, status)
}

/// The time between two polls of a task of this age.
fn between_polls(
    context: Context<'_>,
    history: &PollingHistory,
    status: &Status,
) -> SignedDuration {
    let began = status
        .polled_task()
        .map_or(status.build.step_since, |task| task.started_at);
    let interval = polling_interval(context.now.duration_since(began));
    history.scaled(interval) - TICK_JITTER
}

/// Remembers when a task is polled next, and the status until then, if nothing else can move its image before: of
/// imports EC2 sends no events. Nor if its marker is not the one that the status knows: a wish to cancel may be about
/// to be written.
fn record_wait(
    context: Context<'_>,
    history: &PollingHistory,
    remembered: Remembered,
    marker: &OpenMarker,
) {
    let status = &remembered.loaded.status;
    let is_import = matches!(
        Kind::of(status),
        Kind::Tasks(TaskKind::ImportSnapshot | TaskKind::ImportImage)
    );
    let is_seen = status
        .polled_task()
        .is_some_and(|task| task.unseen_since.is_none());
    let is_untouched = status.cancel.is_none() && status.unsent().next().is_none();
    let is_marked = status.open_marker.as_ref() == Some(&marker.etag);
    let waits = plan::next(status, context.now) == Next::Poll;
    let interval = between_polls(context, history, status);
    if is_import && is_seen && is_untouched && is_marked && waits && interval.is_positive() {
        let until = context.now.saturating_add(interval);
        history.record_wait(marker, until.unwrap_or(context.now), remembered);
    }
}

/// Keeps what was seen, does what can be done then, and sends what is late. Returns whether the status changed.
pub(super) async fn keep(
    context: Context<'_>,
    history: &PollingHistory,
    image: Awaiting,
    seen: &Seen,
) -> Result<bool, Error> {
    // The room that it takes is kept until it is done.
    let Awaiting {
        loaded,
        marker,
        size,
        read_at,
        room: _room,
    } = image;
    history.forget_status(&marker);
    let Some(id) = awaited_id(&context.config.region, &loaded.status) else {
        return Ok(false);
    };
    let outcome = match seen {
        Seen::Images(images) => image_polled(context, loaded, images.get(&id)).await?,
        Seen::Tasks(tasks) => {
            let status = &loaded.status;
            // One AMI may be stored in several buckets.
            let store = status.store.as_ref();
            let store = store.filter(|_| Kind::of(status) == Kind::STORED);
            let bucket = store.map(|store| &*store.bucket);
            let is_awaited = |task: &&ObservedTask| {
                let elsewhere = task
                    .bucket()
                    .is_some_and(|it| bucket.is_some_and(|ours| it != ours));
                task.id == id && !elsewhere
            };
            let seen = tasks.iter().find(is_awaited).cloned();
            let outcome = reconcile::polled(context, loaded, Evidence::TaskPolled(seen)).await?;
            if let Outcome::Status {
                loaded, advanced, ..
            } = &outcome
            {
                let remembered = Remembered {
                    loaded: (**loaded).clone(),
                    size,
                    at: if *advanced { context.now } else { read_at },
                };
                record_wait(context, history, remembered, &marker);
            }
            outcome
        }
    };
    keep_written(context, history, &outcome);
    let advanced = finish(context, outcome).await?;
    history.record_poll(&id, context.now);
    Ok(advanced)
}

/// Keeps what was seen of an AMI, and does what can be done then. Returns whether the status changed.
pub(super) async fn image_seen(
    context: Context<'_>,
    loaded: Loaded,
    seen: Option<&ObservedImage>,
) -> Result<bool, Error> {
    let outcome = image_polled(context, loaded, seen).await?;
    finish(context, outcome).await
}

async fn image_polled(
    context: Context<'_>,
    loaded: Loaded,
    seen: Option<&ObservedImage>,
) -> Result<Outcome, Error> {
    let evidence = Evidence::ImagePolled {
        region: context.config.region.clone(),
        image: seen.cloned().map(Box::new),
    };
    reconcile::polled(context, loaded, evidence).await
}

/// Sends what is late. Returns whether the status changed.
async fn finish(context: Context<'_>, outcome: Outcome) -> Result<bool, Error> {
    let advanced = outcome.has_advanced();
    if let Outcome::Status { loaded, .. } = outcome {
        late_notices::send(context, *loaded).await?;
    }
    Ok(advanced)
}
