//! `notify`: publishes every notice that was not sent yet, then marks it sent.
//!
//! A sender first takes a notice up, by a conditional write: two events for the same status make one e-mail.
//! A sender that dies loses nothing: when its lease ends, the next one takes the notice up again.

use jiff::Timestamp;
use serde_json::Value;

use crate::aws::Aws;
use crate::config::Config;
use crate::image::message::on_one_line;
use crate::image::notice::Notice;
use crate::reconcile::{self, Context, Error};
use crate::store::{self, Loaded};
use crate::trigger::{self, ObjectRef};

/// What one invocation did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Statuses that were looked at.
    pub statuses: usize,
    /// Notices that were published.
    pub sent: usize,
}

/// Handles an event about status objects.
///
/// # Errors
/// If the event cannot be read, or a notice could not be published: Lambda tries the event again.
pub async fn handle(
    aws: &Aws,
    config: &Config,
    event: Value,
    now: Timestamp,
) -> Result<Report, crate::Failures> {
    let triggers = trigger::objects(event);
    let mut failures = crate::Failures::default();
    triggers
        .problems
        .iter()
        .for_each(|problem| failures.add("an event record", problem));
    let mut report = Report::default();
    let context = Context::new(aws, config, now);
    for object in &triggers.objects {
        for manifest_key in manifest_keys(config, object) {
            match send_for(context, manifest_key).await {
                Ok(Some(sent)) => {
                    report.statuses += 1;
                    report.sent += sent;
                    break;
                }
                Ok(None) => {}
                Err(error) => failures.add(manifest_key, &error),
            }
        }
    }
    tracing::info!(statuses = report.statuses, sent = report.sent, "notified");
    failures.or(report)
}

/// The manifests that the status at this key may be about: EventBridge does not say whether its keys are encoded.
fn manifest_keys<'a>(config: &Config, object: &'a ObjectRef) -> Vec<&'a str> {
    if object.bucket != config.bucket || object.deleted {
        return Vec::new();
    }
    [Some(&object.key), object.alternative_key.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|key| config.state.manifest_of_status(key))
        .collect()
}

async fn send_for(context: Context<'_>, manifest_key: &str) -> Result<Option<usize>, Error> {
    match store::load(context.aws, context.config, manifest_key).await? {
        Some(loaded) => send_due(context, loaded).await.map(|(_, sent)| Some(sent)),
        None => Ok(None),
    }
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
        let message_id = publish(context, &loaded, &notice).await?;
        loaded = reconcile::change(context, loaded, |status| {
            status.notice_sent(notice.seq, &message_id, context.now)
        })
        .await?;
        tracing::info!(manifest = loaded.status.manifest.key, kind = %notice.kind, seq = notice.seq, message_id, "notice sent");
        sent += 1;
    }
}

async fn publish(context: Context<'_>, loaded: &Loaded, notice: &Notice) -> Result<String, Error> {
    // A notice that was not sent always has its message: it is written with it and loses it when it is sent.
    let Some(message) = &notice.message else {
        return Ok(String::new());
    };
    let manifest = &loaded.status.manifest;
    let status_key = context.config.state.status_key(&manifest.key);
    let status_at = on_one_line(&format!("s3://{}/{status_key}", manifest.bucket));
    let text = format!("{}\nStatus: {status_at}\n", message.text);
    let topic_arn = context.config.topic_arn()?;
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
