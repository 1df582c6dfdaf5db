//! An invocation makes its changes late: other settings have been taken over meanwhile, by which the AMI was seen to be as it
//! should be. What it may have done is taken back, whatever EC2 has answered it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use localaws::faults::{Call, Fault};
use serde_json::Value;

use super::side_by_side::rest;
use crate::support::{REGION, TestStack, changes_since, minutes, refused};

const KEY: &str = "golden/web.image.yaml";
const GRANT: &str = "access: {accounts: ['111122223333']}\n";
/// For how long an answer is held: not so long that the SDK asks once more.
const HELD: Duration = Duration::from_secs(7);

/// Nothing ticks by itself.
async fn empty() -> TestStack {
    TestStack::built(|builder| {
        builder
            .schedules(false)
            .parameter("ShareWith", "*")
            .parameter("AllowRetire", "true")
    })
    .await
}

/// A finished image.
async fn finished() -> TestStack {
    let stack = empty().await;
    stack.drop_file(KEY, manifest(&stack, "")).await;
    rest(&stack).await;
    stack
}

fn manifest(stack: &TestStack, settings: &str) -> String {
    stack.manifest("web-{digest}") + settings
}

/// Lets these be uploaded, one after another, while the first call that is meant waits for its answer.
async fn while_held(
    stack: &TestStack,
    is_meant: impl Fn(&Call) -> bool + Send + Sync + 'static,
    uploads: &[&str],
) {
    let held = std::sync::Arc::new(AtomicBool::new(false));
    let once = held.clone();
    let is_held = move |call: &Call| is_meant(call) && !once.swap(true, Ordering::SeqCst);
    stack.world.faults().each(is_held, Fault::Slow(HELD));
    let (first, others) = uploads.split_first().unwrap();
    stack.drop_file(KEY, manifest(stack, first)).await;
    for _ in 0..600 {
        if held.load(Ordering::SeqCst) {
            break;
        }
        stack.world.run_for(Duration::from_millis(100)).await;
    }
    assert!(held.load(Ordering::SeqCst), "the call did not come");
    for settings in others {
        // Uploads are told apart by the second.
        stack.world.run_for(Duration::from_secs(1)).await;
        stack.drop_file(KEY, manifest(stack, settings)).await;
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    stack.world.run_for(2 * HELD).await;
}

fn is_grant(call: &Call) -> bool {
    call.action == "ModifyImageAttribute"
        && call
            .values("LaunchPermission.Add.", "UserId")
            .next()
            .is_some()
}

/// The calls whose answers are lost are those with this value.
fn lose(stack: &TestStack, action: &'static str, value: &'static str) {
    lose_then(stack, (action, value), Fault::LoseAnswer);
}

/// The answer to the first of these calls is lost; this happens to the attempts after it.
fn lose_then(stack: &TestStack, (action, value): (&'static str, &'static str), then: Fault) {
    let is_meant = move |call: &Call| {
        call.action == action && call.fields.iter().any(|(_, it)| it.starts_with(value))
    };
    let is_lost = AtomicBool::new(false);
    let is_first = move |call: &Call| is_meant(call) && !is_lost.swap(true, Ordering::SeqCst);
    let faults = stack.world.faults();
    faults.each(is_first, Fault::LoseAnswer);
    faults.each(is_meant, then);
}

async fn is_at_rest(stack: &TestStack) {
    let (before, told) = (stack.world.faults().count(), stack.emails().len());
    stack.world.run_for(minutes(20)).await;
    super::side_by_side::tick_of(stack, "audit").await;
    rest(stack).await;
    assert_eq!(changes_since(stack, before), []);
    assert_eq!(stack.emails().len(), told, "{:?}", stack.subjects());
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_late_and_never_answered_is_taken_back() {
    let cases = [
        (
            "ModifyImageAttribute",
            "One",
            "description: One\n",
            "description: Two\n",
        ),
        (
            "CreateTags",
            "One",
            "tags: {team: One}\n",
            "tags: {team: Two}\n",
        ),
        (
            "EnableImageDeprecation",
            "2027-06-01",
            "deprecate: {at: 2027-06-01T00:00:00Z}\n",
            "deprecate: {at: 2027-05-01T00:00:00Z}\n",
        ),
    ];
    let cases = cases.into_iter().flat_map(|case| {
        // The SDK returns the error of its last attempt.
        [Fault::LoseAnswer, Fault::Throttle].map(|then| (case, then))
    });
    for ((action, value, first, second), then) in cases {
        let stack = finished().await;
        let before = stack.images();
        lose_then(&stack, (action, value), then);
        let first = format!("{GRANT}{first}");
        while_held(&stack, is_grant, &[&first, second, ""]).await;
        stack.world.faults().clear();
        rest(&stack).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{action}: {status:#}");
        assert_eq!(
            status["regions"][REGION]["applied"],
            Value::Null,
            "{action}"
        );
        let (before, after) = (&before[0], &stack.images()[0]);
        assert_eq!(
            after.description.as_deref().unwrap_or_default(),
            "",
            "{action}"
        );
        assert_eq!(after.tags, before.tags, "{action}");
        assert_eq!(after.deprecation_time, before.deprecation_time, "{action}");
        assert_eq!(
            after.launch_permissions, before.launch_permissions,
            "{action}"
        );
        is_at_rest(&stack).await;
    }
}

/// EC2 throttles it, or fails: nothing has changed, so people are not told that something has.
#[tokio::test(start_paused = true)]
async fn what_was_asked_for_late_and_not_done_is_not_told() {
    let failed = Fault::Refuse {
        status: http::StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalError".to_owned(),
        message: "An internal error has occurred".to_owned(),
    };
    for answer in [Fault::Throttle, failed] {
        let stack = finished().await;
        let is_late = |call: &Call| call.fields.iter().any(|(_, it)| it == "One");
        stack.world.faults().each(is_late, answer.clone());
        // The one by which its intent is saved.
        let key = amiwright::keys::status_key(KEY);
        let written = std::sync::atomic::AtomicUsize::new(0);
        let is_claim = move |call: &Call| {
            let is_write = call.action == "PutObject" && call.key.as_ref() == Some(&key);
            is_write && written.fetch_add(1, Ordering::SeqCst) == 1
        };
        let uploads = ["description: One\n", "description: Two\n"];
        while_held(&stack, is_claim, &uploads).await;
        assert!(!stack.world.calls().iter().all(|it| !is_late(it)));
        stack.world.faults().clear();
        rest(&stack).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{answer:?}: {status:#}");
        assert_eq!(stack.images()[0].description.as_deref(), Some("Two"));
        let subjects = stack.subjects();
        assert_eq!(subjects.len(), 2, "{answer:?}: {subjects:?}");
        is_at_rest(&stack).await;
    }
}

/// The image cannot be marked as open: what is its own is known all the same.
#[tokio::test(start_paused = true)]
async fn what_was_done_late_is_known_although_the_image_cannot_be_looked_at_again() {
    let stack = finished().await;
    stack.expect_refusals();
    lose(&stack, "ModifyImageAttribute", "One");
    let first = format!("{GRANT}description: One\n");
    let is_late = std::sync::Arc::new(AtomicBool::new(false));
    let after = is_late.clone();
    let is_marked = move |call: &Call| {
        let is_lost = call.fields.iter().any(|(_, it)| it == "One");
        is_lost && {
            after.store(true, Ordering::SeqCst);
            false
        } || after.load(Ordering::SeqCst)
            && call.action == "PutObject"
            && call
                .key
                .as_ref()
                .is_some_and(|key| key.starts_with("open/"))
    };
    stack
        .world
        .faults()
        .each(is_marked, refused("AccessDenied"));
    while_held(&stack, is_grant, &[&first, "description: Two\n", ""]).await;
    assert!(is_late.load(Ordering::SeqCst));
    stack.world.faults().clear();
    let status = stack.status(KEY).await;
    let applied = &status["regions"][REGION]["applied"];
    assert_eq!(applied["description"], "One", "{status:#}");
    let changes = status["changes"].as_array().unwrap();
    let granted = &changes.last().unwrap()["add"][0]["account"];
    assert_eq!(granted, "111122223333", "{status:#}");
    // Whoever changes the AMI next takes it back.
    stack
        .drop_file(KEY, manifest(&stack, "tags: {team: web}\n"))
        .await;
    rest(&stack).await;
    let image = &stack.images()[0];
    assert_eq!(image.description.as_deref().unwrap_or_default(), "");
    assert!(
        stack.last_email().contains("111122223333"),
        "{}",
        stack.last_email()
    );
    is_at_rest(&stack).await;
}
