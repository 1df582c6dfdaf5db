//! What is kept of invocations.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::invocation::FunctionError;
use crate::clock::date;
use crate::template::stack::Function;

/// One attempt that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct InvocationRecord {
    /// Logical id of the function.
    pub function: String,
    /// The same for all attempts of one event.
    pub request_id: String,
    /// 1 for the first attempt of an event.
    pub attempt: u32,
    /// The event.
    pub payload: Value,
    /// What came of it.
    pub outcome: Result<Value, FunctionError>,
    /// When it started.
    pub at: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
}

/// What an on-failure destination got.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// ARN of the queue.
    pub destination: String,
    /// Logical id of the function.
    pub function: String,
    /// The invocation record, as the message's body has it.
    pub record: Value,
}

/// Why Lambda gave an event up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Condition {
    RetriesExhausted,
    EventAgeExceeded,
}

/// The invocation record of "Capturing records of Lambda asynchronous invocations" (Lambda Developer Guide).
pub(super) fn failure(
    function: &Function,
    request_id: &str,
    payload: &Value,
    (condition, attempts): (Condition, u32),
    last: Option<&FunctionError>,
    now: Timestamp,
) -> Value {
    let condition = match condition {
        Condition::RetriesExhausted => "RetriesExhausted",
        Condition::EventAgeExceeded => "EventAgeExceeded",
    };
    let mut record = json!({
        "version": "1.0",
        "timestamp": date(now),
        "requestContext": {
            "requestId": request_id,
            "functionArn": format!("{}:$LATEST", function.arn),
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": payload,
    });
    // An event that never ran has no response to report.
    if let Some(error) = last {
        record["responseContext"] = json!({
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        });
        record["responsePayload"] = error.payload();
    }
    record
}
