//! Images over time, limits, and the saved state.

use std::time::Duration;

use super::*;
use crate::ec2::{ImageState, StateReason};

#[tokio::test(start_paused = true)]
async fn becomes_available_with_an_event_and_without_a_request() {
    let mut world = World::new();
    let id = world.register("web", "").await;
    assert_eq!(world.image(&id).state, ImageState::Pending);
    let event = world.events.recv().await.unwrap();
    assert_eq!(event.detail_type, "EC2 AMI State Change");
    assert_eq!(event.detail["ImageId"], id.as_str());
    assert_eq!(event.detail["State"], "available");
    assert_eq!(
        event.resources,
        [format!("arn:aws:ec2:us-east-1::image/{id}")]
    );
    assert_eq!(event.time.to_string(), "2026-11-21T10:00:05Z");
    assert_eq!(world.image(&id).state, ImageState::Available);
}

#[tokio::test(start_paused = true)]
async fn fails_when_a_test_asks_for_it() {
    let mut world = World::new();
    let reason = StateReason {
        code: "Client.InvalidSnapshot".to_owned(),
        message: "no".to_owned(),
    };
    world.ec2.fail_next_registration(reason);
    let id = world.register("web", "").await;
    let event = world.events.recv().await.unwrap();
    assert_eq!(
        (&event.detail["State"], &event.detail["ErrorMessage"]),
        (&"failed".into(), &"no".into())
    );
    let xml = world.ok("DescribeImages", &format!("ImageId.1={id}")).await;
    assert_eq!(
        (text(&xml, "imageState"), text(&xml, "code")),
        ("failed".into(), "Client.InvalidSnapshot".into())
    );
}

#[tokio::test(start_paused = true)]
async fn is_found_only_after_a_while_but_holds_its_name_at_once() {
    let world = World::new();
    world.ec2.set_visibility_delay(Duration::from_secs(3));
    let id = world.register("web", "").await;
    let by_id = format!("ImageId.1={id}");
    assert!(
        world
            .refused("DescribeImages", &by_id)
            .await
            .starts_with("InvalidAMIID.NotFound")
    );
    assert_eq!(
        texts(&world.ok("DescribeImages", "Owner.1=self").await, "imageId"),
        [""; 0]
    );
    let taken = world.not_registered("").await;
    assert_eq!(
        taken,
        format!("InvalidAMIName.Duplicate: AMI name web is already in use by AMI {id}")
    );
    world.clock.sleep(Duration::from_secs(3)).await;
    assert_eq!(
        texts(&world.ok("DescribeImages", &by_id).await, "imageId"),
        [id]
    );
}

