//! Very many images whose manifests were removed while they were open, and whose events were lost.

use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory, Report};
use amiwright::metrics::Meter;
use localaws::faults::Fault;
use serde_json::json;

use crate::support::{TestStack, minutes, whole_seconds};

const COUNT: usize = 60;
/// Half of it is kept for what is under way.
const TIME: Duration = Duration::from_secs(4);

async fn sweep(stack: &TestStack, history: &PollingHistory) -> Report {
    let (aws, config) = (stack.aws(), stack.config());
    let (now, meter) = (whole_seconds(stack.world.clock().now()), Meter::default());
    let (event, time_left) = (json!({"task": "sweep"}), Some(TIME));
    let report = advance_tasks::handle(&aws, &config, history, &event, now, time_left, &meter);
    report.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_sweep_ends_in_time_and_the_next_one_goes_on() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    stack.world.ec2().set_pending_time(minutes(60 * 24));
    let keys: Vec<String> = (0..COUNT)
        .map(|number| format!("{number:03}.image.yaml"))
        .collect();
    for key in &keys {
        stack
            .drop_file(key, stack.manifest(&format!("web-{}", &key[..3])))
            .await;
    }
    stack.world.settle().await;
    let folder = stack.world.directory().join("s3").join(&stack.bucket);
    for key in &keys {
        std::fs::remove_file(folder.join(key)).unwrap();
    }
    let slow = Fault::Slow(Duration::from_millis(300));
    stack.world.faults().always("s3", "GetObject", slow);
    let (history, mut wanted) = (PollingHistory::default(), Vec::new());
    while wanted.last() != Some(&0) {
        let begun = stack.world.clock().now();
        sweep(&stack, &history).await;
        let took = stack.world.clock().now().duration_since(begun);
        assert!(took.as_secs() < 4, "{took:?}, {wanted:?}");
        let mut left = 0;
        for key in &keys {
            let status = stack.status(key).await;
            let by = status["cancel"]["by"].as_str();
            left += usize::from(by != Some("manifest-removed"));
        }
        wanted.push(left);
        assert!(wanted.len() < 20, "{wanted:?}");
    }
    assert!(wanted[0] > 0, "a single sweep did all: {wanted:?}");
}
