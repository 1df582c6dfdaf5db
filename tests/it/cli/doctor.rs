//! `amiwright doctor`: what it says of a stack that is whole, and of each thing that can be wrong.

use amiwright::aws::Aws;
use amiwright::cli::doctor::{ManifestFile, examine};
use http::StatusCode;
use localaws::ec2::{ImageBlock, SeedSnapshot};
use localaws::faults::Fault;
use localaws::world::Builder;

use crate::support::{EMAIL, REGION, TestStack, refused};

const STACK: &str = "local";
const KEY: &str = "0a1b2c3d-0000-1111-2222-0123456789ab";

/// A stack that lets manifests share, publish and copy.
async fn open() -> TestStack {
    TestStack::built(opened).await
}

fn opened(builder: Builder) -> Builder {
    builder
        .parameter("ShareWith", "*")
        .parameter("AllowPublic", "true")
        .parameter("AllowRetire", "true")
        .parameter("CopyRegions", "us-east-1,eu-west-1,ap-east-1")
        .parameter(
            "KmsKeys",
            &format!("arn:aws:kms:eu-west-1:000000000000:key/{KEY}"),
        )
        .user("operator", "OperatorPolicy")
}

fn file(content: &str) -> ManifestFile {
    ManifestFile {
        name: "web.image.yaml".to_owned(),
        content: content.as_bytes().to_vec(),
    }
}

/// The exit code and the lines.
async fn seen(stack: &TestStack, aws: &Aws, manifest: Option<&str>) -> (u8, String) {
    let manifest = manifest.map(file);
    let now = stack.world.clock().now();
    let report = examine(aws, STACK, manifest.as_ref(), now).await;
    let mut out = Vec::new();
    report.write(false, &mut out).unwrap();
    (
        report.exit_code(),
        without_request_ids(&String::from_utf8(out).unwrap()),
    )
}

/// Request ids depend on every call before.
fn without_request_ids(text: &str) -> String {
    let mut parts = text.split(" (request id ");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + part.split_once(')').unwrap().1)
}

async fn doctor(stack: &TestStack, manifest: Option<&str>) -> (u8, String) {
    seen(stack, &stack.aws(), manifest).await
}

/// The lines that are not ok, but for the last.
fn findings(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (_, lines) = lines.split_last().unwrap();
    let found = lines.iter().filter(|line| !line.starts_with("ok "));
    found.copied().collect::<Vec<_>>().join("\n")
}

/// What is found once this is broken, beside what is always said.
async fn found(stack: &TestStack, manifest: Option<&str>) -> (u8, String) {
    let (code, text) = doctor(stack, manifest).await;
    (code, findings(&text))
}

/// A manifest with these settings.
fn with(stack: &TestStack, settings: &str) -> String {
    stack.manifest("web-1") + settings
}

