//! `amiwright plan`: what an upload would change, said before it does.

use std::collections::BTreeMap;

use amiwright::aws::Aws;
use amiwright::cli::Error;
use amiwright::cli::Terminal;
use amiwright::cli::plan::{Planned, Upload, show};
use amiwright::config::Config;
use amiwright::reconcile::Context;
use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{TestStack, minutes};

pub(super) const KEY: &str = "golden/web.image.yaml";
pub(super) const PARTNER: &str = "111122223333";
const OTHER: &str = "444455556666";

pub(super) async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("CopyRegions", "af-south-1,eu-west-1,us-west-2")
            .parameter("AllowRetire", "true")
    })
    .await
}

/// A manifest of the seeded snapshot with these lines.
pub(super) fn manifest(stack: &TestStack, settings: &str) -> String {
    format!("{}{settings}", stack.manifest("web-{digest}"))
}

/// A plan by these credentials, within this configuration.
pub(super) async fn planned(
    stack: &TestStack,
    (aws, config): (&Aws, &Config),
    content: &str,
    json: bool,
) -> Result<(Planned, String), Error> {
    let before = stack.world.calls().len();
    let context = Context::new(aws, config, stack.world.clock().now());
    let upload = Upload {
        file: "web.image.yaml",
        key: KEY,
        content: content.as_bytes(),
        known: &stack.config().guardrails,
    };
    let mut out = Vec::new();
    let planned = show(context, &upload, Terminal::PLAIN, json, &mut out).await;
    for call in stack.world.calls().iter().skip(before) {
        let is_ours = call.function.is_none();
        assert!(!is_ours || call.is_read(), "{call:?}");
    }
    Ok((planned?, String::from_utf8(out).unwrap()))
}

/// What the screen shows, with ids in place of which there are names.
pub(super) async fn screen(stack: &TestStack, content: &str) -> (Planned, String) {
    let (aws, config) = (stack.aws(), stack.config());
    let plan = planned(stack, (&aws, &config), content, false).await;
    let (planned, text) = plan.unwrap();
    (planned, named(stack, text))
}

/// Ids and digests, which differ from run to run, by names.
pub(super) fn named(stack: &TestStack, mut text: String) -> String {
    let ec2 = stack.world.ec2();
    for region in ["us-east-1", "us-west-2", "eu-west-1"] {
        for (number, image) in ec2.images(region).into_iter().enumerate() {
            text = text.replace(&image.id, &format!("ami-{region}-{number}"));
            if image.name.contains('-') {
                text = text.replace(&image.name, "web-DIGEST");
            }
        }
        for (number, snapshot) in ec2.snapshots(region).into_iter().enumerate() {
            text = text.replace(&snapshot.id, &format!("snap-{region}-{number}"));
        }
    }
    text
}

pub(super) async fn json(stack: &TestStack, content: &str) -> Value {
    let (aws, config) = (stack.aws(), stack.config());
    let plan = planned(stack, (&aws, &config), content, true).await;
    let mut printed: Value = serde_json::from_str(&plan.unwrap().1).unwrap();
    printed["items"][0].take()
}

/// The calls of the functions that change something in EC2, by name.
pub(super) fn changes(stack: &TestStack) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in stack.world.calls() {
        if call.function.is_some() && call.service == "ec2" && !call.is_read() {
            *counts.entry(call.action.to_string()).or_default() += 1;
        }
    }
    counts
}

/// Plans a manifest, uploads it, and compares the calls that were made with those that the plan counted.
pub(super) async fn plan_and_drop(stack: &TestStack, content: &str) -> Value {
    let plan = json(stack, content).await;
    let before = changes(stack);
    stack.drop_and_rest(KEY, content).await;
    let mut made = changes(stack);
    for (name, count) in before {
        *made.get_mut(&name).unwrap() -= count;
    }
    made.retain(|_, count| *count > 0);
    let counted: BTreeMap<String, usize> =
        serde_json::from_value(plan["calls"]["byName"].clone()).unwrap();
    assert_eq!(counted, made, "{plan:#}");
    plan
}

