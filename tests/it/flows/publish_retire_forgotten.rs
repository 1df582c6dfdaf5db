//! Versions come faster than earlier AMIs can be retired: those that there is no room for any more are named, once, in the email
//! of the next version.

use localaws::faults::Fault;
use serde_json::json;

use super::publish_retire::{DEREGISTER, KEY, ids, stack, version};
use crate::support::{REGION, TestStack, minutes, refused};

const SHARED: &str = "access: {accounts: ['210987654321']}\n";
/// What the email says before it names them.
const FORGOTTEN: &str = "not retired automatically any more";

/// EC2 refuses to share an AMI: each version ends incomplete, and retires nothing.
fn refuse_shares(stack: &TestStack) {
    stack.expect_refusals();
    let faults = stack.world.faults();
    faults.always(
        "ec2",
        "ModifyImageAttribute",
        refused("UnauthorizedOperation"),
    );
}

/// Uploads the version of this number, which ends so; its AMI.
async fn upload(stack: &TestStack, number: u32, state: &str) -> String {
    let settings = format!("{SHARED}{DEREGISTER}");
    stack
        .drop_file(KEY, version(stack, number, &settings))
        .await;
    // An invocation may have died.
    stack.world.run_for(minutes(31)).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], state, "{number}: {status:#}");
    let image = status["regions"][REGION]["image"].as_str();
    image.unwrap().to_owned()
}

/// Uploads the first eleven versions; their AMIs.
async fn eleven(stack: &TestStack) -> Vec<String> {
    let mut images = Vec::new();
    for number in 1..=11 {
        images.push(upload(stack, number, "incomplete").await);
    }
    assert_eq!(told(stack), [[""; 0]; 0]);
    images
}

/// The AMIs that are named, email by email.
fn told(stack: &TestStack) -> Vec<Vec<String>> {
    let emails = stack.emails();
    let texts = emails.iter().filter_map(|it| it.text.split_once(FORGOTTEN));
    let named = |(_, text): (&str, &str)| {
        let lines = text.lines().filter_map(|line| line.strip_prefix("  - "));
        let ids = lines.filter_map(|line| line.split_once(" in "));
        ids.map(|(id, _)| id.to_owned()).collect()
    };
    texts.map(named).collect()
}

#[tokio::test(start_paused = true)]
async fn what_too_many_versions_never_came_to_retire_is_named_once() {
    let stack = stack().await;
    refuse_shares(&stack);
    let mut images = eleven(&stack).await;
    images.push(upload(&stack, 12, "incomplete").await);
    assert_eq!(told(&stack), [[images[0].clone()]]);
    let forgotten = &stack.status(KEY).await["forgotten"];
    assert_eq!(forgotten["images"][0]["image"], images[0].as_str());
    assert_eq!(forgotten["images"][0]["outcome"], "kept");
    assert_eq!(forgotten["told"], true);

    // The others are retired as soon as a version comes so far.
    stack.world.faults().clear();
    images.push(upload(&stack, 13, "available").await);
    assert_eq!(told(&stack), [[images[0].clone()], [images[1].clone()]]);
    let mut left = ids(&stack);
    let mut expected = vec![images[0].clone(), images[1].clone(), images[12].clone()];
    left.sort();
    expected.sort();
    assert_eq!(left, expected);
}

/// Whichever way the invocation dies that starts the next version.
#[tokio::test(start_paused = true)]
async fn what_is_not_retired_any_more_is_named_once_whoever_dies() {
    let stack = stack().await;
    refuse_shares(&stack);
    let mut images = eleven(&stack).await;
    let mut expected = Vec::new();
    for (number, (service, action, fault)) in (12..).zip([
        ("ec2", "RegisterImage", Fault::Crash),
        ("ec2", "RegisterImage", Fault::CrashBefore),
        ("s3", "PutObject", Fault::Crash),
        ("s3", "PutObject", Fault::CrashBefore),
    ]) {
        stack.world.faults().on(service, action, 1, fault);
        images.push(upload(&stack, number, "incomplete").await);
        expected.push(vec![images[expected.len()].clone()]);
        assert_eq!(told(&stack), expected, "{number}");
    }
}

/// One that is rejected tells it, too; where nobody asks to retire anything, nobody is told.
#[tokio::test(start_paused = true)]
async fn what_is_not_retired_any_more_is_named_by_a_rejected_version() {
    let stack = stack().await;
    refuse_shares(&stack);
    let images = eleven(&stack).await;
    stack.drop_and_rest(KEY, "name: [web]\n").await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "rejected", "{status:#}");
    assert_eq!(told(&stack), [[images[0].clone()]]);

    stack.world.faults().clear();
    for number in 12..=14 {
        stack.drop_and_rest(KEY, version(&stack, number, "")).await;
    }
    assert_eq!(told(&stack).len(), 1);
    let status = stack.status(KEY).await;
    assert_eq!(status["forgotten"], json!(null), "{status:#}");
}

/// Earlier AMIs were deprecated, as was asked for then. Now they are to be deregistered, and no version comes so far.
#[tokio::test(start_paused = true)]
async fn what_was_only_deprecated_is_named_where_it_was_to_be_deregistered() {
    let stack = stack().await;
    let mut images = Vec::new();
    for number in 1..=11 {
        let deprecate = "replaces: {previous: deprecate}\n";
        let manifest = version(&stack, number, deprecate);
        stack.drop_and_rest(KEY, manifest).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{number}: {status:#}");
        let image = status["regions"][REGION]["image"].as_str();
        images.push(image.unwrap().to_owned());
    }
    refuse_shares(&stack);
    // The version before it asked to deprecate the first one, and that was done.
    upload(&stack, 12, "incomplete").await;
    assert_eq!(told(&stack), [[""; 0]; 0]);
    upload(&stack, 13, "incomplete").await;
    assert_eq!(told(&stack), [[images[1].clone()]]);
}

/// What is deprecated as its manifest asks stays in EC2, and is remembered as long as there is room for it.
#[tokio::test(start_paused = true)]
async fn what_was_retired_is_not_named_as_forgotten() {
    let stack = stack().await;
    for number in 1..=13 {
        let deprecate = "replaces: {previous: deprecate}\n";
        stack
            .drop_and_rest(KEY, version(&stack, number, deprecate))
            .await;
        assert_eq!(stack.status(KEY).await["state"], "available");
    }
    assert_eq!(ids(&stack).len(), 13);
    assert_eq!(told(&stack), [[""; 0]; 0]);
    let status = stack.status(KEY).await;
    assert_eq!(status["previous"].as_array().unwrap().len(), 10);
    assert!(status["forgotten"].is_null(), "{status:#}");
    let history = status["history"].to_string();
    assert!(!history.contains("too many AMIs"), "{history}");
}
