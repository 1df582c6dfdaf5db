//! Audits of many AMIs, each published to three Regions.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory};
use amiwright::metrics::Meter;
use serde_json::json;

use crate::opening::Opened;
use crate::tick::slow_down;

/// What the template gives the function.
const TIME_LEFT: Duration = Duration::from_secs(50);

/// In this time all copies are made.
const MINUTES_MAX: usize = 600;

/// An audit that is not finished goes on with the next sweep, every 15 minutes.
const SWEEP: Duration = Duration::from_secs(15 * 60);

/// How long ago an AMI has to be published for the audit to look at it.
const LATER: Duration = Duration::from_secs(3600);

/// Publishes so many AMIs; returns a table of the invocations that one audit of all of them takes.
pub(crate) async fn audited(count: usize) -> Result<String, Box<dyn Error>> {
    let opened = Opened::new(0).await?;
    opened.publish(count).await?;
    let history = PollingHistory::default();
    let mut minutes = 0;
    while opened.open_markers().await? > 0 {
        minutes += 1;
        if minutes > MINUTES_MAX {
            return Err("an image is still open".into());
        }
        run(&opened, &history, "advance").await?;
        opened.world.run_for(Duration::from_secs(60)).await;
    }
    opened.world.run_for(LATER).await;
    slow_down(&opened);
    opened.world.ec2().set_request_limits(true);
    let mut lines = format!(
        "\n{count} AMIs in 3 Regions, one audit:\n\n\
         | invocation | audited | S3 get | S3 put | S3 list | Describe | throttled | s |\n|---|--:|--:|--:|--:|--:|--:|--:|"
    );
    let (mut task, mut audited) = ("audit", 0);
    while audited < count {
        let (before, refused) = (
            opened.world.faults().count(),
            opened.world.ec2().refused_by_limits(),
        );
        let begun = tokio::time::Instant::now();
        let done = run(&opened, &history, task).await?;
        let took = begun.elapsed();
        let mut calls: BTreeMap<String, usize> = BTreeMap::new();
        for call in opened
            .world
            .calls()
            .into_iter()
            .filter(|it| it.number > before)
        {
            let is_describe = call.service == "ec2" && call.is_read();
            let action = if is_describe {
                "Describe".to_owned()
            } else {
                call.action
            };
            *calls.entry(action).or_default() += 1;
        }
        let of = |action: &str| calls.get(action).copied().unwrap_or(0);
        lines.push_str(&format!(
            "\n| {task} | {done} | {} | {} | {} | {} | {} | {:.1} |",
            of("GetObject"),
            of("PutObject"),
            of("ListObjectsV2"),
            of("Describe"),
            opened.world.ec2().refused_by_limits() - refused,
            took.as_secs_f64()
        ));
        if done == 0 {
            return Err(format!("an AMI is not audited\n{lines}").into());
        }
        audited += done;
        task = "sweep";
        opened.world.run_for(SWEEP).await;
    }
    Ok(lines)
}

/// One invocation; how many AMIs it has audited.
async fn run(
    opened: &Opened,
    history: &PollingHistory,
    task: &str,
) -> Result<usize, Box<dyn Error>> {
    let (aws, event, meter) = (opened.aws(), json!({"task": task}), Meter::default());
    let (config, now) = (&opened.config, opened.now());
    let report = advance_tasks::handle(&aws, config, history, &event, now, Some(TIME_LEFT), &meter);
    Ok(report.await?.audited)
}
