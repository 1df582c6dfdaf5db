//! Many images at once: calls grow with pages and not with images, no image starves, and EC2's limits are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::support::{KEY_ID, REGION, SECRET, TestStack, vmdk, whole_seconds};
use amiwright::advance_tasks::{self, PollingHistory, Report};
use amiwright::aws::Aws;
use amiwright::keys;
use amiwright::metrics::Meter;
use localaws::ec2::{Era, SeedInstance, TaskKind};
use localaws::faults::Fault;
use serde_json::{Value, json};

/// All stay open for as long as the test runs.
const VERY_LONG: Duration = Duration::from_secs(100 * 3600);

/// The pages in which EC2 lists imports, where the request does not say how large they are.
const IMPORTS_A_PAGE: usize = 100;

impl TestStack {
    /// A world of old, in which nothing ticks by itself and nothing ever ends.
    async fn still() -> Self {
        let stack = Self::built(|builder| builder.schedules(false).era(Era::Classic)).await;
        let ec2 = stack.world.ec2();
        ec2.set_bundle_key(KEY_ID, SECRET);
        stack.keep_bundle_key(KEY_ID);
        ec2.set_pending_time(VERY_LONG);
        ec2.set_task_time(TaskKind::ImportSnapshot, VERY_LONG);
        ec2.set_task_time(TaskKind::BundleInstance, VERY_LONG);
        stack.drop_file("many/web.vmdk", vmdk()).await;
        stack
    }

    /// An image manifest that makes `name` from a disk, from an instance of its own, or from the seeded snapshot.
    fn manifest_of(&self, kind: &str, name: &str) -> String {
        let source = match kind {
            "disk" => "disk: {object: web.vmdk, format: vmdk}".to_owned(),
            "instance" => {
                let instance = SeedInstance::default();
                let id = self.world.ec2().seed_instance(REGION, instance);
                format!("instance: {{id: {id}}}")
            }
            _ => return self.manifest(name),
        };
        format!("name: {name}\nsource: {{{source}}}\n")
    }

    /// Drops so many manifests of a kind at once. Their keys.
    async fn drop_many(&self, kind: &str, count: usize) -> Vec<String> {
        let mut keys = Vec::new();
        for number in 0..count {
            let name = format!("{kind}-{number:03}");
            let key = format!("many/{name}.image.yaml");
            self.drop_file(&key, self.manifest_of(kind, &name)).await;
            keys.push(key);
        }
        self.world.settle().await;
        keys
    }

    /// Ticks, each by a function that has just started, until all these wait for EC2.
    async fn until_all_wait(&self, keys: &[String]) {
        for _ in 0..10 {
            let mut waiting = 0;
            for key in keys {
                let step = self.status(key).await["build"]["step"].clone();
                waiting += usize::from(step == "await-task" || step == "await-image");
            }
            if waiting == keys.len() {
                return;
            }
            self.tick(&self.aws(), None).await;
            self.world.run_for(Duration::from_secs(60)).await;
        }
        panic!("not all are under way");
    }

    /// One tick of `advance-tasks`, without the schedule.
    async fn tick(&self, aws: &Aws, time_left: Option<Duration>) -> Report {
        let (event, now) = (json!({"task": "advance"}), self.world.clock().now());
        let history = PollingHistory::default();
        advance_tasks::handle(
            aws,
            &self.config(),
            &history,
            &event,
            whole_seconds(now),
            time_left,
            &Meter::default(),
        )
        .await
        .unwrap()
    }

    /// The calls since the call of this number, by action; and the manifests whose statuses were read.
    fn calls_since(&self, number: u64) -> (BTreeMap<String, usize>, BTreeSet<String>) {
        let (mut actions, mut looked_at) = (BTreeMap::new(), BTreeSet::new());
        let calls = self.world.calls();
        for call in calls.into_iter().filter(|call| call.number > number) {
            let manifest = call.key.as_deref();
            let manifest = manifest.and_then(|key| key.strip_prefix("status/"));
            if call.action == "GetObject"
                && let Some(manifest) = manifest.and_then(|key| key.strip_suffix(".json"))
            {
                looked_at.insert(manifest.to_owned());
            }
            *actions.entry(call.action).or_default() += 1;
        }
        (actions, looked_at)
    }

