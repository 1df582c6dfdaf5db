//! `amiwright doctor`: what it says of each thing that can be wrong.

use http::StatusCode;
use localaws::ec2::{ImageBlock, SeedSnapshot};
use localaws::faults::Fault;

use super::doctor::{KEY, disk, found, open, opened, with};
use crate::support::{EMAIL, REGION, TestStack};

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_not_confirmed_gets_nothing_and_is_told() {
    let stack = TestStack::new().await;
    stack.world.sns().set_confirmed(EMAIL, false);
    let (code, found) = found(&stack, None).await;
    insta::assert_snapshot!(found, @r#"
    todo     subscription of ops@example.com: not confirmed: SNS sends nothing to it; open the link in the email "AWS Notification - Subscription Confirmation"
    "#);
    assert_eq!(code, 3);
    stack
        .drop_and_rest("web.image.yaml", stack.manifest("web-1"))
        .await;
    assert_eq!(stack.images().len(), 1);
    assert_eq!(stack.emails().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_not_subscribed_is_told() {
    let stack = TestStack::new().await;
    let sns = aws_sdk_sns::Client::new(&stack.sdk());
    let topic = stack.world.stack().outputs["TopicArn"].clone();
    let listed = sns
        .list_subscriptions_by_topic()
        .topic_arn(topic)
        .send()
        .await
        .unwrap();
    let arn = listed.subscriptions()[0]
        .subscription_arn()
        .unwrap()
        .to_owned();
    sns.unsubscribe()
        .subscription_arn(arn)
        .send()
        .await
        .unwrap();
    let (code, found) = found(&stack, None).await;
    insta::assert_snapshot!(found, @r"
    todo     subscription of ops@example.com: the address of NotificationEmail is not subscribed; subscribe it again: aws sns subscribe --topic-arn arn:aws:sns:us-east-1:000000000000:local-Topic --protocol email --notification-endpoint ops@example.com
    ");
    assert_eq!(code, 3);
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_switched_off_wakes_nobody_and_is_told() {
    let stack = TestStack::new().await;
    for rule in ["RegisterImageManifest", "AdvanceTasksSweep"] {
        assert!(stack.world.set_rule_enabled(rule, false));
    }
    let (code, found) = found(&stack, None).await;
    insta::assert_snapshot!(found, @r"
    todo     rule RegisterImageManifest: DISABLED; enable it: aws events enable-rule --name local-RegisterImageManifest
    todo     rule AdvanceTasksSweep: DISABLED; enable it: aws events enable-rule --name local-AdvanceTasksSweep
    ");
    assert_eq!(code, 3);
    stack
        .drop_file("web.image.yaml", stack.manifest("web-1"))
        .await;
    for _ in 0..30 {
        stack.minute().await;
    }
    assert_eq!(stack.images().len(), 0);
    assert!(stack.world.set_rule_enabled("AdvanceTasksSweep", true));
    for _ in 0..30 {
        stack.minute().await;
    }
    assert_eq!(stack.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_is_gone_is_told() {
    let stack = TestStack::new().await;
    let s3 = aws_sdk_s3::Client::new(&stack.sdk());
    s3.delete_bucket()
        .bucket(&stack.bucket)
        .send()
        .await
        .unwrap();
    let (code, found) = found(&stack, None).await;
    insta::assert_snapshot!(found, @r"
    todo     manifest bucket local-bucket: it does not exist; create it again, with the settings of docs/operating.md, or deploy the stack anew
    ");
    assert_eq!(code, 3);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_without_events_or_acls_is_told_where_that_matters() {
    let template = include_str!("../../../template.yaml");
    let deaf = template
        .replacen("EventBridgeEnabled: true", "EventBridgeEnabled: false", 1)
        .replacen(
            "ObjectOwnership: BucketOwnerPreferred",
            "ObjectOwnership: BucketOwnerEnforced",
            1,
        );
    let stack = TestStack::built(|builder| builder.template(&deaf)).await;
    let (_, first) = found(&stack, None).await;
    insta::assert_snapshot!(first, @r#"
    todo     manifest bucket local-bucket, events: they are not sent to EventBridge: only schedules find what is uploaded; add {"EventBridgeConfiguration": {}} to its notification configuration (aws s3api put-bucket-notification-configuration --bucket local-bucket)
    "#);
    let bundle = "name: web-1\nsource:\n  bundle: {manifest: image.manifest.xml}\n";
    let (_, second) = found(&stack, Some(bundle)).await;
    insta::assert_snapshot!(second, @r#"
    todo     manifest bucket local-bucket, events: they are not sent to EventBridge: only schedules find what is uploaded; add {"EventBridgeConfiguration": {}} to its notification configuration (aws s3api put-bucket-notification-configuration --bucket local-bucket)
    todo     manifest bucket local-bucket, ACLs: disabled (bucket owner enforced): EC2 cannot read bundles; set its object ownership to "bucket owner preferred"
    "#);
}

#[tokio::test(start_paused = true)]
async fn a_function_or_role_that_is_gone_is_told() {
    let stack = TestStack::new().await;
    let gone = Fault::Refuse {
        status: StatusCode::NOT_FOUND,
        code: "ResourceNotFoundException".to_owned(),
        message: "Function not found".to_owned(),
    };
    stack
        .world
        .faults()
        .always("lambda", "GetFunctionConfiguration", gone);
    stack.world.ec2().set_service_roles(&[]);
    let (code, first) = found(&stack, Some(&disk(""))).await;
    insta::assert_snapshot!(first, @r#"
    todo     function RegisterImage: local-RegisterImage does not exist; deploy the stack again
    todo     function AdvanceTasks: local-AdvanceTasks does not exist; deploy the stack again
    todo     function Notify: local-Notify does not exist; deploy the stack again
    todo     role vmimport: it does not exist; create it as the VM Import/Export User Guide says ("Required service role"), or set VmImportRole
    "#);
    assert_eq!(code, 3);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_enabled_is_told_and_left_out() {
    let stack = open().await;
    let manifest = with(&stack, "regions: {ap-east-1: }\n");
    let (code, found) = found(&stack, Some(&manifest)).await;
    insta::assert_snapshot!(found, @r"
    todo     Region ap-east-1: the account has not enabled it; enable it with: aws account enable-region --region-name ap-east-1
    ");
    assert_eq!(code, 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_way_of_a_public_ami_is_told() {
    let stack = open().await;
    let manifest = with(&stack, "access: {public: true}\n");
    let (code, first) = found(&stack, Some(&manifest)).await;
    insta::assert_snapshot!(first, @r"
    todo     block public access for AMIs in us-east-1: block-new-sharing, and the manifest says public; to allow it: aws ec2 disable-image-block-public-access --region us-east-1 (takes up to 10 minutes)
    ");
    assert_eq!(code, 3);
    stack.world.ec2().set_blocks_by_policy(REGION, true);
    let (_, second) = found(&stack, Some(&manifest)).await;
    insta::assert_snapshot!(second, @r"
    todo     block public access for AMIs in us-east-1: block-new-sharing, and the manifest says public; a declarative policy of the organization sets it: ask its administrator
    ");
    stack
        .world
        .ec2()
        .set_image_block(REGION, ImageBlock::Unblocked);
    assert_eq!(found(&stack, Some(&manifest)).await, (0, String::new()));
    stack
        .world
        .ec2()
        .set_encryption_by_default(REGION, true, None);
    let (_, third) = found(&stack, Some(&disk("access: {public: true}\n"))).await;
    insta::assert_snapshot!(third, @r"
    todo     encryption by default in us-east-1: on, with alias/aws/ebs: an encrypted AMI cannot be public; disable it: aws ec2 disable-ebs-encryption-by-default --region us-east-1, and take encryption out of the manifest
    ");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_others_cannot_use_is_told() {
    let stack = open().await;
    let ec2 = stack.world.ec2();
    ec2.set_encryption_by_default("eu-west-1", true, None);
    let shared = "access: {accounts: ['111122223333']}\nregions: {eu-west-1: }\n";
    let (code, first) = found(&stack, Some(&with(&stack, shared))).await;
    insta::assert_snapshot!(first, @r"
    todo     encryption by default in eu-west-1: on, with alias/aws/ebs, which AWS manages: the AMI cannot be shared; name a key of your own in the manifest, or make one the default: aws ec2 modify-ebs-default-kms-key-id --region eu-west-1 --kms-key-id KEY
    ");
    assert_eq!(code, 3);
    // Of one's own: its policy is another matter.
    ec2.set_encryption_by_default("eu-west-1", true, Some(KEY));
    assert_eq!(
        found(&stack, Some(&with(&stack, shared))).await,
        (0, String::new())
    );
    let encrypted = disk(shared).replace("format: raw", "format: raw, encrypted: true");
    ec2.set_encryption_by_default("eu-west-1", false, None);
    let (_, second) = found(&stack, Some(&encrypted)).await;
    insta::assert_snapshot!(second, @r"
    todo     encryption by default in us-east-1: off, but the manifest says encrypted, with alias/aws/ebs, which AWS manages: the AMI cannot be shared; name a key of your own in the manifest, or make one the default: aws ec2 modify-ebs-default-kms-key-id --region us-east-1 --kms-key-id KEY
    todo     encryption by default in eu-west-1: off, but the manifest says encrypted, with alias/aws/ebs, which AWS manages: the AMI cannot be shared; name a key of your own in the manifest, or make one the default: aws ec2 modify-ebs-default-kms-key-id --region eu-west-1 --kms-key-id KEY
    ");
    // Nobody else needs the key of an AMI that is not shared.
    ec2.set_encryption_by_default("eu-west-1", true, None);
    let alone = with(&stack, "regions: {eu-west-1: }\n");
    assert_eq!(found(&stack, Some(&alone)).await, (0, String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_key_of_the_manifest_that_cannot_be_used_is_told() {
    let stack = open().await;
    let arn = format!("arn:aws:kms:eu-west-1:000000000000:key/{KEY}");
    let manifest = with(
        &stack,
        &format!("regions: {{eu-west-1: {{kmsKeyId: '{arn}'}}}}\n"),
    );
    assert_eq!(found(&stack, Some(&manifest)).await, (0, String::new()));
    stack.world.ec2().set_unusable_keys(&[&arn]);
    let (code, found) = found(&stack, Some(&manifest)).await;
    insta::assert_snapshot!(found, @r"
    todo     KMS key arn:aws:kms:eu-west-1:000000000000:key/0a1b2c3d-0000-1111-2222-0123456789ab in eu-west-1: Disabled; enable it, or name another in the manifest
    ");
    assert_eq!(code, 3);
}

#[tokio::test(start_paused = true)]
async fn what_the_stack_does_not_let_through_is_told_by_its_parameter() {
    let stack = TestStack::new().await;
    let manifest = with(
        &stack,
        "access: {accounts: ['111122223333']}\nregions: {eu-west-1: }\n",
    );
    let (code, found) = found(&stack, Some(&manifest)).await;
    insta::assert_snapshot!(found, @r"
    todo     manifest web.image.yaml: line 4: access.accounts[0]: `111122223333` is not among the accounts that this stack shares with; the stack's owner adds 111122223333 to the parameter ShareWith
    todo     manifest web.image.yaml: line 5: regions.eu-west-1: `eu-west-1` is not among the Regions that this stack copies to; the stack's owner adds eu-west-1 to the parameter CopyRegions
    ");
    assert_eq!(code, 3);
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_used_up_is_told() {
    let stack = open().await;
    let ec2 = stack.world.ec2();
    ec2.set_image_block(REGION, ImageBlock::Unblocked);
    for number in 0..5 {
        let manifest = stack.manifest(&format!("web-{number}")) + "access: {public: true}\n";
        stack
            .drop_file(&format!("{number}.image.yaml"), manifest)
            .await;
    }
    stack.rest().await;
    let manifest = with(&stack, "access: {public: true}\n");
    let (code, found) = found(&stack, Some(&manifest)).await;
    insta::assert_snapshot!(found, @r#"
    todo     public AMIs in us-east-1: 5, and the quota is 5 unless it was raised; check "Public AMIs" in Service Quotas, and raise it or make others private
    "#);
    assert_eq!(code, 3);
}

#[tokio::test(start_paused = true)]
async fn an_unencrypted_snapshot_is_not_judged_by_the_key_for_new_ones() {
    let stack = open().await;
    let ec2 = stack.world.ec2();
    ec2.seed_snapshot(REGION, SeedSnapshot::default());
    ec2.set_encryption_by_default(REGION, true, None);
    let manifest = with(&stack, "access: {accounts: ['111122223333']}\n");
    assert_eq!(found(&stack, Some(&manifest)).await, (0, String::new()));
}

/// A snapshot is shared as it is; only KMS tells whose its key is.
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_encrypted_with_the_key_of_aws_is_told() {
    let mut stack = open().await;
    let ec2 = stack.world.ec2();
    ec2.set_image_block(REGION, ImageBlock::Unblocked);
    let encrypted = SeedSnapshot {
        id: Some("snap-0123456789abcdef0".to_owned()),
        encrypted: true,
        ..SeedSnapshot::default()
    };
    stack.snapshot = ec2.seed_snapshot(REGION, encrypted);
    let shared = "access: {accounts: ['111122223333']}\n";
    let (code, first) = found(&stack, Some(&with(&stack, shared))).await;
    insta::assert_snapshot!(first, @r"
    todo     encryption of snap-0123456789abcdef0 in us-east-1: with arn:aws:kms:us-east-1:000000000000:key/91d2efbf-8b09-5462-d383-cc2f32a81a24, which AWS manages: the AMI cannot be shared; copy it with a key of your own, and name the copy in the manifest: aws ec2 copy-snapshot --region us-east-1 --source-region us-east-1 --source-snapshot-id snap-0123456789abcdef0 --encrypted --kms-key-id KEY
    ");
    assert_eq!(code, 3);
    // Its copy in another Region would have the key by default there.
    let copied = format!("{shared}regions: {{eu-west-1: }}\n");
    let (_, second) = found(&stack, Some(&with(&stack, &copied))).await;
    insta::assert_snapshot!(second, @r"
    todo     encryption by default in eu-west-1: off, but what is copied is encrypted, with alias/aws/ebs, which AWS manages: the AMI cannot be shared; name a key of your own in the manifest, or make one the default: aws ec2 modify-ebs-default-kms-key-id --region eu-west-1 --kms-key-id KEY
    todo     encryption of snap-0123456789abcdef0 in us-east-1: with arn:aws:kms:us-east-1:000000000000:key/91d2efbf-8b09-5462-d383-cc2f32a81a24, which AWS manages: the AMI cannot be shared; copy it with a key of your own, and name the copy in the manifest: aws ec2 copy-snapshot --region us-east-1 --source-region us-east-1 --source-snapshot-id snap-0123456789abcdef0 --encrypted --kms-key-id KEY
    ");
    let public = with(&stack, "access: {public: true}\n");
    let (_, third) = found(&stack, Some(&public)).await;
    insta::assert_snapshot!(third, @r"
    todo     encryption of snap-0123456789abcdef0 in us-east-1: encrypted: an encrypted AMI cannot be public; name one that is not encrypted, or share the AMI with accounts in place of public
    ");
    // Nobody else needs the key of an AMI that is not shared.
    let alone = with(&stack, "");
    assert_eq!(found(&stack, Some(&alone)).await, (0, String::new()));
    // Of one's own: its policy is another matter.
    let arn = format!("arn:aws:kms:{REGION}:000000000000:key/{KEY}");
    let snapshot = stack.snapshot.clone();
    ec2.edit_snapshot(REGION, &snapshot, |it| it.kms_key_id = Some(arn));
    let manifest = with(&stack, shared);
    assert_eq!(found(&stack, Some(&manifest)).await, (0, String::new()));
}

/// A copy within the Region keeps the key; one from another Region gets the key by default.
#[tokio::test(start_paused = true)]
async fn an_ami_whose_copy_would_have_the_key_of_aws_is_told() {
    let arn = format!("arn:aws:kms:{REGION}:000000000000:key/{KEY}");
    let stack = TestStack::built(|builder| opened(builder).parameter("KmsKeys", &arn)).await;
    for region in [REGION, "eu-west-1"] {
        let encrypted = SeedSnapshot {
            id: Some("snap-0123456789abcdef0".to_owned()),
            encrypted: true,
            ..SeedSnapshot::default()
        };
        let id = stack.image_of(region, encrypted).await;
        let manifest = |source: &str| {
            format!(
                "name: web\nsource: {{image: {{id: {id}, region: {region}{source}}}}}\n\
                 access: {{accounts: ['111122223333']}}\n"
            )
        };
        let (code, told) = found(&stack, Some(&manifest(""))).await;
        assert_eq!(code, 3, "{told}");
        let what = match region {
            REGION => "encryption of snap-0123456789abcdef0 in us-east-1: with arn:aws:kms:",
            _ => {
                "encryption by default in us-east-1: off, but what is copied is encrypted, with alias/aws/ebs"
            }
        };
        assert!(told.contains(what), "{told}");
        let named = format!(", encrypted: true, kmsKeyId: '{arn}'");
        assert_eq!(
            found(&stack, Some(&manifest(&named))).await,
            (0, String::new())
        );
    }
}
