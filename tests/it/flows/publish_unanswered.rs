//! Copies of which EC2's answer was lost, where nothing else looks for them: in a Region that the manifest does not name any
//! more, and of an earlier version.

use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;
use localaws::ec2::TaskKind;
use localaws::faults::{Call, Fault};
use serde_json::Value;

use crate::support::{TestStack, minutes, refused};

const KEY: &str = "golden/web.image.yaml";
pub(super) const OREGON: &str = "us-west-2";
pub(super) const COPIED: &str = "regions: {us-west-2: {}}\n";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("CopyRegions", OREGON)
            .parameter("AllowRetire", "true")
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await
}

fn first(stack: &TestStack, settings: &str) -> String {
    stack.manifest("web-{digest}") + settings
}

fn second(stack: &TestStack, settings: &str) -> String {
    stack.manifest("web-{digest}") + "register: {imdsSupport: v2.0}\n" + settings
}

pub(super) fn copies(stack: &TestStack) -> Vec<String> {
    let images = stack.world.ec2().images(OREGON).into_iter();
    images.map(|image| image.id).collect()
}

/// EC2 fails, and nothing tells that it has begun no copy.
fn failed() -> Fault {
    Fault::Refuse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalError".to_owned(),
        message: "An internal error has occurred".to_owned(),
    }
}

/// How often EC2 was asked for AMIs in that Region.
fn looks(stack: &TestStack) -> usize {
    let calls = stack.world.calls().into_iter();
    let looks = calls.filter(|it| it.region == OREGON && it.action == "DescribeImages");
    looks.count()
}

/// From the first copy on, that Region does not show any AMI.
pub(super) fn hide(stack: &TestStack) {
    let is_asked = AtomicBool::new(false);
    let is_hidden = move |call: &Call| {
        is_asked.fetch_or(call.action == "CopyImage", Ordering::SeqCst)
            && call.region == OREGON
            && call.action == "DescribeImages"
    };
    stack.world.faults().each(is_hidden, Fault::Throttle);
}

/// The copy is asked for, without an answer, and its Region does not answer at all; then it is not asked for any more.
async fn unanswered(stack: &TestStack, answer: Fault) {
    let faults = stack.world.faults();
    faults.always("ec2", "CopyImage", answer);
    hide(stack);
    stack.drop_file(KEY, first(stack, COPIED)).await;
    stack.world.run_for(minutes(2)).await;
    assert!(stack.status(KEY).await["copies"][OREGON]["askedAt"].is_string());
    outlast(stack, &first(stack, "")).await;
}

/// A manifest that names no Region is uploaded, and the one that does not answer is waited for during an hour.
pub(super) async fn outlast(stack: &TestStack, manifest: &str) {
    stack.drop_file(KEY, manifest).await;
    stack.world.run_for(minutes(50)).await;
    assert_eq!(stack.status(KEY).await["state"], "working");
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}

/// What emails say of a copy that was not seen.
pub(super) const UNSEEN: &str = "us-west-2, asked for at 2026-11-21T";
pub(super) const EARLIER_UNSEEN: &str =
    "us-west-2, of an earlier version, asked for at 2026-11-21T";

