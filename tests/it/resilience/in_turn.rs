//! Ticks that have time for some of the open images only: each image has its turn after a few of them, whatever is throttled,
//! however little EC2 tells of one kind, and also if the invocations are killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory, Report};
use amiwright::aws::Aws;
use amiwright::keys;
use amiwright::metrics::Meter;
use localaws::ec2::TaskKind;
use localaws::faults::{Call, Fault};
use serde_json::json;
use tokio::time::timeout;

use super::unchanged::{LONG, config, tick};
use crate::support::{TestStack, minutes, whole_seconds};

/// Images of a stack in which nothing ticks by itself, and what visits them: a tick has time for a few dozen.
struct Hurried {
    stack: TestStack,
    aws: Aws,
    keys: Vec<String>,
}

impl Hurried {
    /// So many images whose AMIs are being stored, then so many that wait for theirs.
    async fn with(stored: usize, pending: usize) -> Self {
        let stack = TestStack::built(|builder| builder.schedules(false)).await;
        let ec2 = stack.world.ec2();
        ec2.set_task_time(TaskKind::StoreImage, LONG);
        let store = format!("store: {{bucket: {}}}\n", stack.bucket);
        let mut keys = Vec::new();
        for number in 0..stored + pending {
            let key = format!("many/web-{number:03}.image.yaml");
            let mut manifest = stack.manifest(&format!("web-{number:03}"));
            // As fast as EC2 takes requests.
            let mut pause = Duration::from_secs(1);
            if number < stored {
                manifest += &store;
                pause = Duration::from_secs(25);
            } else {
                ec2.set_pending_time(LONG);
            }
            stack.drop_file(&key, manifest).await;
            stack.world.run_for(pause).await;
            keys.push(key);
        }
        for _ in 0..2 {
            tick(&stack, &PollingHistory::default()).await;
            stack.world.run_for(minutes(1)).await;
        }
        for (number, key) in keys.iter().enumerate() {
            let step = stack.status(key).await["build"]["step"].clone();
            let awaited = ["await-image", "await-store"];
            assert_eq!(step, awaited[usize::from(number < stored)], "{key}");
        }
        let slow = Fault::Slow(Duration::from_millis(100));
        stack.world.faults().always("s3", "GetObject", slow);
        let aws = stack.aws();
        Self { stack, aws, keys }
    }

    /// One tick of a new process, a minute after the last one. None if it takes longer than `longest`: then it is killed. And the
    /// images whose statuses it read.
    async fn tick(&self, longest: Duration) -> (Option<Report>, BTreeSet<String>) {
        let stack = &self.stack;
        stack.world.run_for(minutes(1)).await;
        let before = stack.world.faults().count();
        let (config, meter) = (config(stack), Meter::default());
        let history = PollingHistory::default();
        let (event, now) = (json!({"task": "advance"}), stack.world.clock().now());
        let now = whole_seconds(now);
        // Half of it is kept for what is under way.
        let left = Some(Duration::from_millis(500));
        let tick = advance_tasks::handle(&self.aws, &config, &history, &event, now, left, &meter);
        let report = timeout(longest, Box::pin(tick)).await.ok();
        let report = report.map(|report| report.unwrap());
        let calls = stack.world.calls();
        let by_this = |call: &&Call| call.number > before && call.function.is_none();
        let calls = calls.iter().filter(by_this);
        let read = calls.filter(|call| call.action == "GetObject");
        let read = read.filter_map(|call| keys::manifest_of_status(call.key.as_deref()?));
        (report, read.map(str::to_owned).collect())
    }

    /// So many ticks read each of these images, and none twice before all others.
    async fn all_have_their_turn(&self, ticks: usize, longest: Duration) {
        let keys = &self.keys;
        let mut reads: BTreeMap<String, usize> = BTreeMap::new();
        for tick in 1..=ticks {
            let (report, read) = self.tick(longest).await;
            assert!(read.len() < keys.len() / 2, "tick {tick}: {}", read.len());
            assert!(report.is_none_or(|it| it.failed == 0), "{report:?}");
            read.into_iter()
                .for_each(|key| *reads.entry(key).or_default() += 1);
            let (most, all) = (reads.values().max(), reads.len() == keys.len());
            assert!(
                most == Some(&1) || all,
                "tick {tick}: one was read {most:?} times, of {} only {} at all",
                keys.len(),
                reads.len()
            );
        }
        assert_eq!(reads.len(), keys.len());
    }
}

const FOR_EVER: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn what_is_throttled_for_long_keeps_no_other_from_its_turn() {
    let hurried = Hurried::with(0, 210).await;
    let faults = hurried.stack.world.faults();
    faults.always("ec2", "DescribeImages", Fault::Throttle);
    hurried.all_have_their_turn(4, FOR_EVER).await;
}

/// EC2 answers for 20 of them with one call, and there is time for no second one.
#[tokio::test(start_paused = true)]
async fn amis_that_are_being_stored_keep_no_other_from_its_turn() {
    let hurried = Hurried::with(45, 165).await;
    hurried.all_have_their_turn(4, FOR_EVER).await;
}

/// EC2 does not answer in the time that is left for it.
#[tokio::test(start_paused = true)]
async fn ticks_that_are_killed_begin_elsewhere_each_time() {
    let hurried = Hurried::with(0, 210).await;
    let faults = hurried.stack.world.faults();
    let slow = Fault::Slow(Duration::from_secs(5));
    faults.always("ec2", "DescribeImages", slow);
    let longest = Duration::from_secs(1);
    hurried.all_have_their_turn(4, longest).await;
    let (report, _) = hurried.tick(longest).await;
    assert_eq!(report, None);
}
