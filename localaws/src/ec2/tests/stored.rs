//! Images that become objects in S3, and objects that become images again.

use std::time::Duration;

use super::*;
use crate::ec2::{SnapshotState, TaskKind};

impl World {
    async fn stored(&self, image: &str) -> String {
        let fields = format!("ImageId={image}&Bucket=archive");
        let xml = self.ok("CreateStoreImageTask", &fields).await;
        text(&xml, "objectKey")
    }

    async fn available(&self) -> String {
        self.ec2.set_pending_time(Duration::ZERO);
        let tags = "Description=web&BootMode=uefi&TagSpecification.1.ResourceType=image&TagSpecification.1.Tag.1.Key=team&TagSpecification.1.Tag.1.Value=web";
        self.register("web", tags).await
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_is_stored_and_restored() {
    let world = World::new();
    let image = world.available().await;
    let key = world.stored(&image).await;
    assert_eq!(key, format!("{image}.bin"));
    let again = format!("ImageId={image}&Bucket=archive");
    let again = world.refused("CreateStoreImageTask", &again).await;
    assert!(again.starts_with("InvalidRequest: A task that stores"));
    world.clock.sleep(Duration::from_secs(15)).await;
    let of_image = format!("ImageId.1={image}");
    let xml = world.ok("DescribeStoreImageTasks", &of_image).await;
    assert_eq!(
        (
            text(&xml, "storeTaskState"),
            text(&xml, "progressPercentage")
        ),
        ("InProgress".into(), "50".into())
    );
    assert_eq!(
        world.shelf.objects.lock().unwrap().len(),
        0,
        "it appears when it is complete"
    );
    world.clock.sleep(Duration::from_secs(15)).await;
    let xml = world.ok("DescribeStoreImageTasks", &of_image).await;
    assert_eq!(
        (
            text(&xml, "storeTaskState"),
            text(&xml, "progressPercentage")
        ),
        ("Completed".into(), "100".into())
    );

    let restore = format!("Bucket=archive&ObjectKey={key}");
    let taken = world.refused("CreateRestoreImageTask", &restore).await;
    assert_eq!(
        taken,
        format!("InvalidAMIName.Duplicate: AMI name web is already in use by AMI {image}")
    );
    let xml = world
        .ok("CreateRestoreImageTask", &format!("{restore}&Name=again"))
        .await;
    let restored = world.image(&text(&xml, "imageId"));
    let original = world.image(&image);
    assert_eq!(
        (
            restored.name.as_str(),
            &restored.boot_mode,
            &restored.description
        ),
        ("again", &original.boot_mode, &original.description)
    );
    let of = |image: &Image| {
        image.block_device_mappings[0]
            .ebs
            .clone()
            .unwrap()
            .snapshot_id
    };
    assert_ne!(of(&restored), of(&original));
    world.clock.sleep(Duration::from_secs(30)).await;
    let images = world
        .ok("DescribeImages", &format!("ImageId.1={}", restored.id))
        .await;
    assert_eq!(text(&images, "imageState"), "available");
    assert!(
        world
            .ec2
            .snapshots(REGION)
            .iter()
            .all(|snapshot| snapshot.state == SnapshotState::Completed)
    );
}

#[tokio::test(start_paused = true)]
async fn storing_and_restoring_fail_when_a_test_asks_for_it() {
    let world = World::new();
    let image = world.available().await;
    world.ec2.fail_next_task(TaskKind::StoreImage, "no room");
    world.stored(&image).await;
    world.clock.sleep(Duration::from_secs(30)).await;
    let xml = world
        .ok(
            "DescribeStoreImageTasks",
            "Filter.1.Name=task-state&Filter.1.Value.1=Failed",
        )
        .await;
    assert_eq!(text(&xml, "storeTaskFailureReason"), "no room");
    let key = world.stored(&image).await;
    world.clock.sleep(Duration::from_secs(30)).await;
    world.ec2.fail_next_task(TaskKind::RestoreImage, "no luck");
    let xml = world
        .ok(
            "CreateRestoreImageTask",
            &format!("Bucket=archive&ObjectKey={key}&Name=again"),
        )
        .await;
    world.clock.sleep(Duration::from_secs(30)).await;
    let xml = world
        .ok(
            "DescribeImages",
            &format!("ImageId.1={}", text(&xml, "imageId")),
        )
        .await;
    assert_eq!(
        (text(&xml, "imageState"), text(&xml, "message")),
        ("failed".into(), "no luck".into())
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_stored_or_restored_is_refused() {
    let world = World::new();
    let pending = world.register("pending", "").await;
    let store = async |image: &str, bucket: &str| {
        let fields = format!("ImageId={image}&Bucket={bucket}");
        world.refused("CreateStoreImageTask", &fields).await
    };
    assert!(
        store(&pending, "archive")
            .await
            .starts_with("InvalidAMIID.Unavailable")
    );
    let image = world.available().await;
    assert!(
        store(&image, "lost")
            .await
            .starts_with("InvalidParameterValue: The bucket lost")
    );
    assert!(
        store("ami-0123456789abcdef0", "archive")
            .await
            .starts_with("InvalidAMIID.NotFound")
    );
    let paravirtual = world
        .register("old", "VirtualizationType=paravirtual")
        .await;
    world.ok("DescribeImages", "").await;
    assert!(
        store(&paravirtual, "archive")
            .await
            .starts_with("InvalidRequest")
    );
    world.put("archive/other.bin", Ok("{\"format\": \"something else\"}"));
    let restore = async |key: &str| {
        let fields = format!("Bucket=archive&ObjectKey={key}&Name=again");
        world.refused("CreateRestoreImageTask", &fields).await
    };
    assert!(restore("other.bin").await.ends_with("is not a stored AMI"));
    assert!(
        restore("lost.bin")
            .await
            .starts_with("InvalidParameterValue: There is no object")
    );
}

#[tokio::test(start_paused = true)]
async fn store_tasks_are_listed_in_their_way() {
    let world = World::new();
    let image = world.available().await;
    world.stored(&image).await;
    let many: Vec<String> = (1..=21).map(|n| format!("ImageId.{n}={image}")).collect();
    let refused = world
        .refused("DescribeStoreImageTasks", &many.join("&"))
        .await;
    assert!(refused.starts_with("InvalidParameterValue"), "{refused}");
    let refused = world
        .refused(
            "DescribeStoreImageTasks",
            &format!("ImageId.1={image}&MaxResults=5"),
        )
        .await;
    assert!(refused.starts_with("InvalidParameterCombination"));
    let ignored = format!("ImageId.1={image}&Filter.1.Name=bucket&Filter.1.Value.1=other");
    let listed = async |fields: &str| {
        texts(&world.ok("DescribeStoreImageTasks", fields).await, "amiId").len()
    };
    assert_eq!(listed(&ignored).await, 1);
    assert_eq!(
        listed("Filter.1.Name=bucket&Filter.1.Value.1=other").await,
        0
    );
    // Without any request, the object is written in time.
    world.clock.sleep(Duration::from_secs(31)).await;
    assert_eq!(world.shelf.objects.lock().unwrap().len(), 1);
    world.ec2.hide_task(&image);
    assert_eq!(listed("").await, 0);
    world.stored(&image).await;
    assert_eq!(listed("").await, 1);
    world
        .clock
        .sleep(Duration::from_secs(31 * 86_400 + 1))
        .await;
    assert_eq!(listed("").await, 0);
}

#[tokio::test(start_paused = true)]
async fn snapshots_are_deleted_unless_an_image_uses_them() {
    let world = World::new();
    let image = world.available().await;
    let delete = format!("SnapshotId={SNAPSHOT}");
    let refused = world.refused("DeleteSnapshot", &delete).await;
    assert_eq!(
        refused,
        format!("InvalidSnapshot.InUse: The snapshot {SNAPSHOT} is currently in use by {image}")
    );
    world
        .ok("DeregisterImage", &format!("ImageId={image}"))
        .await;
    world.ok("DeleteSnapshot", &delete).await;
    assert!(
        world
            .refused("DeleteSnapshot", &delete)
            .await
            .starts_with("InvalidSnapshot.NotFound")
    );
}

#[tokio::test(start_paused = true)]
async fn a_pending_restore_that_is_deregistered_ends_and_leaves_its_snapshots() {
    let world = World::new();
    let image = world.available().await;
    let key = world.stored(&image).await;
    world.clock.sleep(Duration::from_secs(30)).await;
    world.ok("DescribeImages", "").await;
    let restore = format!("Bucket=archive&ObjectKey={key}&Name=web-again");
    let xml = world.ok("CreateRestoreImageTask", &restore).await;
    let deregister = format!("ImageId={}", text(&xml, "imageId"));
    world.ok("DeregisterImage", &deregister).await;
    world.clock.sleep(Duration::from_secs(60)).await;
    let left = world.ec2.images(REGION).into_iter().map(|image| image.id);
    assert_eq!(left.collect::<Vec<_>>(), [image]);
    let snapshots = world.ec2.snapshots(REGION);
    let states: Vec<_> = snapshots.iter().map(|it| it.state).collect();
    assert_eq!(states, [SnapshotState::Completed; 2]);
}
