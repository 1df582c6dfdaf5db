//! One tick of `advance-tasks`, measured.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory};
use amiwright::aws::Aws;
use amiwright::keys;
use amiwright::metrics::Meter;
use localaws::faults::{Call, Fault};
use serde_json::json;

use crate::opening::Opened;

/// What S3 usually takes for a small object.
pub(crate) const S3_ANSWERS_IN: Duration = Duration::from_millis(20);

/// What EC2 usually takes for a page.
const EC2_ANSWERS_IN: Duration = Duration::from_millis(300);

const S3_ACTIONS: [&str; 4] = ["GetObject", "PutObject", "ListObjectsV2", "DeleteObject"];
const EC2_ACTIONS: [&str; 5] = [
    "DescribeImages",
    "DescribeBundleTasks",
    "DescribeImportImageTasks",
    "DescribeImportSnapshotTasks",
    "DescribeStoreImageTasks",
];

/// `advance-tasks` as its process lives on from one tick to the next.
pub(crate) struct Ticker<'a> {
    opened: &'a Opened,
    aws: Aws,
    history: PollingHistory,
}

/// What a tick came to.
pub(crate) struct Tick {
    name: &'static str,
    /// The function's calls, by service and action.
    calls: BTreeMap<String, usize>,
    /// The statuses that were read, by their keys.
    pub(crate) statuses: Vec<String>,
    /// Calls that EC2 answered RequestLimitExceeded.
    refused: u64,
    waiting: Duration,
    computing: Duration,
    before: Memory,
    peak: Memory,
    pub(crate) skipped: usize,
    failed: usize,
}

/// Memory of this process in KiB.
#[derive(Clone, Copy)]
struct Memory(u64);

/// From now on each answer comes as late as AWS's usually do.
pub(crate) fn slow_down(opened: &Opened) {
    let faults = opened.world.faults();
    faults.clear();
    for action in S3_ACTIONS {
        faults.always("s3", action, Fault::Slow(S3_ANSWERS_IN));
    }
    for action in EC2_ACTIONS {
        faults.always("ec2", action, Fault::Slow(EC2_ANSWERS_IN));
    }
}

/// A function that has just started, in a world whose answers take their time and whose limits hold.
pub(crate) fn ticker(opened: &Opened) -> Ticker<'_> {
    slow_down(opened);
    opened.world.ec2().set_request_limits(true);
    Ticker {
        opened,
        aws: opened.aws(),
        history: PollingHistory::default(),
    }
}

impl Ticker<'_> {
    /// One tick of the schedule.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long the machine computes is what is measured"
    )]
    pub(crate) async fn tick(
        &self,
        name: &'static str,
        time_left: Duration,
    ) -> Result<Tick, Box<dyn Error>> {
        let Opened { world, config, .. } = self.opened;
        let calls_before = world.faults().count();
        let refused_before = world.ec2().refused_by_limits();
        forget_peak()?;
        let before = Memory::read("VmRSS")?;
        let begun = (std::time::Instant::now(), tokio::time::Instant::now());
        let now = self.opened.now();
        let event = json!({"task": "advance"});
        let report = advance_tasks::handle(
            &self.aws,
            config,
            &self.history,
            &event,
            now,
            Some(time_left),
            &Meter::default(),
        )
        .await?;
        let (computing, waiting) = (begun.0.elapsed(), begun.1.elapsed());
        let peak = Memory::read("VmHWM")?;
        let made = world.calls();
        let made: Vec<&Call> = made
            .iter()
            .filter(|call| call.number > calls_before)
            .collect();
        let mut calls = BTreeMap::new();
        for call in &made {
            let action = format!("{}:{}", call.service, call.action);
            *calls.entry(action).or_default() += 1;
        }
        let read = made.iter().filter(|call| call.action == "GetObject");
        let statuses = read
            .filter_map(|call| keys::manifest_of_status(call.key.as_deref()?))
            .map(str::to_owned)
            .collect();
        Ok(Tick {
            name,
            calls,
            statuses,
            refused: world.ec2().refused_by_limits() - refused_before,
            waiting,
            computing,
            before,
            peak,
            skipped: report.skipped,
            failed: report.failed,
        })
    }
}

impl Tick {
    pub(crate) const HEADING: &'static str = "\
| open | tick | Images | Bundle | ImportImage | ImportSnapshot | Store | refused | S3 get | list | put | other calls | waiting s | computing s | RSS before MiB | peak | left | failed |
|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

    /// A line of the table.
    pub(crate) fn row(&self, size: usize) -> String {
        let count = |action: &str| self.calls.get(action).copied().unwrap_or(0);
        let describes = EC2_ACTIONS.map(|action| count(&format!("ec2:{action}")));
        let [images, bundles, machines, disks, stores] = describes;
        let (get, list, put) = (
            count("s3:GetObject"),
            count("s3:ListObjectsV2"),
            count("s3:PutObject"),
        );
        let all: usize = self.calls.values().sum();
        let other = all - describes.iter().sum::<usize>() - get - list - put;
        format!(
            "| {size} | {} | {images} | {bundles} | {machines} | {disks} | {stores} | {} | {get} | {list} | {put} | {other} | {:.1} | {:.1} | {} | {} | {} | {} |",
            self.name,
            self.refused,
            self.waiting.as_secs_f64(),
            self.computing.as_secs_f64(),
            self.before.0 / 1024,
            self.peak.0 / 1024,
            self.skipped,
            self.failed
        )
    }
}

impl Memory {
    fn read(field: &str) -> Result<Self, Box<dyn Error>> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
        Ok(Self(number.ok_or("no such field")?.parse()?))
    }
}

/// Lets the peak of this process's memory start again (proc(5), `/proc/pid/clear_refs`).
fn forget_peak() -> Result<(), std::io::Error> {
    std::fs::write("/proc/self/clear_refs", "5")
}
