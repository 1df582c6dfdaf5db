//! The clocks of two machines differ by minutes: nothing that is under way is taken for left over by one that has died.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use amiwright::keys;
use localaws::faults::{Call, Fault};
use serde_json::json;

use super::requests::{ASKED_AGAIN, KEY, at_rest, failed, put, request, times};
use crate::support::{TestStack, minutes, refused};

/// How far a clock may be from the right time.
const APART: i64 = 120;
/// For how long an answer is held: not so long that the SDK asks once more.
const HELD: Duration = Duration::from_secs(7);

/// An invocation of this task on a machine whose clock is ahead. Returns whether all went well.
async fn tick_ahead(stack: &TestStack, task: &str) -> bool {
    stack.machines.set_ahead(APART);
    let tick = json!({"task": task});
    let answer = stack.world.invoke("AdvanceTasks", tick).await;
    stack.machines.clear();
    answer.is_ok()
}

/// A request is recorded: its marker is written, and the status that holds it is not yet. A tick cannot read the request, so it
/// finds a finished image with a marker.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_being_recorded_keeps_its_marker() {
    let stack = failed().await;
    let marker = keys::open_key(KEY);
    let is_held = AtomicBool::new(false);
    let is_meant = move |call: &Call| {
        let is_written = call.action == "PutObject" && call.key.as_ref() == Some(&marker);
        is_written && !is_held.swap(true, Ordering::SeqCst)
    };
    let faults = stack.world.faults();
    faults.each(is_meant, Fault::Slow(HELD));
    let asked = keys::request_key(KEY);
    let is_read = move |call: &Call| {
        let is_tick = call.function.as_deref() == Some("AdvanceTasks");
        is_tick && call.action == "GetObject" && call.key.as_ref() == Some(&asked)
    };
    faults.each(is_read, refused("AccessDenied"));
    put(&stack, KEY, &request(&stack, "retry").await).await;
    stack.world.run_for(Duration::from_secs(2)).await;
    assert_eq!(stack.open().await, [keys::open_key(KEY)]);
    assert_eq!(stack.status(KEY).await.get("retry"), None);
    assert!(!tick_ahead(&stack, "advance").await, "it was read");
    assert_eq!(stack.open().await, [keys::open_key(KEY)]);
    stack.world.run_for(2 * HELD).await;
    faults.clear();
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["build"]["attempt"], 1);
    assert_eq!(times(&stack, ASKED_AGAIN).await, 1);
    at_rest(&stack).await;
}

/// Until a notice is being published, for as long as it takes at most.
async fn until_published(stack: &TestStack) {
    for _ in 0..3000 {
        if stack.count("Publish") > 0 {
            return;
        }
        stack.world.run_for(Duration::from_millis(100)).await;
    }
    panic!("nothing is published");
}

/// The sender waits for SNS's answer. Its clock is right, or as far behind as the other's is ahead.
#[tokio::test(start_paused = true)]
async fn a_notice_that_is_being_sent_is_not_taken_for_late() {
    for task in ["advance", "sweep"] {
        for ahead in [0, -APART] {
            let stack = TestStack::new().await;
            stack.machines.set_ahead(ahead);
            let faults = stack.world.faults();
            faults.on("sns", "Publish", 1, Fault::Slow(HELD));
            stack.drop_file(KEY, stack.manifest("web")).await;
            until_published(&stack).await;
            assert_eq!(stack.count("Publish"), 1, "{task} {ahead}");
            stack.world.run_for(Duration::from_secs(2)).await;
            assert!(tick_ahead(&stack, task).await, "{task} {ahead}");
            assert_eq!(stack.count("Publish"), 1, "{task} {ahead}");
            stack.rest().await;
            let email = stack.only_email();
            assert!(email.subject.starts_with("Available"), "{}", email.subject);
            stack.world.run_for(minutes(20)).await;
            assert_eq!(stack.count("Publish"), 1, "{task} {ahead}");
        }
    }
}

/// A notice whose event was lost is late for every tick. It is the first one's, whose clock is behind.
#[tokio::test(start_paused = true)]
async fn a_late_notice_that_is_being_sent_is_not_sent_by_another_tick() {
    let template = include_str!("../../../template.yaml");
    let deaf = template.replace("- prefix: due/", "- prefix: nothing/");
    assert_ne!(deaf, template);
    let stack = TestStack::built(|builder| builder.template(&deaf)).await;
    stack.machines.set_ahead(-APART);
    let faults = stack.world.faults();
    faults.on("sns", "Publish", 1, Fault::Slow(HELD));
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(minutes(4)).await;
    assert_eq!(stack.count("Publish"), 0, "its event was not lost");
    until_published(&stack).await;
    stack.world.run_for(Duration::from_secs(2)).await;
    assert!(tick_ahead(&stack, "advance").await);
    assert_eq!(stack.count("Publish"), 1);
    stack.rest().await;
    let email = stack.only_email();
    assert!(email.subject.starts_with("Available"), "{}", email.subject);
    stack.world.run_for(minutes(20)).await;
    assert_eq!(stack.count("Publish"), 1);
}
