//! What a tick polls it polls at once: no kind waits for another, none fails another, and what EC2 throttles is left for the
//! next tick.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use amiwright::Failures;
use amiwright::advance_tasks::{self, PollingHistory, Report};
use amiwright::aws::Aws;
use amiwright::keys;
use amiwright::metrics::Meter;
use futures_util::FutureExt;
use localaws::ec2::{Era, SeedInstance, TaskKind};
use localaws::faults::{Call, Fault};
use serde_json::json;

use crate::support::{KEY_ID, REGION, SECRET, TestStack, minutes, vmdk, whole_seconds};

/// All stay open for as long as a test takes.
const VERY_LONG: Duration = Duration::from_secs(100 * 3600);

/// The calls that poll [`KINDS`], in the order in which their batches are formed.
const DESCRIBES: [&str; 4] = [
    "DescribeImages",
    "DescribeImportSnapshotTasks",
    "DescribeImportImageTasks",
    "DescribeBundleTasks",
];

const KINDS: [&str; 4] = ["snapshot", "disk", "vm", "instance"];

/// A stack in which nothing ticks by itself, with one image of each kind that waits for EC2. Their keys.
async fn one_of_each() -> (TestStack, Vec<String>) {
    let stack = TestStack::built(|builder| builder.schedules(false).era(Era::Classic)).await;
    let ec2 = stack.world.ec2();
    ec2.set_bundle_key(KEY_ID, SECRET);
    stack.keep_bundle_key(KEY_ID);
    ec2.set_pending_time(VERY_LONG);
    for kind in [
        TaskKind::ImportSnapshot,
        TaskKind::ImportImage,
        TaskKind::BundleInstance,
    ] {
        ec2.set_task_time(kind, VERY_LONG);
    }
    stack.drop_file("many/web.vmdk", vmdk()).await;
    let mut keys = Vec::new();
    for kind in KINDS {
        let source = match kind {
            "disk" => "disk: {object: web.vmdk, format: vmdk}".to_owned(),
            "vm" => "vm: {object: web.vmdk, format: vmdk}".to_owned(),
            "instance" => {
                let id = ec2.seed_instance(REGION, SeedInstance::default());
                format!("instance: {{id: {id}}}")
            }
            _ => format!("snapshot: {{id: {}}}", stack.snapshot),
        };
        let key = format!("many/{kind}.image.yaml");
        stack
            .drop_file(&key, format!("name: web-{kind}\nsource: {{{source}}}\n"))
            .await;
        keys.push(key);
    }
    stack.world.run_for(Duration::from_secs(20)).await;
    for key in &keys {
        let step = stack.status(key).await["build"]["step"].clone();
        assert!(
            step == "await-image" || step == "await-task",
            "{key}: {step}"
        );
    }
    // So that each has made progress.
    stack.world.run_for(VERY_LONG / 10).await;
    (stack, keys)
}

/// One tick of a function that has just started.
async fn tick(stack: &TestStack, aws: &Aws) -> Result<Report, Failures> {
    next_tick(stack, aws, &PollingHistory::default(), None).await
}

/// One tick of the process that has this memory.
async fn next_tick(
    stack: &TestStack,
    aws: &Aws,
    history: &PollingHistory,
    time_left: Option<Duration>,
) -> Result<Report, Failures> {
    let meter = Meter::default();
    let (event, now) = (
        json!({"task": "advance"}),
        whole_seconds(stack.world.clock().now()),
    );
    let config = stack.config();
    let tick = advance_tasks::handle(aws, &config, history, &event, now, time_left, &meter);
    Box::pin(tick).await
}

