//! The stack's owner closes what a manifest asks for while an AMI of an earlier version makes room for its own.

use localaws::faults::Fault;

use super::replace_in_place::{DEREGISTER, KEY, first, stack, told, version};
use crate::support::{REGION, TestStack};

/// As if the stack was updated: manifests may deregister AMIs from now on, or may not.
fn allow_retire(stack: &TestStack, allowed: &str) {
    stack.update("AMIWRIGHT_ALLOW_RETIRE", allowed);
}

/// Nobody is told that nothing was changed where an AMI is gone, and what is opened again is made.
#[tokio::test(start_paused = true)]
async fn what_is_closed_after_the_old_one_went_fails_and_may_be_retried() {
    let stack = stack().await;
    let old = first(&stack).await.id;
    let faults = stack.world.faults();
    faults.always("ec2", "RegisterImage", Fault::Throttle);
    stack.drop_file(KEY, version(&stack, 2, DEREGISTER)).await;
    for _ in 0..10 {
        stack.minute().await;
    }
    assert_eq!(stack.count("DeregisterImage"), 1);
    allow_retire(&stack, "false");
    faults.clear();
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    let failure = &status["build"]["failure"];
    assert_eq!(failure["kind"], "manifest-not-allowed", "{status:#}");
    let email = told(&stack, "Failed").replace('\n', " ");
    for words in [
        format!("{old} in {REGION}, was deregistered at"),
        "AllowRetire".to_owned(),
        "amiwright retry".to_owned(),
    ] {
        assert!(email.contains(&words), "{words}: {email}");
    }
    let emails = stack.emails();
    let is_denied = |words: &str| emails.iter().any(|it| it.text.contains(words));
    assert!(!is_denied("Nothing was changed"), "{emails:#?}");

    allow_retire(&stack, "true");
    stack.retry(KEY).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_ne!(stack.only_image().id, old);
}
