//! What a stack costs: the calls that are counted, at AWS's prices.

use std::collections::BTreeSet;
use std::time::Duration;

use amiwright::metrics::Metric;

use crate::calls::scenario::{Counted, Scenario};
use crate::support::TestStack;

use super::{hold, table};

/// A list price, in US dollars for so many units.
struct Price {
    of: &'static str,
    usd: f64,
    units: f64,
    /// Where AWS publishes it.
    source: &'static str,
}

/// When the prices were looked up.
const PRICES_OF: &str = "2026-11-26";

const S3_WRITE: Price = Price {
    of: "S3: PUT, COPY, POST and LIST requests",
    usd: 0.005,
    units: 1e3,
    source: "Amazon S3 pricing, S3 Standard",
};
const S3_READ: Price = Price {
    of: "S3: GET and all other requests but DELETE, which is free",
    usd: 0.0004,
    units: 1e3,
    source: "Amazon S3 pricing, S3 Standard",
};
const INVOCATION: Price = Price {
    of: "Lambda: requests",
    usd: 0.20,
    units: 1e6,
    source: "AWS Lambda pricing",
};
const GB_SECOND: Price = Price {
    of: "Lambda: GB-seconds on arm64",
    usd: 13.3334,
    units: 1e6,
    source: "AWS Lambda pricing",
};
/// Events of S3 are counted as those of one's own, whatever AWS calls them: the higher price.
const EVENT: Price = Price {
    of: "EventBridge: events",
    usd: 1.00,
    units: 1e6,
    source: "Amazon EventBridge pricing",
};
const PUBLISH: Price = Price {
    of: "SNS: requests",
    usd: 0.50,
    units: 1e6,
    source: "Amazon SNS pricing",
};
const EMAIL: Price = Price {
    of: "SNS: emails",
    usd: 2.00,
    units: 1e5,
    source: "Amazon SNS pricing",
};
const LOG_GB: Price = Price {
    of: "CloudWatch Logs: GB that come in",
    usd: 0.50,
    units: 1.0,
    source: "Amazon CloudWatch pricing",
};
const ALARM: Price = Price {
    of: "CloudWatch: alarms, a month",
    usd: 0.10,
    units: 1.0,
    source: "Amazon CloudWatch pricing",
};
/// The first three of an account are free; they are counted all the same.
const DASHBOARD: Price = Price {
    of: "CloudWatch: dashboards, a month",
    usd: 3.00,
    units: 1.0,
    source: "Amazon CloudWatch pricing",
};
/// By the hours in which it has values. The first ten of an account are free; they are counted all the same.
const METRIC: Price = Price {
    of: "CloudWatch: metrics, a month",
    usd: 0.30,
    units: 1.0,
    source: "Amazon CloudWatch pricing",
};
const SNAPSHOT_GB: Price = Price {
    of: "EBS: GB of snapshots, a month",
    usd: 0.05,
    units: 1.0,
    source: "Amazon EBS pricing, standard tier",
};
const S3_GB: Price = Price {
    of: "S3: GB of objects, a month",
    usd: 0.023,
    units: 1.0,
    source: "Amazon S3 pricing, S3 Standard",
};

const PRICES: [&Price; 13] = [
    &S3_WRITE,
    &S3_READ,
    &INVOCATION,
    &GB_SECOND,
    &EVENT,
    &PUBLISH,
    &EMAIL,
    &LOG_GB,
    &ALARM,
    &DASHBOARD,
    &METRIC,
    &SNAPSHOT_GB,
    &S3_GB,
];

/// How long an invocation is charged for: many times what one takes that finds nothing to do.
const SECONDS: f64 = 1.0;
/// The largest memory of the functions in template.yaml.
const GB: f64 = 0.25;
/// What an invocation logs, at most, with Lambda's own lines.
const LOGGED_GB: f64 = 4e-6;
/// As AWS counts them.
const HOURS_OF_A_MONTH: f64 = 730.0;

/// The interval of AuditSchedule.
const AUDIT_HOURS: f64 = 6.0;
/// So long that every schedule of the stack comes by, in hours.
const IDLE_HOURS: u64 = 6;

const COUNTS: [u32; 3] = [10, 1_000, 10_000];

fn at(price: &Price, count: f64) -> f64 {
    price.usd / price.units * count
}

/// What calls of these actions, and these invocations, cost.
fn cost<'a>(actions: impl Iterator<Item = (&'a str, bool)>, invocations: f64) -> f64 {
    let calls: f64 = actions
        .map(|(action, is_s3)| match action {
            "Publish" => at(&PUBLISH, 1.0) + at(&EMAIL, 1.0),
            _ if !is_s3 => 0.0,
            "PutObject" => at(&S3_WRITE, 1.0) + at(&EVENT, 1.0),
            // One event an object; it has two at most.
            "DeleteObjects" => at(&S3_WRITE, 1.0) + at(&EVENT, 2.0),
            "DeleteObject" => at(&EVENT, 1.0),
            "ListObjectsV2" => at(&S3_WRITE, 1.0),
            _ => at(&S3_READ, 1.0),
        })
        .sum();
    let run = at(&INVOCATION, 1.0) + at(&GB_SECOND, SECONDS * GB) + at(&LOG_GB, LOGGED_GB);
    calls + invocations * run
}

