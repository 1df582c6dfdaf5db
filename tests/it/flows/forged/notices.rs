//! Statuses with more notices than an image ever has.

use serde_json::{Value, json};

use crate::support::TestStack;

const KEY: &str = "evil.image.yaml";

/// One that is sent by a single invocation would use up its time, at every tick, and keep all others from being told.
#[tokio::test(start_paused = true)]
async fn an_invocation_sends_some_of_very_many_notices_and_the_next_ones_the_others() {
    let stack = TestStack::new().await;
    let at = "2026-11-21T09:00:00Z";
    let notice = |seq: usize| json!({"seq": seq, "kind": "rejected", "at": at});
    let notices: Vec<Value> = (1..=50).map(notice).collect();
    let status = json!({
        "schema": 3, "state": "rejected", "problems": [{"message": "no"}], "notices": notices,
        "manifest": {"bucket": stack.bucket, "key": KEY, "etag": "\"0123\"", "sha256": "00ff", "uploadedAt": at},
        "build": {"step": "check-manifest", "stepSince": at, "startedAt": at},
    });
    super::forge(&stack, KEY, &status).await;
    stack.rest().await;
    assert_eq!(stack.count("Publish"), 50);
    let invocations = stack.world.invocations();
    let answers = invocations.iter().filter_map(|it| it.outcome.as_ref().ok());
    let sent: Vec<u64> = answers.filter_map(|it| it["sent"].as_u64()).collect();
    assert!(sent.contains(&20), "{sent:?}");
    assert!(sent.iter().all(|sent| *sent <= 20), "{sent:?}");
}
