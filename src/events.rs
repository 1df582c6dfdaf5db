//! What invoked a function: events in the shapes that AWS sends, out come the objects they are about.
//!
//! Events are hints. One that cannot be understood is reported as a problem and never loses the others that came with
//! it. The shapes: EventBridge's `Object Created` and `Object Deleted`, S3's own notifications (`Records`), and either
//! of them in an SQS message, also when SNS put it there.

mod shapes;
#[cfg(test)]
mod tests;
mod tick;

use std::cmp::Ordering;
use std::fmt;
use std::iter;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::s3::S3Entity;
use aws_lambda_events::event::sqs::SqsMessage;
use serde_json::Value;

use crate::limits;
use shapes::{Detail, form_decoded, is_sqs, records, shape};
pub use tick::{ImageStateChange, Tick, UnknownTask, image_state_change};

const EXPECTED: &str =
    "expected an EventBridge event of S3, an S3 notification, or SQS messages with these";

/// What is in an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Triggers {
    /// The objects, each once: by the last event of its key, in the order that keys were first seen.
    pub objects: Vec<ObjectRef>,
    /// Records that could not be understood. The caller does the objects first and fails then.
    pub problems: Vec<TriggerProblem>,
    /// Records that are understood and not about a change of an object: `s3:TestEvent`, tags, restores.
    pub ignored: usize,
    /// Records of messages that were read so far.
    in_messages: usize,
}

/// An object that an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    /// Bucket.
    pub bucket: String,
    /// Key, decoded where the event's shape encodes it.
    pub key: String,
    /// Another reading of the key, to be tried if there is no object with `key`: whether EventBridge's events may have
    /// form-encoded keys is not documented.
    pub alternative_key: Option<String>,
    /// The ETag, without quotes; none for a deletion.
    pub etag: Option<String>,
    /// The version; none where the bucket has no versions.
    pub version_id: Option<String>,
    /// Orders the events of one key: see [`later`].
    pub sequencer: Option<String>,
    /// The bucket's Region.
    pub region: Option<String>,
    /// Whether the object was deleted.
    pub deleted: bool,
    /// The SQS messages that named it, to be returned as `batchItemFailures` if it cannot be done.
    pub message_ids: Vec<String>,
}

/// A record that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TriggerProblem {
    /// Which record, as `Records[2]` or `Records[0].body.Records[1]`; empty for the event as a whole.
    pub record: String,
    /// The SQS message it was in.
    pub message_id: Option<String>,
    /// What is wrong, with what was expected.
    pub message: String,
}

impl fmt::Display for TriggerProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = if self.record.is_empty() {
            "the event"
        } else {
            &self.record
        };
        write!(f, "{record}: {}", self.message)?;
        self.message_id
            .as_ref()
            .map_or(Ok(()), |id| write!(f, " (SQS message {id})"))
    }
}

/// The objects in an event of any shape.
#[must_use]
pub fn objects(event: Value) -> Triggers {
    let mut triggers = Triggers::default();
    let place = Place::default();
    match records(event) {
        Ok(records) => {
            let records = triggers.within(limits::EVENT_RECORDS, records, &place);
            for (n, record) in records.into_iter().enumerate() {
                let place = place.below(&format!("Records[{n}]"));
                if is_sqs(&record) {
                    triggers.sqs_message(record, &place);
                } else {
                    triggers.s3_record(record, &place);
                }
            }
        }
        Err(event) => triggers.message(event, &place),
    }
    triggers
}