/// What an image of the counted ones costs.
fn each(counted: &Counted) -> f64 {
    // Whatever is invoked for an image reads its status.
    let of_status = counted
        .calls
        .iter()
        .filter(|it| it.action == "GetObject" && it.object == "status");
    let invocations = of_status.count() as f64;
    let is_s3 = |action: &str| {
        action.ends_with("Object") || action.ends_with("Objects") || action.ends_with("Bucket")
    };
    let actions = counted
        .calls
        .iter()
        .map(|it| (it.action.as_str(), is_s3(&it.action)));
    // Its manifest's upload is an event, too, and its disk's.
    cost(actions, invocations) / counted.images as f64 + at(&EVENT, 2.0)
}

/// How many resources of this type the stack has.
fn resources(kind: &str) -> f64 {
    let template = include_str!("../../../template.yaml");
    let resources = localaws::template::section(template, "Resources").unwrap();
    let resources = resources.as_object().unwrap().values();
    resources.filter(|it| it["Type"] == kind).count() as f64
}

/// What a stack costs a month in which nothing is uploaded: what it does, and what it has.
async fn idle() -> (f64, f64, f64) {
    let stack = TestStack::with_every_tick().await;
    stack
        .world
        .run_for(Duration::from_secs(IDLE_HOURS * 60 * 60))
        .await;
    stack.world.settle().await;
    let calls = stack.world.calls();
    let of_functions = calls.iter().filter(|call| call.function.is_some());
    let actions = of_functions.map(|call| (call.action.as_str(), call.service == "s3"));
    let invocations = stack.world.invocations().len();
    assert!(invocations > 360, "{invocations}");
    let done = cost(actions, invocations as f64) * HOURS_OF_A_MONTH / IDLE_HOURS as f64;
    let alarms = at(&ALARM, resources("AWS::CloudWatch::Alarm"));
    let dashboards = at(&DASHBOARD, resources("AWS::CloudWatch::Dashboard"));
    let measured: BTreeSet<String> = stack.measured().into_iter().map(|it| it.metric).collect();
    (
        done,
        alarms + dashboards,
        at(&METRIC, measured.len() as f64),
    )
}

fn dollars(usd: f64) -> String {
    format!("{usd:.2}")
}

#[tokio::test(start_paused = true)]
async fn what_ten_a_thousand_and_ten_thousand_images_a_month_cost() {
    let (done, kept_watch, measured) = idle().await;
    let idle = done + kept_watch + measured;
    // Whatever can be measured of images of one kind of source.
    let measured_most = at(&METRIC, Metric::ALL.len() as f64);
    let working = idle - measured + measured_most;
    // Status and manifest are read and the status is written, for each finished AMI.
    let audits = HOURS_OF_A_MONTH / AUDIT_HOURS;
    let audited = audits * (at(&S3_READ, 2.0) + at(&S3_WRITE, 1.0) + at(&EVENT, 1.0));
    let mut rows = Vec::new();
    for scenario in [
        Scenario::Snapshot,
        Scenario::ShortImport,
        Scenario::LongImport,
        Scenario::Published,
        Scenario::Released,
    ] {
        let counted = scenario.run().await.unwrap();
        let each = each(&counted);
        let mut row = vec![scenario.title().to_owned(), counted.each().to_string()];
        row.extend(COUNTS.map(|count| dollars(working + (each + audited) * f64::from(count))));
        rows.push(row);
    }
    let prices = PRICES.map(|it| {
        let units = match it.units {
            1e6 => "a million",
            1e5 => "100,000",
            1e3 => "1,000",
            _ => "one",
        };
        let price = format!("{} for {units}", it.usd);
        vec![it.of.to_owned(), price, it.source.to_owned()]
    });
    let kept = [10.0, 100.0].map(|gb| {
        let (snapshots, objects) = (at(&SNAPSHOT_GB, gb), at(&S3_GB, gb));
        vec![format!("{gb} GB"), dollars(snapshots), dollars(objects)]
    });
    let content = format!(
        "A stack in which nothing is uploaded costs at most **{} USD a month**: {} for its ticks and sweeps, {} for alarms and \
         a dashboard, {} for metrics.\n\n\
         ## Images\n\n\
         In USD a month, at most, with the idle stack and every metric of one kind of source. The calls are those of one image, as `tests/it/calls.rs` counts them; \
         EC2's and Systems Manager's are free.\n\n{}\n\
         The AMIs of earlier months that are still audited add {} for each 1,000. What is left out: CopyImage's data transfer \
         between Regions, copies with `completionMinutes`, the pages of sweeps over more than 1,000 objects, and metrics of \
         other kinds of sources.\n\n\
         ## What you keep\n\n\
         Snapshots and disks cost more than all the rest. In USD a month, for so much data:\n\n{}\n\
         ## Prices\n\n\
         List prices of us-east-1 in USD, without free tiers, as they were known on {PRICES_OF}: AWS's own pages are what counts. Each invocation is taken for one second \
         of 256 MB on arm64 and 4 kB of logs, which is more than it takes.\n\n{}",
        dollars(idle),
        dollars(done),
        dollars(kept_watch),
        dollars(measured),
        table(&["images", "calls each", "10", "1,000", "10,000"], &rows),
        dollars(audited * 1_000.0),
        table(&["data", "as snapshots", "as objects"], &kept),
        table(&["of", "USD", "source"], &prices),
    );
    hold(
        "cost",
        "Cost",
        "Computed from calls that a test counts, and AWS's prices.",
        &content,
    );
    assert!(done < 1.0, "{done}");
}
