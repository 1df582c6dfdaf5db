//! Deregistration protection, and what becomes of a deregistered image's snapshots.

use std::time::Duration;

use super::*;

impl World {
    async fn protect(&self, id: &str, more: &str) -> String {
        let fields = format!("ImageId={id}&{more}");
        let xml = self
            .ok("EnableImageDeregistrationProtection", &fields)
            .await;
        text(&xml, "return")
    }

    async fn unprotect(&self, id: &str) -> String {
        let fields = format!("ImageId={id}");
        let xml = self
            .ok("DisableImageDeregistrationProtection", &fields)
            .await;
        text(&xml, "return")
    }

    async fn protection(&self, id: &str) -> String {
        let xml = self.ok("DescribeImages", &format!("ImageId.1={id}")).await;
        text(&xml, "deregistrationProtection")
    }
}

#[tokio::test(start_paused = true)]
async fn a_protected_image_is_not_deregistered() {
    let world = World::new();
    world.ec2.set_pending_time(Duration::ZERO);
    let id = world.register("web", "").await;
    assert_eq!(world.protection(&id).await, "disabled");
    assert_eq!(world.protect(&id, "").await, "enabled-without-cooldown");
    assert_eq!(world.protection(&id).await, "enabled-without-cooldown");
    let by_id = format!("ImageId={id}");
    let refused = world.refused("DeregisterImage", &by_id).await;
    assert!(refused.starts_with("OperationNotPermitted"), "{refused}");
    assert_eq!(world.unprotect(&id).await, "disabled");
    world.ok("DeregisterImage", &by_id).await;
    assert_eq!(
        world.refused("DeregisterImage", &by_id).await,
        format!("InvalidAMIID.Unavailable: The image id '[{id}]' is no longer available")
    );
}

#[tokio::test(start_paused = true)]
async fn a_cooldown_protects_for_another_day() {
    let world = World::new();
    world.ec2.set_pending_time(Duration::ZERO);
    let id = world.register("web", "").await;
    assert_eq!(
        world.protect(&id, "WithCooldown=true").await,
        "enabled-with-cooldown"
    );
    world.unprotect(&id).await;
    assert_eq!(
        world.protection(&id).await,
        "disabled after 2026-11-22T10:00:00.000Z"
    );
    world.unprotect(&id).await;
    let by_id = format!("ImageId={id}");
    let refused = world.refused("DeregisterImage", &by_id).await;
    assert!(refused.starts_with("OperationNotPermitted"), "{refused}");
    world.clock.sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!(world.protection(&id).await, "disabled");
    world.ok("DeregisterImage", &by_id).await;
}

#[tokio::test(start_paused = true)]
async fn the_image_is_gone_though_its_snapshots_may_not_be_deleted() {
    let world = World::new();
    let id = world.register("web", "").await;
    world.ec2.set_denied_actions(&["DeleteSnapshot"]);
    let fields = format!("ImageId={id}&DeleteAssociatedSnapshots=true");
    let xml = world.ok("DeregisterImage", &fields).await;
    assert_eq!(
        (text(&xml, "snapshotId"), text(&xml, "returnCode")),
        (SNAPSHOT.into(), "missing-permissions".into())
    );
    assert_eq!(world.ec2.images(REGION), []);
    assert_eq!(world.ec2.snapshots(REGION).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn tags_are_deleted_by_key_by_value_or_all() {
    let world = World::new();
    let id = world.register("web", "").await;
    let tags = "Tag.1.Key=a&Tag.1.Value=1&Tag.2.Key=b&Tag.2.Value=2&Tag.3.Key=c";
    let resources = format!("ResourceId.1={id}&ResourceId.2={SNAPSHOT}");
    world.ok("CreateTags", &format!("{resources}&{tags}")).await;
    let unwanted = "Tag.1.Key=a&Tag.2.Key=b&Tag.2.Value=other&Tag.3.Key=lost";
    world
        .ok("DeleteTags", &format!("{resources}&{unwanted}"))
        .await;
    let left: Vec<String> = world.image(&id).tags.into_keys().collect();
    assert_eq!(left, ["b", "c"]);
    world.ok("DeleteTags", &format!("ResourceId.1={id}")).await;
    assert_eq!(world.image(&id).tags, BTreeMap::new());
    assert_eq!(world.ec2.snapshots(REGION)[0].tags.len(), 2);
    let (status, _) = world
        .send("DeleteTags", "ResourceId.1=i-1&Tag.1.Key=a")
        .await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
}