#[tokio::test(start_paused = true)]
async fn frees_the_name_some_time_after_the_image_is_gone() {
    let mut world = World::new();
    let id = world.register("web", "").await;
    world.events.recv().await.unwrap();
    world.ok("DeregisterImage", &format!("ImageId={id}")).await;
    assert_eq!(
        world.events.recv().await.unwrap().detail["State"],
        "deregistered"
    );
    assert!(
        world
            .not_registered("")
            .await
            .starts_with("InvalidAMIName.Duplicate")
    );
    let again = world
        .refused("DeregisterImage", &format!("ImageId={id}"))
        .await;
    assert!(again.starts_with("InvalidAMIID.Unavailable"), "{again}");
    world.clock.sleep(Duration::from_secs(5)).await;
    world.register("web", "").await;
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_gone_is_forgotten_in_steps() {
    let world = World::new();
    let (id, other) = (
        world.register("web", "").await,
        world.register("other", "").await,
    );
    world.ec2.set_visibility_delay(Duration::from_secs(3));
    world.ok("DeregisterImage", &format!("ImageId={id}")).await;
    let (by_id, by_name) = (
        format!("ImageId.1={id}"),
        "Filter.1.Name=name&Filter.1.Value.1=web",
    );
    let found = async |fields: &str| texts(&world.ok("DescribeImages", fields).await, "imageId");
    // "appear in the returned results for a short interval …"
    assert_eq!(found(&by_id).await, [id.as_str()]);
    assert_eq!(found(by_name).await, [id.as_str()]);
    assert_eq!(found("Owner.1=self").await.len(), 2);
    // "… and then return empty results"
    world.clock.sleep(Duration::from_secs(3)).await;
    assert_eq!(found(&by_id).await, [""; 0]);
    assert_eq!(found(by_name).await, [""; 0]);
    assert_eq!(found("Owner.1=self").await, [other.as_str()]);
    let both = format!("{by_id}&ImageId.2={other}");
    assert_eq!(found(&both).await, [other.as_str()]);
    // "… will eventually return an error"
    world.clock.sleep(Duration::from_secs(3600)).await;
    let lost = world.refused("DescribeImages", &by_id).await;
    assert!(lost.starts_with("InvalidAMIID.NotFound"), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn deletes_snapshots_that_nothing_else_uses() {
    let world = World::new();
    let (one, other) = (
        world.register("one", "").await,
        world.register("other", "").await,
    );
    let with_snapshots = |id: &str| format!("ImageId={id}&DeleteAssociatedSnapshots=true");
    let xml = world.ok("DeregisterImage", &with_snapshots(&one)).await;
    assert_eq!(text(&xml, "returnCode"), "skipped");
    let xml = world.ok("DeregisterImage", &with_snapshots(&other)).await;
    assert_eq!(
        (text(&xml, "snapshotId"), text(&xml, "returnCode")),
        (SNAPSHOT.into(), "success".into())
    );
    assert_eq!(world.ec2.snapshots(REGION), []);
}

#[tokio::test(start_paused = true)]
async fn hides_disabled_images_but_keeps_their_names() {
    let mut world = World::new();
    let id = world.register("web", "").await;
    world.events.recv().await.unwrap();
    world.ok("DisableImage", &format!("ImageId={id}")).await;
    assert_eq!(
        texts(&world.ok("DescribeImages", "").await, "imageId"),
        [""; 0]
    );
    let all = world.ok("DescribeImages", "IncludeDisabled=true").await;
    assert_eq!(
        (text(&all, "imageId"), text(&all, "imageState")),
        (id.clone(), "disabled".into())
    );
    assert!(
        world
            .not_registered("")
            .await
            .starts_with("InvalidAMIName.Duplicate")
    );
    world.ok("EnableImage", &format!("ImageId={id}")).await;
    assert_eq!(world.image(&id).state, ImageState::Available);
}

#[tokio::test(start_paused = true)]
async fn goes_on_where_it_was_saved() {
    let world = World::new();
    let pending = world
        .register(
            "web",
            "TagSpecification.1.ResourceType=image&TagSpecification.1.Tag.1.Key=a",
        )
        .await;
    let gone = world.register("old", "").await;
    world
        .ok("DeregisterImage", &format!("ImageId={gone}"))
        .await;
    let mut reborn = World::new();
    reborn.ec2.load(world.ec2.save()).unwrap();
    assert_eq!(reborn.ec2.save(), world.ec2.save());
    assert_eq!(reborn.ec2.images(REGION), world.ec2.images(REGION));
    let event = reborn.events.recv().await.unwrap();
    assert_eq!(
        (&event.detail["ImageId"], &event.detail["State"]),
        (&pending.as_str().into(), &"available".into())
    );
    // The same seed gives the same ids again: none may be used twice.
    let next = reborn.register("next", "").await;
    assert!(next != pending && next != gone);
    assert!(reborn.ec2.load(serde_json::json!({"regions": 1})).is_err());
}

#[tokio::test(start_paused = true)]
async fn throttles_when_asked_to() {
    let world = World::new();
    world.ec2.set_request_limits(true);
    for n in 0..50 {
        world.register(&format!("web-{n}"), "").await;
    }
    let (status, body) = world.send("RegisterImage", &ebs("web-50", "")).await;
    assert_eq!(
        (status.as_u16(), text(&body, "Code").as_str()),
        (503, "RequestLimitExceeded")
    );
    world.ok("DescribeImages", "").await;
    world.clock.sleep(Duration::from_millis(200)).await;
    world.register("web-50", "").await;
}

#[tokio::test(start_paused = true)]
async fn keeps_regions_apart_and_can_deny() {
    let world = World::new();
    world.register("web", "").await;
    assert_eq!(world.ec2.images("eu-central-1"), []);
    world.ec2.set_denied_actions(&["RegisterImage"]);
    let (status, body) = world
        .send("RegisterImage", &ebs("web-2", "DryRun=true"))
        .await;
    assert_eq!(
        (status.as_u16(), text(&body, "Code").as_str()),
        (403, "UnauthorizedOperation")
    );
    let (status, _) = world.send("DescribeImages", "DryRun=true").await;
    assert_eq!(status, StatusCode::PRECONDITION_FAILED);
}
