//! Manifests that are all dropped at once: a process for each, none of which knows of the others, then ticks.

use std::error::Error;
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory};
use amiwright::metrics::Meter;
use localaws::ec2::Image;
use serde_json::json;

use crate::opening::{Opened, REGION};
use crate::tick::slow_down;

/// A tick that has more than this begins nothing new after half of it.
const TIME_LEFT: Duration = Duration::from_secs(50);

/// No image may take that long.
const MINUTES_MAX: usize = 240;

/// Drops so many manifests; returns a table of the minutes until all are finalized.
pub(crate) async fn burst(count: usize) -> Result<String, Box<dyn Error>> {
    let opened = Opened::new(0).await?;
    slow_down(&opened);
    opened.world.ec2().set_request_limits(true);
    let failed = opened.drop_at_once(count).await?;
    let mut lines = format!(
        "\n{count} manifests at once, {failed} invocations failed:\n\n\
         | minute | registered | available | open | throttled | tick s | left |\n|--:|--:|--:|--:|--:|--:|--:|"
    );
    let (aws, history) = (opened.aws(), PollingHistory::default());
    for minute in 1..=MINUTES_MAX {
        let begun = tokio::time::Instant::now();
        // Every 15 minutes the other schedule.
        let task = if minute % 15 == 0 { "sweep" } else { "advance" };
        let (event, meter, now) = (json!({"task": task}), Meter::default(), opened.now());
        let config = &opened.config;
        let report =
            advance_tasks::handle(&aws, config, &history, &event, now, Some(TIME_LEFT), &meter);
        // Right after very many uploads EC2 throttles the tick as well; the next one goes on.
        let left = report.await.map_or_else(
            |_throttled| "failed".to_owned(),
            |report| report.skipped.to_string(),
        );
        let took = begun.elapsed();
        opened.world.settle().await;
        opened
            .world
            .run_for(Duration::from_secs(60).saturating_sub(took))
            .await;
        let images = opened.world.ec2().images(REGION);
        let is_available = |image: &&Image| image.state.to_string() == "available";
        let available = images.iter().filter(is_available).count();
        let open = opened.open_markers().await?;
        lines.push_str(&format!(
            "\n| {minute} | {} | {available} | {open} | {} | {:.1} | {} |",
            images.len() - opened.seeded,
            opened.world.ec2().refused_by_limits(),
            took.as_secs_f64(),
            left,
        ));
        if open == 0 && images.len() - opened.seeded >= count {
            let calls = opened.world.calls();
            let made = calls
                .iter()
                .filter(|it| it.action == "RegisterImage" && it.done);
            let emails = opened.world.mailbox()?.len();
            lines.push_str(&format!(
                "\n\n{} done of RegisterImage since, {emails} emails.",
                made.count()
            ));
            return Ok(lines);
        }
    }
    Err(format!("an image starves\n{lines}").into())
}