/// The images whose tasks have made progress that a status knows of.
async fn seen(stack: &TestStack, keys: &[String]) -> Vec<String> {
    let mut seen = Vec::new();
    for key in keys {
        let status = stack.status(key).await;
        let task = &status["build"]["tasks"][0];
        if task.is_object() && task["updatedAt"] != task["startedAt"] {
            seen.push(key.clone());
        }
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn what_kinds_wait_for_is_described_at_once() {
    let (stack, keys) = one_of_each().await;
    let takes = Duration::from_secs(3);
    for action in DESCRIBES {
        stack
            .world
            .faults()
            .always("ec2", action, Fault::Slow(takes));
    }
    let begun = tokio::time::Instant::now();
    let report = tick(&stack, &stack.aws()).await.unwrap();
    let took = begun.elapsed();
    stack.world.faults().clear();
    assert_eq!((report.failed, report.skipped), (0, 0));
    assert_eq!(seen(&stack, &keys).await, keys[1..]);
    assert!(took < takes * 2, "{took:?}");
}

/// Of a snapshot that is only pending there is nothing to see.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_throttled_fails_nothing_and_holds_nothing_up() {
    for (throttled, action) in DESCRIBES.into_iter().enumerate() {
        let (stack, keys) = one_of_each().await;
        let aws = stack.aws();
        let faults = stack.world.faults();
        faults.always("ec2", action, Fault::Throttle);
        let report = tick(&stack, &aws).await;
        let report = report.unwrap_or_else(|failed| panic!("{action}: {failed}"));
        assert_eq!((report.failed, report.skipped), (0, 1), "{action}");
        let others = |key: &String| *key != keys[throttled] && *key != keys[0];
        let others: Vec<String> = keys.iter().filter(|key| others(key)).cloned().collect();
        assert_eq!(seen(&stack, &keys).await, others, "{action}");

        // The next tick does what was left.
        faults.clear();
        stack.world.run_for(minutes(1)).await;
        let report = tick(&stack, &aws).await.unwrap();
        assert_eq!((report.failed, report.skipped), (0, 0), "{action}");
        assert_eq!(seen(&stack, &keys).await, keys[1..], "{action}");
    }
}

/// What a step looks up is throttled, too.
#[tokio::test(start_paused = true)]
async fn a_step_that_is_throttled_fails_nothing() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    let faults = stack.world.faults();
    faults.always("ec2", "DescribeImages", Fault::Throttle);
    let key = "many/web.image.yaml";
    stack.drop_file(key, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(20)).await;
    let step = stack.status(key).await["build"]["step"].clone();
    assert_eq!(step, "register-image");
    let report = tick(&stack, &stack.aws()).await.unwrap();
    assert_eq!((report.failed, report.skipped), (0, 1));
    assert_eq!(stack.images().len(), 0);
    faults.clear();
    stack.world.run_for(minutes(5)).await;
    tick(&stack, &stack.aws()).await.unwrap();
    assert_eq!(stack.images().len(), 1);
}

/// It fails no tick: nobody would know.
#[tokio::test(start_paused = true)]
async fn a_step_that_is_throttled_for_long_is_told_once() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    let faults = stack.world.faults();
    faults.always("ec2", "DescribeImages", Fault::Throttle);
    let key = "many/web.image.yaml";
    stack.drop_file(key, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(20)).await;
    for minute in 1..60 {
        stack.world.run_for(minutes(1)).await;
        let report = tick(&stack, &stack.aws()).await.unwrap();
        assert_eq!((report.failed, report.skipped), (0, 1), "{minute}");
        stack.world.settle().await;
        let told = stack.emails().len();
        assert!(told == 0 || minute >= 15, "after {minute} minutes");
        assert!(told == 1 || minute < 17, "after {minute} minutes: {told}");
    }
    let status = stack.status(key).await;
    let waiting = &status["build"]["waiting"];
    assert_eq!(waiting["reason"], "retrying", "{status:#}");
    assert_eq!(waiting["code"], "RequestLimitExceeded", "{status:#}");
    assert_eq!(status["notices"][0]["kind"], "waiting-long");
    faults.clear();
    stack.world.run_for(minutes(5)).await;
    tick(&stack, &stack.aws()).await.unwrap();
    assert_eq!(stack.images().len(), 1);
    assert!(stack.status(key).await["build"]["waiting"].is_null());
}

