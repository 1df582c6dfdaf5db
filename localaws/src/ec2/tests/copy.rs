//! Images that are copied, also to another Region.

use std::time::Duration;

use super::*;
use crate::ec2::{ImageState, SnapshotState, TaskKind};

pub(super) const ELSEWHERE: &str = "eu-central-1";

impl World {
    /// An image that is available.
    pub(super) async fn source(&self) -> String {
        self.ec2.set_pending_time(Duration::ZERO);
        let tags = "TagSpecification.1.ResourceType=image&TagSpecification.1.Tag.1.Key=team&TagSpecification.1.Tag.1.Value=web";
        self.register("web", tags).await
    }

    pub(super) async fn copy(
        &self,
        region: &str,
        source: &str,
        more: &str,
    ) -> (StatusCode, String) {
        let fields = format!("SourceImageId={source}&SourceRegion={REGION}&Name=web&{more}");
        self.send_to(region, "CopyImage", &fields).await
    }

    pub(super) async fn copied(&self, region: &str, source: &str, more: &str) -> String {
        let (status, body) = self.copy(region, source, more).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        text(&body, "imageId")
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_is_copied_with_its_snapshots_to_another_region() {
    let mut world = World::new();
    let source = world.source().await;
    world.ok("DescribeImages", "").await;
    world.events.recv().await.unwrap();
    let tags = "TagSpecification.1.ResourceType=snapshot&TagSpecification.1.Tag.1.Key=owner&TagSpecification.1.Tag.1.Value=me";
    let id = world
        .copied(
            ELSEWHERE,
            &source,
            &format!("Encrypted=true&KmsKeyId=alias/web&CopyImageTags=true&{tags}"),
        )
        .await;
    let image = world.ec2.images(ELSEWHERE).remove(0);
    assert_eq!(
        (&image.id, image.state, image.tags["team"].as_str()),
        (&id, ImageState::Pending, "web")
    );
    let snapshot = world.ec2.snapshots(ELSEWHERE).remove(0);
    let ebs = image.block_device_mappings[0].ebs.as_ref().unwrap();
    assert_eq!(
        (ebs.snapshot_id.as_ref(), ebs.encrypted),
        (Some(&snapshot.id), true)
    );
    assert_eq!(
        (snapshot.state, snapshot.tags["owner"].as_str()),
        (SnapshotState::Pending, "me")
    );
    world.clock.sleep(Duration::from_secs(15)).await;
    let (_, xml) = world
        .send_to(ELSEWHERE, "DescribeSnapshots", "Owner.1=self")
        .await;
    assert_eq!(text(&xml, "progress"), "50%");
    let key = text(&xml, "kmsKeyId");
    assert!(
        key.starts_with("arn:aws:kms:eu-central-1:000000000000:key/"),
        "{key}"
    );
    let event = world.events.recv().await.unwrap();
    assert_eq!(
        (event.region.as_str(), &event.detail["State"]),
        (ELSEWHERE, &"available".into())
    );
    assert_eq!(
        world.ec2.snapshots(ELSEWHERE)[0].state,
        SnapshotState::Completed
    );
    let (_, xml) = world
        .send_to(
            ELSEWHERE,
            "DescribeImages",
            "Filter.1.Name=source-image-id&Filter.1.Value.1=ami-*",
        )
        .await;
    assert_eq!(
        (text(&xml, "sourceImageId"), text(&xml, "sourceImageRegion")),
        (source, REGION.into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_made_once_per_token_and_takes_a_name_that_is_taken() {
    let world = World::new();
    let source = world.source().await;
    let id = world.copied(REGION, &source, "ClientToken=once").await;
    assert_eq!(world.copied(REGION, &source, "ClientToken=once").await, id);
    assert_eq!(
        world.image(&id).tags,
        BTreeMap::new(),
        "tags stay behind unless asked for"
    );
    let (_, other) = world
        .copy(REGION, &source, "ClientToken=once&Description=x")
        .await;
    assert_eq!(text(&other, "Code"), "IdempotentParameterMismatch");
    assert_ne!(world.copied(REGION, &source, "").await, id);
    assert_ne!(
        world.copied(ELSEWHERE, &source, "ClientToken=once").await,
        id
    );
}

#[tokio::test(start_paused = true)]
async fn a_copy_fails_when_a_test_asks_for_it_and_leaves_useless_snapshots() {
    let mut world = World::new();
    let source = world.source().await;
    world.ok("DescribeImages", "").await;
    world.events.recv().await.unwrap();
    world
        .ec2
        .fail_next_task(TaskKind::CopyImage, "Client.InvalidKey: no such key");
    world.copied(ELSEWHERE, &source, "").await;
    let event = world.events.recv().await.unwrap();
    assert_eq!(
        (&event.detail["State"], &event.detail["ErrorMessage"]),
        (&"failed".into(), &"no such key".into())
    );
    let image = world.ec2.images(ELSEWHERE).remove(0);
    assert_eq!(image.state_reason.unwrap().code, "Client.InvalidKey");
    assert_eq!(
        world.ec2.snapshots(ELSEWHERE)[0].state,
        SnapshotState::Error
    );
}

#[tokio::test(start_paused = true)]
async fn only_available_images_are_copied() {
    let world = World::new();
    let pending = world.register("web", "").await;
    let (_, body) = world.copy(ELSEWHERE, &pending, "").await;
    assert_eq!(text(&body, "Code"), "InvalidAMIID.Unavailable");
    assert_eq!(
        text(&body, "Message"),
        format!(
            "The AMI ID '{pending}' is currently pending and may not be used for this operation"
        )
    );
    let (_, body) = world.copy(ELSEWHERE, "ami-0123456789abcdef0", "").await;
    assert_eq!(text(&body, "Code"), "InvalidAMIID.NotFound");
    let (_, body) = world.copy(ELSEWHERE, &pending, "KmsKeyId=k").await;
    assert_eq!(text(&body, "Code"), "InvalidParameterDependency");
    let (status, _) = world
        .copy(ELSEWHERE, &pending, "DestinationOutpostArn=a")
        .await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
}

#[tokio::test(start_paused = true)]
async fn a_copy_goes_on_after_a_restart() {
    let world = World::new();
    let source = world.source().await;
    world.copied(ELSEWHERE, &source, "ClientToken=once").await;
    let mut reborn = World::new();
    reborn.ec2.load(world.ec2.save()).unwrap();
    while reborn.events.recv().await.unwrap().region != ELSEWHERE {}
    assert_eq!(reborn.ec2.images(ELSEWHERE)[0].state, ImageState::Available);
    assert_eq!(
        reborn.ec2.snapshots(ELSEWHERE)[0].state,
        SnapshotState::Completed
    );
}

#[tokio::test(start_paused = true)]
async fn a_pending_copy_that_is_deregistered_ends_and_leaves_its_snapshots() {
    let mut world = World::new();
    let source = world.source().await;
    world.ok("DescribeImages", "").await;
    world.events.recv().await.unwrap();
    let copy = world.copied(ELSEWHERE, &source, "").await;
    let (status, body) = world
        .send_to(ELSEWHERE, "DeregisterImage", &format!("ImageId={copy}"))
        .await;
    assert_eq!(status, StatusCode::OK, "{body}");
    world.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(world.ec2.images(ELSEWHERE), []);
    let snapshots = world.ec2.snapshots(ELSEWHERE);
    assert_eq!(snapshots[0].state, SnapshotState::Completed);
    assert_eq!(snapshots.len(), 1, "EC2 deletes no snapshot by itself");
    let event = world.events.recv().await.unwrap();
    assert_eq!(event.detail["State"], "deregistered");
    assert!(world.events.try_recv().is_err(), "it never was available");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_copied_to_another_region() {
    let world = World::new();
    // SDKs send the first two unasked.
    let fields = format!(
        "PresignedUrl=https://x&DestinationRegion={ELSEWHERE}&SourceRegion={REGION}&SourceSnapshotId={SNAPSHOT}&Description=web&TagSpecification.1.ResourceType=snapshot&TagSpecification.1.Tag.1.Key=team&TagSpecification.1.Tag.1.Value=web"
    );
    let (status, xml) = world.send_to(ELSEWHERE, "CopySnapshot", &fields).await;
    assert_eq!(status, StatusCode::OK, "{xml}");
    let id = text(&xml, "snapshotId");
    assert_eq!(
        (text(&xml, "key"), text(&xml, "value")),
        ("team".into(), "web".into())
    );
    world.clock.sleep(Duration::from_secs(15)).await;
    let by_id = format!("SnapshotId.1={id}");
    let (_, xml) = world.send_to(ELSEWHERE, "DescribeSnapshots", &by_id).await;
    let shown = (text(&xml, "status"), text(&xml, "progress"));
    assert_eq!(shown, ("pending".into(), "50%".into()));
    let again = format!("SourceRegion={ELSEWHERE}&SourceSnapshotId={id}");
    let refused = world.refused("CopySnapshot", &again).await;
    assert_eq!(
        refused,
        format!("IncorrectState: Snapshot '{id}' is not 'completed'.")
    );
    world.clock.sleep(Duration::from_secs(15)).await;
    let (_, xml) = world.send_to(ELSEWHERE, "DescribeSnapshots", &by_id).await;
    let shown = (
        text(&xml, "status"),
        text(&xml, "volumeSize"),
        text(&xml, "description"),
    );
    assert_eq!(shown, ("completed".into(), "8".into(), "web".into()));
}

#[tokio::test(start_paused = true)]
async fn the_copy_of_a_snapshot_that_is_not_there_fails_later() {
    let world = World::new();
    let fields = format!("SourceRegion={ELSEWHERE}&SourceSnapshotId={SNAPSHOT}");
    let id = text(&world.ok("CopySnapshot", &fields).await, "snapshotId");
    let by_id = format!("SnapshotId.1={id}");
    let xml = world.ok("DescribeSnapshots", &by_id).await;
    assert_eq!(text(&xml, "status"), "pending");
    let mut reborn = World::new();
    reborn.ec2.load(world.ec2.save()).unwrap();
    reborn.clock.sleep(Duration::from_secs(30)).await;
    let xml = reborn.ok("DescribeSnapshots", &by_id).await;
    assert_eq!(text(&xml, "status"), "error");
    assert!(text(&xml, "statusMessage").contains("does not exist"));
    reborn.events.close();
    for (fields, code) in [
        ("SourceRegion=us-east-1", "MissingParameter"),
        (
            "SourceRegion=us-east-1&SourceSnapshotId=web",
            "InvalidSnapshotID.Malformed",
        ),
        (
            &format!("{fields}&KmsKeyId=k"),
            "InvalidParameterDependency",
        ),
    ] {
        let refused = world.refused("CopySnapshot", fields).await;
        assert!(refused.starts_with(code), "{refused}");
    }
}
