//! What the records of an event look like, and what is read off them before they are understood.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What EventBridge's `detail` has of an object (S3 User Guide, "EventBridge event message structure").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Detail {
    pub(super) bucket: DetailBucket,
    pub(super) object: DetailObject,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DetailBucket {
    pub(super) name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct DetailObject {
    pub(super) key: String,
    pub(super) etag: Option<String>,
    pub(super) version_id: Option<String>,
    pub(super) sequencer: Option<String>,
}

/// The `Records` of an event, or the event back.
pub(super) fn records(mut event: Value) -> Result<Vec<Value>, Value> {
    match event.get_mut("Records").map(Value::take) {
        Some(Value::Array(records)) => Ok(records),
        Some(other) => {
            event["Records"] = other;
            Err(event)
        }
        None => Err(event),
    }
}

pub(super) fn is_sqs(record: &Value) -> bool {
    record.get("eventSource").and_then(Value::as_str) == Some("aws:sqs")
        || (record.get("s3").is_none() && record.get("body").is_some())
}

/// A form-encoded key decoded: `+` is a space, `%2B` a plus. None if that is not UTF-8.
pub(super) fn form_decoded(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .ok()
        .map(std::borrow::Cow::into_owned)
}

/// What a value looks like, without what is in it: events may have secrets.
pub(super) fn shape(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "true or false".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(fields) if fields.is_empty() => "an empty object".to_owned(),
        Value::Object(fields) => {
            let names: Vec<String> = fields
                .keys()
                .take(10)
                .map(|name| name.chars().take(40).collect())
                .collect();
            format!("an object of {names:?}")
        }
    }
}
