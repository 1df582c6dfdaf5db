//! An AMI is stored once, though CreateStoreImageTask has no client token: a lost answer, a tick beside an event, a request rate
//! that is used up.

use std::time::Duration;

use localaws::ec2::TaskKind;
use localaws::faults::Fault;

use super::status_lost_again::visit;
use crate::support::{TestStack, minutes};

const KEY: &str = "golden/web.image.yaml";

#[tokio::test(start_paused = true)]
async fn a_store_task_whose_answer_was_lost_and_that_is_not_listed_yet_is_not_started_again() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_visibility_delay(minutes(3));
    ec2.set_task_time(TaskKind::StoreImage, minutes(10));
    let lost = Fault::LoseAnswer;
    stack
        .world
        .faults()
        .on("ec2", "CreateStoreImageTask", 1, lost);
    let manifest = stack.manifest("web") + &format!("store: {{bucket: {}}}\n", stack.bucket);
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.count("CreateStoreImageTask"), 1);
}

/// That EC2 was asked stays known, whatever keeps the next invocation from looking.
#[tokio::test(start_paused = true)]
async fn a_store_task_that_may_have_begun_is_not_started_again_once_requests_are_allowed_again() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_visibility_delay(minutes(3));
    ec2.set_task_time(TaskKind::StoreImage, minutes(10));
    let (action, lost) = ("CreateStoreImageTask", Fault::LoseAnswer);
    stack.world.faults().on("ec2", action, 1, lost);
    let manifest = stack.manifest("web") + &format!("store: {{bucket: {}}}\n", stack.bucket);
    stack.drop_file(KEY, manifest).await;
    while stack.count(action) == 0 {
        stack.minute().await;
    }
    let asked = stack.status(KEY).await["store"]["askedAt"].clone();
    assert!(asked.is_string(), "{asked}");
    let status = visit(&stack, Some(action)).await;
    let reason = &status["build"]["waiting"]["reason"];
    assert_eq!(reason, "rate-limited", "{status:#}");
    assert_eq!(status["store"]["askedAt"], asked, "{status:#}");
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.count(action), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_and_a_tick_at_once_store_an_ami_once() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::StoreImage, minutes(10));
    ec2.set_visibility_delay(minutes(1));
    // The invocation for EC2's event still waits for the answer when the schedule ticks.
    let slow = Fault::Slow(Duration::from_secs(20));
    stack
        .world
        .faults()
        .on("ec2", "CreateStoreImageTask", 1, slow);
    ec2.set_pending_time(Duration::from_secs(45));
    let manifest = stack.manifest("web") + &format!("store: {{bucket: {}}}\n", stack.bucket);
    stack.world.run_for(Duration::from_secs(5)).await;
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.count("CreateStoreImageTask"), 1);
}
