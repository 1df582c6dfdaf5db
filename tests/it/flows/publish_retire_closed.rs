//! The owner of the stack closes a Region (`CopyRegions`) in which AMIs are to be retired: the role may change nothing there, and
//! nothing is asked of EC2 that it would refuse.

use std::time::Duration;

use localaws::ec2::Image;
use localaws::faults::Fault;

use super::publish_delete::{self, is_at_rest, remove};
use super::publish_retire::{DEREGISTER, KEY, allowed, ids, version};
use crate::support::{TestStack, minutes};

const OREGON: &str = "us-west-2";

async fn stack() -> TestStack {
    TestStack::built(|builder| allowed(builder).parameter("CopyRegions", OREGON)).await
}

fn close(stack: &TestStack) {
    let closed = ("CopyRegions".to_owned(), String::new());
    stack.update_stack(&[closed].into());
}

/// The first version, and its copy.
async fn copied(stack: &TestStack, settings: &str) -> Image {
    let settings = format!("regions: {{{OREGON}: {{}}}}\n{settings}");
    stack.drop_and_rest(KEY, version(stack, 1, &settings)).await;
    copies(stack).remove(0)
}

fn copies(stack: &TestStack) -> Vec<Image> {
    stack.world.ec2().images(OREGON)
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_an_earlier_version_is_kept_and_named_once() {
    for replaces in [DEREGISTER, "replaces: {previous: deprecate}\n"] {
        let stack = stack().await;
        let copy = copied(&stack, "").await;
        close(&stack);
        let second = version(&stack, 2, replaces);
        stack.drop_and_rest(KEY, second).await;
        assert_eq!(copies(&stack), std::slice::from_ref(&copy));
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        let email = stack.last_email();
        assert!(email.contains(&copy.id), "{email}");
        assert!(email.contains("CopyRegions does not list"), "{email}");

        stack.drop_and_rest(KEY, version(&stack, 3, replaces)).await;
        assert_eq!(copies(&stack), std::slice::from_ref(&copy));
        let email = stack.last_email();
        assert!(!email.contains(&copy.id), "{email}");
        let is_deregistered = replaces == DEREGISTER;
        assert_eq!(ids(&stack).len() == 1, is_deregistered);
    }
}

/// People were told that nothing replaces it; the Region is closed later.
#[tokio::test(start_paused = true)]
async fn one_that_nothing_replaces_is_not_named_again() {
    let stack = stack().await;
    let copy = copied(&stack, "").await;
    stack
        .drop_and_rest(KEY, version(&stack, 2, DEREGISTER))
        .await;
    assert!(stack.last_email().contains(&copy.id));
    close(&stack);
    stack
        .drop_and_rest(KEY, version(&stack, 3, DEREGISTER))
        .await;
    let email = stack.last_email();
    assert!(!email.contains(&copy.id), "{email}");
    assert_eq!(copies(&stack), [copy]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_a_removed_manifest_is_kept() {
    let stack = stack().await;
    let copy = copied(&stack, publish_delete::DEREGISTER).await;
    close(&stack);
    remove(&stack).await;
    let status = is_at_rest(&stack).await;
    assert_eq!(stack.images(), []);
    assert_eq!(copies(&stack), std::slice::from_ref(&copy));
    let email = stack.last_email();
    assert!(email.contains(&copy.id), "{email}");
    assert!(email.contains("CopyRegions does not list"), "{email}");
    let retired = status["retired"].as_array().unwrap();
    let mut kept = retired.iter().filter(|it| it["image"] == copy.id.as_str());
    assert_eq!(kept.next().unwrap()["why"]["reason"], "region-closed");
}

/// Its protection was switched off to deregister it, and holds for its cooldown: nobody can switch it on again.
#[tokio::test(start_paused = true)]
async fn a_protection_that_was_switched_off_is_told_of() {
    let stack = stack().await;
    let copy = copied(&stack, publish_delete::DEREGISTER).await;
    stack.protect_copy_as_ours(KEY, OREGON, &copy.id).await;
    stack.remove(KEY).await;
    stack.world.run_for(Duration::from_secs(3600)).await;
    let status = stack.status(KEY).await;
    let waiting = &status["build"]["waiting"];
    assert_eq!(waiting["reason"], "protection-cooldown", "{status:#}");
    let begun = copies(&stack);
    close(&stack);
    stack.world.run_for(Duration::from_secs(24 * 3600)).await;
    stack.rest().await;
    is_at_rest(&stack).await;
    assert_eq!(copies(&stack), begun);
    let email = stack.last_email();
    assert!(email.contains(&copy.id), "{email}");
    assert!(email.contains("may be off: check it"), "{email}");
}

/// EC2 had deregistered it before, and its answer was lost.
#[tokio::test(start_paused = true)]
async fn one_that_was_deregistered_before_is_not_said_to_be_kept() {
    let stack = stack().await;
    let copy = copied(&stack, publish_delete::DEREGISTER).await;
    let faults = stack.world.faults();
    faults.each(
        |call| call.action == "DeregisterImage" && call.region == OREGON,
        Fault::LoseAnswer,
    );
    stack.remove(KEY).await;
    while !copies(&stack).is_empty() {
        stack.world.run_for(minutes(1)).await;
    }
    faults.clear();
    close(&stack);
    stack.rest().await;
    is_at_rest(&stack).await;
    let email = stack.last_email();
    let told = email.lines().find(|line| line.contains(&copy.id));
    let told = told.unwrap_or_default();
    assert!(told.contains("deregistered"), "{email}");
    assert!(!told.contains("kept"), "{email}");
}
