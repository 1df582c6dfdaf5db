//! A warm `advance-tasks` reads no status again that nobody has written since: the list of `ETag`s tells. What anybody has
//! written is read, and nothing is written over it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory, Report};
use amiwright::config::Config;
use amiwright::keys;
use amiwright::metrics::Meter;
use futures_util::future::join;
use localaws::faults::{Call, Fault};
use serde_json::json;

use crate::support::{REGION, TestStack, minutes, whole_seconds};

/// AMIs stay pending for as long as a test takes, unless it waits for this time.
pub(super) const LONG: Duration = Duration::from_secs(5 * 3600);

/// A stack in which nothing ticks by itself, and so many images that wait for their AMIs. Their keys.
pub(super) async fn pending(count: usize) -> (TestStack, Vec<String>) {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    stack.world.ec2().set_pending_time(LONG);
    // No event says that an AMI is available: ticks alone see it.
    let rule = "AdvanceTasksImageStateChange";
    assert!(stack.world.set_rule_enabled(rule, false));
    let mut keys = Vec::new();
    for number in 0..count {
        let key = format!("many/web-{number:03}.image.yaml");
        let name = stack.manifest(&format!("web-{number:03}"));
        stack.drop_file(&key, name).await;
        keys.push(key);
    }
    // All are young: each tick polls all of them.
    for _ in 0..3 {
        stack.world.settle().await;
        stack.world.run_for(Duration::from_secs(20)).await;
        tick(&stack, &PollingHistory::default()).await;
    }
    for key in &keys {
        let status = stack.status(key).await;
        assert_eq!(status["build"]["step"], "await-image", "{key}");
    }
    (stack, keys)
}

/// What the template gives its functions, all of them: ticks send notices that are late.
pub(super) fn config(stack: &TestStack) -> Config {
    let functions = &stack.world.stack().functions;
    let variable = |name: &str| functions.iter().find_map(|it| it.environment.get(name));
    Config::read(|name| match name {
        "AWS_REGION" => Some(REGION.to_owned()),
        name => variable(name).cloned(),
    })
    .unwrap()
}

/// One tick of the process that has this memory.
pub(super) async fn tick(stack: &TestStack, history: &PollingHistory) -> Report {
    let (aws, config) = (stack.aws(), config(stack));
    let (now, meter) = (whole_seconds(stack.world.clock().now()), Meter::default());
    let event = json!({"task": "advance"});
    let report = advance_tasks::handle(&aws, &config, history, &event, now, None, &meter);
    Box::pin(report).await.unwrap()
}

/// What one tick, a minute after the last one, asked for.
pub(super) struct Asked {
    /// The calls by their actions.
    pub(super) actions: BTreeMap<String, usize>,
    /// Lists of statuses.
    lists: usize,
    /// The manifests whose statuses were read.
    pub(super) read: BTreeSet<String>,
}

impl Asked {
    pub(super) async fn by_a_tick(stack: &TestStack, history: &PollingHistory) -> Self {
        stack.world.settle().await;
        stack.world.run_for(minutes(1)).await;
        let before = stack.world.faults().count();
        let report = tick(stack, history).await;
        assert_eq!((report.failed, report.skipped), (0, 0));
        let calls = stack.world.calls();
        // The world's own functions are not asked about: they send what the tick records.
        let by_this = |call: &&Call| call.number > before && call.function.is_none();
        Self::of(calls.iter().filter(by_this))
    }

