//! AMIs are being retired when the next version comes, and that ends without an AMI: nothing goes on then. What is left undone is
//! told, and the version that is made in the end finishes it.

use localaws::faults::Fault;

use super::publish_retire_ended::{
    DEREGISTER, KEY, PROTECTED, cooling_down, find, first, is_at_rest, stack, version,
};
use crate::support::{minutes, refused};

/// An AMI is deregistered, and its snapshot is not deleted yet.
#[tokio::test(start_paused = true)]
async fn what_a_deregistered_ami_leaves_is_told_where_the_next_version_fails() {
    let stack = stack().await;
    let old = first(&stack, "").await;
    let snapshot = old.snapshot_ids().next().unwrap();
    let faults = stack.world.faults();
    faults.always("ec2", "DeleteSnapshot", Fault::Throttle);
    stack.drop_file(KEY, version(2, DEREGISTER)).await;
    stack.world.run_for(minutes(30)).await;
    assert_eq!(find(&stack, &old.id), None);
    let denied = refused("UnauthorizedOperation");
    faults.always("ec2", "RegisterImage", denied);
    let next = stack.manifest("web-{digest}") + DEREGISTER;
    stack.drop_and_rest(KEY, &next).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    let email = stack.last_email();
    let told = format!("{} was deregistered at ", old.id);
    let left = format!("which were to be deleted, may be there: {snapshot}");
    assert!(email.contains(&told) && email.contains(&left), "{email}");
    is_at_rest(&stack).await;

    stack.world.faults().clear();
    stack.retry(KEY).await;
    assert!(!stack.snapshots().contains(snapshot));
    assert_eq!(stack.images().len(), 1);
    let email = stack.last_email();
    let told = format!("{} deregistered", old.id);
    assert!(
        email.contains(&told) && email.contains(&format!("{snapshot} deleted")),
        "{email}"
    );
    is_at_rest(&stack).await;
}

/// A mistake is uploaded while the protection of an AMI is off.
#[tokio::test(start_paused = true)]
async fn a_protection_that_is_off_is_told_where_the_next_version_is_rejected() {
    let stack = stack().await;
    let old = cooling_down(&stack).await;
    let mistake = version(2, "acess: {}\n");
    stack.drop_and_rest(KEY, mistake).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "rejected", "{status:#}");
    let email = stack.last_email();
    let told = format!("{} was to be deregistered, and is kept", old.id);
    assert!(
        email.contains(&told) && email.contains("may be off"),
        "{email}"
    );
    is_at_rest(&stack).await;

    stack.drop_and_rest(KEY, version(2, "")).await;
    let kept = find(&stack, &old.id).unwrap();
    assert_eq!(kept.deregistration_protection, PROTECTED);
    let email = stack.last_email();
    assert!(!email.contains("may be off"), "{email}");
    is_at_rest(&stack).await;
}