/// Then an alarm tells, whatever each image has told already.
#[tokio::test(start_paused = true)]
async fn ticks_that_are_throttled_for_a_quarter_of_an_hour_fail() {
    let (stack, _) = one_of_each().await;
    let (faults, history) = (stack.world.faults(), PollingHistory::default());
    faults.always("ec2", "DescribeBundleTasks", Fault::Throttle);
    let mut throttled = 0;
    for minute in 0..50 {
        // One tick that is not throttled, and all begins anew.
        if minute == 10 {
            faults.clear();
        } else if minute == 11 {
            faults.always("ec2", "DescribeBundleTasks", Fault::Throttle);
        }
        match next_tick(&stack, &stack.aws(), &history, None).await {
            Ok(report) => {
                assert!(throttled < 16 && report.failed == 0, "{report:?}");
                throttled = (throttled + 1) * report.skipped;
            }
            Err(failed) => {
                assert!(throttled >= 15, "after {throttled} minutes: {failed}");
                assert_eq!(failed.count(), 1, "{failed}");
                let text = failed.to_string();
                assert!(text.contains("RequestLimitExceeded"), "{text}");
                throttled += 1;
            }
        }
        stack.minute().await;
    }
    assert!(throttled > 20, "{throttled}");
    faults.clear();
    next_tick(&stack, &stack.aws(), &history, None)
        .await
        .unwrap();
}

/// Whatever the time is, what one kind waits for does not keep another from being polled.
#[tokio::test(start_paused = true)]
async fn a_tick_whose_time_is_up_describes_each_kind_once() {
    let (stack, keys) = one_of_each().await;
    let faults = stack.world.faults();
    faults.always("s3", "GetObject", Fault::Slow(Duration::from_secs(2)));
    let before = faults.count();
    let (aws, history) = (stack.aws(), PollingHistory::default());
    let left = Some(Duration::from_secs(1));
    let report = next_tick(&stack, &aws, &history, left).await.unwrap();
    assert_eq!((report.found, report.failed, report.skipped), (4, 0, 0));
    let calls = stack.world.calls();
    let described = calls.iter().filter(|call| call.number > before);
    let described: Vec<&str> = described.map(|call| &*call.action).collect();
    for action in DESCRIBES {
        let count = described.iter().filter(|it| **it == action).count();
        assert_eq!(count, 1, "{action}");
    }
    assert_eq!(seen(&stack, &keys).await, keys[1..]);
}

/// Thousands of imports are among the tasks that one list has. A list that failed once is made again for the next of them.
#[tokio::test(start_paused = true)]
async fn a_list_that_fails_once_fails_no_other_batch() {
    const IMPORTS: usize = 201;
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, VERY_LONG);
    stack.drop_file("many/web.vmdk", vmdk()).await;
    for number in 0..IMPORTS {
        let source = "disk: {object: web.vmdk, format: vmdk}";
        let manifest = format!("name: web-{number}\nsource: {{{source}}}\n");
        let key = format!("many/{number}.image.yaml");
        stack.drop_file(&key, manifest).await;
        stack.world.run_for(Duration::from_secs(2)).await;
    }
    assert_eq!(stack.open().await.len(), IMPORTS);
    let failed = Arc::new(AtomicU32::new(0));
    let (faults, tries) = (stack.world.faults(), failed.clone());
    // All tries of the SDK.
    faults.each(
        move |call| {
            let is_list = call.action == "DescribeImportSnapshotTasks";
            is_list && tries.fetch_add(1, Ordering::Relaxed) < 3
        },
        Fault::LoseAnswer,
    );
    let history = PollingHistory::default();
    let told = next_tick(&stack, &stack.aws(), &history, None).await;
    let told = told.unwrap_err();
    assert_eq!(told.count(), 1, "{told}");
    assert!(failed.load(Ordering::Relaxed) > 3);
    let ticked = next_tick(&stack, &stack.aws(), &history, None).await;
    assert_eq!(ticked.unwrap().failed, 0);
}

