//! Open markers that no start of ours has written so: without a draft, with a broken one, or with more than a draft says.

use std::time::Duration;

use amiwright::image::status::SCHEMA;
use localaws::faults::Fault;
use serde_json::{Value, json};

use super::drafts::{KEY, MARKER};
use crate::support::TestStack;

/// Puts this open marker beside a manifest whose event was lost, and lets it grow old.
async fn with_marker(content: &str) -> TestStack {
    let stack = TestStack::new().await;
    stack.drop_silently(KEY, stack.manifest("web"));
    stack.write_state(MARKER, content);
    stack.world.run_for(Duration::from_secs(380)).await;
    stack.world.settle().await;
    stack
}

#[tokio::test(start_paused = true)]
async fn a_stale_marker_without_a_draft_starts_the_manifest_at_its_key() {
    let stack = with_marker("0a1b 2026-11-21T10:00:00Z 2026-11-21T10:00:00Z\n").await;
    stack.rest().await;
    assert_eq!(stack.only_image().name, "web");
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_marker_without_a_valid_draft_of_its_manifest_is_reported_and_kept() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest("other.image.yaml", stack.manifest("other"))
        .await;
    let elsewhere = stack.status("other.image.yaml").await;
    let mut ended = elsewhere.clone();
    ended["manifest"]["key"] = json!(KEY);
    let cases = [
        (
            "{ not json".to_owned(),
            "is not an open marker of its manifest",
        ),
        (
            json!({"schema": SCHEMA + 1}).to_string(),
            "deploy the newer version",
        ),
        (elsewhere.to_string(), "it is about another manifest, s3://"),
        (ended.to_string(), "it holds available"),
    ];
    for (content, problem) in cases {
        let content = format!("0a1b 2026-11-21T10:00:00Z 2026-11-21T10:00:00Z\n{content}");
        let stack = with_marker(&content).await;
        let tick = stack.world.invoke("AdvanceTasks", json!({})).await;
        assert_eq!(tick.unwrap()["failed"], 1, "{problem}");
        let failed = stack.failed_events();
        assert!(failed.contains(problem), "{failed}");
        assert_eq!(stack.world.dead_letters().len(), 1, "{failed}");
        assert_eq!(stack.images(), []);
        assert_eq!(stack.open().await, [MARKER]);
        // The others continue.
        stack
            .drop_file("good.image.yaml", stack.manifest("good"))
            .await;
        stack.world.run_for(Duration::from_secs(300)).await;
        assert_eq!(stack.status("good.image.yaml").await["state"], "available");
        assert_eq!(stack.open().await, [MARKER]);
    }
}

/// The marker of a start from a snapshot that died, with its draft.
async fn drafted() -> (String, Value) {
    let stack = TestStack::new().await;
    let crash = Fault::CrashBefore;
    stack.world.faults().on("ec2", "RegisterImage", 1, crash);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    let marker = stack.world.s3().get(&stack.state_bucket, MARKER).await;
    let marker = String::from_utf8(marker.unwrap().unwrap().to_vec()).unwrap();
    let (first, draft) = marker.split_once('\n').unwrap();
    (first.to_owned(), serde_json::from_str(draft).unwrap())
}

/// Whoever may write a marker has a status made of it, and its notices sent.
#[tokio::test(start_paused = true)]
async fn a_draft_with_fields_that_no_draft_has_is_reported_and_kept() {
    let (first, draft) = drafted().await;
    let at = "2026-11-21T10:00:00Z";
    let notice = json!([{"seq": 1, "kind": "failed", "at": at}]);
    let sent = json!([{"seq": 1, "kind": "started", "at": at, "attempts": 1, "claimedAt": at, "sentAt": at}]);
    let failure = json!({"kind": "manifest-gone", "doing": "x", "message": "y"});
    let previous = json!([{"regions": {}}]);
    let cases = [
        ("/notices", notice, "notified"),
        ("/notices", sent, "notified"),
        ("/previous", previous, "attempt"),
        ("/build/attempt", json!(1), "attempt"),
        ("/build/failure", failure, "end"),
        ("/build/ending", json!("failed"), "end"),
        (
            "/build/deleted",
            json!(["snap-0123456789abcdef0"]),
            "cleaned up",
        ),
        (
            "/build/orphans",
            json!([{"what": "ami-0123456789abcdef0", "reason": "unproven"}]),
            "cleaned up",
        ),
        (
            "/cancel",
            json!({"askedAt": at, "by": "command", "uploadedAt": at}),
            "request",
        ),
        ("/manifest/sha256", json!("00ff"), "first line"),
        (
            "/manifest/uploadedAt",
            json!("2026-11-20T10:00:00Z"),
            "first line",
        ),
    ];
    for (field, value, problem) in cases {
        let mut forged = draft.clone();
        let (parent, name) = field.rsplit_once('/').unwrap();
        forged.pointer_mut(parent).unwrap()[name] = value;
        let stack = with_marker(&format!("{first}\n{forged}")).await;
        let failed = stack.failed_events();
        let is_told = failed.contains("its draft has") && failed.contains(problem);
        assert!(is_told, "{field}: {failed}");
        assert_eq!(stack.emails().len(), 0, "{field}");
        assert_eq!(stack.open().await, [MARKER], "{field}");
        assert_eq!(stack.images(), [], "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_draft_of_a_manifest_that_never_existed_makes_no_status_and_its_marker_is_deleted() {
    let (first, draft) = drafted().await;
    for (step, source) in [
        ("register-image", "snapshot"),
        ("start-task", "disk"),
        ("start-task", "vm"),
        ("start-task", "instance"),
        ("start-task", "image"),
    ] {
        let stack = TestStack::new().await;
        let mut forged = draft.clone();
        forged["build"]["step"] = json!(step);
        forged["build"]["source"] = json!(source);
        forged["notices"] = json!([{"seq": 1, "kind": "started", "at": "2026-11-21T10:00:00Z"}]);
        stack.write_state(MARKER, format!("{first}\n{forged}"));
        stack.rest().await;
        assert_eq!(stack.state_keys("").await, Vec::<String>::new(), "{source}");
        assert_eq!(stack.emails().len(), 0, "{source}");
        assert!(stack.world.dead_letters().is_empty(), "{source}");
    }
}
