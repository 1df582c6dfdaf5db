//! Who may use images and snapshots.

use std::time::Duration;

use super::*;
use crate::ec2::{Era, ImageBlock, ImageState, Permission, ProductCode, SnapshotBlock};

const KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/0a1b2c3d-0000-1111-2222-0123456789ab";
const ORGANIZATION: &str = "arn:aws:organizations::123456789012:organization/o-abcdefghij";
const UNIT: &str = "arn:aws:organizations::123456789012:ou/o-abcdefghij/ou-ab12-11111111";

impl World {
    /// An available image in a Region where public images are allowed.
    async fn shareable(&self) -> String {
        self.ec2.set_pending_time(Duration::ZERO);
        self.ec2.set_image_block(REGION, ImageBlock::Unblocked);
        self.register("web", "").await
    }

    async fn share(&self, id: &str, fields: &str) {
        let fields = format!("ImageId={id}&{fields}");
        self.ok("ModifyImageAttribute", &fields).await;
    }

    async fn not_shared(&self, id: &str, fields: &str) -> String {
        let fields = format!("ImageId={id}&{fields}");
        self.refused("ModifyImageAttribute", &fields).await
    }

    async fn permissions(&self, id: &str) -> String {
        let fields = format!("ImageId={id}&Attribute=launchPermission");
        self.ok("DescribeImageAttribute", &fields).await
    }

    async fn share_snapshot(&self, fields: &str) -> (StatusCode, String) {
        let fields = format!("SnapshotId={SNAPSHOT}&{fields}");
        self.send("ModifySnapshotAttribute", &fields).await
    }
}

const PUBLIC: &str = "LaunchPermission.Add.1.Group=all";
const ACCOUNT_1: &str = "LaunchPermission.Add.1.UserId=111111111111";