    fn of<'a>(calls: impl Iterator<Item = &'a Call>) -> Self {
        let (mut actions, mut read) = (BTreeMap::new(), BTreeSet::new());
        for call in calls {
            let manifest = call.key.as_deref().and_then(keys::manifest_of_status);
            if call.action == "GetObject" {
                read.extend(manifest.map(str::to_owned));
            }
            *actions.entry(call.action.clone()).or_default() += 1;
        }
        // The other one is of the open images.
        let lists = actions["ListObjectsV2"] - 1;
        Self {
            actions,
            lists,
            read,
        }
    }

    /// How many of each: status lists, status reads, and all calls.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        let all = self.actions.values().sum();
        (self.lists, self.read.len(), all)
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_not_changed_is_listed_once_and_not_read() {
    let (stack, keys) = pending(40).await;
    let history = PollingHistory::default();
    let cold = Asked::by_a_tick(&stack, &history).await;
    // The list of open images, each status, and all AMIs with one call.
    assert_eq!(cold.counts(), (0, 40, 42), "{:?}", cold.actions);
    for _ in 0..5 {
        let warm = Asked::by_a_tick(&stack, &history).await;
        assert_eq!(warm.counts(), (1, 0, 3), "{:?}", warm.actions);
        assert_eq!(warm.actions["DescribeImages"], 1);
    }

    // All that is seen then is seen without another read, and each image ends once.
    stack.world.run_for(LONG).await;
    let last = Asked::by_a_tick(&stack, &history).await;
    assert_eq!(last.read, BTreeSet::new());
    for _ in 0..3 {
        stack.minute().await;
        tick(&stack, &history).await;
    }
    for key in &keys {
        assert_eq!(stack.status(key).await["state"], "available", "{key}");
    }
    assert_eq!((stack.images().len(), stack.emails().len()), (40, 40));
    assert_eq!(stack.open().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn few_statuses_are_read_because_a_list_costs_more() {
    let (stack, _) = pending(12).await;
    let history = PollingHistory::default();
    for _ in 0..3 {
        let asked = Asked::by_a_tick(&stack, &history).await;
        assert_eq!(asked.counts(), (0, 12, 14), "{:?}", asked.actions);
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_invocation_has_written_is_read_at_the_next_tick() {
    let (stack, keys) = pending(40).await;
    let history = PollingHistory::default();
    Asked::by_a_tick(&stack, &history).await;
    // Another process sees that an AMI has gone, and writes it down.
    let id = stack.status(&keys[7]).await["regions"][REGION]["image"].clone();
    stack.deregister(id.as_str().unwrap()).await;
    tick(&stack, &PollingHistory::default()).await;
    // A person restores an earlier version of another status, which says other things.
    let mut status = stack.status(&keys[9]).await;
    status["history"][0]["why"] = json!("written by a person");
    stack.write_state(&keys::status_key(&keys[9]), status.to_string());
    // A third status is lost.
    stack.remove_state(&keys::status_key(&keys[11])).await;

    let asked = Asked::by_a_tick(&stack, &history).await;
    let changed = [7, 9, 11].map(|at| keys[at].clone());
    assert!(
        asked.read.is_superset(&BTreeSet::from(changed)),
        "{:?}",
        asked.read
    );
    assert!(asked.read.len() <= 4, "{:?}", asked.read);

    for _ in 0..40 {
        stack.minute().await;
        tick(&stack, &history).await;
    }
    stack.world.run_for(LONG).await;
    for _ in 0..40 {
        stack.minute().await;
        tick(&stack, &history).await;
    }
    assert_eq!(stack.status(&keys[7]).await["state"], "failed");
    let kept = stack.status(&keys[9]).await;
    assert_eq!(kept["state"], "available");
    assert_eq!(kept["history"][0]["why"], "written by a person");
    assert_eq!(stack.count("RegisterImage"), 40);
}

/// Whichever call of a warm tick another process comes between, and does all that it can: each image ends once.
#[tokio::test(start_paused = true)]
async fn what_is_written_between_the_list_and_the_poll_is_not_overwritten() {
    let actions = ["ListObjectsV2", "DescribeImages", "PutObject"];
    for action in actions {
        let (stack, keys) = pending(20).await;
        let history = PollingHistory::default();
        Asked::by_a_tick(&stack, &history).await;
        stack.world.run_for(LONG).await;
        let service = if action == "DescribeImages" {
            "ec2"
        } else {
            "s3"
        };
        // The lists of open images and of statuses, or one of the others.
        let nth = if action == "ListObjectsV2" { 2 } else { 1 };
        let held = Fault::Slow(Duration::from_secs(20));
        stack.world.faults().on(service, action, nth, held);
        let other = async {
            stack.world.run_for(Duration::from_secs(5)).await;
            Box::pin(tick(&stack, &PollingHistory::default())).await;
        };
        join(tick(&stack, &history), other).await;
        for _ in 0..8 {
            stack.minute().await;
            tick(&stack, &history).await;
        }
        for key in &keys {
            let status = stack.status(key).await;
            assert_eq!(status["state"], "available", "{action}: {key}");
            let ends = status["history"].as_array().unwrap().iter();
            let ends = ends.filter(|entry| entry["to"] == "available").count();
            assert_eq!(ends, 1, "{action}: {status:#}");
        }
        assert_eq!(stack.emails().len(), 20, "{action}");
        assert_eq!(stack.open().await, [""; 0], "{action}");
    }
}

/// Statuses of so many images that are finished, after this key in the order of S3. A tick never reads them.
fn finished(stack: &TestStack, after: &str, count: usize) {
    for number in 0..count {
        let key = format!("{after}-{number:04}.image.yaml");
        stack.write_state(&keys::status_key(&key), "{}");
    }
}

#[tokio::test(start_paused = true)]
async fn statuses_of_finished_images_before_and_after_cost_no_list() {
    let (stack, _) = pending(20).await;
    finished(&stack, "a", 1200);
    finished(&stack, "z", 1200);
    let history = PollingHistory::default();
    Asked::by_a_tick(&stack, &history).await;
    let warm = Asked::by_a_tick(&stack, &history).await;
    assert_eq!(warm.counts(), (1, 0, 3), "{:?}", warm.actions);
}

#[tokio::test(start_paused = true)]
async fn where_most_statuses_are_of_finished_images_reading_is_cheaper_than_listing() {
    let (stack, keys) = pending(20).await;
    // A page each, and nothing in it but one that matters.
    for key in &keys[..6] {
        finished(&stack, &key.replace(".image.yaml", "."), 1000);
    }
    let history = PollingHistory::default();
    Asked::by_a_tick(&stack, &history).await;
    let tried = Asked::by_a_tick(&stack, &history).await;
    assert!((2..=6).contains(&tried.lists), "{}", tried.lists);
    assert!(tried.read.len() >= 14, "{:?}", tried.read);
    // For a while it is not even tried.
    let next = Asked::by_a_tick(&stack, &history).await;
    assert_eq!(next.counts(), (0, 20, 22), "{:?}", next.actions);
    stack.world.run_for(minutes(15)).await;
    let again = Asked::by_a_tick(&stack, &history).await;
    assert!(again.lists >= 2, "{}", again.lists);
}

#[tokio::test(start_paused = true)]
async fn where_statuses_cannot_be_listed_they_are_read() {
    let (stack, _) = pending(20).await;
    let history = PollingHistory::default();
    Asked::by_a_tick(&stack, &history).await;
    // The second list, and the SDK's retries of it.
    for nth in 2..=4 {
        let faults = stack.world.faults();
        faults.on("s3", "ListObjectsV2", nth, Fault::Throttle);
    }
    read_for_a_while(&stack, &history, 20).await;
}

/// No image is visited before the list has come: it must not take the tick's time.
#[tokio::test(start_paused = true)]
async fn where_a_list_takes_long_the_statuses_are_read() {
    let (stack, _) = pending(20).await;
    let history = PollingHistory::default();
    Asked::by_a_tick(&stack, &history).await;
    let slow = Fault::Slow(Duration::from_secs(7));
    let faults = stack.world.faults();
    faults.on("s3", "ListObjectsV2", 2, slow);
    let began = tokio::time::Instant::now();
    let asked = Asked::by_a_tick(&stack, &history).await;
    let took = began.elapsed().saturating_sub(minutes(1));
    assert_eq!(asked.read.len(), 20, "{:?}", asked.actions);
    assert!(took < Duration::from_secs(6), "{took:?}");
}

/// All are read at this tick and at those of the next quarter of an hour, at which nothing is listed. Then they are listed.
async fn read_for_a_while(stack: &TestStack, history: &PollingHistory, count: usize) {
    let asked = Asked::by_a_tick(stack, history).await;
    assert_eq!(asked.read.len(), count, "{:?}", asked.actions);
    let asked = Asked::by_a_tick(stack, history).await;
    assert_eq!(
        (asked.lists, asked.read.len()),
        (0, count),
        "{:?}",
        asked.actions
    );
    stack.world.run_for(minutes(14)).await;
    let asked = Asked::by_a_tick(stack, history).await;
    assert_eq!(
        (asked.lists, asked.read.len()),
        (1, 0),
        "{:?}",
        asked.actions
    );
}
