//! Copies of which EC2's answer was lost, and whose Region was given up: they are told, and searched for, as those are that are
//! waited for.

use std::sync::atomic::{AtomicBool, Ordering};

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
