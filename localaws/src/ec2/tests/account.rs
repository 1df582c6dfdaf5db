//! The account's settings in each Region, and the Regions that it has enabled.

use super::*;
use crate::ec2::SeedInstance;

#[tokio::test(start_paused = true)]
async fn a_disabled_region_refuses_credentials() {
    let world = World::new();
    let (status, body) = world.send_to("af-south-1", "DescribeImages", "").await;
    assert_eq!(
        (status.as_u16(), text(&body, "Code"), text(&body, "Message")),
        (
            401,
            "AuthFailure".into(),
            "AWS was not able to validate the provided access credentials".into()
        )
    );
    let by_name = "AllRegions=true&RegionName.1=af-south-1";
    let xml = world.ok("DescribeRegions", by_name).await;
    assert_eq!(text(&xml, "optInStatus"), "not-opted-in");
    let xml = world.ok("DescribeRegions", "RegionName.1=af-south-1").await;
    assert_eq!(text(&xml, "optInStatus"), "not-opted-in");
    let xml = world.ok("DescribeRegions", "").await;
    assert!(!texts(&xml, "regionName").contains(&"af-south-1".to_owned()));
    let lost = world
        .refused("DescribeRegions", "RegionName.1=af-north-1")
        .await;
    assert!(lost.starts_with("InvalidParameterValue"), "{lost}");
    world.ec2.set_opted_in("af-south-1", true);
    let xml = world.ok("DescribeRegions", "RegionName.1=af-south-1").await;
    assert_eq!(text(&xml, "optInStatus"), "opted-in");
    let (status, _) = world.send_to("af-south-1", "DescribeImages", "").await;
    assert_eq!(status, StatusCode::OK);
    let off = "AllRegions=true&Filter.1.Name=opt-in-status&Filter.1.Value.1=not-opted-in";
    let xml = world.ok("DescribeRegions", off).await;
    assert_eq!(texts(&xml, "regionName").len(), 16);
}

#[tokio::test(start_paused = true)]
async fn public_access_is_blocked_and_unblocked_per_region() {
    let world = World::new();
    let state = || world.ok("GetImageBlockPublicAccessState", "");
    let xml = state().await;
    assert_eq!(
        (
            text(&xml, "imageBlockPublicAccessState"),
            text(&xml, "managedBy")
        ),
        ("block-new-sharing".into(), "account".into()),
        "as in a new account"
    );
    world.ok("DisableImageBlockPublicAccess", "").await;
    assert_eq!(
        text(&state().await, "imageBlockPublicAccessState"),
        "unblocked"
    );
    let block = "ImageBlockPublicAccessState=block-new-sharing";
    world.ok("EnableImageBlockPublicAccess", block).await;
    world.ec2.set_blocks_by_policy(REGION, true);
    let refused = world.refused("DisableImageBlockPublicAccess", "").await;
    assert!(refused.starts_with("OperationNotPermitted"), "{refused}");
    assert_eq!(text(&state().await, "managedBy"), "declarative-policy");
    world.ec2.set_blocks_by_policy(REGION, false);

    let state = || world.ok("GetSnapshotBlockPublicAccessState", "");
    assert_eq!(text(&state().await, "state"), "unblocked");
    world
        .ok("EnableSnapshotBlockPublicAccess", "State=block-all-sharing")
        .await;
    assert_eq!(text(&state().await, "state"), "block-all-sharing");
    let refused = world
        .refused("EnableSnapshotBlockPublicAccess", "State=unblocked")
        .await;
    assert!(refused.starts_with("InvalidParameterValue"), "{refused}");
    world.ok("DisableSnapshotBlockPublicAccess", "").await;
    assert_eq!(text(&state().await, "state"), "unblocked");
}

#[tokio::test(start_paused = true)]
async fn encryption_by_default_is_reported_and_survives_a_restart() {
    let world = World::new();
    let default_encryption = |world: &World| {
        let ec2 = world.ec2.clone();
        let world = World {
            ec2,
            ..World::new()
        };
        async move {
            let on = world.ok("GetEbsEncryptionByDefault", "").await;
            let key = world.ok("GetEbsDefaultKmsKeyId", "").await;
            (text(&on, "ebsEncryptionByDefault"), text(&key, "kmsKeyId"))
        }
    };
    assert_eq!(
        default_encryption(&world).await,
        ("false".into(), "alias/aws/ebs".into())
    );
    world
        .ec2
        .set_encryption_by_default(REGION, true, Some("alias/web"));
    let reborn = World::new();
    reborn.ec2.load(world.ec2.save()).unwrap();
    assert_eq!(
        default_encryption(&reborn).await,
        ("true".into(), "alias/web".into())
    );
}

#[tokio::test(start_paused = true)]
async fn the_owner_of_a_product_code_learns_who_runs_it() {
    let world = World::new();
    let instance = SeedInstance {
        product_codes: vec!["774F4FF8".to_owned()],
        owner_id: Some("111111111111".to_owned()),
        ..SeedInstance::default()
    };
    let id = world.ec2.seed_instance(REGION, instance);
    let ask = |code: &str| format!("InstanceId={id}&ProductCode={code}");
    let xml = world.ok("ConfirmProductInstance", &ask("774F4FF8")).await;
    assert_eq!(
        (text(&xml, "return"), text(&xml, "ownerId")),
        ("true".into(), "111111111111".into())
    );
    let xml = world.ok("ConfirmProductInstance", &ask("other")).await;
    assert_eq!(
        (text(&xml, "return"), texts(&xml, "ownerId").len()),
        ("false".into(), 0)
    );
    world.ec2.set_foreign_product_codes(&["foreign"]);
    let refused = world
        .refused("ConfirmProductInstance", &ask("foreign"))
        .await;
    assert!(refused.starts_with("AuthFailure"), "{refused}");
    let lost = "InstanceId=i-0123456789abcdef0&ProductCode=x";
    let lost = world.refused("ConfirmProductInstance", lost).await;
    assert!(lost.starts_with("InvalidInstanceID.NotFound"), "{lost}");
}