/// A manifest of a disk with these settings.
fn disk(settings: &str) -> String {
    format!("name: web-1\nsource:\n  disk: {{object: web.raw, format: raw}}\n{settings}")
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_is_whole_has_nothing_to_do() {
    let stack = TestStack::new().await;
    let (code, text) = doctor(&stack, None).await;
    insta::assert_snapshot!(text, @r"
    ok       credentials: arn:aws:sts::000000000000:assumed-role/localaws/local in us-east-1
    ok       stack local: CREATE_COMPLETE
    ok       Region us-east-1: enabled
    ok       manifest bucket local-bucket: there
    ok       manifest bucket local-bucket, events: sent to EventBridge
    ok       manifest bucket local-bucket, ACLs: enabled, as bundles need it
    ok       state bucket local-statebucket: there
    ok       state bucket local-statebucket, events: sent to EventBridge
    ok       state bucket local-statebucket, ACLs: enabled, as bundles need it
    ok       rule RegisterImageManifest: enabled, invokes local-RegisterImage
    ok       rule RegisterImageBundle: enabled, invokes local-RegisterImage
    ok       rule RegisterImageRequest: enabled, invokes local-RegisterImage
    ok       rule AdvanceTasksAdvance: enabled, invokes local-AdvanceTasks at rate(1 minute)
    ok       rule AdvanceTasksSweep: enabled, invokes local-AdvanceTasks at rate(15 minutes)
    ok       rule AdvanceTasksAudit: enabled, invokes local-AdvanceTasks at rate(6 hours)
    ok       rule AdvanceTasksImageStateChange: enabled, invokes local-AdvanceTasks
    ok       rule NotifyDue: enabled, invokes local-Notify
    ok       function RegisterImage: local-RegisterImage, Active
    ok       function AdvanceTasks: local-AdvanceTasks, Active
    ok       function Notify: local-Notify, Active
    ok       topic: arn:aws:sns:us-east-1:000000000000:local-Topic
    ok       subscriptions: 1 confirmed
    ok       role vmimport: VM Import may assume it; what it may read is not checked
    ok       block public access for AMIs in us-east-1: block-new-sharing
    ok       block public access for snapshots in us-east-1: unblocked; amiwright makes no snapshot public
    ok       public AMIs in us-east-1: 0; the quota is 5 unless it was raised
    ok       encryption by default in us-east-1: off; the key by default is alias/aws/ebs
    stack local in us-east-1: 27 ok, 0 to do, 0 could not be looked at
    ");
    assert_eq!(code, 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_manifest_needs_is_looked_at_in_every_region_of_it() {
    let stack = open().await;
    let manifest = disk(
        "access: {accounts: ['111122223333'], copy: true}\ndeprecate: {after: 90d}\nprotect: true\n\
         regions:\n  eu-west-1: {kmsKeyId: 0a1b2c3d-0000-1111-2222-0123456789ab}\n",
    )
    .replace(
        KEY,
        &format!("arn:aws:kms:eu-west-1:000000000000:key/{KEY}"),
    );
    let (code, text) = doctor(&stack, Some(&manifest)).await;
    let about_stack = ["function ", "rule ", "state bucket"];
    let lines = text
        .lines()
        .filter(|line| !about_stack.iter().any(|it| line.contains(it)));
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
    ok       credentials: arn:aws:sts::000000000000:assumed-role/localaws/local in us-east-1
    ok       stack local: CREATE_COMPLETE
    ok       manifest web.image.yaml: no problems, and the stack's parameters let it through
    ok       Region us-east-1: enabled
    ok       Region eu-west-1: enabled
    ok       manifest bucket local-bucket: there
    ok       manifest bucket local-bucket, events: sent to EventBridge
    ok       manifest bucket local-bucket, ACLs: enabled, as bundles need it
    ok       topic: arn:aws:sns:us-east-1:000000000000:local-Topic
    ok       subscriptions: 1 confirmed
    ok       role vmimport: VM Import may assume it; what it may read is not checked
    ok       block public access for AMIs in us-east-1: block-new-sharing
    ok       block public access for snapshots in us-east-1: unblocked; amiwright makes no snapshot public
    ok       public AMIs in us-east-1: 0; the quota is 5 unless it was raised
    ok       block public access for AMIs in eu-west-1: block-new-sharing
    ok       block public access for snapshots in eu-west-1: unblocked; amiwright makes no snapshot public
    ok       public AMIs in eu-west-1: 0; the quota is 5 unless it was raised
    ok       encryption by default in us-east-1: off; the key by default is alias/aws/ebs
    ok       encryption by default in eu-west-1: off; the key by default is alias/aws/ebs
    ok       KMS key arn:aws:kms:eu-west-1:000000000000:key/0a1b2c3d-0000-1111-2222-0123456789ab in eu-west-1: enabled, your own; whether its policy lets the functions use it is not checked
    ok       ec2:ImportSnapshot in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:RegisterImage in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:CreateTags in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:ModifyImageAttribute in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:ModifySnapshotAttribute in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:EnableImageDeprecation in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DisableImageDeprecation in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:EnableImageDeregistrationProtection in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DisableImageDeregistrationProtection in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:CopyImage in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:CreateTags in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:ModifyImageAttribute in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:ModifySnapshotAttribute in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:EnableImageDeprecation in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DisableImageDeprecation in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:EnableImageDeregistrationProtection in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DisableImageDeregistrationProtection in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    stack local in us-east-1: 51 ok, 0 to do, 0 could not be looked at
    ");
    assert_eq!(code, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_changed() {
    let stack = open().await;
    let manifest = disk(
        "access: {public: true}\ntags: {team: web}\nregions: {eu-west-1: }\nonDelete: deregister\n\
         store: {bucket: local-bucket}\nreplaces: {previous: deregister, snapshots: delete}\n",
    );
    let images = stack.images();
    doctor(&stack, Some(&manifest)).await;
    assert_eq!(stack.images(), images);
    let calls = stack.world.calls();
    assert!(calls.len() > 20);
    let changing = calls.iter().filter(|call| !call.is_read());
    let mut changing: Vec<String> = changing
        .map(|call| format!("{} {}", call.region, call.action))
        .collect();
    changing.sort();
    // Each with DryRun, of which EC2 has one answer only: the report would have said otherwise.
    insta::assert_snapshot!(changing.join("\n"), @r"
    eu-west-1 CopyImage
    eu-west-1 CreateTags
    eu-west-1 DeleteSnapshot
    eu-west-1 DeleteTags
    eu-west-1 DeregisterImage
    eu-west-1 DisableImageDeregistrationProtection
    eu-west-1 EnableImageDeprecation
    eu-west-1 ModifyImageAttribute
    us-east-1 CreateStoreImageTask
    us-east-1 CreateTags
    us-east-1 DeleteSnapshot
    us-east-1 DeleteTags
    us-east-1 DeregisterImage
    us-east-1 DisableImageDeregistrationProtection
    us-east-1 EnableImageDeprecation
    us-east-1 ImportSnapshot
    us-east-1 ModifyImageAttribute
    us-east-1 RegisterImage
    ");
    assert_eq!(stack.snapshots(), std::slice::from_ref(&stack.snapshot));
}

#[tokio::test(start_paused = true)]
async fn without_a_stack_only_the_account_is_looked_at() {
    let stack = TestStack::new().await;
    let aws = stack.aws();
    let report = examine(&aws, "other", None, stack.world.clock().now()).await;
    let mut out = Vec::new();
    report.write(false, &mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
    ok       credentials: arn:aws:sts::000000000000:assumed-role/localaws/local in us-east-1
    todo     stack other: there is no stack of this name in us-east-1; deploy it (sam deploy --guided), or name it with --stack and its Region with --region
    ok       Region us-east-1: enabled
    ok       role vmimport: VM Import may assume it; what it may read is not checked
    ok       block public access for AMIs in us-east-1: block-new-sharing
    ok       block public access for snapshots in us-east-1: unblocked; amiwright makes no snapshot public
    ok       public AMIs in us-east-1: 0; the quota is 5 unless it was raised
    ok       encryption by default in us-east-1: off; the key by default is alias/aws/ebs
    stack other in us-east-1: 7 ok, 1 to do, 0 could not be looked at
    ");
    assert_eq!(report.exit_code(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_same_as_json() {
    let stack = TestStack::new().await;
    stack.world.sns().set_confirmed(EMAIL, false);
    let report = examine(&stack.aws(), STACK, None, stack.world.clock().now()).await;
    let mut out = Vec::new();
    report.write(true, &mut out).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        (json["stack"].as_str(), json["region"].as_str()),
        (Some(STACK), Some(REGION))
    );
    let checks = json["items"].as_array().unwrap();
    let todo: Vec<_> = checks.iter().filter(|it| it["outcome"] == "todo").collect();
    assert_eq!(todo.len(), 1);
    assert_eq!(todo[0]["check"], "subscription of ops@example.com");
    assert!(todo[0]["next"].as_str().unwrap().contains("open the link"));
}

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
async fn the_operators_policy_is_enough_to_look_at_everything() {
    let stack = open().await;
    let aws = stack.aws_of("operator");
    let (code, text) = seen(&stack, &aws, None).await;
    assert_eq!(findings(&text), "");
    assert_eq!(code, 0);
    // A dry run asks for what an operator may not do, and does not claim that the functions may not.
    stack.expect_refusals();
    let (code, text) = seen(&stack, &aws, Some(&stack.manifest("web-1"))).await;
    insta::assert_snapshot!(findings(&text), @r"
    unknown  ec2:RegisterImage in us-east-1: could not look: you may not, and DryRun tells about you only: the functions, whose roles are their own, may still be allowed ec2:RegisterImage
    unknown  ec2:CreateTags in us-east-1: could not look: you may not, and DryRun tells about you only: the functions, whose roles are their own, may still be allowed ec2:CreateTags
    ");
    assert_eq!(code, 4);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_looked_at_is_never_ok_and_names_the_permission() {
    let stack = TestStack::built(|builder| builder.user("uploader", "UploaderPolicy")).await;
    stack.expect_refusals();
    let (code, text) = seen(&stack, &stack.aws_of("uploader"), None).await;
    insta::assert_snapshot!(findings(&text), @r"
    unknown  stack local: could not look: describing the stack local: AccessDenied: User: arn:aws:iam::000000000000:user/uploader is not authorized to perform: cloudformation:DescribeStacks on resource: arn:aws:cloudformation:us-east-1:000000000000:stack/local/00000000-0000-0000-0000-000000000000 because no identity-based policy allows the cloudformation:DescribeStacks action: you need cloudformation:DescribeStacks and cloudformation:DescribeStackResources on it, which the stack's OperatorPolicy has
    unknown  Region us-east-1: could not look: looking which Regions the account has enabled: UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:iam::000000000000:user/uploader is not authorized to perform: ec2:DescribeRegions on resource: * because no identity-based policy allows the ec2:DescribeRegions action: you need ec2:DescribeRegions, which the stack's OperatorPolicy has
    unknown  role vmimport: could not look: reading the role vmimport: AccessDenied: User: arn:aws:iam::000000000000:user/uploader is not authorized to perform: iam:GetRole on resource: arn:aws:iam::000000000000:role/vmimport because no identity-based policy allows the iam:GetRole action: you need iam:GetRole on role/vmimport, which the stack's OperatorPolicy has
    unknown  block public access for AMIs in us-east-1: could not look: reading block public access for AMIs in us-east-1: UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:iam::000000000000:user/uploader is not authorized to perform: ec2:GetImageBlockPublicAccessState on resource: * because no identity-based policy allows the ec2:GetImageBlockPublicAccessState action: you need ec2:GetImageBlockPublicAccessState, which the stack's OperatorPolicy has
    unknown  block public access for snapshots in us-east-1: could not look: reading block public access for snapshots in us-east-1: UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:iam::000000000000:user/uploader is not authorized to perform: ec2:GetSnapshotBlockPublicAccessState on resource: * because no identity-based policy allows the ec2:GetSnapshotBlockPublicAccessState action: you need ec2:GetSnapshotBlockPublicAccessState, which the stack's OperatorPolicy has
    unknown  public AMIs in us-east-1: could not look: looking for AMIs by is-public: UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:iam::000000000000:user/uploader is not authorized to perform: ec2:DescribeImages on resource: * because no identity-based policy allows the ec2:DescribeImages action: you need ec2:DescribeImages, which the stack's OperatorPolicy has
    unknown  encryption by default in us-east-1: could not look: reading the default encryption of us-east-1: UnauthorizedOperation: You are not authorized to perform this operation. User: arn:aws:iam::000000000000:user/uploader is not authorized to perform: ec2:GetEbsEncryptionByDefault on resource: * because no identity-based policy allows the ec2:GetEbsEncryptionByDefault action: you need ec2:GetEbsEncryptionByDefault and ec2:GetEbsDefaultKmsKeyId, which the stack's OperatorPolicy has
    ");
    assert_eq!(code, 4);
}

#[tokio::test(start_paused = true)]
async fn every_look_that_is_refused_is_told_as_such() {
    let stack = TestStack::new().await;
    doctor(&stack, Some(&disk(""))).await;
    let calls: std::collections::BTreeSet<_> = stack
        .world
        .calls()
        .iter()
        .map(|call| (call.service.clone(), call.action.clone()))
        .collect();
    assert!(calls.len() > 15, "{calls:?}");
    for (service, action) in calls {
        for code in ["AccessDenied", "AccessDeniedException", "InternalError"] {
            stack.world.faults().clear();
            stack
                .world
                .faults()
                .always(&service, &action, refused(code));
            let (exit, text) = doctor(&stack, Some(&disk(""))).await;
            assert!(matches!(exit, 3 | 4), "{service} {action}: {text}");
            assert!(
                text.contains("could not look: "),
                "{service} {action}: {text}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_that_aws_does_not_take_end_it() {
    let stack = TestStack::new().await;
    stack
        .world
        .faults()
        .always("sts", "GetCallerIdentity", refused("InvalidClientTokenId"));
    let (code, text) = doctor(&stack, None).await;
    insta::assert_snapshot!(text, @r"
    todo     credentials: asking who calls: InvalidClientTokenId: You may not; the credentials are invalid or expired: renew them
    stack local in us-east-1: 0 ok, 1 to do, 0 could not be looked at
    ");
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