#[tokio::test(start_paused = true)]
async fn a_new_manifest_is_planned_with_its_copies_and_settings() {
    let stack = stack().await;
    let settings = format!(
        "description: Web tier\ntags: {{team: web}}\naccess: {{accounts: ['{PARTNER}'], copy: true}}\n\
         protect: true\nregions: {{us-west-2: {{}}, eu-west-1: {{}}}}\n"
    );
    let content = manifest(&stack, &settings);
    let (planned, text) = screen(&stack, &content).await;
    assert_eq!(planned, Planned::Changes);
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    A new AMI is made.

    us-east-1  a new AMI
      + AMI             web-dace4888  (made from: snapshot)
      + snapshot share  snap-us-east-1-0: 111122223333
      + share           111122223333
      + protection      against deregistration

    eu-west-1  a new copy
      + copy
      + snapshot share  the copy of snap-us-east-1-0: 111122223333
      + share           111122223333
      + protection      against deregistration

    us-west-2  a new copy
      + copy
      + snapshot share  the copy of snap-us-east-1-0: 111122223333
      + share           111122223333
      + protection      against deregistration

    12 to create. 12 changing AWS calls: 2 CopyImage, 3 EnableImageDeregistrationProtection, 3 ModifyImageAttribute, 3 ModifySnapshotAttribute, 1 RegisterImage.
    ");
    let plan = plan_and_drop(&stack, &content).await;
    assert_eq!(plan["outcome"], "build");
    assert_eq!(stack.status(KEY).await["state"], "available");
    let name = stack.only_image().name;
    assert_eq!(plan["changes"][0]["to"], name.as_str());
}

