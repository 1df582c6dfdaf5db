//! Copies of which EC2's answer was lost, and that the image does not wait for any more: their Region was given up, or another
//! client token is used meanwhile. They are told, and searched for, as those are that are waited for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use localaws::faults::{Call, Fault};
use serde_json::Value;

use super::publish_unanswered::{COPIED, EARLIER_UNSEEN, OREGON, UNSEEN, copies};
use crate::support::{TestStack, minutes, refused};

const KEY: &str = "golden/web.image.yaml";
const DENIED: &str = "UnauthorizedOperation";
const LOST: &str = "its answer was lost";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("CopyRegions", OREGON)
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await
}

fn first(stack: &TestStack, settings: &str) -> String {
    stack.manifest("web-{digest}") + settings
}

fn second(stack: &TestStack) -> String {
    stack.manifest("web-{digest}") + "register: {imdsSupport: v2.0}\n"
}

/// A copy is begun, the process dies with EC2's answer, and nobody may look into its Region for as long as it is waited for.
async fn given_up(stack: &TestStack) -> String {
    let is_asked = AtomicBool::new(false);
    let is_denied = move |call: &Call| {
        is_asked.fetch_or(call.action == "CopyImage", Ordering::SeqCst)
            && call.region == OREGON
            && call.action == "DescribeImages"
    };
    let faults = stack.world.faults();
    faults.on("ec2", "CopyImage", 1, Fault::Crash);
    faults.each(is_denied, refused(DENIED));
    stack.drop_file(KEY, first(stack, COPIED)).await;
    stack.world.run_for(minutes(380)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    let failure = &status["copies"][OREGON]["failure"];
    assert_eq!(failure["kind"], "not-published", "{status:#}");
    let email = stack.last_email();
    assert!(email.contains(UNSEEN), "{email}");
    faults.clear();
    copies(stack).pop().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_region_was_given_up_is_told_and_found_for_the_next_version() {
    let stack = stack().await;
    let copy = given_up(&stack).await;
    stack.drop_and_rest(KEY, second(&stack)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let before = &status["previous"][0];
    assert_eq!(before["regions"][OREGON]["image"], copy.as_str());
    assert_eq!(before["copies"], Value::Null, "{status:#}");
    let email = stack.last_email();
    assert!(!email.contains(EARLIER_UNSEEN), "{email}");
}

/// The next upload does not name its Region.
#[tokio::test(start_paused = true)]
async fn a_copy_whose_region_was_given_up_is_found_where_it_is_not_named_any_more() {
    let stack = stack().await;
    let copy = given_up(&stack).await;
    stack.drop_and_rest(KEY, first(&stack, "")).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["regions"][OREGON]["image"], copy.as_str());
    let email = stack.last_email();
    assert!(!email.contains(UNSEEN), "{email}");
}

/// EC2 has refused it, at once or after it was searched for: there is none.
#[tokio::test(start_paused = true)]
async fn a_copy_that_was_refused_is_neither_told_nor_searched_for() {
    for is_lost_before in [false, true] {
        let stack = stack().await;
        let faults = stack.world.faults();
        if is_lost_before {
            faults.on("ec2", "CopyImage", 1, Fault::CrashBefore);
        }
        faults.always("ec2", "CopyImage", refused(DENIED));
        stack.drop_and_rest(KEY, first(&stack, COPIED)).await;
        let status = stack.status(KEY).await;
        let failure = &status["copies"][OREGON]["failure"];
        assert_eq!(failure["kind"], "request-refused", "{status:#}");
        let email = stack.last_email();
        assert!(!email.contains(LOST), "{is_lost_before}: {email}");

        faults.clear();
        stack.drop_file(KEY, second(&stack)).await;
        stack.world.run_for(minutes(1)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["previous"][0]["copies"], Value::Null, "{status:#}");
        stack.rest().await;
        let email = stack.last_email();
        assert!(!email.contains(LOST), "{is_lost_before}: {email}");
    }
}

/// EC2 knows its client token, does not show it for long, and does not take the next token either. Then its Region is not named
/// any more.
#[tokio::test(start_paused = true)]
async fn a_copy_that_was_begun_with_an_earlier_token_is_found() {
    let stack = stack().await;
    let faults = stack.world.faults();
    faults.on("ec2", "CopyImage", 1, Fault::Crash);
    stack.drop_file(KEY, first(&stack, COPIED)).await;
    while stack.count("CopyImage") == 0 {
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    let calls = stack.world.calls().into_iter();
    let mut asked = calls.filter(|it| it.action == "CopyImage");
    let token = asked
        .next()
        .unwrap()
        .field("ClientToken")
        .map(str::to_owned);
    for (is_first, code) in [
        (true, "IdempotentParameterMismatch"),
        (false, "ResourceLimitExceeded"),
    ] {
        let first = token.clone();
        let is_meant = move |call: &Call| {
            let is_same = call.field("ClientToken") == first.as_deref();
            call.action == "CopyImage" && is_same == is_first
        };
        faults.each(is_meant, refused(code));
    }
    let copy = copies(&stack).pop().unwrap();
    // By its tags it is found.
    let mut tags = BTreeMap::new();
    let ec2 = stack.world.ec2();
    ec2.edit_image(OREGON, &copy, |it| std::mem::swap(&mut it.tags, &mut tags));
    stack.world.run_for(minutes(20)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["copies"][OREGON]["attempt"], 1, "{status:#}");

    stack.drop_file(KEY, first(&stack, "")).await;
    stack.world.run_for(minutes(2)).await;
    assert_eq!(stack.status(KEY).await["state"], "working");
    ec2.edit_image(OREGON, &copy, |it| std::mem::swap(&mut it.tags, &mut tags));
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["regions"][OREGON]["image"], copy.as_str());
    assert_eq!(copies(&stack), [copy]);
}

/// EC2 began it a moment before its Region was switched off, and does not show it yet when that is on again and the image is
/// retried.
#[tokio::test(start_paused = true)]
async fn a_copy_that_does_not_show_yet_is_not_made_again_by_a_retry() {
    const CAPE_TOWN: &str = "af-south-1";
    let stack = TestStack::built(|builder| builder.parameter("CopyRegions", CAPE_TOWN)).await;
    let ec2 = stack.world.ec2();
    ec2.set_opted_in(CAPE_TOWN, true);
    ec2.set_visibility_delay(minutes(10));
    stack.world.faults().on("ec2", "CopyImage", 1, Fault::Crash);
    let manifest = first(&stack, &format!("regions: {{{CAPE_TOWN}: {{}}}}\n"));
    stack.drop_file(KEY, manifest).await;
    while stack.count("CopyImage") == 0 {
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    ec2.set_opted_in(CAPE_TOWN, false);
    while stack.status(KEY).await["state"] != "incomplete" {
        stack.world.run_for(minutes(1)).await;
    }
    ec2.set_opted_in(CAPE_TOWN, true);
    stack.retry(KEY).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let copies = ec2.images(CAPE_TOWN);
    assert_eq!(copies.len(), 1, "{status:#}");
    let known = &status["regions"][CAPE_TOWN]["image"];
    assert_eq!(known, copies[0].id.as_str());
}
