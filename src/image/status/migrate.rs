//! Statuses of older schemas. What is built stays built: migrating a status never makes an AMI again.

use serde_json::{Map, Value, json};

/// Schema 1 as schema 2. It had everything side by side, reasons in prose, and one kind of waiting for a task.
pub(super) fn first(mut first: Map<String, Value>) -> Value {
    let mut build = Map::new();
    for name in [
        "digest",
        "attempt",
        "source",
        "name",
        "step",
        "stepSince",
        "object",
        "bundle",
        "tasks",
        "progress",
        "stalls",
        "ending",
    ] {
        if let Some(value) = first.remove(name) {
            build.insert(name.to_owned(), value);
        }
    }
    if let Some(value) = first.remove("removed") {
        build.insert("deleted".to_owned(), value);
    }
    if let Some(Value::Array(left)) = first.remove("left") {
        let refused = |left: Value| json!({"what": left["what"], "reason": "refused", "message": left["why"]});
        let orphans = left.into_iter().map(refused).collect();
        build.insert("orphans".to_owned(), Value::Array(orphans));
    }
    if stores(&build) {
        build.insert("step".to_owned(), json!("await-store"));
    }
    let step_since = build.get("stepSince").cloned().unwrap_or_default();
    let started_at = started_at(&first).unwrap_or_else(|| step_since.clone());
    build.insert("startedAt".to_owned(), started_at);
    if let Some(waiting) = first.remove("waiting") {
        let since = waiting.get("since").cloned().unwrap_or(step_since);
        let waiting = json!({
            "reason": "retrying", "code": waiting["code"], "message": waiting["message"], "since": since,
        });
        build.insert("waiting".to_owned(), waiting);
    }
    if let Some(Value::Object(mut failure)) = first.remove("failure") {
        failure.remove("hint");
        failure.insert("kind".to_owned(), json!("other"));
        build.insert("failure".to_owned(), Value::Object(failure));
    }
    let asked_at = first.remove("storeAskedAt");
    if let Some(bucket) = first.remove("store") {
        first.insert(
            "store".to_owned(),
            json!({ "bucket": bucket, "askedAt": asked_at }),
        );
    }
    if let Some(Value::Object(images)) = first.remove("images") {
        first.insert("regions".to_owned(), regions(images));
    }
    let bundle = first.remove("previousBundle");
    if let Some(Value::Object(ids)) = first.remove("previous") {
        let images = ids
            .into_iter()
            .map(|(region, id)| (region, json!({ "image": id, "imageState": "available" })));
        let version = json!({ "regions": Value::Object(images.collect()), "bundle": bundle });
        first.insert("previous".to_owned(), json!([version]));
    }
    drop_texts(&mut first);
    first.insert("schema".to_owned(), json!(2));
    first.insert("build".to_owned(), Value::Object(build));
    Value::Object(first)
}

/// Ready texts are not sent: what a notice says is composed when it is sent.
fn drop_texts(first: &mut Map<String, Value>) {
    if let Some(Value::Array(notices)) = first.get_mut("notices") {
        for notice in notices.iter_mut().filter_map(Value::as_object_mut) {
            notice.remove("message");
        }
    }
}

fn stores(build: &Map<String, Value>) -> bool {
    let last = build
        .get("tasks")
        .and_then(Value::as_array)
        .and_then(|tasks| tasks.last());
    build.get("step") == Some(&json!("await-task"))
        && last.is_some_and(|task| task["kind"] == "store-image")
}

/// When the last version was started, as schema 1's history records.
fn started_at(first: &Map<String, Value>) -> Option<Value> {
    let history = first.get("history")?.as_array()?;
    let started = history
        .iter()
        .rev()
        .find(|change| change["to"] == "working/check-manifest")?;
    Some(started["at"].clone())
}

fn regions(images: Map<String, Value>) -> Value {
    let region = |(region, image): (String, Value)| {
        let status = json!({
            "image": image["id"],
            "imageState": image["state"],
            "unseenSince": image["unseenSince"],
            "snapshots": image.get("snapshots").cloned().unwrap_or_else(|| json!([])),
        });
        (region, status)
    };
    Value::Object(images.into_iter().map(region).collect())
}
