//! The stack's owner closes what a manifest asks for while an AMI of an earlier version makes room for its own.

use localaws::ec2::DeregistrationProtection;
use localaws::faults::Fault;

use super::guardrails::{STRANGER, foreign_snapshot};
use super::replace_in_place::{DEREGISTER, KEY, first, stack, told, version};
use crate::support::{REGION, TestStack, minutes};

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

fn is_protected(stack: &TestStack) -> bool {
    stack.only_image().deregistration_protection == DeregistrationProtection::EnabledWithCooldown
}

/// The only AMI stays and is protected as before, and no email says anything else.
async fn stays_protected(stack: &TestStack, old: &str) -> String {
    stack.world.run_for(minutes(26 * 60)).await;
    stack.rest().await;
    assert_eq!(stack.only_image().id, old);
    assert!(is_protected(stack));
    let emails = stack.emails();
    let is_said = |words: &str| emails.iter().any(|it| it.text.contains(words));
    assert!(!is_said("may be off"), "{emails:#?}");
    assert!(!is_said("is still waiting"), "{emails:#?}");
    told(stack, "Rejected")
}

/// A source's owner is taken off the list in the day before the only AMI can be deregistered.
#[tokio::test(start_paused = true)]
async fn a_protection_that_was_switched_off_for_a_closed_source_is_switched_on_again() {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("AllowRetire", "true")
            .parameter("SourceOwners", STRANGER)
    })
    .await;
    let old = first(&stack).await.id;
    stack.protect_as_ours(KEY, &old).await;
    let theirs = foreign_snapshot(&stack);
    let manifest = version(&stack, 2, DEREGISTER).replace(&stack.snapshot, &theirs);
    stack.drop_file(KEY, manifest).await;
    stack.world.run_for(minutes(30)).await;
    assert!(!is_protected(&stack));
    stack.update("AMIWRIGHT_SOURCE_OWNERS", "self");
    let email = stays_protected(&stack, &old).await;
    assert!(email.contains("SourceOwners"), "{email}");
    let untouched = "Nothing was changed in AWS.";
    assert!(!email.contains(untouched), "it was off for a day: {email}");

    // That was for another version.
    stack.drop_and_rest(KEY, "name: [").await;
    let email = stack.last_email();
    assert!(email.starts_with("Rejected"), "{email}");
    assert!(email.contains(untouched), "{email}");
}

/// `AllowRetire` is closed in that day: then this is the reason, and not the name that its version was to take over.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_retired_any_more_is_not_said_to_have_the_wrong_name() {
    let stack = stack().await;
    let old = first(&stack).await.id;
    stack.protect_as_ours(KEY, &old).await;
    stack.drop_file(KEY, version(&stack, 2, DEREGISTER)).await;
    stack.world.run_for(minutes(30)).await;
    assert!(!is_protected(&stack));
    allow_retire(&stack, "false");
    let email = stays_protected(&stack, &old).await;
    assert!(email.contains("AllowRetire"), "{email}");
    assert_eq!(stack.count("DeregisterImage"), 0);
    let emails = stack.emails();
    let is_said = |words: &str| emails.iter().any(|it| it.text.contains(words));
    assert!(!is_said("{digest}"), "{emails:#?}");
}
