//! `notify`: publishes every notice that is due, marks it sent, and finalizes the image if nothing is left to do.
//!
//! A due marker, written after the status, invokes it, and is deleted in the end. A sender first claims a notice, by a
//! conditional write: two events for the same status make one email. A sender that cannot send gives it back; one that dies
//! loses nothing: when its lease ends, the next one claims the notice.

mod measured;

use jiff::Timestamp;
use serde_json::Value;

use crate::aws::Aws;
use crate::config::Config;
use crate::events::{self, ObjectRef};
use crate::image::message;
use crate::image::plan::{self, Next};
use crate::image::status::Notice;
use crate::keys;
use crate::manifest::key;
use crate::manifest::location::s3_uri;
use crate::metrics::Meter;
use crate::reconcile::{self, Context, Error};
use crate::status_store::{self, DueMarker, Loaded};

/// What one invocation did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Statuses that were read.
    pub statuses: usize,
    /// Notices that were published.
    pub sent: usize,
    /// Images that are finalized now.
    pub finalized: usize,
}

/// Handles an event about due markers, and measures that with `meter`. One after the other: a status, its copy and its notice fill a good part of the
/// memory that the function has.
///
/// # Errors
/// If the event cannot be read, or a notice could not be published: Lambda tries the event again.
pub async fn handle(
    aws: &Aws,
    config: &Config,
    event: Value,
    now: Timestamp,
    meter: &Meter,
) -> Result<Report, crate::Failures> {
    let triggers = events::objects(event);
    let mut failures = crate::Failures::default();
    triggers
        .problems
        .iter()
        .for_each(|problem| failures.add("an event record", problem));
    let mut report = Report::default();
    let context = Context::new(aws, config, now).measured_by(meter);
    for object in &triggers.objects {
        for marker in due_markers(config, object) {
            // Boxed: the compiler gives up on the layout of a future this deep.
            match Box::pin(answer(context, &marker)).await {
                Ok(Some(delivery)) => {
                    report.statuses += 1;
                    report.sent += delivery.sent;
                    report.finalized += usize::from(delivery.finalized);
                    break;
                }
                Ok(None) => {}
                Err(error) => failures.add(&marker.manifest_key, &error),
            }
        }
    }
    let Report {
        statuses,
        sent,
        finalized,
    } = report;
    tracing::info!(statuses, sent, finalized, "notified");
    failures.or(report)
}

/// The due markers that an event may be about: EventBridge does not say whether its keys are encoded.
fn due_markers(config: &Config, object: &ObjectRef) -> Vec<DueMarker> {
    if object.bucket != config.state_bucket || object.deleted {
        return Vec::new();
    }
    [Some(&object.key), object.alternative_key.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|key| keys::manifest_of_due(key))
        .map(|manifest_key| DueMarker {
            manifest_key: manifest_key.to_owned(),
            // Events name it without the quotes that belong to it.
            etag: object.etag.as_ref().map(|etag| format!("\"{etag}\"")),
        })
        .collect()
}

/// What a due marker led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Notices that were published.
    pub(crate) sent: usize,
    /// Whether the image is finalized now.
    pub(crate) finalized: bool,
}

/// Does what a due marker asks for, then deletes it. None if there is no status to it.
pub(crate) async fn answer(
    context: Context<'_>,
    marker: &DueMarker,
) -> Result<Option<Delivery>, Error> {
    let Context { aws, config, .. } = context;
    let loaded = status_store::load(aws, config, &marker.manifest_key).await?;
    let Some(loaded) = loaded else {
        status_store::delete_due(aws, config, marker).await?;
        return Ok(None);
    };
    let (loaded, sent) = send_due(context, loaded).await?;
    let finalized = match finished(context, &loaded).await? {
        Some(open) => status_store::delete_due_and_open(aws, config, marker, open).await?,
        None => {
            status_store::delete_due(aws, config, marker).await?;
            false
        }
    };
    Ok(Some(Delivery { sent, finalized }))
}

/// The open marker (its `ETag`) of an image with nothing left to be done or sent: without it, no tick has to visit the image.
/// Where anything else than its manifest may ask for more, or the manifest itself does, that is left to the next tick.
async fn finished<'a>(context: Context<'_>, loaded: &'a Loaded) -> Result<Option<&'a str>, Error> {
    let status = &loaded.status;
    let Some(marker) = &status.open_marker else {
        return Ok(None);
    };
    // What is not a manifest by its name may not be looked at by who sends notices.
    if plan::next(status, context.now) != Next::Finalize
        || key::kind(&status.manifest.key).is_none()
        || status.build.bundle.is_some()
        || reconcile::is_outdated(context, status).await?
    {
        return Ok(None);
    }
    Ok(Some(marker))
}

/// Publishes the notices of a status that are due. Returns the status as it is then, and how many were sent.
///
/// # Errors
/// If S3 or SNS fails. What was sent before is marked.
pub async fn send_due(context: Context<'_>, mut loaded: Loaded) -> Result<(Loaded, usize), Error> {
    let mut sent = 0;
    loop {
        let mut taken = None;
        loaded = reconcile::change(context, loaded, |status| {
            taken = status.claim_notice(context.now);
            taken.is_some()
        })
        .await?;
        let Some(notice) = taken else {
            return Ok((loaded, sent));
        };
        let message_id = match publish(context, &loaded, &notice).await {
            Ok(message_id) => message_id,
            Err(error) => {
                give_back(context, loaded, &notice).await;
                return Err(error);
            }
        };
        let mut is_first = false;
        loaded = reconcile::change(context, loaded, |status| {
            is_first = status.notice_sent(notice.seq, &message_id, context.now);
            is_first
        })
        .await?;
        tracing::info!(manifest = loaded.status.manifest.key, kind = %notice.kind, seq = notice.seq, message_id, "notice sent");
        // Two senders may have met; the other one has measured it.
        if is_first {
            context.measure(|meter| measured::sent(meter, &loaded.status, &notice));
        }
        sent += 1;
    }
}

/// Lets others try again before the lease of this sender ends, for it sends no more. Where that cannot be written, the lease
/// ends by itself: what kept the notice from being sent is the error to report.
async fn give_back(context: Context<'_>, loaded: Loaded, notice: &Notice) {
    let manifest = loaded.status.manifest.key.clone();
    let change = reconcile::change(context, loaded, |status| status.notice_failed(notice));
    if let Err(error) = change.await {
        tracing::warn!(manifest, seq = notice.seq, %error, "a notice that was not sent could not be given back");
    }
}

async fn publish(context: Context<'_>, loaded: &Loaded, notice: &Notice) -> Result<String, Error> {
    // What the status holds are facts; the words are made here, and nowhere else.
    let (topic_arn, sender) = (context.config.topic_arn()?, context.config.sender()?);
    let message = message::compose(&loaded.status, notice, sender);
    let manifest = &loaded.status.manifest;
    let (bucket, status_key) = (
        &context.config.state_bucket,
        keys::status_key(&manifest.key),
    );
    let status_at = message::word(&s3_uri(bucket, &status_key));
    let text = format!("{}\nStatus: {status_at}\n", message.text);
    let machines = message.data.to_string();
    Ok(context
        .aws
        .publish(
            topic_arn,
            &message.subject,
            &text,
            &machines,
            &message.attributes,
        )
        .await?)
}