#[tokio::test(start_paused = true)]
async fn an_image_is_shared_and_unshared_in_either_form() {
    let world = World::new();
    let id = world.shareable().await;
    let add = format!(
        "{ACCOUNT_1}&LaunchPermission.Add.2.UserId=222222222222&LaunchPermission.Add.3.OrganizationArn={ORGANIZATION}\
         &LaunchPermission.Add.4.OrganizationalUnitArn={UNIT}&LaunchPermission.Remove.1.UserId=333333333333"
    );
    world.share(&id, &add).await;
    world.share(&id, &add).await;
    let xml = world.permissions(&id).await;
    assert_eq!(texts(&xml, "userId"), ["111111111111", "222222222222"]);
    assert_eq!(text(&xml, "organizationArn"), ORGANIZATION);
    assert_eq!(text(&xml, "organizationalUnitArn"), UNIT);
    // EC2 takes the attribute's name in any case.
    let remove = format!(
        "Attribute=LaunchPermission&OperationType=remove&UserId.1=222222222222&OrganizationArn.1={ORGANIZATION}"
    );
    world.share(&id, &remove).await;
    let xml = world.permissions(&id).await;
    assert_eq!(texts(&xml, "userId"), ["111111111111"]);
    assert_eq!(texts(&xml, "organizationArn"), [""; 0]);
    let by_account = world
        .ok("DescribeImages", "ExecutableBy.1=111111111111")
        .await;
    assert_eq!(text(&by_account, "imageId"), id);
    let reset = format!("ImageId={id}&Attribute=launchPermission");
    world.ok("ResetImageAttribute", &reset).await;
    assert!(world.image(&id).launch_permissions.is_empty());
    let other = format!("ImageId={id}&Attribute=description");
    let refused = world.refused("ResetImageAttribute", &other).await;
    assert!(refused.starts_with("InvalidParameterValue"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_bad_entry_fails_the_whole_request() {
    let world = World::new();
    let id = world.shareable().await;
    let bad = world
        .not_shared(
            &id,
            &format!("{ACCOUNT_1}&LaunchPermission.Add.2.UserId=12"),
        )
        .await;
    assert_eq!(
        bad,
        "InvalidAMIAttributeItemValue: Invalid attribute item value \"12\" for userId item type."
    );
    for (entry, kind) in [
        ("Group=everybody", "UserGroup"),
        ("OrganizationArn=o-abcdefghij", "OrganizationArn"),
        (
            "OrganizationalUnitArn=ou-ab12-11111111",
            "OrganizationalUnitArn",
        ),
    ] {
        let bad = world
            .not_shared(&id, &format!("LaunchPermission.Add.1.{entry}"))
            .await;
        assert!(bad.ends_with(&format!("for {kind} item type.")), "{bad}");
    }
    assert!(world.image(&id).launch_permissions.is_empty());
    assert_eq!(
        world.not_shared(&id, "UserId.1=111111111111").await,
        "MissingParameter: The request must contain the parameter LaunchPermission"
    );
    let nothing = "InvalidParameterCombination: No attributes specified.";
    assert_eq!(world.not_shared(&id, "").await, nothing);
    let empty = "Attribute=launchPermission&OperationType=add";
    assert_eq!(world.not_shared(&id, empty).await, nothing);
    let two = format!("{ACCOUNT_1}&Description.Value=x");
    let two = world.not_shared(&id, &two).await;
    assert!(two.starts_with("InvalidParameterCombination"), "{two}");
    let (status, _) = world
        .send(
            "ModifyImageAttribute",
            &format!("ImageId={id}&Attribute=kernel&Value=x"),
        )
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn a_pending_image_and_one_of_another_account_are_not_shared() {
    let world = World::new();
    let pending = world.register("web", "").await;
    assert_eq!(
        world.not_shared(&pending, ACCOUNT_1).await,
        format!(
            "InvalidAMIID.Unavailable: The AMI ID '{pending}' is currently pending and may not be used for this operation"
        )
    );
    world.clock.sleep(Duration::from_secs(5)).await;
    world.ec2.edit_image(REGION, &pending, |image| {
        image.owner_id = "999999999999".to_owned();
    });
    let hidden = world.not_shared(&pending, ACCOUNT_1).await;
    assert!(hidden.starts_with("InvalidAMIID.NotFound"), "{hidden}");
    world.ec2.edit_image(REGION, &pending, |image| {
        image.launch_permissions.insert(Permission::Everyone);
    });
    let foreign = world.not_shared(&pending, ACCOUNT_1).await;
    assert!(foreign.starts_with("AuthFailure"), "{foreign}");
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_public_is_refused() {
    let world = World::new();
    let id = world.shareable().await;
    world.ec2.set_image_block(REGION, ImageBlock::NewSharing);
    assert_eq!(
        world.not_shared(&id, PUBLIC).await,
        "OperationNotPermitted: You can’t publicly share this image because block public access for AMIs is enabled \
         for this account. To publicly share the image, you must call the DisableImageBlockPublicAccess API."
    );
    world.share(&id, ACCOUNT_1).await;
    world.ok("DisableImageBlockPublicAccess", "").await;
    world.ec2.edit_snapshot(REGION, SNAPSHOT, |snapshot| {
        snapshot.encrypted = true;
        snapshot.kms_key_id = Some(KEY.to_owned());
    });
    let encrypted = world.not_shared(&id, PUBLIC).await;
    assert!(encrypted.starts_with("InvalidParameter: "), "{encrypted}");
    world.share(&id, ACCOUNT_1).await;
    world.ec2.edit_snapshot(REGION, SNAPSHOT, |snapshot| {
        snapshot.kms_key_id = None;
    });
    assert_eq!(
        world.not_shared(&id, ACCOUNT_1).await,
        "InvalidParameter: Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot"
    );
    world.ec2.edit_snapshot(REGION, SNAPSHOT, |snapshot| {
        snapshot.encrypted = false;
    });
    world.ec2.edit_image(REGION, &id, |image| {
        image.product_codes = vec![ProductCode {
            id: "code".to_owned(),
            kind: "marketplace".to_owned(),
        }];
    });
    let paid = world.not_shared(&id, PUBLIC).await;
    assert!(paid.starts_with("OperationNotPermitted"), "{paid}");
}

#[tokio::test(start_paused = true)]
async fn quotas_end_sharing() {
    let world = World::new();
    let id = world.shareable().await;
    let other = world.register("other", "").await;
    world.ec2.set_public_image_quota(1);
    world.share(&id, PUBLIC).await;
    world.share(&id, PUBLIC).await;
    assert_eq!(
        world.not_shared(&other, PUBLIC).await,
        "ResourceLimitExceeded: You have reached your quota of 1 for the number of public images allowed in this \
         Region. Deregister unused public images or make them private, or request an increase in your public AMIs quota."
    );
    world.ec2.set_share_quota(1);
    world.share(&id, ACCOUNT_1).await;
    let more = world
        .not_shared(&id, "LaunchPermission.Add.1.UserId=222222222222")
        .await;
    assert!(more.starts_with("ResourceLimitExceeded"), "{more}");
}

#[tokio::test(start_paused = true)]
async fn a_public_image_is_listed_so_until_it_is_disabled() {
    let mut world = World::new();
    let id = world.shareable().await;
    world.share(&id, PUBLIC).await;
    let public = "Filter.1.Name=is-public&Filter.1.Value.1=true&ExecutableBy.1=all";
    let xml = world.ok("DescribeImages", public).await;
    assert_eq!(text(&xml, "isPublic"), "true");
    world.ok("DisableImage", &format!("ImageId={id}")).await;
    let xml = world.ok("DescribeImages", &format!("ImageId.1={id}")).await;
    assert_eq!(
        (text(&xml, "imageState"), text(&xml, "isPublic")),
        ("disabled".into(), "false".into()),
        "who asks by id sees it"
    );
    world.ok("EnableImage", &format!("ImageId={id}")).await;
    assert_eq!(world.image(&id).state, ImageState::Available);
    assert!(world.image(&id).launch_permissions.is_empty());
    let mut states = Vec::new();
    while let Ok(event) = world.events.try_recv() {
        states.push(event.detail["State"].as_str().unwrap().to_owned());
    }
    assert_eq!(states, ["available", "disabled", "available"]);
}

#[tokio::test(start_paused = true)]
async fn reads_may_be_old_for_a_while() {
    let world = World::new();
    let id = world.shareable().await;
    world.ec2.set_stale_reads(Duration::from_secs(10));
    world.share(&id, ACCOUNT_1).await;
    world.share(&id, "Description.Value=new").await;
    world
        .share_snapshot("CreateVolumePermission.Add.1.UserId=111111111111")
        .await;
    let snapshot = format!("SnapshotId={SNAPSHOT}&Attribute=createVolumePermission");
    let of_snapshot = || world.ok("DescribeSnapshotAttribute", &snapshot);
    assert_eq!(texts(&world.permissions(&id).await, "userId"), [""; 0]);
    assert_eq!(texts(&of_snapshot().await, "userId"), [""; 0]);
    assert_eq!(
        texts(&world.ok("DescribeImages", "").await, "description"),
        [""; 0]
    );
    world.clock.sleep(Duration::from_secs(10)).await;
    assert_eq!(
        texts(&world.permissions(&id).await, "userId"),
        ["111111111111"]
    );
    assert_eq!(texts(&of_snapshot().await, "userId"), ["111111111111"]);
    assert_eq!(
        texts(&world.ok("DescribeImages", "").await, "description"),
        ["new"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_is_shared_with_accounts_and_made_public() {
    let world = World::new();
    let flat =
        "Attribute=createVolumePermission&OperationType=add&UserId.1=111111111111&UserGroup.1=all";
    let (status, body) = world.share_snapshot(flat).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let read = format!("SnapshotId={SNAPSHOT}&Attribute=createVolumePermission");
    let xml = world.ok("DescribeSnapshotAttribute", &read).await;
    assert_eq!(
        (text(&xml, "userId"), text(&xml, "group")),
        ("111111111111".into(), "all".into())
    );
    let both = "CreateVolumePermission.Add.1.UserId=111111111111&CreateVolumePermission.Remove.1.Group=all";
    let (_, body) = world.share_snapshot(both).await;
    assert_eq!(text(&body, "Code"), "InvalidParameterCombination");
    let unit = format!("CreateVolumePermission.Add.1.OrganizationArn={ORGANIZATION}");
    let (_, body) = world.share_snapshot(&unit).await;
    assert_eq!(text(&body, "Code"), "NotImplemented");
    let remove = "CreateVolumePermission.Remove.1.Group=all";
    world.share_snapshot(remove).await;
    world
        .ec2
        .set_snapshot_block(REGION, SnapshotBlock::NewSharing);
    let add = "CreateVolumePermission.Add.1.Group=all";
    let (_, body) = world.share_snapshot(add).await;
    assert_eq!(text(&body, "Code"), "OperationNotPermitted");
}

#[tokio::test(start_paused = true)]
async fn an_encrypted_snapshot_is_shared_with_accounts_only_and_with_a_key_of_the_account() {
    let world = World::new();
    world
        .ec2
        .edit_snapshot(REGION, SNAPSHOT, |snapshot| snapshot.encrypted = true);
    let account = "CreateVolumePermission.Add.1.UserId=111111111111";
    let (_, body) = world.share_snapshot(account).await;
    assert_eq!(
        (text(&body, "Code"), text(&body, "Message")),
        (
            "OperationNotPermitted".into(),
            "Encrypted snapshots with EBS default key cannot be shared".into()
        )
    );
    world.ec2.edit_snapshot(REGION, SNAPSHOT, |snapshot| {
        snapshot.kms_key_id = Some(KEY.to_owned());
    });
    let (status, _) = world.share_snapshot(account).await;
    assert_eq!(status, StatusCode::OK);
    let (_, body) = world
        .share_snapshot("CreateVolumePermission.Add.1.Group=all")
        .await;
    assert_eq!(
        text(&body, "Message"),
        "Encrypted snapshots cannot be shared publicly"
    );
    world.ec2.set_unusable_keys(&[KEY]);
    let (_, body) = world.share_snapshot(account).await;
    assert_eq!(text(&body, "Code"), "AuthFailure");
}

#[tokio::test(start_paused = true)]
async fn only_the_classic_era_attaches_a_product_code_and_only_to_an_instance_store_image() {
    let world = World::new();
    let id = world.shareable().await;
    let code = "ProductCode.1=1A2B";
    assert_eq!(
        world.not_shared(&id, code).await,
        "UnsupportedOperation: Not supported."
    );
    world.ec2.set_era(Era::Classic);
    let ebs = world.not_shared(&id, code).await;
    assert!(
        ebs.starts_with("UnsupportedOperation: Product codes"),
        "{ebs}"
    );
    world.ec2.edit_image(REGION, &id, |image| {
        image.root_device_type = crate::ec2::RootDeviceType::InstanceStore;
    });
    let two = world
        .not_shared(&id, &format!("{code}&ProductCode.2=3C4D"))
        .await;
    assert!(two.starts_with("InvalidParameterValue"), "{two}");
    world.share(&id, code).await;
    world.share(&id, code).await;
    let read = format!("ImageId={id}&Attribute=productCodes");
    let xml = world.ok("DescribeImageAttribute", &read).await;
    assert_eq!(
        (text(&xml, "productCode"), text(&xml, "type")),
        ("1A2B".into(), "devpay".into())
    );
    let other = world.not_shared(&id, "ProductCode.1=other").await;
    assert!(other.starts_with("OperationNotPermitted"), "{other}");
    let remove = "Attribute=productCodes&OperationType=remove&ProductCode.1=1A2B";
    let removed = world.not_shared(&id, remove).await;
    assert!(removed.starts_with("OperationNotPermitted"), "{removed}");
    world.share(&id, PUBLIC).await;
}

#[tokio::test(start_paused = true)]
async fn imds_support_and_the_description_are_changed() {
    let world = World::new();
    let id = world.shareable().await;
    world.share(&id, "ImdsSupport.Value=v2.0").await;
    world.share(&id, "Attribute=description&Value=golden").await;
    let image = world.image(&id);
    assert_eq!(
        (image.imds_support.as_deref(), image.description.as_deref()),
        (Some("v2.0"), Some("golden"))
    );
    let back = world.not_shared(&id, "ImdsSupport.Value=v1.0").await;
    assert!(back.starts_with("InvalidParameterValue"), "{back}");
    let read = format!("ImageId={id}&Attribute=blockDeviceMapping");
    assert_eq!(
        world.refused("DescribeImageAttribute", &read).await,
        "AuthFailure: Unauthorized attempt to access restricted resource"
    );
    let (status, _) = world
        .send(
            "DescribeImageAttribute",
            &format!("ImageId={id}&Attribute=deregistrationProtection"),
        )
        .await;
    assert_eq!(status, StatusCode::OK);
}
