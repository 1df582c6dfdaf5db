//! Polling: what images wait for is described in batches, one Describe call for many, and some of these at once. No id that
//! EC2 could refuse hides the others: a call filters, lists everything page by page, or is sent again without the id (store
//! tasks).

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{self, FuturesUnordered, StreamExt};
use tokio::sync::{Mutex, OnceCell, Semaphore, mpsc};

use super::batches::{Batch, Batches, Kind};
use super::beginnings::{Beginnings, Changing};
use super::not_seen::not_seen;
use super::polled::{Seen, is_due, keep};
use super::polling_history::PollingHistory;
use super::publishing;
use super::read_ahead::{AT_ONCE, Awaiting, ReadAhead};
use super::report::Polls;
use super::turns::Turns;
use crate::aws::{Aws, AwsError};
use crate::image::observed::{ObservedImage, ObservedTask};
use crate::image::task::TaskKind;
use crate::reconcile::Context;

/// Batches that are under way while more are taken: EC2 answers for some of them while what it has said of others is kept.
const BATCHES_AT_ONCE: usize = 16;

/// Describes all that come, as soon as there are as many of a kind as one call can describe. Whichever batch is answered
/// first, they are reported in their order.
pub(super) async fn poll(
    context: Context<'_>,
    history: &PollingHistory,
    read_ahead: &ReadAhead,
    beginnings: &Beginnings<'_>,
    mut awaiting: mpsc::UnboundedReceiver<Awaiting>,
) -> Polls {
    let home = &context.config.region;
    let poller = Poller::new(context, history, beginnings);
    let under_way = &UnderWay::default();
    let poll = |(number, batch): (usize, Batch)| {
        let kind = batch.kind;
        under_way.of(kind).fetch_add(1, Ordering::Relaxed);
        let poll = poller.poll(batch);
        Box::pin(async move {
            let polls = poll.await;
            under_way.of(kind).fetch_sub(1, Ordering::Relaxed);
            (number, polls)
        })
    };
    let mut numbers = 0_usize..;
    let (mut batches, mut polls, mut ended) =
        (Batches::default(), FuturesUnordered::new(), Vec::new());
    loop {
        let is_short = read_ahead.is_short();
        if is_short && !under_way.is_describing() {
            // They have the room that those need which are to be read. What is being published may take long, and is not waited
            // for; what comes meanwhile is published together after it.
            while let Ok(image) = awaiting.try_recv() {
                let full = add_due(context, history, &mut batches, image);
                polls.extend(numbers.by_ref().zip(full).map(poll));
            }
            let is_publishing = under_way.is_publishing();
            let is_meant = |kind| kind != Kind::Published || !is_publishing;
            let all = batches.take_all(home, history, is_meant);
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
            () = read_ahead.wanted(), if !under_way.is_describing() => {}
        }
    }
    let rest = batches.take_all(home, history, |_| true);
    polls.extend(numbers.zip(rest).map(poll));
    ended.extend(polls.collect::<Vec<_>>().await);
    ended.sort_unstable_by_key(|(number, _)| *number);
    let ended = ended.into_iter().map(|(_, polls)| polls);
    ended.fold(Polls::default(), Polls::and)
}

/// How many batches are under way.
#[derive(Default)]
struct UnderWay {
    described: AtomicUsize,
    published: AtomicUsize,
}

impl UnderWay {
    fn of(&self, kind: Kind) -> &AtomicUsize {
        match kind {
            Kind::Published => &self.published,
            Kind::Images | Kind::Tasks(_) => &self.described,
        }
    }

    /// Such batches end soon.
    fn is_describing(&self) -> bool {
        self.described.load(Ordering::Relaxed) > 0
    }

    fn is_publishing(&self) -> bool {
        self.published.load(Ordering::Relaxed) > 0
    }
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

/// The tasks of a kind that EC2 lists, or that there were too many requests: asked for once a tick.
type Listed = OnceCell<Result<Vec<ObservedTask>, AwsError>>;

/// What polls the images of a tick.
struct Poller<'a> {
    context: Context<'a>,
    history: &'a PollingHistory,
    beginnings: &'a Beginnings<'a>,
    /// What describes them: many images wait for each of these calls.
    aws: Aws,
    turns: Turns,
    /// Images that are advanced at once, of whatever batches.
    advancing: Semaphore,
    /// The batches that are being published come one after the other: each may have much to do.
    publishing: Mutex<()>,
    machines: Listed,
    disks: Listed,
}

impl<'a> Poller<'a> {
    fn new(
        context: Context<'a>,
        history: &'a PollingHistory,
        beginnings: &'a Beginnings<'a>,
    ) -> Self {
        Self {
            context,
            history,
            beginnings,
            aws: context.aws.patient(),
            turns: Turns::default(),
            advancing: Semaphore::new(AT_ONCE),
            publishing: Mutex::new(()),
            machines: OnceCell::new(),
            disks: OnceCell::new(),
        }
    }

