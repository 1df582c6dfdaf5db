//! What copies of images take along, and what they must not be.

use std::time::Duration;

use super::copy::ELSEWHERE;
use super::*;
use crate::ec2::{DeregistrationProtection, ImageBlock, ImageState, Permission, ProductCode};

const MINUTE: Duration = Duration::from_secs(60);

impl World {
    /// `Code: Message` of a copy that must be refused.
    async fn not_copied(&self, region: &str, source: &str, more: &str) -> String {
        let (status, body) = self.copy(region, source, more).await;
        assert!(status.is_client_error(), "{status} {body}");
        format!("{}: {}", text(&body, "Code"), text(&body, "Message"))
    }

    fn encrypt(&self, key: Option<&str>) {
        self.ec2.edit_snapshot(REGION, SNAPSHOT, |snapshot| {
            snapshot.encrypted = true;
            snapshot.kms_key_id = key.map(str::to_owned);
        });
    }
}

#[tokio::test(start_paused = true)]
async fn permissions_deprecation_and_protection_stay_behind() {
    let world = World::new();
    let source = world.source().await;
    world.ec2.set_image_block(REGION, ImageBlock::Unblocked);
    let public = format!("ImageId={source}&LaunchPermission.Add.1.Group=all");
    world.ok("ModifyImageAttribute", &public).await;
    let by_id = format!("ImageId={source}");
    world
        .ok("EnableImageDeregistrationProtection", &by_id)
        .await;
    world.ec2.edit_image(REGION, &source, |image| {
        image.boot_mode = Some("uefi".to_owned());
        image.description = Some("stays".to_owned());
        image.tags.insert("aws:owner".to_owned(), "x".to_owned());
    });
    world.copied(ELSEWHERE, &source, "CopyImageTags=true").await;
    let copy = world.ec2.images(ELSEWHERE).remove(0);
    assert!(copy.launch_permissions.is_empty());
    assert_eq!(
        (
            copy.deprecation_time,
            copy.deregistration_protection,
            copy.description
        ),
        (None, DeregistrationProtection::Disabled, None)
    );
    assert_eq!(copy.boot_mode.as_deref(), Some("uefi"));
    let tags: Vec<String> = copy.tags.into_keys().collect();
    assert_eq!(tags, ["team"]);
}