#[tokio::test(start_paused = true)]
async fn changed_settings_are_shown_with_old_and_new_value() {
    let stack = stack().await;
    let settings = format!(
        "description: Web tier\ntags: {{team: web, stage: beta}}\n\
         access: {{accounts: ['{PARTNER}', '{OTHER}'], copy: true}}\ndeprecate: {{at: 2027-03-01T00:00:00Z}}\n\
         regions: {{us-west-2: {{}}}}\n"
    );
    let content = manifest(&stack, &settings);
    stack.drop_and_rest(KEY, &content).await;
    let settings = format!(
        "description: Web front\ntags: {{team: front}}\naccess: {{accounts: ['{OTHER}'], copy: true}}\n\
         deprecate: {{at: 2027-06-01T00:00:00Z}}\nprotect: true\nregions: {{us-west-2: {{}}, eu-west-1: {{}}}}\n"
    );
    let content = manifest(&stack, &settings);
    let (planned, text) = screen(&stack, &content).await;
    assert_eq!(planned, Planned::Changes);
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    The AMI that exists is changed in place.

    us-east-1  ami-us-east-1-0
      - share           111122223333
      - snapshot share  snap-us-east-1-0: 111122223333
      ~ description     Web tier -> Web front
      ~ tag team        web -> front
      - tag stage       beta
      ~ deprecation     2027-03-01T00:00:00Z -> 2027-06-01T00:00:00Z
      + protection      against deregistration

    eu-west-1  a new copy
      + copy
      + snapshot share  the copy of snap-us-east-1-0: 444455556666
      + share           444455556666
      + deprecation     2027-06-01T00:00:00Z
      + protection      against deregistration

    us-west-2  ami-us-west-2-0
      - share           111122223333
      - snapshot share  snap-us-west-2-0: 111122223333
      ~ description     Web tier -> Web front
      ~ tag team        web -> front
      - tag stage       beta
      ~ deprecation     2027-03-01T00:00:00Z -> 2027-06-01T00:00:00Z
      + protection      against deregistration

    7 to create, 6 to change, 6 to remove. 19 changing AWS calls: 1 CopyImage, 2 CreateTags, 2 DeleteTags, 3 EnableImageDeprecation, 3 EnableImageDeregistrationProtection, 5 ModifyImageAttribute, 3 ModifySnapshotAttribute.
    ");
    let plan = plan_and_drop(&stack, &content).await;
    assert_eq!(plan["outcome"], "change");
    // Set back: all is taken back.
    let (_, text) = screen(&stack, &manifest(&stack, "")).await;
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    The AMI that exists is changed in place.

    us-east-1  ami-us-east-1-0
      - share           444455556666
      - snapshot share  snap-us-east-1-0: 444455556666
      - description     Web front
      - tag team        front
      - deprecation     2027-06-01T00:00:00Z
      - protection      against deregistration

    Note: eu-west-1 is not asked for any more: ami-eu-west-1-0 is kept as it is
    Note: us-west-2 is not asked for any more: ami-us-west-2-0 is kept as it is

    6 to remove. 6 changing AWS calls: 1 DeleteTags, 1 DisableImageDeprecation, 1 DisableImageDeregistrationProtection, 2 ModifyImageAttribute, 1 ModifySnapshotAttribute.
    ");
    plan_and_drop(&stack, &manifest(&stack, "")).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_to_do_is_said_and_so_is_what_others_have_changed() {
    let stack = stack().await;
    let settings = format!("access: {{accounts: ['{PARTNER}']}}\n");
    let content = manifest(&stack, &settings);
    stack.drop_and_rest(KEY, &content).await;
    let (planned, text) = screen(&stack, &content).await;
    assert_eq!(planned, Planned::Nothing);
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    Nothing to do: it asks for nothing new.

    No changes.
    ");
    // A comment changes nothing.
    let (planned, _) = screen(&stack, &format!("# For web\n{content}")).await;
    assert_eq!(planned, Planned::Nothing);
    plan_and_drop(&stack, &content).await;

    let partner = amiwright::image::status::Grantee::Account(PARTNER.to_owned());
    let (none, all) = (Default::default(), [partner].into());
    let id = stack.only_image().id;
    let revoked = stack.aws();
    let revoked = revoked.change_launch_permissions(&id, &none, &all);
    revoked.await.unwrap();
    let (planned, text) = screen(&stack, &content).await;
    assert_eq!(planned, Planned::Nothing);
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    Nothing to do: it asks for nothing new.

    Not as the manifest says, and not changed by uploading it again:

    us-east-1  ami-us-east-1-0
      + share  111122223333

    No changes.
    ");
    plan_and_drop(&stack, &content).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_replaced_is_planned_to_its_last_snapshot() {
    let stack = stack().await;
    stack
        .drop_file("golden/web.vmdk", crate::support::vmdk())
        .await;
    let disk = |settings: &str| {
        format!(
            "name: web-{{digest}}\nsource:\n  disk: {{object: web.vmdk, format: vmdk}}\n{settings}"
        )
    };
    let content = disk("protect: true\n");
    plan_and_drop(&stack, &content).await;
    let mut other = crate::support::vmdk();
    other.push(1);
    stack.drop_file("golden/web.vmdk", other).await;
    let content = disk("replaces: {previous: deregister, snapshots: delete}\n");
    let (planned, text) = screen(&stack, &content).await;
    assert_eq!(planned, Planned::Changes);
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    A new AMI is made.

    us-east-1  a new AMI
      + AMI         web-b178df3e  (made from: disk)

    us-east-1  ami-us-east-1-0
      - protection
      - AMI
      - snapshot    snap-us-east-1-0  (unless another AMI uses it, or its tags do not show that it was made for this manifest)

    1 to create, 3 to remove. 6 changing AWS calls: 1 CreateTags, 1 DeleteSnapshot, 1 DeregisterImage, 1 DisableImageDeregistrationProtection, 1 ImportSnapshot, 1 RegisterImage.
    ");
    let plan = plan_and_drop(&stack, &content).await;
    assert_eq!(plan["outcome"], "build");
    assert_eq!(stack.only_image().name, plan["changes"][0]["to"]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_or_is_in_progress_is_said() {
    let stack = stack().await;
    let content = "name: web-{digest}\nsource:\n  disk: {object: web.vmdk, format: vmdk}\n";
    let (_, text) = screen(&stack, content).await;
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    A new AMI is made.

    us-east-1  a new AMI
      + AMI  (made from: disk)
      ! AMI  because s3://local-bucket/golden/web.vmdk is not uploaded yet

    1 to create, 1 blocked. 3 changing AWS calls: 1 CreateTags, 1 ImportSnapshot, 1 RegisterImage.
    ");
    stack.drop_file(KEY, content).await;
    stack
        .drop_file("golden/web.vmdk", crate::support::vmdk())
        .await;
    stack.world.run_for(minutes(1)).await;
    let (_, text) = screen(&stack, content).await;
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    What it asks for is in progress (working/await-task); this is still to be done.

    No changes.
    ");
    let (_, text) = screen(&stack, &manifest(&stack, "")).await;
    assert_snapshot!(text, @r"
    web.image.yaml -> s3://local-bucket/golden/web.image.yaml
    It starts once the version in progress (working/await-image) has ended.

    us-east-1  a new AMI
      + AMI  web-dace4888  (made from: snapshot)

    1 to create. 1 changing AWS call: 1 RegisterImage.
    ");
}

/// The same file under another key is another image.
#[tokio::test(start_paused = true)]
async fn a_key_that_was_meant_otherwise_is_named() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, manifest(&stack, "")).await;
    let (aws, config) = (stack.aws(), stack.config());
    let context = Context::new(&aws, &config, stack.world.clock().now());
    let content = manifest(&stack, "");
    let upload = Upload {
        file: "web.image.yaml",
        key: "web.image.yaml",
        content: content.as_bytes(),
        known: &config.guardrails,
    };
    let mut out = Vec::new();
    show(context, &upload, Terminal::PLAIN, false, &mut out)
        .await
        .unwrap();
    assert_snapshot!(named(&stack, String::from_utf8(out).unwrap()), @r"
    web.image.yaml -> s3://local-bucket/web.image.yaml
    A new AMI is asked for, and cannot be made.

    us-east-1  a new AMI
      ? AMI  because InvalidAMIName.Duplicate: AMI name web-DIGEST is already in use by AMI ami-us-east-1-0; choose another name and upload the manifest again; or deregister ami-us-east-1-0 if it is no longer needed, then run: amiwright retry s3://local-bucket/web.image.yaml

    Note: web.image.yaml would be another image than golden/web.image.yaml: use --key golden/web.image.yaml for that one

    1 in conflict. 0 changing AWS calls.
    ");
}