/// Whatever is done for single images takes tokens of the same action.
#[tokio::test(start_paused = true)]
async fn what_is_reserved_for_single_images_keeps_none_from_being_polled() {
    let (stack, keys) = one_of_each().await;
    let aws = stack.aws();
    for action in DESCRIBES {
        let limiter = aws.rate_limiter();
        while !matches!(limiter.acquire(REGION, action).now_or_never(), Some(Err(_))) {}
    }
    let report = tick(&stack, &aws).await.unwrap();
    assert_eq!((report.failed, report.skipped), (0, 0));
    assert_eq!(seen(&stack, &keys).await, keys[1..]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_fails_the_tick_and_holds_nothing_up() {
    for (refused, action) in DESCRIBES.into_iter().enumerate() {
        let (stack, keys) = one_of_each().await;
        stack.world.ec2().set_denied_actions(&[action]);
        let failed = tick(&stack, &stack.aws()).await.unwrap_err();
        assert_eq!(failed.count(), 1, "{action}: {failed}");
        assert!(
            failed.to_string().contains("UnauthorizedOperation"),
            "{failed}"
        );
        let others = |key: &String| *key != keys[refused] && *key != keys[0];
        let others: Vec<String> = keys.iter().filter(|key| others(key)).cloned().collect();
        assert_eq!(seen(&stack, &keys).await, others, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_in_the_same_order_whichever_is_answered_first() {
    let mut texts = Vec::new();
    for slow in [None, Some(0), Some(2)] {
        let (stack, _) = one_of_each().await;
        stack.world.ec2().set_denied_actions(&DESCRIBES);
        if let Some(slow) = slow {
            let late = Fault::Slow(Duration::from_secs(5));
            stack.world.faults().always("ec2", DESCRIBES[slow], late);
        }
        let failed = tick(&stack, &stack.aws()).await.unwrap_err();
        assert_eq!(failed.count(), DESCRIBES.len(), "{failed}");
        let doing = failed.to_string();
        let doing = doing
            .split("; ")
            .map(|it| it.split(": Unauth").next().unwrap().to_owned());
        texts.push(doing.collect::<Vec<_>>());
    }
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
}

/// One image waits for EC2 before its AMI is registered, and is the first; the others are only read. How many a short tick reads
/// does not depend on it.
#[tokio::test(start_paused = true)]
async fn an_image_that_waits_for_a_call_keeps_no_other_from_being_read() {
    const OTHERS: usize = 90;
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    stack.world.ec2().set_pending_time(VERY_LONG);
    let faults = stack.world.faults();
    let is_first = |call: &Call| {
        call.action == "RegisterImage" && call.fields.iter().any(|(_, value)| value == "first")
    };
    faults.each(is_first, Fault::Throttle);
    let first = "many/first.image.yaml";
    stack.drop_file(first, stack.manifest("first")).await;
    for number in 0..OTHERS {
        let name = format!("web-{number}");
        let key = format!("many/{name}.image.yaml");
        stack.drop_file(&key, stack.manifest(&name)).await;
        // As fast as AMIs are registered.
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    faults.clear();
    let step = stack.status(first).await["build"]["step"].clone();
    assert_eq!(step, "register-image");
    assert_eq!(stack.images().len(), OTHERS);
    assert_eq!(stack.open().await.len(), OTHERS + 1);

    faults.always("s3", "GetObject", Fault::Slow(Duration::from_millis(20)));
    faults.always("ec2", "DescribeImages", Fault::Slow(Duration::from_secs(3)));
    let before = faults.count();
    let (history, meter) = (PollingHistory::default(), Meter::default());
    let (event, now) = (
        json!({"task": "advance"}),
        whole_seconds(stack.world.clock().now()),
    );
    let (aws, config) = (stack.aws(), stack.config());
    let left = Some(Duration::from_secs(2));
    let tick = advance_tasks::handle(&aws, &config, &history, &event, now, left, &meter);
    let report = Box::pin(tick).await.unwrap();
    faults.clear();
    let calls = stack.world.calls();
    let calls = calls.iter().filter(|call| call.number > before);
    let read = calls.filter(|call| call.action == "GetObject");
    let read: BTreeSet<_> = read
        .filter_map(|call| keys::manifest_of_status(call.key.as_deref()?))
        .collect();
    assert_eq!(read.len(), OTHERS + 1);
    // EC2 answers when the time is up: as many are changed as are worked on at once.
    assert_eq!((report.failed, report.skipped), (0, OTHERS - 32));
    assert_eq!(stack.images().len(), OTHERS + 1);
}
