//! `amiwright plan`: what is in the way of what a manifest asks for.

use amiwright::cli::plan::Planned;
use insta::assert_snapshot;
use localaws::ec2::{Billing, ImageBlock, SeedImage, SeedInstance};

use super::plan::{KEY, PARTNER, manifest, named, plan_and_drop, planned, screen, stack};
use crate::support::{REGION, TestStack, refused, vmdk};

#[tokio::test(start_paused = true)]
async fn what_the_stack_does_not_open_is_rejected_or_named() {
    let stack = TestStack::new().await;
    let settings = format!("access: {{accounts: ['{PARTNER}']}}\n");
    let content = manifest(&stack, &settings);
    let (planned, text) = screen(&stack, &content).await;
    assert_eq!(planned, Planned::Rejected);
    assert_snapshot!(text, @r"
    error: access.accounts[0]: `111122223333` is not among the accounts that this stack shares with
     --> web.image.yaml:4:21
      |
    4 | access: {accounts: ['111122223333']}
      |                     ^^^^^^^^^^^^^^
      |
      = help: the stack's owner adds 111122223333 to the parameter ShareWith
      = note: the stack's parameter ShareWith

    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    It would be rejected.

    No changes.
    ");
    // Where the guardrails are not known, they are named.
    let mut config = stack.config();
    config.guardrails = amiwright::manifest::guardrails::Guardrails::open();
    let aws = stack.aws();
    let (planned, text) = self::planned(&stack, (&aws, &config), &content, false)
        .await
        .unwrap();
    assert_eq!(planned, Planned::Changes);
    assert_snapshot!(named(&stack, text), @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    A new AMI is made.

    us-east-1  a new AMI
      + AMI    web-dace4888  (made from: snapshot)
      + share  111122223333

    The stack has to allow (check its parameters with --parameter NAME=VALUE):
      access.accounts[0]: the stack's owner adds 111122223333 to the parameter ShareWith

    2 to create. 2 changing AWS calls: 1 ModifyImageAttribute, 1 RegisterImage.
    ");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_another_ami_has_is_a_conflict() {
    let stack = stack().await;
    stack
        .drop_and_rest("other.image.yaml", stack.manifest("web"))
        .await;
    let (planned, text) = screen(&stack, &stack.manifest("web")).await;
    assert_eq!(planned, Planned::Changes);
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    A new AMI is asked for, and cannot be made.

    us-east-1  a new AMI
      ? AMI  because InvalidAMIName.Duplicate: AMI name web is already in use by AMI ami-us-east-1-0; choose another name and upload the manifest again; or deregister ami-us-east-1-0 if it is no longer needed, then run: amiwright retry s3://local-bucket/golden/web.image.yaml

    1 in conflict. 0 changing AWS calls.
    ");
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_enabled_is_blocked_and_the_others_are_not() {
    let stack = stack().await;
    let settings = "regions: {af-south-1: {required: false}, us-west-2: {}}\n";
    let (_, text) = screen(&stack, &manifest(&stack, settings)).await;
    assert_snapshot!(text, @r#"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    A new AMI is made.

    us-east-1  a new AMI
      + AMI   web-dace4888  (made from: snapshot)

    af-south-1  a new copy
      ! AMI   because the account has not enabled af-south-1, or there is no such Region in its partition; enable the Region for the account (AWS Account Management, "Enable or disable AWS Regions"), or leave it out of `regions`, then upload the manifest if it had to be changed; if not, run: amiwright retry s3://local-bucket/golden/web.image.yaml

    us-west-2  a new copy
      + copy

    2 to create, 1 blocked. 2 changing AWS calls: 1 CopyImage, 1 RegisterImage.
    "#);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_or_protected_is_not_retired_yet() {
    let stack = stack().await;
    let before = manifest(&stack, "protect: {cooldown: true}\n");
    stack.drop_and_rest(KEY, before).await;
    let other = |settings: &str| format!("{}{settings}", stack.manifest("other"));
    let content = other("replaces: {previous: deregister}\n");
    let (_, text) = screen(&stack, &content).await;
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    A new AMI is made.

    us-east-1  a new AMI
      + AMI         other  (made from: snapshot)

    us-east-1  ami-us-east-1-0
      - protection  (it holds for 24 hours more, and nothing is deregistered before)
      - AMI

    1 to create, 2 to remove. 3 changing AWS calls: 1 DeregisterImage, 1 DisableImageDeregistrationProtection, 1 RegisterImage.
    ");
    let instance = SeedInstance {
        id: Some("i-0123456789abcdef0".to_owned()),
        image_id: Some(stack.only_image().id),
        ..SeedInstance::default()
    };
    stack.world.ec2().seed_instance(REGION, instance);
    let (_, text) = screen(&stack, &content).await;
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    A new AMI is made.

    us-east-1  a new AMI
      + AMI          other  (made from: snapshot)

    us-east-1  ami-us-east-1-0
      ~ deprecation  2026-11-21T10:06:00Z  (not deregistered: in use by arn:aws:ec2:us-east-1:000000000000:instance/i-0123456789abcdef0)

    1 to create, 1 to change. 2 changing AWS calls: 1 EnableImageDeprecation, 1 RegisterImage.
    ");
    plan_and_drop(&stack, &content).await;
}

#[tokio::test(start_paused = true)]
async fn a_license_that_would_be_lost_is_said() {
    let stack = stack().await;
    let ec2 = stack.world.ec2();
    let source = SeedImage {
        id: None,
        name: "rhel".to_owned(),
        snapshot_id: stack.snapshot.clone(),
        volume_size: 8,
        owner_id: None,
        owner_alias: None,
    };
    let source = ec2.seed_image(REGION, source);
    ec2.edit_image(REGION, &source, |image| {
        image.billing = Some(Billing {
            platform_details: "Red Hat Enterprise Linux".to_owned(),
            usage_operation: "RunInstances:0010".to_owned(),
        });
    });
    let (_, text) = screen(&stack, &manifest(&stack, "")).await;
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    A new AMI is made.

    us-east-1  a new AMI
      + AMI      web-dace4888  (made from: snapshot)
      ! license  because ami-us-east-1-0 has the same snapshot and is billed as Red Hat Enterprise Linux (RunInstances:0010): the new AMI may lose that license, and its instances their updates. CreateImage of an instance keeps it; `register.acceptLostBilling: true` accepts the loss

    1 to create, 1 blocked. 1 changing AWS call: 1 RegisterImage.
    ");
}

/// A public AMI keeps its deprecation, and what failed before is not hidden by an upload that asks for nothing new.
#[tokio::test(start_paused = true)]
async fn what_ec2_would_not_do_is_blocked() {
    let stack = TestStack::built(|builder| builder.parameter("AllowPublic", "true")).await;
    let ec2 = stack.world.ec2();
    ec2.set_image_block(REGION, ImageBlock::Unblocked);
    let public = "access: {public: true}\n";
    let before = manifest(
        &stack,
        &format!("{public}deprecate: {{at: 2027-03-01T00:00:00Z}}\n"),
    );
    stack.drop_and_rest(KEY, &before).await;
    let later = manifest(
        &stack,
        &format!("{public}deprecate: {{at: 2027-09-01T00:00:00Z}}\n"),
    );
    let (planned, text) = screen(&stack, &later).await;
    assert_eq!(planned, Planned::Changes);
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    The AMI that exists is changed in place.

    us-east-1  ami-us-east-1-0
      ! deprecation  2027-09-01T00:00:00Z  because the AMI is public: EC2 then takes only an earlier time of deprecation than the one it has

    1 blocked. 0 changing AWS calls.
    ");
    plan_and_drop(&stack, &later).await;
    assert_eq!(stack.status(KEY).await["state"], "incomplete");
    let (planned, text) = screen(&stack, &later).await;
    assert_eq!(planned, Planned::Nothing);
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    Nothing to do: it asks for nothing new.

    Not as the manifest says, and not changed by uploading it again:

    us-east-1  ami-us-east-1-0
      ! AMI  because the AMI is public: EC2 then takes only an earlier time of deprecation than the one it has; change the setting, then upload the manifest if it had to be changed; if not, run: amiwright retry s3://local-bucket/golden/web.image.yaml

    Note: it is incomplete: `amiwright retry golden/web.image.yaml` asks for a new attempt

    No changes.
    ");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_is_refused_says_what_would_help() {
    let stack = stack().await;
    let (aws, config) = (stack.aws(), stack.config());
    for (code, help) in [
        ("AccessDeniedException", "allow DescribeImages"),
        ("AuthFailure", "allow DescribeImages"),
        ("UnauthorizedOperation", "allow DescribeImages"),
        ("RequestExpired", "renew them"),
        ("UnrecognizedClientException", "renew them"),
    ] {
        let faults = stack.world.faults();
        faults.clear();
        faults.always("ec2", "DescribeImages", refused(code));
        let content = manifest(&stack, "");
        let plan = planned(&stack, (&aws, &config), &content, false).await;
        let report = plan.unwrap_err().report();
        assert!(report.contains(help), "{code}: {report}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_be_encrypted_with_the_key_of_aws_is_blocked_before_it_is_imported() {
    let stack = stack().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let ec2 = stack.world.ec2();
    ec2.set_encryption_by_default(REGION, true, None);
    let content = format!(
        "name: web\nsource: {{disk: {{object: web.vmdk, format: vmdk}}}}\naccess: {{accounts: ['{PARTNER}']}}\n"
    );
    let (planned, text) = screen(&stack, &content).await;
    assert_eq!(planned, Planned::Changes);
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    A new AMI is asked for, and cannot be made.

    us-east-1  a new AMI
      ! AMI  because it would be encrypted with the key that AWS manages for EBS, and what is encrypted with that key cannot be shared; name a key of your own (`kmsKeyId` of the source, or `regions.REGION.kmsKeyId` for a copy), whose policy lets the recipients use it, or make one the default key for EBS in that Region, then upload the manifest if it had to be changed; if not, run: amiwright retry s3://local-bucket/golden/web.image.yaml

    1 blocked. 0 changing AWS calls.
    ");
    plan_and_drop(&stack, &content).await;
    assert_eq!(stack.status(KEY).await["state"], "failed");
    assert_eq!(stack.count("ImportSnapshot"), 0);
}

/// What EC2 would refuse once the AMI is public is blocked before.
#[tokio::test(start_paused = true)]
async fn a_public_ami_is_not_planned_to_be_deprecated_too_late() {
    let stack = TestStack::built(|builder| builder.parameter("AllowPublic", "true")).await;
    let ec2 = stack.world.ec2();
    ec2.set_image_block(REGION, ImageBlock::Unblocked);
    stack.drop_and_rest(KEY, manifest(&stack, "")).await;
    let made = "2025-11-21T10:00:00Z".parse().unwrap();
    let id = stack.only_image().id;
    assert!(ec2.edit_image(REGION, &id, |image| image.created_at = made));
    let public = "description: Web tier\naccess: {public: true}\n";
    let late = format!("{public}deprecate: {{at: 2028-10-21T10:00:00Z}}\n");
    let late = manifest(&stack, &late);
    let (planned, text) = screen(&stack, &late).await;
    assert_eq!(planned, Planned::Changes);
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    The AMI that exists is changed in place.

    us-east-1  ami-us-east-1-0
      ! share  everybody  because a public AMI is deprecated two years after it was made at the latest, this one at 2027-11-21T10:00:00Z; nothing was changed in this Region. Give an earlier time in `deprecate`, or leave `public` out

    1 blocked. 0 changing AWS calls.
    ");
    plan_and_drop(&stack, &late).await;
    assert_eq!(stack.status(KEY).await["state"], "incomplete");
    let early = format!("{public}deprecate: {{at: 2027-10-21T10:00:00Z}}\n");
    plan_and_drop(&stack, &manifest(&stack, &early)).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}
