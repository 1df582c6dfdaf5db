//! Statuses of schema 1, as they lie in `tests/fixtures/status-1`: each is read as one of this schema, and nothing of it
//! is lost.

use serde_json::Value;

use super::*;
use crate::image::apply::complete_conditions;
use crate::image::plan::{Next, next};
use crate::image::status::{ConditionKind, ConditionStatus, SCHEMA, parse};
use crate::image::words::{FailureKind, State, Step, WaitReason};

const FIXTURES: [&str; 3] = ["available", "importing", "failed"];

fn fixture(name: &str) -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    std::fs::read(format!("{root}/tests/fixtures/status-1/{name}.json")).unwrap()
}

fn migrated(name: &str) -> Status {
    parse(&fixture(name)).unwrap()
}

/// All numbers, texts and truths in it.
fn leaves(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|it| leaves(it, found)),
        Value::Object(fields) => fields.values().for_each(|it| leaves(it, found)),
        leaf => found.push(leaf.to_string()),
    }
}

fn leaves_of(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    leaves(value, &mut found);
    found
}

#[test]
fn a_migrated_status_is_written_in_this_schema_and_read_as_the_same() {
    for name in FIXTURES {
        let status = migrated(name);
        let written = serde_json::to_value(&status).unwrap();
        assert_eq!(written["schema"], SCHEMA, "{name}");
        assert_eq!(parse(written.to_string().as_bytes()), Ok(status), "{name}");
    }
}

#[test]
fn nothing_is_lost_but_what_is_made_again() {
    for name in FIXTURES {
        let mut before: Value = serde_json::from_slice(&fixture(name)).unwrap();
        let fields = before.as_object_mut().unwrap();
        // Hints are no longer kept: they are made of the failure. The step of storing has a name of its own.
        fields.remove("schema");
        // Nor are ready texts: a notice is composed when it is sent.
        if let Some(Value::Array(notices)) = fields.get_mut("notices") {
            for notice in notices {
                notice.as_object_mut().unwrap().remove("message");
            }
        }
        if let Some(failure) = fields.get_mut("failure") {
            failure.as_object_mut().unwrap().remove("hint");
        }
        if name == "available" {
            fields.remove("step");
        }
        let mut after = leaves_of(&serde_json::to_value(migrated(name)).unwrap());
        for leaf in leaves_of(&before) {
            let at = after.iter().position(|it| *it == leaf);
            let at = at.unwrap_or_else(|| panic!("{name}: {leaf} is lost"));
            after.swap_remove(at);
        }
    }
}

#[test]
fn what_is_available_stays_available_and_is_not_made_again() {
    let mut status = migrated("available");
    assert_eq!(
        (status.state, status.build.step),
        (State::Available, Step::AwaitStore)
    );
    assert_eq!(status.regions[REGION].image, "ami-1");
    assert_eq!(status.regions[REGION].image_state, "available");
    assert_eq!(status.build.source, Some(SourceKind::Bundle));
    assert_eq!(status.build.digest.as_deref(), Some("dddd"));
    assert_eq!(status.build.started_at, after(0));
    let store = status.store.clone().unwrap();
    assert_eq!(
        (store.bucket.as_str(), store.asked_at),
        ("archive", Some(after(2)))
    );
    assert_eq!(status.previous[0].regions[REGION].image, "ami-0");
    // Registered from the bundle that lies where another one lay before.
    assert!(status.invalidates_previous());
    // Its notice is still sent, and then it is done.
    assert_eq!(next(&status, after(60)), Next::SendNotices);
    assert!(status.notice_sent(2, "m-2", after(60)));
    assert_eq!(next(&status, after(60)), Next::Finalize);
}

