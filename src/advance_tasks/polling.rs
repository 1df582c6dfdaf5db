//! Polling: what images wait for is described in batches, one Describe call for many, and some of these at once. No id that
//! EC2 could refuse hides the others: a call filters, lists everything page by page, or is sent again without the id (store
//! tasks).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{self, FuturesUnordered, StreamExt};
use jiff::SignedDuration;
use tokio::sync::{Mutex, OnceCell, Semaphore, mpsc};

use super::batches::{Batch, Batches, Kind, awaited_id};
use super::late_notices;
use super::leaving::keep_written;
use super::not_seen::not_seen;
use super::polling_history::{PollingHistory, Remembered, TICK_JITTER};
use super::publishing;
use super::read_ahead::{AT_ONCE, Awaiting, ReadAhead};
use super::report::Polls;
use super::turns::Turns;
use crate::aws::{Aws, AwsError};
use crate::image::Status;
use crate::image::observed::{ObservedImage, ObservedTask};
use crate::image::outcome::Evidence;
use crate::image::plan::{self, Next};
use crate::image::task::{TaskKind, polling_interval};
use crate::reconcile::{self, Context, Error, Outcome};
use crate::status_store::{Loaded, OpenMarker};

/// Batches that are under way while more are taken: EC2 answers for some of them while what it has said of others is kept.
const BATCHES_AT_ONCE: usize = 16;

/// Describes all that come, as soon as there are as many of a kind as one call can describe. Whichever batch is answered
/// first, they are reported in their order.
pub(super) async fn poll(
    context: Context<'_>,
    history: &PollingHistory,
    read_ahead: &ReadAhead,
    mut awaiting: mpsc::UnboundedReceiver<Awaiting>,
) -> Polls {
    let home = &context.config.region;
    let poller = Poller::new(context, history);
    let poll = |(number, batch)| {
        let poll = poller.poll(batch);
        Box::pin(async move { (number, poll.await) })
    };
    let mut numbers = 0_usize..;
    let (mut batches, mut polls, mut ended) =
        (Batches::default(), FuturesUnordered::new(), Vec::new());
    loop {
        let is_short = read_ahead.is_short();
        if is_short && polls.is_empty() {
            // They have the room that those need which are to be read.
            while let Ok(image) = awaiting.try_recv() {
                let full = add_due(context, history, &mut batches, image);
                polls.extend(numbers.by_ref().zip(full).map(poll));
            }
            let all = batches.take_all(home, history);
            polls.extend(numbers.by_ref().zip(all).map(poll));
        }
        let has_room = polls.is_empty() || (!is_short && polls.len() < BATCHES_AT_ONCE);
        tokio::select! {
            biased;
            Some(poll) = polls.next() => ended.push(poll),
            image = awaiting.recv(), if has_room => {
                let Some(image) = image else {
                    break;
                };
                let full = add_due(context, history, &mut batches, image);
                polls.extend(numbers.by_ref().zip(full).map(poll));
            }
            // Images may be read in another order than they come here: then none comes while some wait for room.
            () = read_ahead.wanted(), if polls.is_empty() => {}
        }
    }
    let rest = batches.take_all(home, history);
    polls.extend(numbers.zip(rest).map(poll));
    ended.extend(polls.collect::<Vec<_>>().await);
    ended.sort_unstable_by_key(|(number, _)| *number);
    let ended = ended.into_iter().map(|(_, polls)| polls);
    ended.fold(Polls::default(), Polls::and)
}

/// Adds an image, if it is time to poll it. Returns the batch that is full then.
fn add_due(
    context: Context<'_>,
    history: &PollingHistory,
    batches: &mut Batches,
    image: Awaiting,
) -> Option<Batch> {
    let is_due = is_due(context, history, &image.loaded.status);
    is_due.then(|| batches.add(image)).flatten()
}

/// What one poll returned, by id.
enum Seen {
    Images(BTreeMap<String, ObservedImage>),
    Tasks(Vec<ObservedTask>),
}

/// The tasks of a kind that EC2 lists, or why it does not: asked for once a tick.
type Listed = OnceCell<Result<Vec<ObservedTask>, AwsError>>;

/// What polls the images of a tick.
struct Poller<'a> {
    context: Context<'a>,
    history: &'a PollingHistory,
    /// What describes them: many images wait for each of these calls.
    aws: Aws,
    turns: Turns,
    /// Images that are advanced at once, of whatever batches.
    advancing: Semaphore,
    /// The batches that are being published come one after the other: each may have much to do. Whether one has come.
    publishing: Mutex<bool>,
    machines: Listed,
    disks: Listed,
}

