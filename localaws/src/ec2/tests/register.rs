//! RegisterImage from snapshots: what is kept, what is refused.

use super::*;
use crate::ec2::{Billing, Ebs, ImageState, RootDeviceType, SnapshotState};

#[tokio::test(start_paused = true)]
async fn keeps_every_parameter_and_describes_it() {
    let world = World::new();
    world.ec2.set_billing_products_allowed(true);
    let fields = "Description=Web <tier>&BootMode=uefi&TpmSupport=v2.0&UefiData=QUJD&ImdsSupport=v2.0&EnaSupport=true\
        &SriovNetSupport=simple&BillingProduct.1=bp-1&TagSpecification.1.ResourceType=image\
        &TagSpecification.1.Tag.1.Key=team&TagSpecification.1.Tag.1.Value=web\
        &BlockDeviceMapping.1.Ebs.VolumeSize=20&BlockDeviceMapping.1.Ebs.VolumeType=gp3\
        &BlockDeviceMapping.1.Ebs.Iops=3500&BlockDeviceMapping.1.Ebs.Throughput=150\
        &BlockDeviceMapping.1.Ebs.DeleteOnTermination=false\
        &BlockDeviceMapping.2.DeviceName=/dev/sdb&BlockDeviceMapping.2.VirtualName=ephemeral0\
        &BlockDeviceMapping.3.DeviceName=/dev/sdc&BlockDeviceMapping.3.NoDevice=";
    let id = world.register("web 1", fields).await;
    let image = world.image(&id);
    assert_eq!(image.name, "web 1");
    assert_eq!(image.root_device_type, RootDeviceType::Ebs);
    assert_eq!(image.billing_products, ["bp-1"]);
    let ebs = Ebs {
        snapshot_id: Some(SNAPSHOT.to_owned()),
        volume_size: 20,
        volume_type: "gp3".to_owned(),
        iops: Some(3500),
        throughput: Some(150),
        delete_on_termination: false,
        encrypted: false,
    };
    assert_eq!(image.block_device_mappings[0].ebs, Some(ebs));
    assert_eq!(image.block_device_mappings.len(), 2);

    let xml = world.ok("DescribeImages", &format!("ImageId.1={id}")).await;
    let expected = [
        ("imageLocation", "000000000000/web 1"),
        ("imageState", "pending"),
        ("description", "Web <tier>"),
        ("creationDate", "2026-11-21T10:00:00.000Z"),
        ("architecture", "x86_64"),
        ("virtualizationType", "hvm"),
        ("rootDeviceType", "ebs"),
        ("rootDeviceName", "/dev/xvda"),
        ("bootMode", "uefi"),
        ("tpmSupport", "v2.0"),
        ("imdsSupport", "v2.0"),
        ("enaSupport", "true"),
        ("sriovNetSupport", "simple"),
        ("virtualName", "ephemeral0"),
        ("volumeSize", "20"),
        ("throughput", "150"),
        ("hypervisor", "xen"),
        ("key", "team"),
    ];
    for (name, value) in expected {
        assert_eq!(text(&xml, name), value, "{name}");
    }
    let attribute = world
        .ok(
            "DescribeImageAttribute",
            &format!("ImageId={id}&Attribute=uefiData"),
        )
        .await;
    assert_eq!(text(&attribute, "value"), "QUJD");
}

#[tokio::test(start_paused = true)]
async fn has_the_defaults_of_ec2_for_clients_that_forget() {
    let world = World::new();
    let id = world
        .register("old", "VirtualizationType=-&Architecture=-")
        .await;
    let image = world.image(&id);
    assert_eq!(
        (
            image.virtualization_type.as_str(),
            image.architecture.as_str()
        ),
        ("paravirtual", "i386")
    );
    let ebs = image.block_device_mappings[0].ebs.clone().unwrap();
    assert_eq!(
        (
            ebs.volume_type.as_str(),
            ebs.volume_size,
            ebs.delete_on_termination
        ),
        ("standard", 8, true)
    );
    let ena = world
        .not_registered("VirtualizationType=-&EnaSupport=true")
        .await;
    assert!(
        ena.starts_with("InvalidParameterCombination: EnaSupport"),
        "{ena}"
    );
}

/// Every one of these changes to a good registration is refused with an error that begins so; nothing is left over.
async fn refuses(cases: &[(&str, &str)]) {
    let world = World::new();
    for (fields, expected) in cases {
        let error = world.not_registered(fields).await;
        assert!(error.starts_with(expected), "{fields}\n  {error}");
    }
    assert_eq!(world.ec2.images(REGION), []);
    assert!(world.ec2.snapshots(REGION)[0].tags.is_empty());
}

