//! When images are deprecated.

use std::time::Duration;

use super::*;
use crate::ec2::{ImageBlock, Permission};

impl World {
    async fn ready(&self, name: &str) -> String {
        self.ec2.set_pending_time(Duration::ZERO);
        self.register(name, "").await
    }

    async fn deprecation(&self, id: &str) -> String {
        let xml = self.ok("DescribeImages", &format!("ImageId.1={id}")).await;
        text(&xml, "deprecationTime")
    }

    async fn deprecate(&self, id: &str, at: &str) {
        let fields = format!("ImageId={id}&DeprecateAt={at}");
        self.ok("EnableImageDeprecation", &fields).await;
    }

    async fn not_deprecated(&self, id: &str, at: &str) -> String {
        let fields = format!("ImageId={id}&DeprecateAt={at}");
        self.refused("EnableImageDeprecation", &fields).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_is_rounded_to_the_minute_and_taken_back() {
    let world = World::new();
    let id = world.ready("web").await;
    assert_eq!(world.deprecation(&id).await, "");
    world.deprecate(&id, "2027-01-01T00:00:31Z").await;
    assert_eq!(world.deprecation(&id).await, "2027-01-01T00:01:00.000Z");
    world.deprecate(&id, "2028-01-01T00:00:29.000Z").await;
    assert_eq!(world.deprecation(&id).await, "2028-01-01T00:00:00.000Z");
    let disable = format!("ImageId={id}");
    world.ok("DisableImageDeprecation", &disable).await;
    assert_eq!(world.deprecation(&id).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_date_is_neither_past_nor_more_than_ten_years_ahead() {
    let world = World::new();
    let id = world.ready("web").await;
    for at in ["2026-11-21T09:59:00Z", "2036-11-21T10:01:00Z", "tomorrow"] {
        let refused = world.not_deprecated(&id, at).await;
        assert!(refused.starts_with("InvalidParameterValue"), "{refused}");
    }
    world.deprecate(&id, "2036-11-21T10:00:00Z").await;
    let pending = {
        world.ec2.set_pending_time(Duration::from_secs(60));
        world.register("pending", "").await
    };
    let refused = world.not_deprecated(&pending, "2027-01-01T00:00:00Z").await;
    assert!(refused.starts_with("InvalidAMIID.Unavailable"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_public_image_is_deprecated_two_years_after_its_creation_at_the_latest() {
    let world = World::new();
    let id = world.ready("web").await;
    world.ec2.set_image_block(REGION, ImageBlock::Unblocked);
    let public = format!("ImageId={id}&LaunchPermission.Add.1.Group=all");
    world.ok("ModifyImageAttribute", &public).await;
    assert_eq!(world.deprecation(&id).await, "2028-11-21T10:00:00.000Z");
    world.deprecate(&id, "2027-11-21T10:00:00Z").await;
    let later = world.not_deprecated(&id, "2028-01-01T00:00:00Z").await;
    assert!(later.starts_with("InvalidParameterValue"), "{later}");
    world
        .ok("DisableImageDeprecation", &format!("ImageId={id}"))
        .await;
    assert_eq!(world.deprecation(&id).await, "2027-11-21T10:00:00.000Z");
    let private = format!("ImageId={id}&LaunchPermission.Remove.1.Group=all");
    world.ok("ModifyImageAttribute", &private).await;
    world.deprecate(&id, "2030-01-01T00:00:00Z").await;
}

#[tokio::test(start_paused = true)]
async fn others_deprecated_images_are_listed_only_if_asked_for() {
    let world = World::new();
    let id = world.ready("web").await;
    world.deprecate(&id, "2026-11-21T10:01:00Z").await;
    world.clock.sleep(Duration::from_secs(60)).await;
    let listed =
        |fields: &'static str| async { text(&world.ok("DescribeImages", fields).await, "imageId") };
    assert_eq!(listed("").await, id, "owners see theirs");
    world.ec2.edit_image(REGION, &id, |image| {
        image.owner_id = "999999999999".to_owned();
        image.launch_permissions.insert(Permission::Everyone);
        image.tags.insert("secret".to_owned(), "x".to_owned());
    });
    assert_eq!(listed("").await, "");
    assert_eq!(listed("IncludeDeprecated=true").await, id);
    let xml = world.ok("DescribeImages", &format!("ImageId.1={id}")).await;
    assert_eq!(
        (text(&xml, "imageOwnerId"), texts(&xml, "tagSet").len()),
        ("999999999999".into(), 0)
    );
}
