//! A warm `advance-tasks` does not read what it has written itself; where it does not know what it has written, it does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use amiwright::advance_tasks::{self, PollingHistory};
use amiwright::keys;
use amiwright::limits::USUAL_STATUS_BYTES;
use amiwright::metrics::Meter;
use localaws::faults::{Call, Fault};
use serde_json::json;

use super::unchanged::{Asked, LONG, config, pending, tick};
use crate::support::{TestStack, vmdk, whole_seconds};

/// A stack in which nothing ticks by itself, and so many imports that are complete: the next tick writes every status, and then
/// each image waits for its AMI. Their keys.
async fn imported(count: usize) -> (TestStack, Vec<String>) {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    stack.world.ec2().set_pending_time(LONG);
    let rule = "AdvanceTasksImageStateChange";
    assert!(stack.world.set_rule_enabled(rule, false));
    stack.drop_file("many/web.vmdk", vmdk()).await;
    let mut keys = Vec::new();
    for number in 0..count {
        let key = format!("many/web-{number:03}.image.yaml");
        let source = "disk: {object: web.vmdk, format: vmdk}";
        let manifest = format!("name: web-{number:03}\nsource: {{{source}}}\n");
        stack.drop_file(&key, manifest).await;
        keys.push(key);
    }
    stack.world.settle().await;
    stack.world.run_for(LONG).await;
    (stack, keys)
}

#[tokio::test(start_paused = true)]
async fn what_a_tick_has_written_itself_is_not_read_by_the_next() {
    let (stack, keys) = imported(20).await;
    let history = PollingHistory::default();
    let writes = Asked::by_a_tick(&stack, &history).await;
    assert!(writes.actions["PutObject"] >= 20, "{:?}", writes.actions);
    for key in &keys {
        let status = stack.status(key).await;
        assert_eq!(status["build"]["step"], "await-image", "{key}");
    }
    // The next one sees the AMIs for the first time, and writes that down; then nothing is new.
    for writes in [20, 0, 0] {
        let next = Asked::by_a_tick(&stack, &history).await;
        assert_eq!(next.counts(), (1, 0, 3 + writes), "{:?}", next.actions);
    }
    all_end_once(&stack, &keys, &history).await;
}

/// Whichever tries of a write are not answered, what the next tick knows is what is in the bucket.
#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_lost_is_read_again() {
    // All tries of the SDK, or each first one.
    for every in [1, 2] {
        let (stack, keys) = imported(20).await;
        let history = PollingHistory::default();
        let (status, lost) = (keys::status_key(&keys[7]), Arc::new(AtomicU32::new(0)));
        let count = lost.clone();
        let is_lost = move |call: &Call| {
            let is_meant = call.action == "PutObject" && call.key.as_deref() == Some(&*status);
            is_meant && count.fetch_add(1, Ordering::Relaxed).is_multiple_of(every)
        };
        let faults = stack.world.faults();
        faults.each(is_lost, Fault::LoseAnswer);
        stack.minute().await;
        let (aws, config, meter) = (stack.aws(), config(&stack), Meter::default());
        let (event, now) = (json!({"task": "advance"}), stack.world.clock().now());
        let now = whole_seconds(now);
        let tick = advance_tasks::handle(&aws, &config, &history, &event, now, None, &meter);
        let _failed = Box::pin(tick).await;
        faults.clear();
        assert!(lost.load(Ordering::Relaxed) >= 2, "{lost:?}");
        let next = Asked::by_a_tick(&stack, &history).await;
        assert_eq!(next.read, BTreeSet::from([keys[7].clone()]), "{every}");
        all_end_once(&stack, &keys, &history).await;
    }
}

/// Each AMI becomes available, and each image ends, once.
async fn all_end_once(stack: &TestStack, keys: &[String], history: &PollingHistory) {
    for _ in 0..3 {
        stack.minute().await;
        tick(stack, history).await;
    }
    stack.world.run_for(LONG).await;
    for _ in 0..5 {
        stack.minute().await;
        tick(stack, history).await;
    }
    for key in keys {
        let status = stack.status(key).await;
        assert_eq!(status["state"], "available", "{key}: {status:#}");
    }
    let made = (stack.count("RegisterImage"), stack.images().len());
    assert_eq!(made, (keys.len(), keys.len()));
    assert_eq!(stack.emails().len(), keys.len());
    assert_eq!(stack.open().await, [""; 0]);
}

/// A tick makes room for usual statuses first. What is larger it reads once more, and keeps like any other.
#[tokio::test(start_paused = true)]
async fn a_status_that_is_larger_than_usual_is_read_once_more_and_then_kept() {
    let (stack, keys) = pending(20).await;
    let mut status = stack.status(&keys[7]).await;
    let mut entry = status["history"][0].clone();
    entry["why"] = json!("x".repeat(200));
    let history = status["history"].as_array_mut().unwrap();
    history.extend(std::iter::repeat_n(entry, 150));
    let large = status.to_string();
    assert!(large.len() > USUAL_STATUS_BYTES, "{}", large.len());
    stack.write_state(&keys::status_key(&keys[7]), large);

    let history = PollingHistory::default();
    let cold = Asked::by_a_tick(&stack, &history).await;
    assert_eq!(cold.actions["GetObject"], 21, "{:?}", cold.actions);
    for _ in 0..3 {
        let warm = Asked::by_a_tick(&stack, &history).await;
        assert_eq!(warm.counts(), (1, 0, 3), "{:?}", warm.actions);
    }
    all_end_once(&stack, &keys, &history).await;
}