    /// Those of the manifests whose last task is so.
    async fn tasks_with(&self, keys: &[String], is_so: impl Fn(&Value) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        for key in keys {
            let status = self.status(key).await;
            let tasks = status["build"]["tasks"].as_array().unwrap();
            if tasks.last().is_some_and(&is_so) {
                found.push(key.clone());
            }
        }
        found
    }
}

/// What may be left of lost statuses is looked for before each of them is imported.
#[tokio::test(start_paused = true)]
async fn a_tick_that_starts_many_imports_lists_the_earlier_ones_once() {
    let stack = TestStack::still().await;
    for number in 0..5 {
        let key = format!("many/late-{number}.image.yaml");
        let source = "disk: {object: late.vmdk, format: vmdk}";
        let manifest = format!("name: late-{number}\nsource: {{{source}}}\n");
        stack.drop_file(&key, manifest).await;
    }
    stack.world.settle().await;
    stack.drop_file("many/late.vmdk", vmdk()).await;
    stack.world.settle().await;
    assert_eq!(stack.count("ImportSnapshot"), 0);
    assert_eq!(stack.count("DescribeImportSnapshotTasks"), 0);
    stack.tick(&stack.aws(), None).await;
    assert_eq!(stack.count("ImportSnapshot"), 5);
    assert_eq!(stack.count("DescribeImportSnapshotTasks"), 1);
}

#[tokio::test(start_paused = true)]
async fn describe_calls_grow_with_pages_and_one_lost_task_hides_no_other() {
    let stack = TestStack::still().await;
    let bundles = stack.drop_many("instance", 201).await;
    let disks = stack.drop_many("disk", IMPORTS_A_PAGE + 2).await;
    let pending = stack.drop_many("snapshot", 60).await;
    let all = [&bundles[..], &disks, &pending].concat();
    stack.until_all_wait(&all).await;

    // EC2 lists one bundle task, one import and one AMI no longer.
    for key in [&bundles[7], &disks[7]] {
        let status = stack.status(key).await;
        let id = status["build"]["tasks"][0]["id"].as_str().unwrap();
        stack.world.ec2().hide_task(id);
    }
    let status = stack.status(&pending[7]).await;
    stack
        .deregister(status["regions"][REGION]["image"].as_str().unwrap())
        .await;
    // A tenth of each task's time, so that all have made progress.
    stack.world.run_for(VERY_LONG / 10).await;

    let before = stack.world.faults().count();
    let report = stack.tick(&stack.aws(), None).await;
    assert_eq!(
        (report.found, report.failed, report.skipped),
        (all.len(), 0, 0)
    );
    let (calls, looked_at) = stack.calls_since(before);
    assert_eq!(looked_at.len(), all.len());
    let pages = |action: &str| calls.get(action).copied().unwrap_or(0);
    assert_eq!(pages("DescribeBundleTasks"), 2, "{calls:?}");
    assert_eq!(
        pages("DescribeImportSnapshotTasks"),
        2,
        "the lost one is not in them"
    );
    // One for those that are pending; the lost one is looked up by its tag and by its name.
    assert!((1..=3).contains(&pages("DescribeImages")), "{calls:?}");
    assert_eq!(pages("ListObjectsV2"), 1, "one page of open markers");

    let changed = |task: &Value| task["updatedAt"] != task["startedAt"];
    let lost = |task: &Value| task["unseenSince"].is_string();
    for keys in [&bundles, &disks] {
        assert_eq!(stack.tasks_with(keys, changed).await.len(), keys.len() - 1);
        assert_eq!(stack.tasks_with(keys, lost).await, [keys[7].clone()]);
    }
}

#[tokio::test(start_paused = true)]
async fn ticks_cut_short_visit_every_image_in_turn() {
    let stack = TestStack::still().await;
    let keys = stack.drop_many("snapshot", 250).await;
    stack.until_all_wait(&keys).await;
    let slow = Fault::Slow(Duration::from_millis(100));
    stack.world.faults().always("s3", "GetObject", slow);

    let aws = stack.aws();
    let mut visits: BTreeMap<String, usize> = BTreeMap::new();
    for tick in 1..=6 {
        stack.world.run_for(Duration::from_secs(60)).await;
        let before = stack.world.faults().count();
        // Half of it is kept for what is under way; the other is enough for some hundred images.
        let time_left = Some(Duration::from_millis(500));
        let report = stack.tick(&aws, time_left).await;
        let (_, looked_at) = stack.calls_since(before);
        assert_eq!(report.skipped + looked_at.len(), keys.len(), "tick {tick}");
        assert!(looked_at.len() < keys.len() / 2, "tick {tick}");
        looked_at
            .into_iter()
            .for_each(|key| *visits.entry(key).or_default() += 1);
        let (most, all) = (visits.values().max().unwrap(), visits.len() == keys.len());
        assert!(
            *most == 1 || all,
            "tick {tick}: one was visited {most} times, others never"
        );
    }
    assert_eq!(visits.len(), keys.len());
    let fewest = visits.values().min().unwrap();
    assert!(visits.values().max().unwrap() - fewest <= 1, "{visits:?}");
}

