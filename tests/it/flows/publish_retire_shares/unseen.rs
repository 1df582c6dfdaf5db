//! A snapshot that EC2 does not show for a while may be there, and shared.

use super::{DEREGISTER, GUEST, KEY, PARTNER, first, is_at_rest, readers, set, stack, version};
use crate::support::{REGION, TestStack, minutes};

/// Lets time pass until nothing is left but to wait for what became of this AMI.
async fn waits_for(stack: &TestStack, image: &str) {
    for _ in 0..120 {
        stack.minute().await;
        let build = &stack.status(KEY).await["build"];
        if build["step"] == "retire" && build["waiting"]["image"] == image {
            return;
        }
    }
    panic!("{:#}", stack.status(KEY).await);
}

#[tokio::test(start_paused = true)]
async fn the_shares_of_a_snapshot_that_is_not_shown_for_a_while_end_after_that() {
    let stack = stack().await;
    let (old, snapshot) = first(&stack, "").await;
    stack.aws().deregister_image(&old).await.unwrap();
    stack.drop_file(KEY, version(2, DEREGISTER)).await;
    waits_for(&stack, &old).await;
    // The AMI counts as deregistered after a quarter of an hour, and its snapshots are looked at then.
    let ec2 = stack.world.ec2();
    ec2.hide_snapshot(REGION, &snapshot, minutes(22));
    stack.world.run_for(minutes(19)).await;
    let waiting = &stack.status(KEY).await["build"]["waiting"];
    assert_eq!(waiting["what"], snapshot.as_str(), "{waiting:#}");

    stack.rest().await;
    assert_eq!(readers(&stack, &snapshot).await, set(&[GUEST]));
    let email = stack.last_email();
    let told = format!("{snapshot} no longer shared with {PARTNER}");
    assert!(email.contains(&told), "{email}");
    is_at_rest(&stack).await;
}