#[tokio::test(start_paused = true)]
async fn refuses_wrong_values() {
    let image_tag = "TagSpecification.1.ResourceType=image&TagSpecification.1.Tag.1.Key";
    let long = format!("Description={}", "d".repeat(256));
    refuses(&[
        (
            "Name=-",
            "MissingParameter: The request must contain the parameter Name",
        ),
        (
            "Name=ab",
            "InvalidAMIName.Malformed: AMI names must be between 3 and 128",
        ),
        ("Name=a:bc", "InvalidAMIName.Malformed"),
        (&long, "InvalidParameterValue: Description"),
        (
            "Nme=web",
            "NotImplemented: localaws has not built EC2 the parameter Nme",
        ),
        ("ClientToken=x", "NotImplemented"),
        (
            "Architecture=mips",
            "InvalidParameterValue: Invalid value 'mips' for architecture.",
        ),
        (
            "VirtualizationType=xen",
            "InvalidParameterValue: Invalid value 'xen' for virtualiz",
        ),
        ("UefiData=***", "InvalidParameterValue: UefiData"),
        ("BillingProduct.1=bp-1", "AuthFailure"),
        (
            "TagSpecification.1.ResourceType=snapshot&TagSpecification.1.Tag.1.Key=a",
            "InvalidParam",
        ),
        (
            &format!("{image_tag}=aws:a"),
            "InvalidParameterValue: Tag keys starting",
        ),
        (
            &format!("{image_tag}=a&TagSpecification.1.Tag.2.Key=a"),
            "InvalidParameterValue: Dupl",
        ),
        (
            "DryRun=true",
            "DryRunOperation: Request would have succeeded",
        ),
        ("Description=\u{1}", "InvalidCharacter"),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn refuses_wrong_combinations() {
    refuses(&[
        (
            "Architecture=arm64&VirtualizationType=-",
            "InvalidParameterCombination",
        ),
        (
            "Architecture=arm64&BootMode=legacy-bios",
            "InvalidParameterCombination",
        ),
        (
            "Architecture=arm64&BootMode=uefi-preferred",
            "InvalidParameterCombination",
        ),
        ("KernelId=aki-919dcaf8", "InvalidParameterCombination"),
        (
            "TpmSupport=v2.0&BootMode=uefi-preferred",
            "InvalidParameterCombination: TpmSupport",
        ),
        (
            "VirtualizationType=-&SriovNetSupport=simple",
            "InvalidParameterCombination: SriovNet",
        ),
        ("RootDeviceName=-", "MissingParameter"),
        (
            "RootDeviceName=/dev/sda1",
            "InvalidBlockDeviceMapping: The root device /dev/sda1",
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn refuses_wrong_mappings() {
    const EBS: &str = "BlockDeviceMapping.1.Ebs";
    const SECOND: &str = "BlockDeviceMapping.2";
    let lost = "InvalidSnapshot.NotFound: The snapshot 'snap-0123456789abcdef1' does not exist.";
    refuses(&[
        (
            "BlockDeviceMapping.1.DeviceName=/dev/xvda1",
            "InvalidBlockDeviceMapping: Invalid device",
        ),
        (
            &format!("{EBS}.VolumeSize=4"),
            "InvalidBlockDeviceMapping: Volume of size 4GB is smaller",
        ),
        (
            &format!("{EBS}.VolumeSize=big"),
            "InvalidParameterValue: Invalid value 'big'",
        ),
        (
            &format!("{EBS}.Encrypted=false"),
            "InvalidBlockDeviceMapping: the encrypted flag",
        ),
        (
            &format!("{EBS}.VolumeType=io1"),
            "InvalidParameterCombination: The parameter iops",
        ),
        (
            &format!("{EBS}.VolumeType=st1&{EBS}.VolumeSize=125"),
            "InvalidParameterValue: Volume type",
        ),
        (
            &format!("{EBS}.SnapshotId=disk"),
            "InvalidSnapshotID.Malformed",
        ),
        (&format!("{EBS}.SnapshotId=snap-0123456789abcdef1"), lost),
        (
            &format!("{SECOND}.DeviceName=/dev/sdb"),
            "InvalidBlockDeviceMapping: Either snapshot ID",
        ),
        (
            &format!("{SECOND}.DeviceName=/dev/xvda&{SECOND}.NoDevice="),
            "InvalidBlockDeviceMapping",
        ),
        (
            &format!("{SECOND}.DeviceName=/dev/sdb&{SECOND}.VirtualName=swap"),
            "InvalidBlockDevice",
        ),
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn refuses_snapshots_that_are_not_ready_or_not_shared_with_us() {
    let world = World::new();
    let pending = SeedSnapshot {
        state: SnapshotState::Pending,
        ..SeedSnapshot::default()
    };
    let owner_id = Some("111122223333".to_owned());
    let foreign = SeedSnapshot {
        owner_id,
        ..SeedSnapshot::default()
    };
    for (snapshot, expected) in [
        (pending, "IncorrectState"),
        (foreign, "InvalidSnapshot.NotFound"),
    ] {
        let id = world.ec2.seed_snapshot(REGION, snapshot);
        let error = world
            .not_registered(&format!("BlockDeviceMapping.1.Ebs.SnapshotId={id}"))
            .await;
        assert!(error.starts_with(expected), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn makes_an_image_of_a_snapshot_that_another_account_shares() {
    let world = World::new();
    let shared = SeedSnapshot {
        owner_id: Some("111122223333".to_owned()),
        shared: true,
        ..SeedSnapshot::default()
    };
    let id = world.ec2.seed_snapshot(REGION, shared);
    let described = world.ok("DescribeSnapshots", "").await;
    assert!(
        described.contains("<ownerId>111122223333</ownerId>"),
        "{described}"
    );
    let described = world.ok("DescribeSnapshots", "Owner.1=self").await;
    assert!(!described.contains(&id), "{described}");
    let (status, body) = world
        .send("DeleteSnapshot", &format!("SnapshotId={id}"))
        .await;
    assert_eq!(status, 501, "{body}");
    world
        .register("web", &format!("BlockDeviceMapping.1.Ebs.SnapshotId={id}"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn passes_on_marketplace_codes_of_the_root_snapshot_only() {
    let world = World::new();
    let codes = SeedSnapshot {
        product_codes: vec!["abc".to_owned()],
        ..SeedSnapshot::default()
    };
    let paid = world.ec2.seed_snapshot(REGION, codes);
    let id = world
        .register(
            "paid",
            &format!("BlockDeviceMapping.1.Ebs.SnapshotId={paid}"),
        )
        .await;
    assert_eq!(world.image(&id).product_codes[0].kind, "marketplace");
    let second = format!(
        "BlockDeviceMapping.2.DeviceName=/dev/sdf&BlockDeviceMapping.2.Ebs.SnapshotId={paid}"
    );
    assert!(
        world
            .not_registered(&second)
            .await
            .starts_with("OperationNotPermitted")
    );
}

#[tokio::test(start_paused = true)]
async fn an_image_is_billed_as_its_root_snapshot_knows_and_else_as_linux() {
    let world = World::new();
    let shown = async |name: &str| {
        let snapshot = format!("BlockDeviceMapping.1.Ebs.SnapshotId={SNAPSHOT}");
        let id = world.register(name, &snapshot).await;
        let xml = world.ok("DescribeImages", &format!("ImageId.1={id}")).await;
        (text(&xml, "platformDetails"), text(&xml, "usageOperation"))
    };
    let linux = ("Linux/UNIX".to_owned(), "RunInstances".to_owned());
    assert_eq!(shown("linux").await, linux);
    let suse = Billing {
        platform_details: "SUSE Linux".to_owned(),
        usage_operation: "RunInstances:000g".to_owned(),
    };
    world.ec2.edit_snapshot(REGION, SNAPSHOT, |snapshot| {
        snapshot.billing = Some(suse.clone());
    });
    let expected = (suse.platform_details.clone(), suse.usage_operation.clone());
    assert_eq!(shown("suse").await, expected);
}

#[tokio::test(start_paused = true)]
async fn says_what_is_not_built() {
    let world = World::new();
    for (action, fields) in [
        ("CreateImageUsageReport", "ImageId=ami-1"),
        ("DescribeVolumes", ""),
        ("RunInstances", ""),
        ("CreateTags", "ResourceId.1=i-0123456789abcdef0&Tag.1.Key=a"),
        (
            "DescribeImages",
            "Filter.1.Name=free-tier-eligible&Filter.1.Value.1=true",
        ),
    ] {
        let (status, body) = world.send(action, fields).await;
        assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{body}");
        // As an error of EC2's, or the client shows a parser's complaint in place of the sentence.
        assert!(
            body.contains(
                "<Errors><Error><Code>NotImplemented</Code><Message>localaws has not built"
            ),
            "{body}"
        );
        assert!(body.contains(action));
    }
    let unversioned = http::Request::get("/?Action=DescribeImages")
        .body(Bytes::new())
        .unwrap();
    assert_eq!(
        world.ec2.handle(REGION, unversioned).await.status(),
        StatusCode::BAD_REQUEST
    );
    let get = http::Request::get("/?Action=DescribeImages&Version=2016-11-15")
        .body(Bytes::new())
        .unwrap();
    assert_eq!(world.ec2.handle(REGION, get).await.status(), StatusCode::OK);
    assert_eq!(world.ec2.images(REGION), []);
    let id = world.register("web", "").await;
    assert_eq!(world.image(&id).state, ImageState::Pending);
}
