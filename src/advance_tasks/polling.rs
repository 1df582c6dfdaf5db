//! Polling: what images wait for is described in batches, one Describe call for many. No id that EC2 could
//! refuse hides the others: a call filters, lists everything page by page, or is sent again without the id (store
//! tasks).

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use tokio::sync::mpsc;

use super::late_notices;
use super::polling_history::{PollingHistory, Remembered, TICK_JITTER};
use super::publishing;
use super::read_ahead::{AT_ONCE, Awaiting, ReadAhead};
use super::report::{Report, count, fail};
use crate::Failures;
use crate::aws::{AwsError, FILTER_VALUES_MAX, STORED_IDS_MAX};
use crate::image::Status;
use crate::image::observed::{ObservedImage, ObservedTask};
use crate::image::outcome::Evidence;
use crate::image::plan::{self, Next};
use crate::image::task::{TaskKind, polling_interval};
use crate::image::words::Step;
use crate::reconcile::{self, Context, Error};
use crate::status_store::{Loaded, OpenMarker};

/// The tasks that store AMIs.
const STORED: Batch = Batch::Tasks(TaskKind::StoreImage);

/// What one Describe call polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Batch {
    Images,
    Tasks(TaskKind),
    /// AMIs of all Regions that are being published: the last, because much may be done for them.
    Published,
}

/// The images of a tick that wait for EC2.
struct Polled<'a> {
    context: Context<'a>,
    history: &'a PollingHistory,
    read_ahead: &'a ReadAhead,
    waiting: BTreeMap<Batch, Vec<Awaiting>>,
    listed: BTreeMap<Batch, Vec<ObservedTask>>,
    /// The key of the first image that there was no time to publish.
    unpublished: Option<String>,
}

/// Describes all that come, as soon as there are as many of a kind as one call can describe. The key is of the first image
/// for which there was no time.
pub(super) async fn poll(
    context: Context<'_>,
    history: &PollingHistory,
    read_ahead: &ReadAhead,
    mut awaiting: mpsc::Receiver<Awaiting>,
) -> (Report, Failures, Option<String>) {
    let (mut report, mut failures) = (Report::default(), Failures::default());
    let mut polled = Polled {
        context,
        history,
        read_ahead,
        waiting: BTreeMap::new(),
        listed: BTreeMap::new(),
        unpublished: None,
    };
    while let Some(image) = awaiting.recv().await {
        polled.add(image, &mut report, &mut failures).await;
    }
    polled.look_at_all(&mut report, &mut failures).await;
    (report, failures, polled.unpublished)
}

/// What one poll returned, by id.
enum Seen {
    Images(BTreeMap<String, ObservedImage>),
    Tasks(Vec<ObservedTask>),
}

impl Polled<'_> {
    /// Adds an image that waits, if its poll is due; polls as soon as there are as many as one call can describe.
    async fn add(&mut self, image: Awaiting, report: &mut Report, failures: &mut Failures) {
        if !is_due(self.context, self.history, &image.loaded.status) {
            return;
        }
        let batch = batch(&image.loaded.status);
        let waiting = self.waiting.entry(batch).or_default();
        waiting.push(image);
        if waiting.len() >= FILTER_VALUES_MAX && batch != STORED {
            let full = std::mem::take(waiting);
            self.poll(batch, full, report, failures).await;
        }
        if self.read_ahead.is_short() {
            self.look_at_all(report, failures).await;
        }
    }

    /// Polls all that wait.
    async fn look_at_all(&mut self, report: &mut Report, failures: &mut Failures) {
        for (batch, waiting) in std::mem::take(&mut self.waiting) {
            if batch == STORED {
                self.look_at_stored(waiting, report, failures).await;
            } else {
                self.poll(batch, waiting, report, failures).await;
            }
        }
    }

    /// EC2 takes one call for 20 tasks every other second, and its list has a month's: where that is too few for all,
    /// those that were not polled for the longest come first.
    async fn look_at_stored(
        &mut self,
        mut waiting: Vec<Awaiting>,
        report: &mut Report,
        failures: &mut Failures,
    ) {
        let history = self.history;
        waiting.sort_by_cached_key(|image| {
            awaited_id(self.context, &image.loaded.status).and_then(|id| history.last_poll(&id))
        });
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(STORED_IDS_MAX));
            let some = std::mem::replace(&mut waiting, rest);
            self.poll(STORED, some, report, failures).await;
        }
    }

    async fn poll(
        &mut self,
        batch: Batch,
        waiting: Vec<Awaiting>,
        report: &mut Report,
        failures: &mut Failures,
    ) {
        if waiting.is_empty() {
            return;
        }
        let (context, history) = (self.context, self.history);
        if batch == Batch::Published {
            let left = publishing::advance(context, history, waiting, report, failures).await;
            self.unpublished = self.unpublished.take().or(left);
            return;
        }
        let seen = match self.observe(batch, &waiting).await {
            Ok(seen) => seen,
            Err(error) if error.is_rate_limited_locally() => {
                report.skipped += waiting.len();
                return;
            }
            Err(error) => {
                report.failed += waiting.len();
                failures.add("what is waited for", &error);
                return tell_of_refusal(context, waiting, &error, failures).await;
            }
        };
        let seen = &seen;
        let changes: Vec<_> = waiting
            .into_iter()
            .map(|image| async move {
                let key = image.marker.manifest_key.clone();
                (key, keep(context, history, image, seen).await)
            })
            .collect();
        let mut changes = stream::iter(changes).buffered(AT_ONCE);
        while let Some((key, change)) = changes.next().await {
            match change {
                Ok(advanced) => count(report, advanced, false),
                Err(error) => fail(report, failures, &key, &error),
            }
        }
    }

    async fn observe(&mut self, batch: Batch, waiting: &[Awaiting]) -> Result<Seen, AwsError> {
        let aws = self.context.aws;
        let ids: BTreeSet<String> = waiting
            .iter()
            .filter_map(|image| awaited_id(self.context, &image.loaded.status))
            .collect();
        let ids: Vec<String> = ids.into_iter().collect();
        match batch {
            Batch::Images
            | Batch::Published
            | Batch::Tasks(TaskKind::CopyImage | TaskKind::RestoreImage) => {
                let images = aws.find_images("image-id", &ids).await?;
                let by_id = images.into_iter().map(|image| (image.id.clone(), image));
                Ok(Seen::Images(by_id.collect()))
            }
            Batch::Tasks(TaskKind::BundleInstance) => {
                Ok(Seen::Tasks(aws.find_bundle_tasks("bundle-id", &ids).await?))
            }
            Batch::Tasks(TaskKind::StoreImage) => {
                Ok(Seen::Tasks(aws.find_store_image_tasks(&ids).await?))
            }
            Batch::Tasks(kind) => {
                if let Entry::Vacant(unlisted) = self.listed.entry(batch) {
                    unlisted.insert(match kind {
                        TaskKind::ImportImage => aws.list_import_image_tasks().await?,
                        _ => aws.list_import_snapshot_tasks().await?,
                    });
                }
                Ok(Seen::Tasks(self.among(batch, &ids)))
            }
        }
    }

    /// The listed tasks with these ids.
    fn among(&self, batch: Batch, ids: &[String]) -> Vec<ObservedTask> {
        let ids: BTreeSet<&String> = ids.iter().collect();
        let listed = self.listed.get(&batch).into_iter().flatten();
        listed
            .filter(|task| ids.contains(&task.id))
            .cloned()
            .collect()
    }
}