#[tokio::test(start_paused = true)]
async fn snapshots_of_a_copy_show_once_it_is_available() {
    let world = World::new();
    let source = world.source().await;
    world.copied(ELSEWHERE, &source, "").await;
    let (_, xml) = world.send_to(ELSEWHERE, "DescribeImages", "").await;
    assert_eq!(texts(&xml, "snapshotId"), [""; 0]);
    world.clock.sleep(MINUTE).await;
    let (_, xml) = world.send_to(ELSEWHERE, "DescribeImages", "").await;
    assert_eq!(texts(&xml, "snapshotId").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_encrypted_by_request_source_or_default_but_never_less_than_its_source() {
    let world = World::new();
    let source = world.source().await;
    let last = || world.ec2.snapshots(ELSEWHERE).pop().unwrap();
    world.copied(ELSEWHERE, &source, "").await;
    assert!(!last().encrypted);
    world.ec2.set_encryption_by_default(ELSEWHERE, true, None);
    world.copied(ELSEWHERE, &source, "").await;
    let encrypted = world.ec2.snapshots(ELSEWHERE);
    let encrypted: Vec<_> = encrypted.iter().filter(|it| it.encrypted).collect();
    assert_eq!(encrypted.len(), 1);
    assert!(encrypted[0].has_managed_key(ELSEWHERE));
    world.encrypt(Some(
        "arn:aws:kms:us-east-1:000000000000:key/0a1b2c3d-0000-1111-2222-0123456789ab",
    ));
    assert_eq!(
        world
            .not_copied(ELSEWHERE, &source, "Encrypted=false")
            .await,
        format!(
            "InvalidRequest: Snapshot {SNAPSHOT} is encrypted. Creating an unencrypted copy from an encrypted snapshot \
             is not supported."
        )
    );
    world.copied(REGION, &source, "").await;
    let same = world.ec2.snapshots(REGION);
    let keys: Vec<_> = same.iter().map(|it| it.kms_key_id.clone()).collect();
    assert_eq!(keys[0], keys[1], "the key is kept within the Region");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_used_fails_the_copy_later() {
    let world = World::new();
    let source = world.source().await;
    world.ec2.set_unusable_keys(&["alias/disabled"]);
    let foreign = "arn:aws:kms:us-east-1:000000000000:key/0a1b2c3d-0000-1111-2222-0123456789ab";
    for (n, key) in ["web", "alias/disabled", foreign].into_iter().enumerate() {
        let more = format!("Encrypted=true&KmsKeyId={key}&ClientToken=attempt-{n}");
        let id = world.copied(ELSEWHERE, &source, &more).await;
        world.clock.sleep(MINUTE).await;
        let images = world.ec2.images(ELSEWHERE);
        let copy = images.iter().find(|image| image.id == id).unwrap();
        assert_eq!(copy.state, ImageState::Failed, "{key}");
        let reason = copy.state_reason.as_ref().unwrap();
        assert_eq!(reason.message, "Copy image failed with an internal error");
        let again = world.copied(ELSEWHERE, &source, &more).await;
        assert_eq!(again, id, "the same token gives the failed one again");
    }
    assert_eq!(world.ec2.snapshots(ELSEWHERE).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn copies_under_way_and_tokens_have_limits() {
    let world = World::new();
    let source = world.source().await;
    world.ec2.set_copy_limit(1);
    world.copied(ELSEWHERE, &source, "").await;
    let many = world.not_copied(ELSEWHERE, &source, "").await;
    assert!(
        many.starts_with("ResourceLimitExceeded: Too many"),
        "{many}"
    );
    world.copied(REGION, &source, "").await;
    world.clock.sleep(MINUTE).await;
    world.copied(ELSEWHERE, &source, "").await;
    let token = format!("ClientToken={}", "t".repeat(129));
    let long = world.not_copied(REGION, &source, &token).await;
    assert!(long.starts_with("InvalidParameterValue"), "{long}");
}

#[tokio::test(start_paused = true)]
async fn an_image_of_another_account_is_copied_if_its_snapshots_are_shared() {
    let world = World::new();
    let source = world.source().await;
    let foreign = "999999999999";
    world.ec2.edit_image(REGION, &source, |image| {
        image.owner_id = foreign.to_owned();
        image.launch_permissions.insert(Permission::Everyone);
    });
    world.ec2.edit_snapshot(REGION, SNAPSHOT, |snapshot| {
        snapshot.owner_id = foreign.to_owned();
    });
    assert_eq!(
        world.not_copied(ELSEWHERE, &source, "").await,
        "InvalidRequest: You do not have permission to access the storage of this ami"
    );
    world.ec2.edit_snapshot(REGION, SNAPSHOT, |snapshot| {
        let everyone = Permission::Everyone;
        snapshot.create_volume_permissions.insert(everyone);
    });
    let id = world.copied(ELSEWHERE, &source, "CopyImageTags=true").await;
    let copy = world.ec2.images(ELSEWHERE).remove(0);
    assert_eq!((&copy.id, copy.owner_id.as_str()), (&id, "000000000000"));
    assert_eq!(copy.tags, BTreeMap::new(), "tags of others are not seen");
    world.ec2.edit_image(REGION, &source, |image| {
        image.product_codes = vec![ProductCode {
            id: "code".to_owned(),
            kind: "marketplace".to_owned(),
        }];
    });
    assert_eq!(
        world.not_copied(ELSEWHERE, &source, "").await,
        "InvalidRequest: Images from AWS Marketplace cannot be copied to another AWS account."
    );
}