#[test]
fn an_import_goes_on_where_it_was() {
    let mut status = migrated("importing");
    assert_eq!(status.place(), "working/await-task");
    assert_eq!(status.build.progress, Some(42));
    assert_eq!(status.build.stalls, 1);
    let waiting = status.build.waiting.clone().unwrap();
    let reason = WaitReason::Retrying {
        code: Some("RequestLimitExceeded".to_owned()),
        message: "Request limit exceeded.".to_owned(),
    };
    assert_eq!((waiting.reason, waiting.since), (reason, after(20)));
    assert_eq!(
        status.cancel.map(|cancel| cancel.by),
        Some(CancelBy::ManifestRemoved)
    );
    assert_eq!(next(&status, after(22)), Next::Poll);
    assert!(poll(&mut status, TaskKind::ImportSnapshot, "deleted", 23));
    clean_up(&mut status, 24);
    assert_eq!(status.state, State::Cancelled);
}

#[test]
fn a_failure_keeps_its_words_and_what_became_of_what_was_made() {
    let status = migrated("failed");
    assert_eq!(status.place(), "failed");
    let failure = status.build.failure.clone().unwrap();
    assert_eq!(failure.kind, FailureKind::Other);
    assert_eq!(failure.code.as_deref(), Some("ClientError"));
    assert_eq!(failure.request_id.as_deref(), Some("3ab4"));
    assert_eq!(status.build.deleted, ["snap-1"]);
    assert_eq!(
        status.build.orphans,
        [orphan("snap-2", "UnauthorizedOperation")]
    );
    assert_eq!(status.regions[REGION].unseen_since, Some(after(29)));
    assert_eq!(status.previous[0].regions[REGION].image, "ami-1");
    // Without the beginning in its history, the last step's stands for it.
    assert_eq!(status.build.started_at, after(30));
    assert_eq!(status.notices[0].claimed_at, Some(after(32)));
    assert_eq!(next(&status, after(60)), Next::SendNotices);
}

/// What schema 1 wrote while it waited for EC2 to store an AMI.
#[test]
fn storing_goes_on_as_a_step_of_its_own() {
    let mut document: Value = serde_json::from_slice(&fixture("available")).unwrap();
    document["state"] = "working".into();
    document["tasks"][0]["state"] = "InProgress".into();
    let mut status = parse(document.to_string().as_bytes()).unwrap();
    assert_eq!(status.place(), "working/await-store");
    poll_task(&mut status, Some(&completed(TaskKind::StoreImage)), 9);
    assert_eq!(status.state, State::Available);
}

/// Schema 1 was also written by a version that knew no tasks.
#[test]
fn an_image_from_before_there_were_tasks_continues() {
    let mut document: Value = serde_json::from_slice(&fixture("available")).unwrap();
    let fields = document.as_object_mut().unwrap();
    for field in ["tasks", "store", "storeAskedAt", "attempt"] {
        fields.remove(field);
    }
    fields["state"] = "working".into();
    fields["step"] = "await-image".into();
    fields["images"][REGION]["state"] = "pending".into();
    let mut status = parse(document.to_string().as_bytes()).unwrap();
    assert_eq!(
        (status.place().as_str(), status.build.attempt),
        ("working/await-image", 0)
    );
    assert_eq!(next(&status, after(60)), Next::Poll);
    assert!(poll_image(&mut status, Some(&seen("available")), 3));
    assert_eq!(status.state, State::Available);
}

#[test]
fn a_wait_for_something_missing_is_kept_in_its_words() {
    let mut document: Value = serde_json::from_slice(&fixture("importing")).unwrap();
    document["waiting"] =
        serde_json::json!({"message": "a part", "missingKey": "golden/web.part.1"});
    let status = parse(document.to_string().as_bytes()).unwrap();
    let waiting = status.build.waiting.unwrap();
    let (code, message) = (None, "a part".to_owned());
    assert_eq!(waiting.reason, WaitReason::Retrying { code, message });
    // Since when was not always written: then the step's beginning stands for it.
    assert_eq!(waiting.since, after(1));
}

#[test]
fn what_has_ended_gets_the_conditions_that_it_would_have_been_written_with() {
    let mut status = migrated("available");
    complete_conditions(&mut status);
    let built = &status.conditions[0];
    assert_eq!(
        (built.kind, built.status),
        (ConditionKind::Built, ConditionStatus::True)
    );
    let once = status.clone();
    complete_conditions(&mut status);
    assert_eq!(status, once);
}