/// It would go unnoticed otherwise: what cannot be polled does not change.
async fn tell_of_refusal(
    context: Context<'_>,
    waiting: Vec<Awaiting>,
    error: &AwsError,
    failures: &mut Failures,
) {
    let kept: Vec<_> = waiting
        .into_iter()
        .map(|image| async move {
            let key = image.marker.manifest_key.clone();
            let kept = match reconcile::not_observed(context, image.loaded, error).await {
                Ok(after) => late_notices::send(context, after).await,
                Err(error) => Err(error),
            };
            (key, kept)
        })
        .collect();
    let mut kept = stream::iter(kept).buffered(AT_ONCE);
    while let Some((key, kept)) = kept.next().await {
        if let Err(error) = kept {
            failures.add(&key, &error);
        }
    }
}

fn batch(status: &Status) -> Batch {
    match (status.build.step, status.build.tasks.last()) {
        (Step::AwaitTask | Step::AwaitStore, Some(task)) => Batch::Tasks(task.kind),
        (Step::Publish, _) => Batch::Published,
        _ => Batch::Images,
    }
}

/// The id that EC2 knows by which what is waited for.
fn awaited_id(context: Context<'_>, status: &Status) -> Option<String> {
    match batch(status) {
        Batch::Tasks(_) => status.build.tasks.last().map(|task| task.id.clone()),
        Batch::Published => None,
        Batch::Images => {
            let region = status.image_in(&context.config.region);
            region.map(|it| it.image.clone())
        }
    }
}

/// Whether it is time to poll: often while it is young, and whenever something is to end it.
fn is_due(context: Context<'_>, history: &PollingHistory, status: &Status) -> bool {
    let Some(id) = awaited_id(context, status) else {
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
        batch(status),
        Batch::Tasks(TaskKind::ImportSnapshot | TaskKind::ImportImage)
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
async fn keep(
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
    let Some(id) = awaited_id(context, &loaded.status) else {
        return Ok(false);
    };
    let advanced = match seen {
        Seen::Images(images) => image_seen(context, loaded, images.get(&id)).await?,
        Seen::Tasks(tasks) => {
            let status = &loaded.status;
            // One AMI may be stored in several buckets.
            let store = status.store.as_ref().filter(|_| batch(status) == STORED);
            let bucket = store.map(|store| &*store.bucket);
            let is_awaited = |task: &&ObservedTask| {
                let elsewhere = task
                    .bucket()
                    .is_some_and(|it| bucket.is_some_and(|ours| it != ours));
                task.id == id && !elsewhere
            };
            let seen = tasks.iter().find(is_awaited).cloned();
            let outcome = reconcile::polled(context, loaded, Evidence::TaskPolled(seen)).await?;
            if let reconcile::Outcome::Status { loaded, advanced } = &outcome {
                let remembered = Remembered {
                    loaded: (**loaded).clone(),
                    size,
                    at: if *advanced { context.now } else { read_at },
                };
                record_wait(context, history, remembered, &marker);
            }
            finish(context, outcome).await?
        }
    };
    history.record_poll(&id, context.now);
    Ok(advanced)
}

/// Keeps what was seen of an AMI, and does what can be done then. Returns whether the status changed.
pub(super) async fn image_seen(
    context: Context<'_>,
    loaded: Loaded,
    seen: Option<&ObservedImage>,
) -> Result<bool, Error> {
    let evidence = Evidence::ImagePolled {
        region: context.config.region.clone(),
        image: seen.cloned().map(Box::new),
    };
    let outcome = reconcile::polled(context, loaded, evidence).await?;
    finish(context, outcome).await
}

/// Sends what is late. Returns whether the status changed.
async fn finish(context: Context<'_>, outcome: reconcile::Outcome) -> Result<bool, Error> {
    let advanced = outcome.has_advanced();
    if let reconcile::Outcome::Status { loaded, .. } = outcome {
        late_notices::send(context, *loaded).await?;
    }
    Ok(advanced)
}