    /// Looks at what these images wait for, and does for each what can be done then, if there is time for it.
    async fn poll(&self, batch: Batch) -> Polls {
        let (context, history) = (self.context, self.history);
        let changing = Changing {
            kind: batch.kind,
            advancing: &self.advancing,
            beginnings: self.beginnings,
        };
        if batch.kind == Kind::Published {
            return self.publish(changing, batch.images).await;
        }
        let seen = match self.observe(&batch).await {
            Ok(Some(seen)) => seen,
            Ok(None) => return Polls::left(batch.kind, batch.images),
            Err(error) => return not_seen(context, changing, batch.images, &error).await,
        };
        let seen = &seen;
        let changes = batch.images.into_iter().map(|image| async move {
            let key = image.marker.manifest_key.clone();
            let Some(_turn) = changing.turn().await else {
                return (key, None);
            };
            // To send one takes time, too.
            let has_notice = image.loaded.status.unsent().next().is_some();
            let change = Box::pin(keep(context, history, image, seen)).await;
            if matches!(change, Ok(false)) && !has_notice {
                changing.took_no_time();
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

    /// Publishes these images, if there is time for them.
    async fn publish(&self, changing: Changing<'_>, images: Vec<Awaiting>) -> Polls {
        let _alone = self.publishing.lock().await;
        if !self.beginnings.may_describe(changing.kind) {
            return Polls::left(changing.kind, images);
        }
        publishing::advance(self.context, self.history, &self.aws, changing, images).await
    }

    /// Makes a Describe call in its turn, if there is time for it then: it may take as long as what is under way is given.
    async fn describe<T>(
        &self,
        kind: Kind,
        call: impl Future<Output = Result<T, AwsError>>,
    ) -> Result<Option<T>, AwsError> {
        let call = async {
            match self.beginnings.may_describe(kind) {
                true => call.await.map(Some),
                false => Ok(None),
            }
        };
        self.turns.take(call).await
    }

    /// What EC2 shows of these images; none if there was no time.
    async fn observe(&self, batch: &Batch) -> Result<Option<Seen>, AwsError> {
        let aws = &self.aws;
        let ids = batch.ids(&self.context.config.region);
        let tasks = match batch.kind {
            Kind::Images
            | Kind::Published
            | Kind::Tasks(TaskKind::CopyImage | TaskKind::RestoreImage) => {
                let images = aws.find_images("image-id", &ids);
                let images = self.describe(batch.kind, images).await?;
                let by_id = |image: ObservedImage| (image.id.clone(), image);
                let by_id = |images: Vec<_>| images.into_iter().map(by_id).collect();
                return Ok(images.map(by_id).map(Seen::Images));
            }
            Kind::Tasks(TaskKind::BundleInstance) => {
                let tasks = aws.find_bundle_tasks("bundle-id", &ids);
                self.describe(batch.kind, tasks).await?
            }
            Kind::Tasks(TaskKind::StoreImage) => {
                let tasks = aws.find_store_image_tasks(&ids);
                self.describe(batch.kind, tasks).await?
            }
            Kind::Tasks(TaskKind::ImportImage) => {
                let list = || aws.list_import_tasks(TaskKind::ImportImage);
                self.among(batch.kind, &self.machines, list, &ids).await?
            }
            Kind::Tasks(TaskKind::ImportSnapshot) => {
                let list = || aws.list_import_tasks(TaskKind::ImportSnapshot);
                self.among(batch.kind, &self.disks, list, &ids).await?
            }
        };
        Ok(tasks.map(Seen::Tasks))
    }

    /// The listed tasks with these ids, which are sorted; none if there was no time to list any. What failed is asked again for
    /// others, what was throttled is not.
    async fn among<F>(
        &self,
        kind: Kind,
        listed: &Listed,
        list: impl FnOnce() -> F,
        ids: &[String],
    ) -> Result<Option<Vec<ObservedTask>>, AwsError>
    where
        F: Future<Output = Result<Vec<ObservedTask>, AwsError>>,
    {
        let list = || async {
            match self.describe(kind, list()).await {
                Ok(Some(tasks)) => Ok(Ok(tasks)),
                Ok(None) => Err(None),
                Err(error) if error.is_rate_limited() => Ok(Err(error)),
                Err(error) => Err(Some(error)),
            }
        };
        let tasks = match listed.get_or_try_init(list).await {
            Ok(listed) => listed.as_ref().map_err(AwsError::clone)?,
            Err(None) => return Ok(None),
            Err(Some(error)) => return Err(error),
        };
        let is_asked_for = |task: &&ObservedTask| ids.binary_search(&task.id).is_ok();
        Ok(Some(tasks.iter().filter(is_asked_for).cloned().collect()))
    }
}
