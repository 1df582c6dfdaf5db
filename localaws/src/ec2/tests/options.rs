//! What is not acted on is not answered: an action refuses each parameter that it does not read, and does nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use super::bundle_tasks::{classic, usual};
use super::*;
use crate::dispatched::actions;
use crate::ec2::SeedInstance;

const ACTIONS: &str = include_str!("../actions/mod.rs");

/// A world in which each action has something to act on: an image that is available and stored, one to be stored, one that is
/// disabled, a snapshot, a disk, an instance that is being bundled, and another one.
async fn world() -> (World, BTreeMap<&'static str, String>) {
    let (world, instance) = classic();
    world.put("images/a.raw", Ok("a disk"));
    world.ec2.set_pending_time(Duration::ZERO);
    let image = world.register("web", "").await;
    let stored = format!("ImageId={image}&Bucket=archive");
    world.ok("CreateStoreImageTask", &stored).await;
    world.clock.sleep(Duration::from_secs(60)).await;
    let other = world.register("other", "").await;
    let off = world.register("off", "").await;
    world.ok("DisableImage", &format!("ImageId={off}")).await;
    let disk = "DiskContainer.Format=RAW&DiskContainer.Url=s3://images/a.raw";
    let task = text(&world.ok("ImportSnapshot", disk).await, "importTaskId");
    let bundle = text(
        &world.ok("BundleInstance", &usual(&instance)).await,
        "bundleId",
    );
    let second = world.ec2.seed_instance(REGION, SeedInstance::default());
    let known = BTreeMap::from([
        ("image", image),
        ("other", other),
        ("off", off),
        ("task", task),
        ("bundle", bundle),
        ("instance", second),
    ]);
    (world, known)
}

/// What the actions are asked that make, cancel and remove, so that it is done.
fn makes(known: &BTreeMap<&str, String>) -> Vec<(&'static str, String)> {
    let image = format!("ImageId={}", known["image"]);
    let of_region = format!("SourceRegion={REGION}");
    let tag = format!(
        "ResourceId.1={}&Tag.1.Key=team&Tag.1.Value=web",
        known["image"]
    );
    vec![
        ("BundleInstance", usual(&known["instance"])),
        ("CancelBundleTask", format!("BundleId={}", known["bundle"])),
        (
            "CancelImportTask",
            format!("ImportTaskId={}", known["task"]),
        ),
        (
            "ConfirmProductInstance",
            format!("InstanceId={}&ProductCode=774F4FF8", known["instance"]),
        ),
        (
            "CopyImage",
            format!("Name=copy&SourceImageId={}&{of_region}", known["image"]),
        ),
        (
            "CopySnapshot",
            format!("SourceSnapshotId={SNAPSHOT}&{of_region}"),
        ),
        (
            "CreateRestoreImageTask",
            format!("Bucket=archive&ObjectKey={}.bin&Name=again", known["image"]),
        ),
        (
            "CreateStoreImageTask",
            format!("ImageId={}&Bucket=archive", known["other"]),
        ),
        ("CreateTags", tag.clone()),
        (
            "DeleteSnapshot",
            "SnapshotId=snap-0fedcba9876543210".to_owned(),
        ),
        ("DeleteTags", tag),
        ("DeregisterImage", image.clone()),
    ]
}

/// The same of those that show something.
fn shows(known: &BTreeMap<&str, String>) -> Vec<(&'static str, String)> {
    let image = format!("ImageId={}", known["image"]);
    let snapshot = format!("SnapshotId={SNAPSHOT}");
    vec![
        ("DescribeBundleTasks", String::new()),
        (
            "DescribeImageAttribute",
            format!("{image}&Attribute=launchPermission"),
        ),
        (
            "DescribeImageReferences",
            format!("ImageId.1={}&IncludeAllResourceTypes=true", known["image"]),
        ),
        ("DescribeImages", String::new()),
        ("DescribeImportImageTasks", String::new()),
        ("DescribeImportSnapshotTasks", String::new()),
        ("DescribeInstances", String::new()),
        ("DescribeRegions", String::new()),
        (
            "DescribeSnapshotAttribute",
            format!("{snapshot}&Attribute=createVolumePermission"),
        ),
        ("DescribeSnapshots", String::new()),
        ("DescribeStoreImageTasks", String::new()),
        ("DescribeTags", String::new()),
    ]
}

/// The same of the others.
fn others(known: &BTreeMap<&str, String>) -> Vec<(&'static str, String)> {
    let image = format!("ImageId={}", known["image"]);
    let snapshot = format!("SnapshotId={SNAPSHOT}");
    let account = "UserId.1=111122223333&OperationType=add";
    let vm = "DiskContainer.1.Format=RAW&DiskContainer.1.Url=s3://images/a.raw";
    vec![
        ("DisableImage", image.clone()),
        ("DisableImageBlockPublicAccess", String::new()),
        ("DisableImageDeprecation", image.clone()),
        ("DisableImageDeregistrationProtection", image.clone()),
        ("DisableSnapshotBlockPublicAccess", String::new()),
        ("EnableImage", format!("ImageId={}", known["off"])),
        (
            "EnableImageBlockPublicAccess",
            "ImageBlockPublicAccessState=block-new-sharing".to_owned(),
        ),
        (
            "EnableImageDeprecation",
            format!("{image}&DeprecateAt=2027-06-01T00:00:00Z"),
        ),
        ("EnableImageDeregistrationProtection", image.clone()),
        (
            "EnableSnapshotBlockPublicAccess",
            "State=block-all-sharing".to_owned(),
        ),
        ("GetEbsDefaultKmsKeyId", String::new()),
        ("GetEbsEncryptionByDefault", String::new()),
        ("GetImageBlockPublicAccessState", String::new()),
        ("GetSnapshotBlockPublicAccessState", String::new()),
        ("ImportImage", vm.to_owned()),
        ("ImportSnapshot", vm.replace(".1.", ".")),
        (
            "ModifyImageAttribute",
            format!("{image}&Description.Value=Web"),
        ),
        (
            "ModifySnapshotAttribute",
            format!("{snapshot}&Attribute=createVolumePermission&{account}"),
        ),
        ("RegisterImage", ebs("new", "")),
        (
            "ResetImageAttribute",
            format!("{image}&Attribute=launchPermission"),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn no_action_takes_an_option_that_it_does_not_act_on() {
    let (_, known) = world().await;
    let requests = [makes(&known), shows(&known), others(&known)].concat();
    let asked: BTreeSet<&str> = requests.iter().map(|(action, _)| *action).collect();
    assert_eq!(asked, actions(ACTIONS));
    for (action, fields) in requests {
        let (world, same) = world().await;
        assert_eq!(same, known);
        world.ec2.seed_snapshot(
            REGION,
            SeedSnapshot {
                id: Some("snap-0fedcba9876543210".to_owned()),
                ..SeedSnapshot::default()
            },
        );
        let before = world.ec2.save();
        for option in ["Nonsense=x", "Nonsense.1=x", "Nonsense.1.Value=x"] {
            let more = format!("{fields}&{option}");
            let (status, body) = world.send(action, &more).await;
            assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{action}: {body}");
            let message = text(&body, "Message");
            assert!(
                message.contains("the parameter Nonsense"),
                "{action}: {message}"
            );
            assert_eq!(world.ec2.save(), before, "{action}");
        }
        // It was for the option alone.
        world.ok(action, &fields).await;
    }
}
