//! Visits to the open images: each is read, and handed on, acted for, or left.

use std::collections::HashSet;

use futures_util::stream::{FuturesOrdered, FuturesUnordered, StreamExt};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::beginnings::Beginnings;
use super::leaving::leave;
use super::polling_history::{PollingHistory, Remembered};
use super::read_ahead::{AT_ONCE, Awaiting, ReadAhead, Room};
use super::report::{Report, count, fail};
use super::{audit, late_notices, measured};
use crate::Failures;
use crate::image::Status;
use crate::image::plan::{self, Next};
use crate::image::words::Step;
use crate::limits::USUAL_STATUS_BYTES;
use crate::reconcile::{self, Context, Error, Outcome, Recovery};
use crate::status_store::{self, Fetched, Loaded, OpenMarker};

/// Images for which something is done at once, beside those that are being read: as many as there is room for
/// ([`ReadAhead::room`]), which are more than wait for the next tokens of an action (`src/aws/rate_limiter.rs`), and as many
/// again that wait for room. So what is done for one, or cannot be done because EC2's limits are reached, keeps no other image
/// from being read; where it takes long for so many, the next tick goes on with those that are left.
const ACTING_AT_ONCE: usize = 64;

/// The result of a visit to one image.
enum Visit {
    /// It waits for its task or its AMI, or is being published: one Describe call answers for many.
    Awaits(Box<Awaiting>),
    /// Something can be done for it now, which may take several calls.
    Acts(Box<Acting>),
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

/// An image for which something can be done.
struct Acting {
    marker: OpenMarker,
    act: Act,
    room: Room,
}

/// What can be done for an image.
enum Act {
    /// What its status says.
    GoOn(Loaded),
    /// Its marker may be what a dead invocation has left. Its status, and the bytes that it has as JSON; none if there is none.
    Recover(Option<(Loaded, usize)>),
}

/// What a tick visits the open images with.
#[derive(Clone, Copy)]
pub(super) struct Visitor<'a> {
    pub(super) context: Context<'a>,
    pub(super) history: &'a PollingHistory,
    pub(super) read_ahead: &'a ReadAhead,
    /// The keys of manifests whose statuses are as the process knows them.
    pub(super) unchanged: &'a HashSet<&'a str>,
    pub(super) beginnings: &'a Beginnings<'a>,
}