/// Orders two sequencers of events of the same key, the later being greater. S3 User Guide, "Event message structure":
/// right-pad the shorter with zeros, then compare as text. An event without one has no order and comes first.
#[must_use]
pub fn later(a: Option<&str>, b: Option<&str>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => {
            let length = a.len().max(b.len());
            padded(a, length).cmp(padded(b, length))
        }
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// Not as a text: nobody but S3 is to send events, and yet a sequencer may have any length here.
fn padded(sequencer: &str, length: usize) -> impl Iterator<Item = u8> {
    let digits = sequencer.bytes().map(|digit| digit.to_ascii_uppercase());
    digits.chain(iter::repeat(b'0')).take(length)
}

/// Where in an event something is.
#[derive(Debug, Clone, Default)]
struct Place {
    record: String,
    message_id: Option<String>,
}

impl Place {
    fn below(&self, step: &str) -> Self {
        let dot = if self.record.is_empty() { "" } else { "." };
        Self {
            record: format!("{}{dot}{step}", self.record),
            message_id: self.message_id.clone(),
        }
    }
}

impl Triggers {
    fn sqs_message(&mut self, record: Value, place: &Place) {
        let message_id = record
            .get("messageId")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let place = Place {
            message_id,
            ..place.clone()
        };
        let message: SqsMessage = match serde_json::from_value(record) {
            Ok(message) => message,
            Err(error) => return self.problem(&place, format!("not an SQS message: {error}")),
        };
        let place = place.below("body");
        match message.body.as_deref().map(serde_json::from_str) {
            Some(Ok(body)) => self.message(body, &place),
            Some(Err(error)) => self.problem(&place, format!("not JSON: {error}; {EXPECTED}")),
            None => self.problem(&place, format!("there is none; {EXPECTED}")),
        }
    }

    /// A notification by itself, or in the envelope that SNS puts around it.
    fn message(&mut self, message: Value, place: &Place) {
        let text = match (
            message.get("Type").and_then(Value::as_str),
            message.get("Message"),
        ) {
            (Some("Notification"), Some(Value::String(text))) => text,
            _ => return self.notification(message, place),
        };
        let place = place.below("Message");
        match serde_json::from_str(text) {
            Ok(inner) => self.notification(inner, &place),
            Err(error) => self.problem(&place, format!("not JSON: {error}; {EXPECTED}")),
        }
    }

    fn notification(&mut self, notification: Value, place: &Place) {
        let notification = match records(notification) {
            Ok(records) => {
                let left = limits::EVENT_RECORDS.saturating_sub(self.in_messages);
                let records = self.within(left, records, place);
                self.in_messages += records.len();
                for (n, record) in records.into_iter().enumerate() {
                    self.s3_record(record, &place.below(&format!("Records[{n}]")));
                }
                return;
            }
            Err(other) => other,
        };
        if notification.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
            self.ignored += 1;
        } else if notification.get("detail-type").is_some() {
            self.event_bridge(notification, place);
        } else {
            self.problem(
                place,
                format!("received {}; {EXPECTED}", shape(&notification)),
            );
        }
    }

    fn event_bridge(&mut self, event: Value, place: &Place) {
        let text = |name: &str| {
            event
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (source, detail_type) = (text("source"), text("detail-type"));
        if source != "aws.s3" {
            return self.problem(
                place,
                format!("received the event {detail_type:?} of {source:?}; {EXPECTED}"),
            );
        }
        if !matches!(detail_type.as_str(), "Object Created" | "Object Deleted") {
            self.ignored += 1;
            return;
        }
        let event: EventBridgeEvent<Detail> = match serde_json::from_value(event) {
            Ok(event) => event,
            Err(error) => {
                return self.problem(
                    place,
                    format!("not an {detail_type:?} event of S3: {error}"),
                );
            }
        };
        let object = event.detail.object;
        let alternative_key = form_decoded(&object.key).filter(|decoded| *decoded != object.key);
        self.object(
            place,
            ObjectRef {
                bucket: event.detail.bucket.name,
                key: object.key,
                alternative_key,
                etag: object.etag,
                version_id: object.version_id,
                sequencer: object.sequencer,
                region: event.region,
                deleted: detail_type == "Object Deleted",
                message_ids: Vec::new(),
            },
        );
    }

    /// A record of S3's own notification (S3 User Guide, "Event message structure").
    fn s3_record(&mut self, mut record: Value, place: &Place) {
        let text = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
        let (event_name, region) = (text("eventName"), text("awsRegion"));
        let Some(entity) = record.get_mut("s3").map(Value::take) else {
            return self.problem(place, format!("received {}; {EXPECTED}", shape(&record)));
        };
        let Some(event_name) = event_name else {
            return self.problem(place, "eventName is missing".to_owned());
        };
        // Records say ObjectCreated:Put; bucket configurations, and some other S3s, say s3:ObjectCreated:Put.
        let deleted = match event_name
            .strip_prefix("s3:")
            .unwrap_or(&event_name)
            .split(':')
            .next()
        {
            Some("ObjectCreated") => false,
            Some("ObjectRemoved" | "LifecycleExpiration") => true,
            _ => {
                self.ignored += 1;
                return;
            }
        };
        let entity: S3Entity = match serde_json::from_value(entity) {
            Ok(entity) => entity,
            Err(error) => return self.problem(place, format!("s3: not a record of S3: {error}")),
        };
        let object = entity.object;
        let encoded = object.key.unwrap_or_default();
        let Some(key) = form_decoded(&encoded) else {
            return self.problem(
                place,
                format!("s3.object.key: {encoded:?} is not UTF-8 when decoded"),
            );
        };
        self.object(
            place,
            ObjectRef {
                bucket: entity.bucket.name.unwrap_or_default(),
                key,
                alternative_key: None,
                etag: object.e_tag,
                version_id: object.version_id,
                sequencer: object.sequencer,
                region,
                deleted,
                message_ids: Vec::new(),
            },
        );
    }

    /// Keeps an object; of two events of the same one, the later.
    fn object(&mut self, place: &Place, mut object: ObjectRef) {
        if object.bucket.is_empty() || object.key.is_empty() {
            return self.problem(
                place,
                "the bucket's name or the object's key is missing".to_owned(),
            );
        }
        object.etag = object
            .etag
            .map(|etag| etag.trim_matches('"').to_owned())
            .filter(|etag| !etag.is_empty());
        object.message_ids.extend(place.message_id.clone());
        let same =
            |known: &&mut ObjectRef| known.bucket == object.bucket && known.key == object.key;
        let Some(known) = self.objects.iter_mut().find(same) else {
            return self.objects.push(object);
        };
        for id in object.message_ids.drain(..) {
            if !known.message_ids.contains(&id) {
                known.message_ids.push(id);
            }
        }
        if later(object.sequencer.as_deref(), known.sequencer.as_deref()).is_ge() {
            object.message_ids = std::mem::take(&mut known.message_ids);
            *known = object;
        }
    }

    /// The first of these records: the others are one problem.
    fn within(&mut self, limit: usize, mut records: Vec<Value>, place: &Place) -> Vec<Value> {
        let surplus = records.len().saturating_sub(limit);
        if surplus > 0 {
            records.truncate(limit);
            let most = limits::EVENT_RECORDS;
            let message =
                format!("{surplus} records are not read: at most {most} of an event are read");
            self.problem(place, message);
        }
        records
    }

    fn problem(&mut self, place: &Place, message: String) {
        self.problems.push(TriggerProblem {
            record: place.record.clone(),
            message_id: place.message_id.clone(),
            message,
        });
    }
}
