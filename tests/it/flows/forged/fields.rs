//! Every field of a status and of a draft, forged one at a time, at several moments of several sources.

use std::time::Duration;

use crate::support::{TestStack, making};
use amiwright::keys;
use localaws::ec2::TaskKind;
use serde_json::{Value, json};

use super::KEY;
use super::foreign::Foreign;

/// How often time is let pass, 11 minutes each, after a forgery: longer than anything is waited for that is not proven.
const TICKS: usize = 2;
/// A status at a moment of its life that those who forge could begin from.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Importing,
    ToBeTagged,
    ToBeRegistered,
    Pending,
    CleaningUp,
    Available,
    Cancelling,
    Drafted,
    ToBeStored,
    Storing,
}

/// Those of a disk.
const MOMENTS: [Moment; 8] = [
    Moment::Importing,
    Moment::ToBeTagged,
    Moment::ToBeRegistered,
    Moment::Pending,
    Moment::CleaningUp,
    Moment::Available,
    Moment::Cancelling,
    Moment::Drafted,
];

/// Such a status, made of a real one that is available and has an unsent notice.
fn at(moment: Moment, available: &Value) -> Value {
    let mut status = available.clone();
    let (state, step) = match moment {
        Moment::Importing | Moment::Cancelling => ("working", "await-task"),
        Moment::ToBeTagged => ("working", "tag-imported"),
        Moment::ToBeRegistered => ("working", "register-image"),
        Moment::Pending => ("working", "await-image"),
        Moment::CleaningUp => ("working", "clean-up"),
        Moment::Available => ("available", "await-image"),
        Moment::Drafted => ("working", "start-task"),
        Moment::ToBeStored => ("working", "store-image"),
        Moment::Storing => ("working", "await-store"),
    };
    status["state"] = json!(state);
    status["build"]["step"] = json!(step);
    match moment {
        Moment::Importing => status["build"]["tasks"][0]["state"] = json!("active"),
        Moment::Cancelling => {
            let manifest = &available["manifest"];
            status["build"]["tasks"][0]["state"] = json!("active");
            status["cancel"] = json!({
                "askedAt": manifest["uploadedAt"], "by": "command", "uploadedAt": manifest["uploadedAt"],
            });
        }
        Moment::CleaningUp => {
            status["build"]["ending"] = json!("failed");
            status["build"]["failure"] =
                json!({"kind": "task-failed", "doing": "importing", "message": "it broke"});
            status["build"]["orphans"] =
                json!([{"what": "snap-0", "reason": "refused", "message": "no"}]);
        }
        Moment::Drafted => {
            let fields = status.as_object_mut().unwrap();
            fields.remove("regions");
            status["build"].as_object_mut().unwrap().remove("tasks");
        }
        Moment::ToBeStored => {
            let tasks = status["build"]["tasks"].as_array_mut();
            tasks.unwrap().pop();
        }
        _ => {}
    }
    if matches!(moment, Moment::Available) {
        let mut facts = available.clone();
        for field in ["notices", "history", "conditions", "openMarker"] {
            facts.as_object_mut().unwrap().remove(field);
        }
        status["notices"] = json!([
            {"seq": 9, "kind": "completed", "at": available["build"]["startedAt"], "facts": facts}
        ]);
    }
    status
}

/// Whether a line says in amiwright's name what was forged: outside of quotation marks.
fn says(line: &str) -> bool {
    let outside = line.split('"').step_by(2);
    outside.into_iter().any(|text| text.contains("evil text"))
}

/// What is forged.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Written {
    Status,
    /// The draft that an open marker holds, and a due marker.
    Draft,
}

async fn write(stack: &TestStack, written: Written, content: &Value) {
    if written == Written::Status {
        return super::forge(stack, KEY, content).await;
    }
    stack.remove_state(&keys::status_key(KEY)).await;
    let uploaded_at = content["manifest"]["uploadedAt"].to_string();
    for key in [keys::open_key(KEY), keys::due_key(KEY)] {
        let marker = format!("00ff {uploaded_at} 2026-11-21T10:00:00Z\n{content}");
        let put = stack
            .world
            .s3()
            .put(&stack.state_bucket, &key, marker.into_bytes());
        put.await.unwrap();
    }
}

/// Each 61st, always the same, from another one for each moment; all of them with `AMIWRIGHT_ALL_FAULTS=1`, which takes
/// minutes.
fn is_chosen(index: usize, moment: &str) -> bool {
    let first = moment.bytes().map(usize::from).sum::<usize>();
    (index + first).is_multiple_of(61) || std::env::var_os("AMIWRIGHT_ALL_FAULTS").is_some()
}

/// Forges every field, one at a time, and lets the schedule run.
async fn every_field_forged(kind: TaskKind, moment: Moment) {
    let (stack, manifest) = making(kind).await;
    let foreign = Foreign::seeded(&stack).await;
    stack.drop_and_rest(KEY, manifest).await;
    let available = stack.status(KEY).await;
    assert_eq!(available["state"], "available", "{available:#}");
    let real = at(moment, &available);
    let written = match moment {
        Moment::Drafted => Written::Draft,
        _ => Written::Status,
    };
    let before = foreign.seen(&stack).await;
    let (saved, mut sent) = (stack.world.ec2().save(), stack.emails().len());
    let mut tried = 0;
    for (index, (what, forged)) in foreign.forgeries(&real).into_iter().enumerate() {
        let what = format!("{kind:?} {moment:?}: {what}");
        if !is_chosen(index, &format!("{kind:?} {moment:?}")) {
            continue;
        }
        tried += 1;
        write(&stack, written, &forged).await;
        for _ in 0..TICKS {
            stack.world.run_for(Duration::from_secs(11 * 60)).await;
        }
        assert_eq!(foreign.seen(&stack).await, before, "{what}");
        let emails = stack.emails();
        for email in &emails[sent..] {
            assert!(!says(&email.subject), "{what}: {email:#?}");
            assert!(!email.text.lines().any(says), "{what}: {email:#?}");
            assert!(!email.text.contains("https://evil.example"), "{what}");
        }
        sent = emails.len();
        stack.world.ec2().load(saved.clone()).unwrap();
    }
    assert!(tried > 0, "{kind:?} {moment:?}");
}

#[tokio::test(start_paused = true)]
async fn no_forged_field_changes_what_is_not_the_manifests_or_speaks_for_amiwright() {
    for moment in MOMENTS {
        every_field_forged(TaskKind::ImportSnapshot, moment).await;
    }
    for kind in [
        TaskKind::ImportImage,
        TaskKind::BundleInstance,
        TaskKind::CopyImage,
    ] {
        for moment in [Moment::Importing, Moment::CleaningUp, Moment::Cancelling] {
            every_field_forged(kind, moment).await;
        }
    }
    for moment in [Moment::ToBeStored, Moment::Storing, Moment::CleaningUp] {
        every_field_forged(TaskKind::StoreImage, moment).await;
    }
}