impl<'a> Visitor<'a> {
    /// Visits the images in their order, and hands on those that wait for EC2. Those for which something is done do not hold up
    /// the next. Returns the first for which there was no time; sends it at once, as far as that is known then.
    pub(super) async fn visit_all(
        self,
        open: &'a [OpenMarker],
        awaiting: mpsc::UnboundedSender<Awaiting>,
        first_left: oneshot::Sender<&'a OpenMarker>,
        report: &mut Report,
        failures: &mut Failures,
    ) -> Option<&'a OpenMarker> {
        let mut first_left = Some(first_left);
        let (mut left, mut failed) = (None::<usize>, Vec::new());
        let mut markers = open.iter().enumerate();
        let (mut visits, mut acting) = (FuturesOrdered::new(), FuturesUnordered::new());
        loop {
            let room = if acting.len() < ACTING_AT_ONCE {
                AT_ONCE - visits.len()
            } else {
                0
            };
            let next = markers.by_ref().take(room);
            visits.extend(next.map(|(place, it)| {
                let visit = self.visit_in_time(it);
                async move { (place, visit.await) }
            }));
            let (place, visit) = tokio::select! {
                biased;
                Some(acted) = acting.next() => acted,
                Some(visited) = visits.next() => visited,
                else => break,
            };
            match visit {
                None => {
                    report.skipped += 1;
                    left = Some(left.map_or(place, |left| left.min(place)));
                    if let (Some(first), Some(marker)) = (first_left.take(), open.get(place)) {
                        let _received = first.send(marker);
                    }
                }
                Some(Ok(Visit::Awaits(image))) => {
                    // Who polls takes all there are, and ends when there are no more. How many wait there is bounded by their
                    // room: a wait here would hold up those for which something is being done.
                    let _polled = awaiting.send(*image);
                }
                Some(Ok(Visit::Acts(image))) => acting.push(async move {
                    let acted = Box::pin(self.act_in_time(*image));
                    (place, acted.await)
                }),
                Some(Ok(Visit::Done {
                    advanced,
                    finalized,
                })) => count(report, advanced, finalized),
                Some(Err(error)) => {
                    let key = open.get(place).map(|it| it.manifest_key.as_str());
                    // Logged at once: a tick may be killed before it ends.
                    let mut failure = Failures::default();
                    fail(report, &mut failure, key.unwrap_or_default(), &error);
                    failed.push((place, failure));
                }
            }
        }
        failed.sort_by_key(|(place, _)| *place);
        failed.into_iter().for_each(|(_, it)| failures.append(it));
        left.and_then(|left| open.get(left))
    }

    /// The visit, if there is time for it. An image whose next poll is not due yet is not even read.
    async fn visit_in_time(self, marker: &'a OpenMarker) -> Option<Result<Visit, Error>> {
        if self.history.waits(marker, self.context.now) {
            return Some(Ok(Visit::UNCHANGED));
        }
        let room = self.read_ahead.usual_room().await;
        if self.context.is_over() {
            return None;
        }
        Some(Box::pin(self.visit(marker, room)).await)
    }

    /// The status of an image if it was not written since this process has read it, and if nobody is about to write it.
    async fn unchanged(self, marker: &OpenMarker, room: &mut Room) -> Option<Remembered> {
        let key = marker.manifest_key.as_str();
        if !self.unchanged.contains(key) {
            return None;
        }
        if self.history.object_size(key)? > USUAL_STATUS_BYTES {
            self.read_ahead.enlarge(room).await;
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
                self.read_ahead.enlarge(room).await;
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

    /// Reads the status of one image, and says what is to be done for it.
    async fn visit(self, marker: &OpenMarker, mut room: Room) -> Result<Visit, Error> {
        let (context, key) = (self.context, &marker.manifest_key);
        let mut remembered = self.history.status(marker, context.now);
        if remembered.is_none() {
            remembered = self.unchanged(marker, &mut room).await;
        }
        if let Some(Remembered { loaded, size, at }) = remembered
            && plan::next(&loaded.status, context.now) == Next::Poll
        {
            measured::notices(context, &loaded.status);
            return Ok(awaits((loaded, size), marker.clone(), at, room));
        }
        let sized = self.read(key, &mut room).await?;
        let current = sized.as_ref().map(|(loaded, _)| loaded);
        if reconcile::is_left(context, marker, current) {
            let (marker, act) = (marker.clone(), Act::Recover(sized));
            return Ok(Visit::Acts(Box::new(Acting { marker, act, room })));
        }
        Ok(match sized {
            Some(sized) => self.known(sized, marker.clone(), room),
            None => Visit::UNCHANGED,
        })
    }

    /// What is to be done for an image whose status says all about it.
    fn known(self, sized: (Loaded, usize), marker: OpenMarker, room: Room) -> Visit {
        let (context, status) = (self.context, &sized.0.status);
        measured::notices(context, status);
        if is_awaited(status, context) {
            return awaits(sized, marker, context.now, room);
        }
        let act = Act::GoOn(sized.0);
        Visit::Acts(Box::new(Acting { marker, act, room }))
    }

    /// Does what can be done for an image. Its manifest or its marker may be read for that: there is room for the largest. None
    /// if there is no time for it then.
    async fn act_in_time(self, mut image: Acting) -> Option<Result<Visit, Error>> {
        self.read_ahead.enlarge(&mut image.room).await;
        if !self.beginnings.may_change(None) {
            return None;
        }
        Some(Box::pin(self.act(image)).await)
    }

    async fn act(self, image: Acting) -> Result<Visit, Error> {
        let context = self.context;
        let Acting { marker, act, room } = image;
        let sized = match act {
            Act::GoOn(loaded) => return Box::pin(self.go_on(loaded, &marker, room)).await,
            Act::Recover(sized) => sized,
        };
        let current = sized.as_ref().map(|(loaded, _)| loaded);
        let recovery = Box::pin(reconcile::recover_draft(context, &marker, current)).await?;
        match (recovery, sized) {
            (Recovery::Written, _) => Box::pin(visit_recovered(context, &marker)).await,
            (Recovery::Later, None) => Ok(Visit::UNCHANGED),
            (Recovery::Nothing, None) => Box::pin(visit_marker(context, &marker)).await,
            (Recovery::Later, Some((loaded, _))) if loaded.status.state.is_final() => {
                Box::pin(await_draft(context, loaded)).await
            }
            (Recovery::Later | Recovery::Nothing, Some(sized)) => {
                Ok(self.known(sized, marker, room))
            }
        }
    }

    /// Does for one image whatever does not need its AMI's state. The room that it takes is kept until it is done.
    async fn go_on(self, loaded: Loaded, marker: &OpenMarker, _room: Room) -> Result<Visit, Error> {
        let (context, key) = (self.context, &marker.manifest_key);
        let has_late = late_notices::has_late(&loaded.status, context.now);
        let outcome = match plan::next(&loaded.status, context.now) {
            Next::SendNotices | Next::AwaitNotices | Next::Finalize => {
                return Box::pin(finish(context, loaded, marker)).await;
            }
            Next::LookAgain => {
                let advanced = Box::pin(audit::again(context, loaded)).await?;
                return Ok(Visit::Done {
                    advanced,
                    finalized: false,
                });
            }
            Next::Retry => reconcile::reconcile(context, key, Some(marker)).await,
            // The manifest may have been replaced while its image could not proceed.
            _ if plan::may_be_superseded(&loaded.status) => {
                Box::pin(reconcile::reconcile(context, key, Some(marker))).await
            }
            _ => Box::pin(reconcile::run_steps(context, loaded)).await,
        };
        if outcome.is_err() && has_late {
            Box::pin(late_notices::send_of(context, key)).await;
        }
        let outcome = outcome?;
        Ok(Visit::Done {
            advanced: leave(context, self.history, marker, outcome).await?,
            finalized: false,
        })
    }
}

/// Whether an image waits for what one Describe call answers for many.
fn is_awaited(status: &Status, context: Context<'_>) -> bool {
    let next = plan::next(status, context.now);
    matches!(next, Next::Poll | Next::Do(Step::Publish))
}

/// Hands on an image with its status and the bytes that this has as JSON.
fn awaits(sized: (Loaded, usize), marker: OpenMarker, read_at: Timestamp, mut room: Room) -> Visit {
    let (loaded, size) = sized;
    room.keep(size);
    Visit::Awaits(Box::new(Awaiting {
        loaded,
        marker,
        size,
        read_at,
        room,
    }))
}

/// An image that an invocation had started and not saved.
async fn visit_recovered(context: Context<'_>, marker: &OpenMarker) -> Result<Visit, Error> {
    Box::pin(reconcile::reconcile(context, &marker.manifest_key, None)).await?;
    Ok(Visit::Done {
        advanced: true,
        finalized: false,
    })
}

/// An image that has ended, beside the draft of another version that EC2 may show later. Only the marker's draft leads to what
/// was made for that one: until then the marker is neither deleted nor replaced.
async fn await_draft(context: Context<'_>, loaded: Loaded) -> Result<Visit, Error> {
    measured::notices(context, &loaded.status);
    late_notices::send(context, loaded).await?;
    Ok(Visit::UNCHANGED)
}

/// An open marker without a status: an invocation died between the two, or the status was deleted.
async fn visit_marker(context: Context<'_>, marker: &OpenMarker) -> Result<Visit, Error> {
    let outcome = reconcile::reconcile(context, &marker.manifest_key, Some(marker)).await?;
    let finalized = outcome == Outcome::NoManifest && mark_finalized(context, marker).await?;
    Ok(Visit::Done {
        advanced: outcome.has_advanced(),
        finalized,
    })
}

/// Sends the notices that are left of a final state, then finalizes the image.
async fn finish(context: Context<'_>, loaded: Loaded, marker: &OpenMarker) -> Result<Visit, Error> {
    let left_open = |advanced| Visit::Done {
        advanced,
        finalized: false,
    };
    if loaded.status.unsent().next().is_some() {
        let status = loaded.status.clone();
        let Err(error) = late_notices::send(context, loaded).await else {
            return Ok(left_open(false));
        };
        // SNS may refuse for days. What was uploaded meanwhile, and nobody has heard of, does not wait for that.
        if reconcile::is_outdated(context, &status).await? {
            Box::pin(reconcile::reconcile(
                context,
                &marker.manifest_key,
                Some(marker),
            ))
            .await?;
        }
        return Err(error);
    }
    let mut status = loaded.status;
    // A version whose event was lost, or that had to wait for this one to end.
    if reconcile::is_outdated(context, &status).await? {
        match reconcile::reconcile(context, &marker.manifest_key, Some(marker)).await? {
            Outcome::StartedElsewhere => return Ok(left_open(false)),
            Outcome::NoManifest => {}
            Outcome::Status {
                loaded, advanced, ..
            } => {
                // Another invocation may have begun the image again, and wait for EC2: then this one changes nothing.
                if advanced || plan::next(&loaded.status, context.now) != Next::Finalize {
                    return Ok(left_open(advanced));
                }
                status = loaded.status;
            }
        }
    }
    // Another invocation may be about to start the next version: the marker is its, and young.
    let known = status.open_marker.as_ref();
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