/// EC2 answers once the time is up. As many are changed as are worked on at once.
#[tokio::test(start_paused = true)]
async fn a_tick_whose_time_is_up_leaves_what_was_polled_to_the_next() {
    let stack = TestStack::still().await;
    // No event says that an AMI is available: ticks alone see it.
    let rule = "AdvanceTasksImageStateChange";
    assert!(stack.world.set_rule_enabled(rule, false));
    let keys = stack.drop_many("snapshot", 210).await;
    stack.until_all_wait(&keys).await;
    stack.world.run_for(VERY_LONG).await;
    let slow = Fault::Slow(Duration::from_millis(200));
    stack.world.faults().always("ec2", "DescribeImages", slow);
    let aws = stack.aws();
    let report = stack.tick(&aws, Some(Duration::from_millis(300))).await;
    assert_eq!((report.found, report.failed), (210, 0));
    // 200 can be described with one call; there is no time for another one.
    assert_eq!((report.advanced, report.skipped), (32, 210 - 32));
    let point = stack
        .world
        .s3()
        .get(&stack.state_bucket, keys::RESUME_POINT);
    let point = String::from_utf8(point.await.unwrap().unwrap().to_vec()).unwrap();
    let left = point.lines().nth(1).unwrap().to_owned();
    assert_eq!(stack.status(&left).await["state"], "working");
    stack.world.faults().clear();
    stack.tick(&aws, None).await;
    for key in &keys {
        assert_eq!(stack.status(key).await["state"], "available", "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn long_running_tasks_are_polled_less_often() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, VERY_LONG);
    stack.drop_file("many/web.vmdk", vmdk()).await;
    stack.drop_many("disk", 1).await;
    let mut polls = Vec::new();
    let mut before = stack.count("DescribeImportSnapshotTasks");
    for minutes in [10, 50, 60, 60] {
        stack.world.run_for(Duration::from_secs(minutes * 60)).await;
        let now = stack.count("DescribeImportSnapshotTasks");
        polls.push(now - before);
        before = now;
    }
    // Every minute for ten minutes, every two for an hour, then every five.
    let expected = [9..=10, 25..=26, 12..=13, 12..=12];
    for (polls, expected) in polls.iter().zip(&expected) {
        assert!(expected.contains(polls), "{polls} is not in {expected:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_rate_limited_waits_for_the_next_tick_and_nothing_failed() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    let manifest = stack.manifest("web") + &format!("store: {{bucket: {}}}\n", stack.bucket);
    let key = "many/web.image.yaml";
    stack.drop_file(key, manifest).await;
    stack.world.run_for(Duration::from_secs(10)).await;
    stack.tick(&stack.aws(), None).await;
    assert_eq!(
        stack.status(key).await["build"]["tasks"][0]["kind"],
        "store-image"
    );

    let aws = stack.aws();
    aws.rate_limiter().drain(REGION, "DescribeStoreImageTasks");
    let before = stack.count("DescribeStoreImageTasks");
    let report = stack.tick(&aws, None).await;
    assert_eq!((report.skipped, report.failed), (1, 0));
    assert_eq!(stack.count("DescribeStoreImageTasks"), before);

    stack.world.run_for(Duration::from_secs(60)).await;
    let report = stack.tick(&aws, None).await;
    assert_eq!((report.skipped, report.advanced), (0, 1));
    assert_eq!(stack.status(key).await["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn three_hundred_at_once_are_all_made_once_within_ec2s_limits() {
    let stack = TestStack::new().await;
    stack.world.ec2().set_request_limits(true);
    let keys = stack.drop_many("snapshot", 300).await;
    stack.rest().await;

    let names: BTreeSet<String> = stack.images().into_iter().map(|it| it.name).collect();
    assert_eq!((names.len(), stack.images().len()), (300, 300));
    assert_eq!(stack.count("RegisterImage"), 300);
    assert_eq!(stack.emails().len(), 300);
    for key in &keys {
        assert_eq!(stack.status(key).await["state"], "available", "{key}");
    }
    // The functions together stay below what EC2 allows the account.
    assert_eq!(stack.world.ec2().refused_by_limits(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_import_whose_poll_is_not_due_is_read_only_if_it_is_cancelled() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, VERY_LONG);
    stack.drop_file("many/web.vmdk", vmdk()).await;
    let keys = stack.drop_many("disk", 1).await;
    // By now it is polled every five minutes.
    stack.world.run_for(Duration::from_secs(90 * 60)).await;
    let before = stack.world.faults().count();
    stack.world.run_for(Duration::from_secs(60 * 60)).await;
    let (calls, _) = stack.calls_since(before);
    assert_eq!(calls["DescribeImportSnapshotTasks"], 12);
    // The sweeps read nothing either.
    assert_eq!(calls["GetObject"], 12, "{calls:?}");

    // Just after a poll: the next is five minutes away.
    let polls = stack.count("DescribeImportSnapshotTasks");
    while stack.count("DescribeImportSnapshotTasks") == polls {
        stack.world.run_for(Duration::from_secs(30)).await;
    }
    let now = whole_seconds(stack.world.clock().now());
    let (aws, config) = (stack.aws(), stack.config());
    let context = amiwright::reconcile::Context::new(&aws, &config, now);
    amiwright::cli::cancel::cancel(context, &keys[0])
        .await
        .unwrap();
    stack.world.run_for(Duration::from_secs(90)).await;
    assert_eq!(stack.count("CancelImportTask"), 1, "at the next tick");
}

/// A disk whose import takes 20 minutes and that ticks poll every minute without reading its status again. Its key.
async fn polled_unread(stack: &TestStack) -> String {
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, Duration::from_secs(20 * 60));
    stack.drop_file("many/web.vmdk", vmdk()).await;
    let keys = stack.drop_many("disk", 1).await;
    stack.world.run_for(Duration::from_secs(150)).await;
    let before = stack.world.faults().count();
    stack.world.run_for(Duration::from_secs(120)).await;
    let (calls, looked_at) = stack.calls_since(before);
    assert_eq!(calls["DescribeImportSnapshotTasks"], 2, "{calls:?}");
    assert_eq!(looked_at, BTreeSet::new());
    keys[0].clone()
}

#[tokio::test(start_paused = true)]
async fn an_import_whose_status_is_remembered_is_cancelled_at_the_next_tick() {
    let stack = TestStack::new().await;
    let key = polled_unread(&stack).await;
    let now = whole_seconds(stack.world.clock().now());
    let (aws, config) = (stack.aws(), stack.config());
    let context = amiwright::reconcile::Context::new(&aws, &config, now);
    amiwright::cli::cancel::cancel(context, &key).await.unwrap();
    stack.world.run_for(Duration::from_secs(60)).await;
    assert_eq!(stack.count("CancelImportTask"), 1, "at the next tick");
    stack.rest().await;
    assert_eq!(stack.status(&key).await["state"], "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_remembered_status_does_not_overwrite_what_was_written_since() {
    let stack = TestStack::new().await;
    let key = polled_unread(&stack).await;
    // Without its marker: no notice is sent.
    let mut status = stack.status(&key).await;
    status["history"][0]["why"] = json!("written by another process");
    stack.write_state(&keys::status_key(&key), status.to_string());
    for _ in 0..10 {
        stack.minute().await;
        let status = stack.status(&key).await;
        assert_eq!(status["history"][0]["why"], "written by another process");
    }
    stack.rest().await;
    let status = stack.status(&key).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["history"][0]["why"], "written by another process");
    assert_eq!(stack.images().len(), 1);
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_another_process_did_meanwhile_is_not_done_again() {
    let stack = TestStack::new().await;
    let key = polled_unread(&stack).await;
    // Another process of `advance-tasks` sees the end of the import first, and registers the AMI.
    stack.world.run_for(Duration::from_secs(16 * 60)).await;
    while stack.images().is_empty() {
        stack.tick(&stack.aws(), None).await;
        stack.world.run_for(Duration::from_secs(5)).await;
    }
    stack.rest().await;
    assert_eq!(stack.status(&key).await["state"], "available");
    assert_eq!(stack.images().len(), 1);
    assert_eq!(stack.count("RegisterImage"), 1);
    assert_eq!(stack.emails().len(), 1);
}
