//! What EC2 refuses of texts, volumes and tags; and what is not known of it, which is not answered.

use super::*;

#[tokio::test(start_paused = true)]
async fn descriptions_are_of_ascii() {
    let world = World::new();
    let id = world.register("web", "").await;
    let copy = format!("Name=copy&SourceImageId={id}&SourceRegion={REGION}");
    let snapshot = format!("SourceSnapshotId={SNAPSHOT}&SourceRegion={REGION}");
    let disk = "DiskContainer.Format=RAW&DiskContainer.Url=s3://images/a.raw";
    for (action, fields, name) in [
        ("RegisterImage", ebs("web 1", ""), "Description"),
        ("CopyImage", copy, "Description"),
        ("CopySnapshot", snapshot, "Description"),
        ("ImportSnapshot", disk.to_owned(), "Description"),
        (
            "ModifyImageAttribute",
            format!("ImageId={id}"),
            "Description.Value",
        ),
    ] {
        let asked = format!("{fields}&{name}=Ein Bücherregal");
        let refused = world.refused(action, &asked).await;
        let is_ascii = "InvalidParameterValue: Value (Ein Bücherregal) for parameter description is invalid. \
                        Character sets beyond ASCII";
        assert!(refused.starts_with(is_ascii), "{action}: {refused}");
    }
}

#[tokio::test(start_paused = true)]
async fn performance_is_held_against_the_size_that_a_snapshot_gives() {
    const EBS: &str = "BlockDeviceMapping.1.Ebs";
    let world = World::new();
    // The snapshot has 8 GiB.
    for (at, (fields, refused)) in [
        (format!("{EBS}.VolumeType=gp3&{EBS}.Iops=4000"), false),
        (format!("{EBS}.VolumeType=gp3&{EBS}.Iops=4001"), true),
        (
            format!("{EBS}.VolumeType=gp3&{EBS}.VolumeSize=16&{EBS}.Iops=4001"),
            false,
        ),
        (format!("{EBS}.VolumeType=gp3&{EBS}.Throughput=751"), true),
        (format!("{EBS}.VolumeType=io1&{EBS}.Iops=401"), true),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("web{at}");
        let (status, body) = world.send("RegisterImage", &ebs(&name, &fields)).await;
        assert_eq!(status != 200, refused, "{fields}: {body}");
        assert!(!refused || body.contains("is too high"), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_is_stored_with_tags_that_objects_can_have() {
    let world = World::new();
    world.ec2.set_pending_time(std::time::Duration::ZERO);
    let id = world.register("web", "").await;
    let tags = |count: usize| {
        let tag = |n| format!("&S3ObjectTag.{n}.Key=t{n}&S3ObjectTag.{n}.Value=x");
        (1..=count).map(tag).collect::<String>()
    };
    let fields = |tags: &str| format!("ImageId={id}&Bucket=archive{tags}");
    for wrong in [
        tags(11),
        "&S3ObjectTag.1.Key=a,b&S3ObjectTag.1.Value=x".to_owned(),
        "&S3ObjectTag.1.Key=a&S3ObjectTag.1.Value=(x)".to_owned(),
    ] {
        let refused = world.refused("CreateStoreImageTask", &fields(&wrong)).await;
        assert!(refused.starts_with("InvalidParameterValue"), "{refused}");
    }
    world.ok("CreateStoreImageTask", &fields(&tags(10))).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_documented_is_not_answered() {
    const SECOND: &str = "BlockDeviceMapping.2.DeviceName=/dev/sdb&BlockDeviceMapping.2";
    const THIRD: &str = "BlockDeviceMapping.3.DeviceName=/dev/sdc&BlockDeviceMapping.3";
    let world = World::new();
    for fields in [
        format!("{SECOND}.NoDevice=&BlockDeviceMapping.2.Ebs.VolumeSize=8"),
        format!("{SECOND}.NoDevice=&BlockDeviceMapping.2.VirtualName=ephemeral0"),
        format!("{SECOND}.VirtualName=ephemeral0&{THIRD}.VirtualName=ephemeral0"),
        "UefiData=QUJD&BootMode=legacy-bios".to_owned(),
    ] {
        let (status, body) = world.send("RegisterImage", &ebs("web 1", &fields)).await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{fields}: {body}");
    }
    let disk = |n| {
        format!(
            "&DiskContainer.{n}.Format=RAW&DiskContainer.{n}.Url=s3://images/a.raw&DiskContainer.{n}.DeviceName=/dev/sda"
        )
    };
    let both = format!("{}{}", disk(1), disk(2));
    let (status, body) = world.send("ImportImage", &both).await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{body}");
}
