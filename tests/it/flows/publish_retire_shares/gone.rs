//! Somebody else has deregistered the AMI: the shares of its snapshots, which amiwright had granted, end all the same where
//! the tags of a snapshot prove whose it is; else they are told.

use localaws::faults::Fault;

use super::{
    DEREGISTER, GUEST, KEY, MODIFY, ON_DELETE, PARTNER, SHARED, drop_named, first, is_at_rest,
    readers, set, snapshot_of, stack, stays_shared, version,
};
use crate::support::{TestStack, minutes};

async fn deregister(stack: &TestStack, image: &str) {
    stack.aws().deregister_image(image).await.unwrap();
}

/// The first version, shared with the partner, whose AMI a person has deregistered.
async fn deregistered(stack: &TestStack, settings: &str) -> (String, String) {
    let (image, snapshot) = first(stack, settings).await;
    deregister(stack, &image).await;
    (image, snapshot)
}

fn says_gone(email: &str, image: &str) {
    let told = format!("{image} was deregistered by somebody else before");
    assert!(email.contains(&told), "{email}");
}

#[tokio::test(start_paused = true)]
async fn the_shares_end_although_somebody_else_has_deregistered_the_ami() {
    for fault in [None, Some(Fault::Crash), Some(Fault::CrashBefore)] {
        let stack = stack().await;
        let (old, snapshot) = deregistered(&stack, "").await;
        if let Some(fault) = fault.clone() {
            stack.world.faults().on("ec2", MODIFY, 1, fault);
        }
        stack.drop_file(KEY, version(2, DEREGISTER)).await;
        stack.world.run_for(minutes(61)).await;
        stack.rest().await;
        assert_eq!(readers(&stack, &snapshot).await, set(&[GUEST]), "{fault:?}");
        let email = stack.last_email();
        says_gone(&email, &old);
        let told = format!("{snapshot} no longer shared with {PARTNER}");
        assert_eq!(email.matches(&told).count(), 1, "{fault:?}: {email}");
        assert!(!email.contains("stays shared"), "{fault:?}: {email}");
        is_at_rest(&stack).await;
        stack.drop_and_rest(KEY, version(2, DEREGISTER)).await;
        is_at_rest(&stack).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_shares_of_a_removed_manifest_end_although_its_ami_is_gone() {
    let stack = stack().await;
    let (old, snapshot) = deregistered(&stack, ON_DELETE).await;
    stack.remove(KEY).await;
    stack.rest().await;
    assert_eq!(readers(&stack, &snapshot).await, set(&[GUEST]));
    says_gone(&stack.last_email(), &old);
    is_at_rest(&stack).await;
}

/// Nothing is to be retired any more, when it is noticed.
#[tokio::test(start_paused = true)]
async fn the_shares_end_although_the_ami_is_gone_and_nothing_is_retired_any_more() {
    let stack = stack().await;
    let (old, snapshot) = first(&stack, "protect: {cooldown: true}\n").await;
    stack.drop_file(KEY, version(2, DEREGISTER)).await;
    stack.world.run_for(minutes(45)).await;
    let is_off = stack.count("DisableImageDeregistrationProtection");
    assert_eq!(is_off, 1, "its cooldown runs");
    stack
        .world
        .ec2()
        .edit_image(crate::support::REGION, &old, |it| {
            it.deregistration_protection = localaws::ec2::DeregistrationProtection::Disabled;
        });
    deregister(&stack, &old).await;
    stack.drop_file(KEY, version(2, "")).await;
    stack.rest().await;
    assert_eq!(readers(&stack, &snapshot).await, set(&[GUEST]));
    says_gone(&stack.last_email(), &old);
    is_at_rest(&stack).await;
}

/// Nothing proves that the snapshot was its own.
#[tokio::test(start_paused = true)]
async fn the_share_of_a_named_snapshot_is_told_where_its_ami_is_gone() {
    let stack = stack().await;
    drop_named(&stack, 1, SHARED).await;
    let old = stack.only_image().id;
    deregister(&stack, &old).await;
    drop_named(&stack, 2, DEREGISTER).await;
    says_gone(&stack.last_email(), &old);
    stays_shared(&stack).await;
}

/// What is not there is shared with nobody.
#[tokio::test(start_paused = true)]
async fn the_share_of_a_snapshot_that_is_gone_with_its_ami_is_not_told() {
    let stack = stack().await;
    let (old, snapshot) = deregistered(&stack, "").await;
    stack.aws().delete_snapshot(&snapshot).await.unwrap();
    stack.drop_and_rest(KEY, version(2, DEREGISTER)).await;
    let email = stack.last_email();
    says_gone(&email, &old);
    assert!(!email.contains(&snapshot), "{email}");
    is_at_rest(&stack).await;
}

/// The next version is of the snapshot that was made for the AMI that is gone, and for the same account: the share is its own
/// from now on, and ends as its manifest says.
#[tokio::test(start_paused = true)]
async fn the_share_of_an_ami_that_is_gone_is_that_of_the_next_version_that_asks_for_it() {
    let stack = stack().await;
    let (old, snapshot) = deregistered(&stack, "").await;
    let next = |settings: &str| {
        format!("name: web-{{digest}}\nsource: {{snapshot: {{id: {snapshot}}}}}\n{settings}")
    };
    let settings = format!("{SHARED}{DEREGISTER}");
    stack.drop_and_rest(KEY, next(&settings)).await;
    assert_eq!(snapshot_of(&stack.only_image()), snapshot);
    let both = set(&[PARTNER, GUEST]);
    assert_eq!(readers(&stack, &snapshot).await, both);
    let email = stack.last_email();
    says_gone(&email, &old);
    assert!(!email.contains("shared with"), "{email}");
    is_at_rest(&stack).await;
    stack.drop_and_rest(KEY, next(DEREGISTER)).await;
    assert_eq!(readers(&stack, &snapshot).await, set(&[GUEST]));
    is_at_rest(&stack).await;
}
