//! What S3 sends to EventBridge ("EventBridge event message structure", Amazon S3 User Guide).

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ACCOUNT;
use crate::bus::{Bus, Event};
use crate::clock::Clock;
use crate::ids::Ids;

/// Which call made or removed an object; events name it as `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    PutObject,
    PostObject,
    CopyObject,
    CompleteMultipartUpload,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::PutObject => "PutObject",
            Self::PostObject => "POST Object",
            Self::CopyObject => "CopyObject",
            Self::CompleteMultipartUpload => "CompleteMultipartUpload",
        }
    }
}

/// The object an event is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) bucket: &'a str,
    pub(super) key: &'a str,
    pub(super) request_id: &'a str,
}

/// Puts S3's events on the bus.
#[derive(Debug)]
pub(super) struct Events {
    pub(super) bus: Bus,
    pub(super) clock: Clock,
    pub(super) ids: Ids,
    pub(super) region: String,
    last_sequencer: AtomicU64,
}

impl Events {
    pub(super) fn new(bus: Bus, clock: Clock, ids: Ids, region: &str) -> Self {
        Self {
            bus,
            clock,
            ids,
            region: region.to_owned(),
            last_sequencer: AtomicU64::new(0),
        }
    }

    /// `Object Created`.
    pub(super) fn created(&self, about: About<'_>, size: u64, etag: &str, reason: Reason) {
        let object =
            json!({"key": about.key, "size": size, "etag": etag, "sequencer": self.sequencer()});
        let mut detail = detail(about, &object);
        detail["reason"] = json!(reason.as_str());
        self.publish("Object Created", about.bucket, detail);
    }

    /// `Object Deleted`, as of a bucket without versions.
    pub(super) fn deleted(&self, about: About<'_>, etag: Option<&str>) {
        let mut object = json!({"key": about.key});
        if let Some(etag) = etag {
            object["etag"] = json!(etag);
        }
        object["sequencer"] = json!(self.sequencer());
        let mut detail = detail(about, &object);
        detail["reason"] = json!("DeleteObject");
        detail["deletion-type"] = json!("Permanently Deleted");
        self.publish("Object Deleted", about.bucket, detail);
    }

    /// `Object Tags Added` or `Object Tags Deleted`.
    pub(super) fn tags_changed(&self, what: &str, about: About<'_>, etag: &str) {
        let detail = detail(about, &json!({"key": about.key, "etag": etag}));
        self.publish(what, about.bucket, detail);
    }

    fn publish(&self, detail_type: &str, bucket: &str, detail: Value) {
        let now = self.clock.now();
        self.bus.publish(Event {
            version: "0".to_owned(),
            id: self.ids.uuid(),
            detail_type: detail_type.to_owned(),
            source: "aws.s3".to_owned(),
            account: ACCOUNT.to_owned(),
            time: Timestamp::from_second(now.as_second()).unwrap_or(now),
            region: self.region.clone(),
            resources: vec![format!("arn:aws:s3:::{bucket}")],
            detail,
        });
    }

    /// Grows with every event, over restarts too: it starts from the world's time in microseconds.
    fn sequencer(&self) -> String {
        let now = u64::try_from(self.clock.now().as_microsecond()).unwrap_or_default();
        let next = |last: u64| Some(now.max(last + 1));
        let last = self
            .last_sequencer
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        format!("{:016X}", now.max(last.unwrap_or_default() + 1))
    }
}

fn detail(about: About<'_>, object: &Value) -> Value {
    // Of the envelope's schema and of this one's ("EventBridge event message structure", Amazon S3 User Guide).
    json!({
        "version": "0",
        "event-version": "1.0",
        "bucket": {"name": about.bucket},
        "object": object,
        "request-id": about.request_id,
        "requester": ACCOUNT,
        "source-ip-address": "127.0.0.1",
    })
}
