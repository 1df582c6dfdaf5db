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

use serde_json::Value;

use crate::limits;
use shapes::{Place, is_sqs, records};
pub use tick::{ImageStateChange, Tick, UnknownTask, image_state_change};

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