impl<'a> Poller<'a> {
    fn new(context: Context<'a>, history: &'a PollingHistory) -> Self {
        Self {
            context,
            history,
            aws: context.aws.patient(),
            turns: Turns::default(),
            advancing: Semaphore::new(AT_ONCE),
            publishing: Mutex::new(false),
            machines: OnceCell::new(),
            disks: OnceCell::new(),
        }
    }

    /// Looks at what these images wait for, and does for each what can be done then. Once the time is up, no more are changed than
    /// are worked on at once: for so many there always is time.
    async fn poll(&self, batch: Batch) -> Polls {
        let (context, history) = (self.context, self.history);
        if batch.kind == Kind::Published {
            return self.publish(batch.images).await;
        }
        let seen = match self.observe(&batch).await {
            Ok(seen) => seen,
            Err(error) => return not_seen(context, &self.advancing, batch.images, &error).await,
        };
        // Those of which nothing new was seen take no time, and do not count.
        let (seen, begun) = (&seen, &AtomicUsize::new(0));
        let changes = batch.images.into_iter().map(|image| async move {
            let key = image.marker.manifest_key.clone();
            // The semaphore is never closed.
            let _turn = self.advancing.acquire().await;
            if begun.load(Ordering::Relaxed) >= AT_ONCE && context.is_over() {
                return (key, None);
            }
            begun.fetch_add(1, Ordering::Relaxed);
            let change = Box::pin(keep(context, history, image, seen)).await;
            if matches!(change, Ok(false)) {
                begun.fetch_sub(1, Ordering::Relaxed);
            }
            (key, Some(change))
        });
        let mut changes = stream::iter(changes.collect::<Vec<_>>()).buffered(AT_ONCE);
        let mut polls = Polls::default();
        while let Some((key, change)) = changes.next().await {
            polls.add(key, change);
        }
        polls
    }

    /// Publishes these images, if there is time for them. For the first batch there always is.
    async fn publish(&self, images: Vec<Awaiting>) -> Polls {
        let context = self.context;
        let mut has_published = self.publishing.lock().await;
        if std::mem::replace(&mut *has_published, true) && context.is_over() {
            let mut left = Polls::default();
            for image in images {
                left.add(image.marker.manifest_key, None);
            }
            return left;
        }
        publishing::advance(context, self.history, &self.aws, &self.advancing, images).await
    }

    async fn observe(&self, batch: &Batch) -> Result<Seen, AwsError> {
        let aws = &self.aws;
        let ids = batch.ids(&self.context.config.region);
        match batch.kind {
            Kind::Images
            | Kind::Published
            | Kind::Tasks(TaskKind::CopyImage | TaskKind::RestoreImage) => {
                let images = self.turns.take(aws.find_images("image-id", &ids)).await?;
                let by_id = images.into_iter().map(|image| (image.id.clone(), image));
                Ok(Seen::Images(by_id.collect()))
            }
            Kind::Tasks(TaskKind::BundleInstance) => {
                let tasks = aws.find_bundle_tasks("bundle-id", &ids);
                Ok(Seen::Tasks(self.turns.take(tasks).await?))
            }
            Kind::Tasks(TaskKind::StoreImage) => {
                let tasks = aws.find_store_image_tasks(&ids);
                Ok(Seen::Tasks(self.turns.take(tasks).await?))
            }
            Kind::Tasks(TaskKind::ImportImage) => {
                let list = || self.turns.take(aws.list_import_image_tasks());
                among(self.machines.get_or_init(list).await, &ids)
            }
            Kind::Tasks(TaskKind::ImportSnapshot) => {
                let list = || self.turns.take(aws.list_import_snapshot_tasks());
                among(self.disks.get_or_init(list).await, &ids)
            }
        }
    }
}

/// The listed tasks with these ids, which are sorted.
fn among(listed: &Result<Vec<ObservedTask>, AwsError>, ids: &[String]) -> Result<Seen, AwsError> {
    let tasks = listed.as_ref().map_err(AwsError::clone)?.iter();
    let tasks = tasks.filter(|task| ids.binary_search(&task.id).is_ok());
    Ok(Seen::Tasks(tasks.cloned().collect()))
}

/// Whether it is time to poll: often while it is young, and whenever something is to end it.
fn is_due(context: Context<'_>, history: &PollingHistory, status: &Status) -> bool {
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
