//! Statuses so large that a tick has no room for all of them: it waits for none for ever, and what is done for one image waits
//! for no other's poll.

use std::collections::BTreeSet;
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory};
use amiwright::keys;
use amiwright::metrics::Meter;
use localaws::faults::{Call, Fault};
use serde_json::json;
use tokio::time::timeout;

use super::many_published::{self, copying};
use super::unchanged::{LONG, config, pending, tick};
use crate::support::{REGION, TestStack, minutes, whole_seconds};

/// A tick has room for some 44 statuses of this size.
const LARGE: usize = 400 * 1024;

/// Gives an image's status a long history.
async fn enlarge(stack: &TestStack, key: &str) {
    let mut status = stack.status(key).await;
    let mut entry = status["history"][0].clone();
    entry["why"] = json!("x".repeat(LARGE / 100));
    let history = status["history"].as_array_mut().unwrap();
    history.extend(std::iter::repeat_n(entry, 100));
    stack.write_state(&keys::status_key(key), status.to_string());
}

/// Reads of statuses take so long; of this one, so much longer.
fn slow_reads(stack: &TestStack, late: Option<(&str, Duration)>, usual: Duration) {
    let faults = stack.world.faults();
    if let Some((key, takes)) = late {
        let key = keys::status_key(key);
        let is_late = move |call: &Call| {
            call.action == "GetObject" && call.key.as_deref() == Some(key.as_str())
        };
        faults.each(is_late, Fault::Slow(takes));
    }
    faults.always("s3", "GetObject", Fault::Slow(usual));
}

/// The images before it are held until there are enough for one call; those after it that were read take the rest of the room.
#[tokio::test(start_paused = true)]
async fn a_status_that_is_read_late_does_not_wait_for_room_for_ever() {
    let (stack, keys) = pending(70).await;
    for key in &keys {
        enlarge(&stack, key).await;
    }
    let late = Some((keys[32].as_str(), Duration::from_secs(2)));
    slow_reads(&stack, late, Duration::from_millis(20));
    let history = PollingHistory::default();
    let ticked = timeout(minutes(2), tick(&stack, &history)).await;
    let report = ticked.expect("the tick ends");
    assert_eq!((report.found, report.failed, report.skipped), (70, 0, 0));
    for key in &keys {
        let status = stack.status(key).await;
        let id = status["regions"][REGION]["image"].as_str().unwrap();
        assert!(history.last_poll(id).is_some(), "{key}");
    }
}

/// One image is about to be registered; before it are so many that there is no room for more until they are polled, and after it
/// more than are read at once.
#[tokio::test(start_paused = true)]
async fn what_is_done_for_an_image_does_not_wait_until_others_are_polled() {
    let (stack, keys) = pending(42).await;
    let faults = stack.world.faults();
    let is_last = |call: &Call| {
        call.action == "RegisterImage" && call.fields.iter().any(|(_, value)| value == "last")
    };
    faults.each(is_last, Fault::Throttle);
    let names = (0..48).map(|number| match number {
        0 => "last".to_owned(),
        number => format!("small-{number}"),
    });
    for name in names {
        let key = format!("many/{name}.image.yaml");
        stack.drop_file(&key, stack.manifest(&name)).await;
        // As fast as AMIs are registered.
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    assert_eq!(stack.images().len(), 42 + 47);
    for key in &keys {
        enlarge(&stack, key).await;
    }
    faults.clear();
    slow_reads(&stack, None, Duration::from_millis(20));
    // Of many AMIs, by their ids.
    let is_poll = |call: &Call| {
        call.action == "DescribeImages" && call.fields.iter().any(|(_, value)| value == "image-id")
    };
    faults.each(is_poll, Fault::Slow(Duration::from_secs(8)));
    stack.world.run_for(minutes(1)).await;
    let (before, begun) = (faults.count(), stack.world.clock().now());
    let report = tick(&stack, &PollingHistory::default()).await;
    assert_eq!((report.failed, report.skipped), (0, 0));
    faults.clear();
    let calls = stack.world.calls();
    let mut calls = calls.iter().filter(|call| call.number > before);
    let registered = calls.find(|call| call.action == "RegisterImage").unwrap();
    let after = registered.at.duration_since(begun);
    assert!(after.as_secs() < 5, "{after}");
}

#[tokio::test(start_paused = true)]
async fn once_the_time_is_up_no_other_batch_is_published() {
    let (stack, keys) = copying(65).await;
    for key in &keys[..45] {
        enlarge(&stack, key).await;
    }
    stack.world.run_for(Duration::from_secs(100 * 3600)).await;
    slow_reads(&stack, None, Duration::from_millis(10));
    let slow = Fault::Slow(Duration::from_millis(200));
    stack.world.faults().always("ec2", "DescribeImages", slow);
    let aws = stack.aws();
    // Half of it is enough to read what there is room for.
    let time_left = Some(Duration::from_millis(300));
    let report = many_published::tick(&stack, &aws, time_left).await;
    assert_eq!((report.failed, report.skipped), (0, keys.len() - 32));
    let mut available = 0;
    for key in &keys {
        available += usize::from(stack.status(key).await["state"] == "available");
    }
    assert_eq!(available, 32);
    stack.world.faults().clear();
    for _ in 0..3 {
        stack.world.run_for(minutes(1)).await;
        many_published::tick(&stack, &aws, None).await;
    }
    many_published::are_available(&stack, &keys).await;
}

/// A marker whose status is lost leads to everything that a manifest leads to.
#[tokio::test(start_paused = true)]
async fn an_image_without_a_status_keeps_no_other_from_being_read() {
    let (stack, keys) = pending(90).await;
    stack.remove_state(&keys::status_key(&keys[0])).await;
    stack.world.run_for(minutes(5)).await;
    slow_reads(&stack, None, Duration::from_millis(20));
    let slow = Fault::Slow(Duration::from_secs(3));
    stack.world.faults().always("ec2", "DescribeImages", slow);
    let (history, meter) = (PollingHistory::default(), Meter::default());
    let (event, now) = (
        json!({"task": "advance"}),
        whole_seconds(stack.world.clock().now()),
    );
    let (aws, config) = (stack.aws(), config(&stack));
    let (left, before) = (Some(Duration::from_secs(2)), stack.world.faults().count());
    let ticked = advance_tasks::handle(&aws, &config, &history, &event, now, left, &meter);
    let report = Box::pin(ticked).await.unwrap();
    stack.world.faults().clear();
    assert_eq!((report.failed, report.found), (0, 90));
    let calls = stack.world.calls();
    let calls = calls.iter().filter(|call| call.number > before);
    let read = calls.filter(|call| call.action == "GetObject");
    let read: BTreeSet<_> = read
        .filter_map(|call| keys::manifest_of_status(call.key.as_deref()?))
        .collect();
    assert_eq!(read.len(), 90);
    stack.world.run_for(LONG).await;
    for _ in 0..5 {
        stack.minute().await;
        tick(&stack, &history).await;
    }
    for key in &keys {
        assert_eq!(stack.status(key).await["state"], "available", "{key}");
    }
    assert_eq!(stack.images().len(), 90);
}
