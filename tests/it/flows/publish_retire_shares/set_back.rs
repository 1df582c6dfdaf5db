//! An AMI is gone with its shares, and its manifest is there again while EC2's reads still show what was before.

use std::time::Duration;

use localaws::ec2::Permission;

use super::{
    DEREGISTER, GUEST, KEY, ON_DELETE, PARTNER, SHARED, drop_named, is_at_rest, of_named, readers,
    set, stack,
};
use crate::support::{REGION, TestStack, minutes};

/// Lets time pass until the AMI and the account's share of its snapshot are gone: reads of the share show it yet for a while,
/// and those of later changes are fresh.
async fn is_gone(stack: &TestStack, id: &str, account: &str, shown_for: Duration) {
    stack.world.ec2().set_stale_reads(shown_for);
    for _ in 0..900 {
        let is_there = stack
            .world
            .ec2()
            .images(REGION)
            .iter()
            .any(|it| it.id == id);
        if !is_there && !is_shared(stack, account) {
            stack.world.ec2().set_stale_reads(Duration::ZERO);
            return;
        }
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    panic!("{id} is still there, or {account} has its share");
}

/// Whether the account can read the snapshot that the manifest names, whatever reads say.
fn is_shared(stack: &TestStack, account: &str) -> bool {
    let snapshots = stack.world.ec2().snapshots(REGION).into_iter();
    let mut named = snapshots.filter(|it| it.id == stack.snapshot);
    let permission = Permission::Account(account.to_owned());
    named.any(|it| it.create_volume_permissions.contains(&permission))
}

#[tokio::test(start_paused = true)]
async fn the_named_snapshot_is_shared_again_although_the_share_that_ended_still_shows() {
    for shown_for in [0, 2, 4].map(minutes) {
        let stack = stack().await;
        let settings = format!("{SHARED}{ON_DELETE}");
        drop_named(&stack, 1, &settings).await;
        let old = stack.only_image().id;
        stack.remove(KEY).await;
        is_gone(&stack, &old, PARTNER, shown_for).await;

        stack.drop_file(KEY, of_named(&stack, 1, &settings)).await;
        stack.rest().await;
        assert_eq!(
            stack.status(KEY).await["state"],
            "available",
            "{shown_for:?}"
        );
        assert_ne!(stack.only_image().id, old, "{shown_for:?}");
        stack.world.run_for(shown_for).await;
        let readers = readers(&stack, &stack.snapshot).await;
        assert_eq!(readers, set(&[PARTNER]), "{shown_for:?}");
        is_at_rest(&stack).await;
    }
}

/// The earlier AMI is gone with its shares, and new settings ask for one of them while EC2 still shows it.
#[tokio::test(start_paused = true)]
async fn new_settings_share_again_what_ended_with_the_earlier_ami() {
    for shown_for in [0, 2, 4].map(minutes) {
        let stack = stack().await;
        let both = format!("access: {{accounts: ['{PARTNER}', '{GUEST}'], copy: true}}\n");
        drop_named(&stack, 1, &both).await;
        let old = stack.only_image().id;
        let next = of_named(&stack, 2, &format!("{SHARED}{DEREGISTER}"));
        stack.drop_file(KEY, next).await;
        is_gone(&stack, &old, GUEST, shown_for).await;

        drop_named(&stack, 2, &format!("{both}{DEREGISTER}")).await;
        stack.world.run_for(shown_for).await;
        let readers = readers(&stack, &stack.snapshot).await;
        assert_eq!(readers, set(&[PARTNER, GUEST]), "{shown_for:?}");
        is_at_rest(&stack).await;
    }
}
