//! `amiwright plan` of a change that leaves a share of a snapshot as it is.

use amiwright::cli::Terminal;
use amiwright::cli::plan::{Upload, show};
use amiwright::reconcile::Context;

use super::plan::KEY;
use crate::support::{REGION, TestStack};

const PARTNER: &str = "111122223333";

/// An account that may launch an earlier AMI of the snapshot keeps its share, and the plan says so before the email does.
#[tokio::test(start_paused = true)]
async fn a_share_that_stays_is_planned_to_stay() {
    let stack = TestStack::built(|builder| builder.parameter("ShareWith", "*")).await;
    let launches = format!("access: {{accounts: ['{PARTNER}']}}\n");
    let first = stack.manifest("web-{digest}");
    stack.drop_and_rest(KEY, first.clone() + &launches).await;
    let earlier = stack.only_image().id;
    let next = first + "register: {imdsSupport: v2.0}\n";
    let copies = format!("access: {{accounts: ['{PARTNER}'], copy: true}}\n");
    stack.drop_and_rest(KEY, format!("{next}{copies}")).await;
    assert_eq!(stack.status(KEY).await["state"], "available");

    let (aws, config) = (stack.aws(), stack.config());
    let context = Context::new(&aws, &config, stack.world.clock().now());
    let upload = Upload {
        file: "web",
        key: KEY,
        content: next.as_bytes(),
        known: &config.guardrails,
    };
    let mut out = Vec::new();
    let planned = show(context, &upload, Terminal::PLAIN, false, &mut out).await;
    planned.unwrap();
    let text = String::from_utf8(out).unwrap();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let snapshot = &stack.snapshot;
    let stays = format!(
        "{REGION}: {snapshot} stays shared with {PARTNER}, who may launch {earlier}, another AMI of it"
    );
    assert_eq!(words.matches(&stays).count(), 1, "{text}");

    stack.drop_and_rest(KEY, next).await;
    let email = stack.emails().pop().unwrap();
    assert!(email.text.contains("stays shared with"), "{}", email.text);
}
