//! An AMI is gone with its shares, and its manifest is there again while EC2's reads still show what was before.

use std::time::Duration;

use super::{
    DEREGISTER, GUEST, KEY, ON_DELETE, PARTNER, SHARED, drop_named, is_at_rest, of_named, readers,
    set, stack,
};
use crate::support::{REGION, minutes};

#[tokio::test(start_paused = true)]
async fn the_named_snapshot_is_shared_again_although_the_share_that_ended_still_shows() {
    for shown_for in [0, 2, 4].map(minutes) {
        let stack = stack().await;
        let settings = format!("{SHARED}{ON_DELETE}");
        drop_named(&stack, 1, &settings).await;
        let old = stack.only_image().id;
        stack.world.ec2().set_stale_reads(shown_for);
        stack.remove(KEY).await;
        let is_there = || {
            let mut images = stack.world.ec2().images(REGION).into_iter();
            images.any(|it| it.id == old)
        };
        for _ in 0..900 {
            if !is_there() {
                break;
            }
            stack.world.run_for(Duration::from_secs(1)).await;
        }
        assert!(!is_there(), "{shown_for:?}");

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
        stack.world.ec2().set_stale_reads(shown_for);
        drop_named(&stack, 2, &format!("{SHARED}{DEREGISTER}")).await;
        stack.only_image();

        drop_named(&stack, 2, &format!("{both}{DEREGISTER}")).await;
        stack.world.run_for(shown_for).await;
        let readers = readers(&stack, &stack.snapshot).await;
        assert_eq!(readers, set(&[PARTNER, GUEST]), "{shown_for:?}");
        is_at_rest(&stack).await;
    }
}
