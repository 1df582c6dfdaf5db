//! EC2 may show a finished AMI as it was before: what differs is told, and repaired, once it is seen twice.

use std::time::Duration;

use localaws::ec2::ImageState;
use localaws::faults::Fault;
use serde_json::{Value, json};

use super::publish_audit::{KEY, OREGON, edit, finished, id};
use crate::support::{REGION, TestStack, changes_by_name, minutes};

const SETTINGS: &str = "description: Web tier\ntags: {team: web}\nregions: {us-west-2: {}}\n";

/// An audit looks at it once, long enough after the last change.
async fn look(stack: &TestStack) {
    stack.world.run_for(minutes(20)).await;
    let tick = json!({"task": "audit"});
    stack.world.invoke("AdvanceTasks", tick).await.unwrap();
    stack.world.settle().await;
}

/// EC2 shows the AMI of a Region for so long as it was before it was described.
async fn show_late(stack: &TestStack, region: &str, time: Duration) {
    let image = id(stack, region).await;
    let ec2 = stack.world.ec2();
    ec2.show_image_as(region, &image, time, |it| it.description = None);
}

async fn describe(stack: &TestStack, region: &str) {
    let image = id(stack, region).await;
    edit(stack, region, &image, |it| {
        it.description = Some("Mine".to_owned());
    });
}

/// Nothing is said of it, and a tick will look at it again.
async fn assert_in_doubt(stack: &TestStack, region: &str) {
    let status = stack.status(KEY).await;
    assert!(
        status["regions"][region]["doubtedAt"].is_string(),
        "{status:#}"
    );
    assert_eq!(status["drift"], Value::Null);
    assert_eq!(status["state"], "available");
    assert_eq!(stack.open().await.len(), 1);
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_before_is_neither_told_nor_repaired() {
    for region in [REGION, OREGON] {
        for repair in ["", "repair: true\n"] {
            let stack = finished(&format!("{SETTINGS}{repair}")).await;
            stack.world.run_for(minutes(20)).await;
            show_late(&stack, region, minutes(24)).await;
            let before = stack.world.faults().count();
            look(&stack).await;
            assert_in_doubt(&stack, region).await;
            stack.rest().await;
            let status = stack.status(KEY).await;
            assert_eq!(status["regions"][region]["doubtedAt"], Value::Null);
            assert_eq!(status["drift"], Value::Null);
            assert_eq!(stack.emails().len(), 1, "{region} {repair}");
            assert_eq!(changes_by_name(&stack, before), [""; 0]);
        }
    }
}

/// With all else that differs, in one email.
#[tokio::test(start_paused = true)]
async fn what_is_seen_again_is_told_minutes_later() {
    let stack = finished(SETTINGS).await;
    describe(&stack, REGION).await;
    let copy = id(&stack, OREGON).await;
    edit(&stack, OREGON, &copy, |it| it.state = ImageState::Disabled);
    look(&stack).await;
    assert_in_doubt(&stack, REGION).await;
    let before = stack.count("DescribeImages");
    stack.world.run_for(minutes(7)).await;
    assert_eq!(stack.count("DescribeImages"), before + 2);
    assert_eq!(stack.emails().len(), 2);
    let email = stack.last_email();
    assert!(email.starts_with("Drifted"), "{email}");
    assert!(email.contains("description is \"Mine\""), "{email}");
    assert!(email.contains(&format!("{copy} is disabled")), "{email}");
    stack.rest().await;
    stack.audit().await;
    assert_eq!(stack.emails().len(), 2);
}

/// Ticks try for half an hour; then the next audit is the second look.
#[tokio::test(start_paused = true)]
async fn a_region_that_does_not_answer_again_keeps_no_image_open() {
    let stack = finished(SETTINGS).await;
    describe(&stack, OREGON).await;
    look(&stack).await;
    assert_in_doubt(&stack, OREGON).await;
    let faults = stack.world.faults();
    let is_meant =
        |call: &localaws::faults::Call| call.region == OREGON && call.action == "DescribeImages";
    faults.each(is_meant, Fault::Throttle);
    stack.world.run_for(minutes(24)).await;
    assert_in_doubt(&stack, OREGON).await;
    stack.world.run_for(minutes(10)).await;
    assert_eq!(stack.open().await, [""; 0]);
    faults.clear();
    stack.audit().await;
    assert_eq!(stack.emails().len(), 2);
    let email = stack.last_email();
    assert!(email.contains("description is \"Mine\""), "{email}");
}

/// What the manifest says by then counts.
#[tokio::test(start_paused = true)]
async fn settings_that_are_uploaded_meanwhile_are_set() {
    let stack = finished(SETTINGS).await;
    describe(&stack, REGION).await;
    look(&stack).await;
    assert_in_doubt(&stack, REGION).await;
    let settings = SETTINGS.replace("Web tier", "Other");
    let manifest = format!("{}{settings}", stack.manifest("web-{digest}"));
    stack.drop_and_rest(KEY, manifest).await;
    let image = stack.world.ec2().images(REGION).remove(0);
    assert_eq!(image.description.as_deref(), Some("Other"));
    let subjects = stack.subjects();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects[1].starts_with("Changed"), "{subjects:?}");
    stack.audit().await;
    assert_eq!(stack.emails().len(), 2);
    assert_eq!(stack.in_sync(KEY).await, "true");
}
