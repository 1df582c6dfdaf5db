//! Events of all functions: every record becomes an object, a problem or is ignored; nothing is lost, and SQS around it
//! changes nothing.

use std::collections::HashSet;

use amiwright::events::{Tick, Triggers, image_state_change, later, objects};
use serde_json::{Value, json};

/// Checks this JSON as an event.
pub(crate) fn run(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    tick(&event);
    let triggers = objects(event.clone());
    check(&triggers);
    let records = event.get("Records").and_then(Value::as_array);
    let found = triggers.objects.len() + triggers.problems.len() + triggers.ignored;
    match records {
        Some(records) => assert!(records.is_empty() || found > 0, "nothing came of it"),
        None => assert_eq!(found, 1, "{triggers:?}"),
    }
    let is_message =
        |record: &Value| record.get("body").is_some() || record["eventSource"] == "aws:sqs";
    if !records.is_some_and(|records| records.iter().any(is_message)) {
        in_a_message(&event, &triggers);
    }
}

fn tick(event: &Value) {
    let change = image_state_change(event);
    match Tick::from_event(event) {
        Ok(Tick::Image(image)) => assert_eq!(Some(image), change),
        Ok(Tick::Advance) => assert!(change.is_none() || event.get("task").is_some()),
        Ok(Tick::Sweep) => assert_eq!(event["task"], "sweep"),
        Ok(Tick::Audit) => assert_eq!(event["task"], "audit"),
        Err(error) => assert!(event.get("task").is_some() && error.task.chars().count() <= 60),
    }
}

fn check(triggers: &Triggers) {
    let mut keys = HashSet::new();
    for object in &triggers.objects {
        assert!(!object.bucket.is_empty() && !object.key.is_empty());
        assert!(
            keys.insert((&object.bucket, &object.key)),
            "twice: {object:?}"
        );
        assert_ne!(object.alternative_key.as_ref(), Some(&object.key));
        let etag = object.etag.as_deref().unwrap_or("e");
        assert!(
            !etag.is_empty() && !etag.starts_with('"') && !etag.ends_with('"'),
            "{etag}"
        );
        for other in &triggers.objects {
            let (one, other) = (object.sequencer.as_deref(), other.sequencer.as_deref());
            assert_eq!(later(one, other), later(other, one).reverse());
        }
    }
    for problem in &triggers.problems {
        assert!(!problem.message.is_empty(), "{problem:?}");
    }
}

/// The same event, in the message of a queue.
fn in_a_message(event: &Value, alone: &Triggers) {
    let message = json!({"messageId": "m", "eventSource": "aws:sqs", "body": event.to_string()});
    let mut triggers = objects(json!({ "Records": [message] }));
    for object in &mut triggers.objects {
        assert_eq!(object.message_ids, ["m"]);
        object.message_ids.clear();
    }
    assert_eq!(triggers.objects, alone.objects);
    assert_eq!(triggers.ignored, alone.ignored);
    assert_eq!(triggers.problems.len(), alone.problems.len());
    assert!(
        triggers
            .problems
            .iter()
            .all(|it| it.message_id.as_deref() == Some("m"))
    );
}
