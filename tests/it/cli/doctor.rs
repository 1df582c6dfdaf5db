//! `amiwright doctor`: what it says of a stack that is whole, and what it may look at. [`super::doctor_findings`] has each
//! thing that can be wrong.

use amiwright::aws::{Aws, DryRun};
use amiwright::cli::doctor::{ManifestFile, examine};
use localaws::world::Builder;

use crate::support::{EMAIL, REGION, TestStack, refused};

const STACK: &str = "local";
pub(super) const KEY: &str = "0a1b2c3d-0000-1111-2222-0123456789ab";

/// A stack that lets manifests share, publish and copy.
pub(super) async fn open() -> TestStack {
    TestStack::built(opened).await
}

pub(super) fn opened(builder: Builder) -> Builder {
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

pub(super) fn file(content: &str) -> ManifestFile {
    ManifestFile {
        name: "web.image.yaml".to_owned(),
        content: content.as_bytes().to_vec(),
    }
}

/// The exit code and the lines.
pub(super) async fn seen(stack: &TestStack, aws: &Aws, manifest: Option<&str>) -> (u8, String) {
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

pub(super) async fn doctor(stack: &TestStack, manifest: Option<&str>) -> (u8, String) {
    seen(stack, &stack.aws(), manifest).await
}

/// The lines that are not ok, but for the last.
pub(super) fn findings(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (_, lines) = lines.split_last().unwrap();
    let found = lines.iter().filter(|line| !line.starts_with("ok "));
    found.copied().collect::<Vec<_>>().join("\n")
}

/// What is found once this is broken, beside what is always said.
pub(super) async fn found(stack: &TestStack, manifest: Option<&str>) -> (u8, String) {
    let (code, text) = doctor(stack, manifest).await;
    (code, findings(&text))
}

/// A manifest with these settings.
pub(super) fn with(stack: &TestStack, settings: &str) -> String {
    stack.manifest("web-1") + settings
}

/// A manifest of a disk with these settings.
pub(super) fn disk(settings: &str) -> String {
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
    ok       ec2:DeregisterImage in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DeleteSnapshot in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DescribeImageAttribute in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DescribeSnapshotAttribute in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:CancelImportTask in us-east-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:CopyImage in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:CreateTags in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:ModifyImageAttribute in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:ModifySnapshotAttribute in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:EnableImageDeprecation in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DisableImageDeprecation in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:EnableImageDeregistrationProtection in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DisableImageDeregistrationProtection in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DeregisterImage in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DeleteSnapshot in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DescribeImageAttribute in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    ok       ec2:DescribeSnapshotAttribute in eu-west-1: you may (DryRun: what IAM says, and of you, not of the functions)
    stack local in us-east-1: 60 ok, 0 to do, 0 could not be looked at
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
    us-east-1 CancelImportTask
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
    unknown  ec2:DeregisterImage in us-east-1: could not look: you may not, and DryRun tells about you only: the functions, whose roles are their own, may still be allowed ec2:DeregisterImage
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

/// Whoever may do nothing in EC2 is told so of each call that a manifest needs, whatever it does.
#[tokio::test(start_paused = true)]
async fn every_call_that_is_denied_is_told() {
    let stack =
        TestStack::built(|builder| opened(builder).user("uploader", "UploaderPolicy")).await;
    stack.expect_refusals();
    let aws = stack.aws_of("uploader");
    let settings = "deprecate: {after: 90d}\nprotect: true\ntags: {team: web}\nreplaces: {previous: deregister, ";
    // What is made from an instance has no snapshots.
    let of_ebs = "snapshots: delete}\naccess: {accounts: ['111122223333'], copy: true}\nstore: {bucket: local-bucket}\n";
    let sources = [
        "disk: {object: web.vmdk, format: vmdk}",
        "vm: {disks: [{object: web.vmdk, format: vmdk}]}",
        "instance: {id: i-00000000000000001}",
        "stored: {object: web.bin}",
        "image: {id: ami-00000000000000001, region: eu-west-1}",
    ];
    let mut denied = std::collections::BTreeSet::new();
    for source in sources {
        let more = match source.starts_with("instance") {
            true => "snapshots: keep}\n",
            false => of_ebs,
        };
        let manifest = format!("name: web\nsource: {{{source}}}\n{settings}{more}");
        let (code, text) = seen(&stack, &aws, Some(&manifest)).await;
        assert_eq!(code, 4, "{text}");
        let is_denied = |line: &&str| line.contains("could not look: you may not, and DryRun");
        let actions = text.lines().filter(is_denied).filter_map(|line| {
            let rest = line.split("ec2:").nth(1)?;
            rest.split(' ').next()
        });
        denied.extend(actions.map(str::to_owned));
    }
    let all: std::collections::BTreeSet<_> =
        DryRun::ALL.map(|call| call.action().to_owned()).into();
    assert_eq!(denied, all);
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
