//! The Regions of an image in `amiwright status KEY` and `watch`.

use std::time::Duration;

use amiwright::cli::Terminal;
use amiwright::cli::status::{View, show};
use amiwright::cli::watch::{Shows, Watch, poll};
use amiwright::reconcile::Context;
use insta::assert_snapshot;
use localaws::ec2::TaskKind;

use crate::support::{TestStack, minutes};

const KEY: &str = "golden/web.image.yaml";

/// The table of a text, with names in place of ids.
fn table(stack: &TestStack, text: &str) -> String {
    let lines = text.lines().skip_while(|line| !line.contains("REGION"));
    let lines = lines.take_while(|line| !line.is_empty());
    let mut table = lines.collect::<Vec<_>>().join("\n");
    for region in ["us-east-1", "us-west-2"] {
        for image in stack.world.ec2().images(region) {
            table = table.replace(&image.id, &format!("ami-of-{region}"));
        }
    }
    table
}

#[tokio::test(start_paused = true)]
async fn regions_are_shown_as_a_table() {
    let stack =
        TestStack::built(|builder| builder.parameter("CopyRegions", "af-south-1,us-west-2")).await;
    let hour = minutes(60);
    stack.world.ec2().set_task_time(TaskKind::CopyImage, hour);
    let regions = "regions: {us-west-2: {}, af-south-1: {required: false}}\n";
    let manifest = format!("{}{regions}", stack.manifest("web"));
    stack.drop_file(KEY, manifest).await;
    stack.world.run_for(hour / 6).await;

    let (aws, config) = (stack.aws(), stack.config());
    let context = Context::new(&aws, &config, stack.world.clock().now());
    let mut out = Vec::new();
    show(context, &View::of(&[KEY]), &mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_snapshot!(table(&stack, &text), @r"
    REGION      AMI                    STATE      COPY       SETTINGS
    us-east-1   ami-of-us-east-1  available  -          verified 9 min ago
    af-south-1  -                      -          failed     the account has not enabled af-south-1, or there is no such…
    us-west-2   ami-of-us-west-2  pending    for 9 min  waiting until the copy in us-west-2 is available
    ");

    let watch = Watch {
        keys: vec![KEY.to_owned()],
        uploads: std::collections::BTreeMap::new(),
        interval: Duration::from_secs(10),
        timeout: Some(hour * 3),
        terminal: Terminal::PLAIN,
        shows: Shows::Progress,
    };
    let mut out = Vec::new();
    assert!(!poll(context, &watch, &mut out).await.unwrap());
    let text = String::from_utf8(out).unwrap();
    assert_snapshot!(table(&stack, &text), @r"
    REGION      AMI                    STATE      COPY    SETTINGS
    us-east-1   ami-of-us-east-1  available  -       verified 1 h ago
    af-south-1  -                      -          failed  the account has not enabled af-south-1, or there is no such…
    us-west-2   ami-of-us-west-2  available  done    verified 0 s ago
    ");
}
