//! A copy that failed is deleted, also while EC2's listings leave it out and after a visit that ended in between.

use localaws::ec2::{Image, TaskKind};
use localaws::faults::Fault;

use crate::support::{TestStack, changes_since, minutes};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";
const REASON: &str = "Client.InternalError: Copy image failed";

/// A stack whose image has a copy that failed and that EC2 does not yet delete, by this action.
async fn with_failed_copy(refused: &str) -> (TestStack, String) {
    let stack = TestStack::built(|it| it.parameter("CopyRegions", OREGON)).await;
    stack
        .world
        .ec2()
        .fail_next_task(TaskKind::CopyImage, REASON);
    let faults = stack.world.faults();
    faults.always("ec2", refused, Fault::Throttle);
    stack.drop_file(KEY, manifest(&stack, true)).await;
    stack.world.run_for(minutes(15)).await;
    let status = stack.status(KEY).await;
    assert_eq!(
        status["regions"][OREGON]["imageState"], "failed",
        "{status:#}"
    );
    let failed = status["regions"][OREGON]["image"].as_str().unwrap();
    (stack, failed.to_owned())
}

/// The manifest, with or without the Region of the copy.
fn manifest(stack: &TestStack, is_copied: bool) -> String {
    let regions = if is_copied {
        "regions: {us-west-2: {}}\n"
    } else {
        ""
    };
    stack.manifest("web") + regions
}

/// Nothing is left of the copy that failed, and there is another one where the manifest names its Region.
fn assert_gone(stack: &TestStack, failed: &str, is_copied: bool) {
    let ec2 = stack.world.ec2();
    let images = ec2.images(OREGON);
    assert!(images.iter().all(|it| it.id != failed), "{images:#?}");
    assert_eq!(images.len(), usize::from(is_copied), "{images:#?}");
    let used: Vec<_> = images.iter().flat_map(Image::snapshot_ids).collect();
    let snapshots = ec2.snapshots(OREGON);
    assert!(
        snapshots.iter().all(|it| used.contains(&&it.id)),
        "{snapshots:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_copy_that_a_listing_leaves_out_is_deleted_all_the_same() {
    for is_copied in [true, false] {
        let (stack, failed) = with_failed_copy("DeregisterImage").await;
        stack.world.ec2().hide_image(OREGON, &failed, minutes(8));
        stack.world.faults().clear();
        stack.drop_and_rest(KEY, manifest(&stack, is_copied)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_gone(&stack, &failed, is_copied);

        let before = stack.world.faults().count();
        stack.drop_and_rest(KEY, manifest(&stack, is_copied)).await;
        assert_eq!(changes_since(&stack, before), []);
    }
}

#[tokio::test(start_paused = true)]
async fn the_snapshots_of_a_failed_copy_go_although_its_image_was_gone_before() {
    for is_copied in [true, false] {
        let (stack, failed) = with_failed_copy("DeleteSnapshot").await;
        assert!(stack.world.ec2().images(OREGON).is_empty());
        assert_eq!(stack.world.ec2().snapshots(OREGON).len(), 1);
        stack.drop_file(KEY, manifest(&stack, is_copied)).await;
        stack.world.run_for(minutes(40)).await;
        stack.world.faults().clear();
        stack.rest().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_gone(&stack, &failed, is_copied);
    }
}