async fn is_at_rest(stack: &TestStack) {
    let (known, told, before) = (copies(stack), stack.emails().len(), looks(stack));
    stack.world.run_for(minutes(61)).await;
    assert_eq!(copies(stack), known);
    assert_eq!(stack.emails().len(), told);
    assert_eq!(looks(stack), before);
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_an_earlier_version_is_found_and_replaced() {
    let stack = stack().await;
    unanswered(&stack, Fault::LoseAnswer).await;
    let copy = copies(&stack).pop().unwrap();
    stack.world.faults().clear();
    let settings = format!("{COPIED}replaces: {{previous: deregister}}\n");
    stack.drop_and_rest(KEY, second(&stack, &settings)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["previous"], Value::Null, "{status:#}");
    let known = status["regions"][OREGON]["image"].as_str().unwrap();
    assert_eq!(copies(&stack), [known]);
    assert_ne!(known, copy);
    assert!(stack.last_email().contains(&format!("{copy} deregistered")));
    is_at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_region_that_does_not_answer_for_long_is_looked_at_again() {
    let stack = stack().await;
    let faults = stack.world.faults();
    faults.always("ec2", "CopyImage", Fault::LoseAnswer);
    hide(&stack);
    stack.drop_file(KEY, first(&stack, COPIED)).await;
    stack.world.run_for(minutes(2)).await;
    stack.drop_file(KEY, first(&stack, "")).await;
    stack.world.run_for(minutes(45)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "working");
    assert_eq!(status["build"]["waiting"]["reason"], "retrying");
    faults.clear();
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let known = status["regions"][OREGON]["image"].as_str().unwrap();
    assert_eq!(copies(&stack), [known]);
    let email = stack.last_email();
    assert!(email.contains(known) && !email.contains(UNSEEN), "{email}");
    is_at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_in_a_region_that_never_answers_is_told() {
    let stack = stack().await;
    unanswered(&stack, Fault::LoseAnswer).await;
    let email = stack.last_email();
    assert!(email.starts_with("Available: web"), "{email}");
    assert!(email.contains(UNSEEN), "{email}");
    is_at_rest(&stack).await;
}

/// The stack's owner takes the Region out of `CopyRegions`: nothing may look there, and emails say what may be there, until it is
/// opened again.
#[tokio::test(start_paused = true)]
async fn a_copy_in_a_region_that_was_closed_is_told_until_it_is_found() {
    let stack = stack().await;
    let faults = stack.world.faults();
    faults.always("ec2", "CopyImage", Fault::LoseAnswer);
    hide(&stack);
    stack.drop_file(KEY, first(&stack, COPIED)).await;
    stack.world.run_for(minutes(2)).await;
    faults.clear();
    stack.update("AMIWRIGHT_COPY_REGIONS", "");
    let before = looks(&stack);
    stack.drop_and_rest(KEY, first(&stack, "")).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    let email = stack.last_email();
    assert!(email.contains(UNSEEN), "{email}");
    let tag = "amiwright:manifest = s3://";
    assert!(email.contains(tag), "{email}");

    stack.drop_and_rest(KEY, second(&stack, "")).await;
    let email = stack.last_email();
    assert!(email.contains(EARLIER_UNSEEN), "{email}");
    assert_eq!(looks(&stack), before);

    stack.update("AMIWRIGHT_COPY_REGIONS", OREGON);
    let again = second(&stack, "description: Web\n");
    stack.drop_and_rest(KEY, again).await;
    let status = stack.status(KEY).await;
    let found = &status["previous"][0]["regions"][OREGON]["image"];
    assert_eq!(copies(&stack), [found.as_str().unwrap()], "{status:#}");
    let email = stack.last_email();
    assert!(!email.contains(EARLIER_UNSEEN), "{email}");
    is_at_rest(&stack).await;
}

/// The next version asks for nothing that would be published.
#[tokio::test(start_paused = true)]
async fn a_copy_of_an_earlier_version_is_known_and_kept() {
    let stack = stack().await;
    unanswered(&stack, Fault::LoseAnswer).await;
    let copy = copies(&stack).pop().unwrap();
    stack.world.faults().clear();
    stack.drop_and_rest(KEY, second(&stack, "")).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let before = &status["previous"][0];
    assert_eq!(before["regions"][OREGON]["image"], copy.as_str());
    assert_eq!(before["copies"], Value::Null, "{status:#}");
    assert_eq!(copies(&stack), [copy]);
    is_at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_an_earlier_version_that_was_never_made_is_forgotten() {
    let stack = stack().await;
    unanswered(&stack, failed()).await;
    assert_eq!(copies(&stack), [""; 0]);
    stack.world.faults().clear();
    stack.drop_and_rest(KEY, second(&stack, "")).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["previous"][0]["copies"], Value::Null, "{status:#}");
    is_at_rest(&stack).await;
    // Nothing asks for that Region any more.
    let before = looks(&stack);
    stack
        .drop_and_rest(KEY, second(&stack, "description: Web\n"))
        .await;
    assert_eq!(looks(&stack), before);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_was_never_made_is_forgotten_with_its_region() {
    let stack = stack().await;
    unanswered(&stack, failed()).await;
    stack.world.faults().clear();
    stack
        .drop_and_rest(KEY, first(&stack, "description: Web\n"))
        .await;
    let status = stack.status(KEY).await;
    assert_eq!(status["copies"], Value::Null, "{status:#}");
    let before = looks(&stack);
    stack
        .drop_and_rest(KEY, first(&stack, "description: Other\n"))
        .await;
    assert_eq!(looks(&stack), before);
    is_at_rest(&stack).await;
}

/// EC2 has said that it begins none, whenever it was asked: nobody waits for it or looks for it.
#[tokio::test(start_paused = true)]
async fn a_copy_that_was_refused_is_forgotten_at_once_with_its_region() {
    let stack = stack().await;
    let full = refused("ResourceLimitExceeded");
    stack.world.faults().always("ec2", "CopyImage", full);
    stack.drop_file(KEY, first(&stack, COPIED)).await;
    stack.world.run_for(minutes(2)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["copies"][OREGON]["isRefused"], true, "{status:#}");
    stack.world.faults().clear();
    let before = looks(&stack);
    stack.drop_file(KEY, first(&stack, "")).await;
    stack.world.run_for(minutes(5)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["copies"], Value::Null, "{status:#}");
    assert_eq!(looks(&stack), before);
    assert_eq!(copies(&stack), [""; 0]);
    is_at_rest(&stack).await;
}

/// Whatever the manifest names by then: what has failed is of no use, and costs.
#[tokio::test(start_paused = true)]
async fn a_copy_that_failed_is_deleted_although_its_region_is_not_named_any_more() {
    for is_answered in [false, true] {
        let stack = stack().await;
        let ec2 = stack.world.ec2();
        ec2.fail_next_task(
            TaskKind::CopyImage,
            "Client.InternalError: Copy image failed",
        );
        let faults = stack.world.faults();
        if !is_answered {
            faults.always("ec2", "CopyImage", Fault::LoseAnswer);
        }
        hide(&stack);
        stack.drop_file(KEY, first(&stack, COPIED)).await;
        // It is not seen to fail before.
        stack.world.run_for(minutes(1)).await;
        stack.drop_file(KEY, first(&stack, "")).await;
        stack.world.run_for(minutes(1)).await;
        assert_eq!(stack.world.ec2().images(OREGON).len(), 1, "{is_answered}");
        stack.world.run_for(minutes(10)).await;
        stack.world.faults().clear();
        stack
            .drop_and_rest(KEY, first(&stack, "description: Web\n"))
            .await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{is_answered}: {status:#}");
        assert_eq!(copies(&stack), [""; 0], "{is_answered}: {status:#}");
        assert_eq!(
            stack.world.ec2().snapshots(OREGON).len(),
            0,
            "{is_answered}"
        );
        // How often it was tried: the client token of a copy that failed is not used again.
        let request = &status["copies"][OREGON];
        assert_eq!(request["attempt"], 1, "{is_answered}: {status:#}");
        assert_eq!(request["failure"], Value::Null, "{is_answered}: {status:#}");
        assert_eq!(status["regions"][OREGON], Value::Null, "{status:#}");
        is_at_rest(&stack).await;

        stack.drop_and_rest(KEY, first(&stack, COPIED)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{is_answered}: {status:#}");
        assert_eq!(copies(&stack).len(), 1, "{is_answered}: {status:#}");
        is_at_rest(&stack).await;
    }
}

/// Nobody asks for that Region any more: what is left in it keeps nothing else from being done.
#[tokio::test(start_paused = true)]
async fn a_failed_copy_that_ec2_keeps_where_nobody_asks_for_it_fails_nothing() {
    let stack = stack().await;
    stack.expect_refusals();
    let ec2 = stack.world.ec2();
    ec2.fail_next_task(
        TaskKind::CopyImage,
        "Client.InternalError: Copy image failed",
    );
    let is_kept = |call: &Call| call.region == OREGON && call.action == "DeregisterImage";
    let faults = stack.world.faults();
    faults.each(is_kept, refused("OperationNotPermitted"));
    hide(&stack);
    stack.drop_file(KEY, first(&stack, COPIED)).await;
    stack.world.run_for(minutes(1)).await;
    stack.drop_file(KEY, first(&stack, "")).await;
    stack.world.run_for(minutes(10)).await;
    stack.world.faults().clear();
    let faults = stack.world.faults();
    faults.each(is_kept, refused("OperationNotPermitted"));
    let with_description = first(&stack, "description: Web\n");
    stack.drop_and_rest(KEY, with_description).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let kept = copies(&stack);
    assert_eq!(kept.len(), 1, "{status:#}");
    assert_eq!(status["regions"][OREGON]["image"], kept[0].as_str());
    is_at_rest(&stack).await;
}
