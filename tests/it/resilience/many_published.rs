//! Many images are published at once: their AMIs are described together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory, Report};
use amiwright::aws::Aws;
use amiwright::metrics::Meter;
use futures_util::FutureExt;
use localaws::ec2::TaskKind;
use localaws::faults::Fault;
use serde_json::{Value, json};

use crate::support::{REGION, TestStack, minutes, refused, whole_seconds};

const OREGON: &str = "us-west-2";
const IRELAND: &str = "eu-west-1";

/// No copy is made for as long as a test runs.
const VERY_LONG: Duration = Duration::from_secs(100 * 3600);

/// A stack in which nothing ticks by itself, and so many images that wait for copies in two Regions. Their keys.
pub(super) async fn copying(count: usize) -> (TestStack, Vec<String>) {
    let stack = TestStack::built(|builder| {
        let builder = builder.schedules(false);
        builder.parameter("CopyRegions", "eu-west-1,us-west-2")
    })
    .await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::CopyImage, VERY_LONG);
    let mut keys = Vec::new();
    for number in 0..count {
        let key = format!("many/web-{number:02}.image.yaml");
        let name = stack.manifest(&format!("web-{number:02}"));
        let copies = format!("{name}regions: {{{OREGON}: {{}}, {IRELAND}: {{}}}}\n");
        stack.drop_file(&key, copies).await;
        keys.push(key);
    }
    for _ in 0..10 {
        stack.world.settle().await;
        stack.world.run_for(minutes(1)).await;
        tick(&stack, &stack.aws(), None).await;
    }
    for key in &keys {
        let status = stack.status(key).await;
        assert_eq!(
            status["build"]["waiting"]["reason"], "copy-pending",
            "{key}"
        );
        assert!(
            status["copies"][OREGON]["waiting"].is_object(),
            "{status:#}"
        );
    }
    (stack, keys)
}

/// One tick of a function that has just started.
pub(super) async fn tick(stack: &TestStack, aws: &Aws, time_left: Option<Duration>) -> Report {
    let (event, now) = (json!({"task": "advance"}), stack.world.clock().now());
    let (config, history) = (stack.config(), PollingHistory::default());
    let (now, meter) = (whole_seconds(now), Meter::default());
    let report = advance_tasks::handle(aws, &config, &history, &event, now, time_left, &meter);
    report.await.unwrap()
}

/// The calls since the call of this number, by Region and action.
fn calls_since(stack: &TestStack, number: u64) -> BTreeMap<(String, String), usize> {
    let mut actions = BTreeMap::new();
    let calls = stack.world.calls();
    for call in calls.into_iter().filter(|call| call.number > number) {
        if call.service == "ec2" {
            *actions.entry((call.region, call.action)).or_default() += 1;
        }
    }
    actions
}

fn waiting(status: &Value, region: &str) -> Value {
    status["copies"][region]["waiting"].clone()
}

pub(super) async fn are_available(stack: &TestStack, keys: &[String]) {
    for key in keys {
        let status = stack.status(key).await;
        assert_eq!(status["state"], "available", "{status:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_images_with_two_copies_each_take_one_call_a_region() {
    let (stack, keys) = copying(50).await;
    let before = stack.world.faults().count();
    let report = tick(&stack, &stack.aws(), None).await;
    assert_eq!((report.found, report.failed), (keys.len(), 0));
    let one_each = [REGION, OREGON, IRELAND].map(|region| {
        let call = (region.to_owned(), "DescribeImages".to_owned());
        (call, 1)
    });
    assert_eq!(calls_since(&stack, before), BTreeMap::from(one_each));

    // All are found to be made, and end at the same tick.
    stack.world.run_for(VERY_LONG).await;
    tick(&stack, &stack.aws(), None).await;
    are_available(&stack, &keys).await;
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_asked_or_does_not_answer_holds_up_no_other() {
    let (stack, keys) = copying(2).await;
    stack.world.run_for(minutes(7 * 60)).await;
    let before = stack.status(&keys[0]).await;
    let aws = stack.aws();
    let limiter = aws.rate_limiter();
    while !matches!(
        limiter
            .acquire_within(OREGON, "DescribeImages", Duration::from_secs(3))
            .now_or_never(),
        Some(Err(_))
    ) {}
    // Longer than any Region may fail: what is not asked has not failed.
    let calls = stack.world.faults().count();
    tick(&stack, &aws, None).await;
    let described = calls_since(&stack, calls);
    let asked: BTreeSet<&str> = described
        .keys()
        .map(|(region, _)| region.as_str())
        .collect();
    assert_eq!(asked, BTreeSet::from([REGION, IRELAND]));
    let after = stack.status(&keys[0]).await;
    assert_eq!(waiting(&after, OREGON), waiting(&before, OREGON));
    assert_eq!(after["state"], "working", "{after:#}");

    // What fails is said, for each image.
    let faults = stack.world.faults();
    faults.always("ec2", "DescribeImages", refused("InvalidRequest"));
    stack.world.run_for(VERY_LONG).await;
    tick(&stack, &stack.aws(), None).await;
    faults.clear();
    for key in &keys {
        let status = stack.status(key).await;
        assert_eq!(
            status["build"]["waiting"]["code"], "InvalidRequest",
            "{status:#}"
        );
        assert_eq!(
            waiting(&status, OREGON)["code"],
            "InvalidRequest",
            "{status:#}"
        );
    }
    stack.world.run_for(minutes(1)).await;
    tick(&stack, &stack.aws(), None).await;
    are_available(&stack, &keys).await;
}

#[tokio::test(start_paused = true)]
async fn a_tick_whose_time_is_up_publishes_as_many_as_it_works_on_at_once() {
    let (stack, keys) = copying(50).await;
    stack.world.run_for(VERY_LONG).await;
    let slow = Fault::Slow(Duration::from_millis(100));
    stack.world.faults().always("ec2", "DescribeImages", slow);
    let mut ended = Vec::new();
    for _ in 0..3 {
        tick(&stack, &stack.aws(), Some(Duration::from_millis(120))).await;
        let mut available = 0;
        for key in &keys {
            available += usize::from(stack.status(key).await["state"] == "available");
        }
        ended.push(available);
        stack.world.run_for(minutes(1)).await;
    }
    assert_eq!(ended, [32, 50, 50]);
}
