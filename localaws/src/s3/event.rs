//! What S3 sends to EventBridge ("EventBridge event message structure", Amazon S3 User Guide).

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ACCOUNT;
use crate::bus::{Bus, Event};
use crate::clock::Clock;
use crate::ids::Ids;

use super::record::Record;

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
    pub(super) fn created(&self, about: About<'_>, record: &Record, reason: Reason) {
        let mut object = json!({"key": about.key, "size": record.stamp.size, "etag": record.etag});
        add_version(&mut object, record.version.as_deref());
        object["sequencer"] = json!(self.sequencer());
        let mut detail = detail(about, &object);
        detail["reason"] = json!(reason.as_str());
        self.publish("Object Created", about.bucket, detail);
    }

    /// `Object Deleted`.
    pub(super) fn deleted(&self, about: About<'_>, gone: &Gone<'_>) {
        let mut object = json!({"key": about.key});
        if let Some(etag) = gone.etag {
            object["etag"] = json!(etag);
        }
        add_version(&mut object, gone.version);
        object["sequencer"] = json!(self.sequencer());
        let mut detail = detail(about, &object);
        detail["reason"] = json!("DeleteObject");
        detail["deletion-type"] = json!(if gone.is_marked {
            "Delete Marker Created"
        } else {
            "Permanently Deleted"
        });
        self.publish("Object Deleted", about.bucket, detail);
    }

    /// `Object Tags Added` or `Object Tags Deleted`.
    pub(super) fn tags_changed(&self, what: &str, about: About<'_>, record: &Record) {
        let mut object = json!({"key": about.key, "etag": record.etag});
        add_version(&mut object, record.version.as_deref());
        let detail = detail(about, &object);
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

    /// Grows with every event.
    fn sequencer(&self) -> String {
        format!("{:016X}", self.number())
    }

    /// Grows with every call, over restarts too: it starts from the world's time in microseconds.
    pub(super) fn number(&self) -> u64 {
        let now = u64::try_from(self.clock.now().as_microsecond()).unwrap_or_default();
        let next = |last: u64| Some(now.max(last + 1));
        let last = self
            .last_sequencer
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        now.max(last.unwrap_or_default() + 1)
    }
}

/// What an `Object Deleted` says of the object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gone<'a> {
    etag: Option<&'a str>,
    version: Option<&'a str>,
    /// Whether a delete marker was made.
    is_marked: bool,
}

impl<'a> Gone<'a> {
    /// An object that is deleted for good.
    pub(super) fn of(record: &'a Record) -> Self {
        Self {
            etag: Some(&record.etag),
            version: record.version.as_deref(),
            is_marked: false,
        }
    }

    /// A file that was removed outside S3, from a bucket that keeps no versions.
    pub(super) fn unknown() -> Self {
        Self {
            etag: None,
            version: None,
            is_marked: false,
        }
    }

    /// A delete marker that was made, of this version.
    pub(super) fn marked(version: Option<&'a str>) -> Self {
        Self {
            etag: Some(OF_NOTHING),
            version,
            is_marked: true,
        }
    }

    /// A delete marker that is deleted.
    pub(super) fn unmarked(version: Option<&'a str>) -> Self {
        Self {
            is_marked: false,
            ..Self::marked(version)
        }
    }
}

/// The entity tag that events give a delete marker: the MD5 of nothing ("EventBridge event message structure").
const OF_NOTHING: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// Objects without a version id have no such field.
fn add_version(object: &mut Value, version: Option<&str>) {
    if let Some(version) = version {
        object["version-id"] = json!(version);
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
