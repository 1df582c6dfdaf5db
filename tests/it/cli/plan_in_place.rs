//! `amiwright plan` of an AMI that goes before the new one is registered.

use std::collections::BTreeMap;

use amiwright::cli::Terminal;
use amiwright::cli::plan::{Planned, Upload, show};
use amiwright::reconcile::Context;
use insta::assert_snapshot;
use localaws::ec2::SeedInstance;
use serde_json::Value;

use super::plan::KEY;
use crate::flows::bundles::{self, other_bundle};
use crate::support::{TestStack, changes_since};

async fn stack(allow_retire: bool) -> TestStack {
    let allow_retire = allow_retire.to_string();
    TestStack::built(|builder| builder.parameter("AllowRetire", &allow_retire)).await
}

/// The manifest's version of this number: all have the same name.
fn version(stack: &TestStack, number: u32, settings: &str) -> String {
    let manifest = stack.manifest("web");
    let size = 8 + number;
    format!(
        "{manifest}register: {{blockDeviceMappings: [{{deviceName: /dev/sdb, ebs: {{volumeSize: {size}}}}}]}}\n\
         replaces: {{previous: deregister}}\n{settings}"
    )
}

/// What the plan says, as text or as JSON, with a name for the AMI that is there.
async fn planned(stack: &TestStack, key: &str, content: &[u8], json: bool) -> (Planned, String) {
    let (aws, config) = (stack.aws(), stack.config());
    let context = Context::new(&aws, &config, stack.world.clock().now());
    let upload = Upload {
        file: "web",
        key,
        content,
        known: &config.guardrails,
    };
    let mut out = Vec::new();
    let planned = show(context, &upload, Terminal::PLAIN, json, &mut out)
        .await
        .unwrap();
    let mut text = String::from_utf8(out).unwrap();
    if json {
        let printed: Value = serde_json::from_str(&text).unwrap();
        text = printed["items"][0].to_string();
    }
    (planned, text.replace(&stack.only_image().id, "ami-old"))
}

/// What functions changed, by name, with RegisterImage once: a name is free only a while after its AMI is deregistered, and it
/// is sent again then.
fn changed(stack: &TestStack, number: u64) -> BTreeMap<String, usize> {
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for call in changes_since(stack, number) {
        let count = calls.entry(call.action.clone()).or_default();
        *count = if call.action == "RegisterImage" {
            1
        } else {
            *count + 1
        };
    }
    calls
}

fn counted(plan: &str) -> BTreeMap<String, usize> {
    let plan: Value = serde_json::from_str(plan).unwrap();
    serde_json::from_value(plan["calls"]["byName"].clone()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_ami_with_the_same_name_goes_first() {
    let stack = stack(true).await;
    let first = version(&stack, 1, "protect: true\n");
    stack.drop_and_rest(KEY, first).await;
    let second = version(&stack, 2, "");
    let (changes, text) = planned(&stack, KEY, second.as_bytes(), false).await;
    assert_eq!(changes, Planned::Changes);
    assert_snapshot!(text, @r"
    web -> s3://local-bucket/golden/web.image.yaml
    A new AMI is made.

    us-east-1  ami-old
      - protection
      - AMI         (first, because the new AMI gets its name: until that is available, there is no AMI)

    us-east-1  a new AMI
      + AMI         web  (made from: snapshot)

    1 to create, 2 to remove. 3 changing AWS calls: 1 DeregisterImage, 1 DisableImageDeregistrationProtection, 1 RegisterImage.
    ");
    let (_, plan) = planned(&stack, KEY, second.as_bytes(), true).await;
    let before = stack.world.faults().count();
    stack.drop_and_rest(KEY, second).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(changed(&stack, before), counted(&plan));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_keeps_its_name_and_nothing_is_made() {
    let stack = stack(true).await;
    stack.drop_and_rest(KEY, version(&stack, 1, "")).await;
    let instance = SeedInstance {
        image_id: Some(stack.only_image().id),
        ..SeedInstance::default()
    };
    stack
        .world
        .ec2()
        .seed_instance(crate::support::REGION, instance);
    let second = version(&stack, 2, "");
    let (_, plan) = planned(&stack, KEY, second.as_bytes(), true).await;
    assert_eq!(counted(&plan), BTreeMap::new());
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["changes"].as_array().unwrap().len(), 1, "{plan:#}");
    assert_eq!(plan["changes"][0]["change"], "conflict");
}

#[tokio::test(start_paused = true)]
async fn an_overwritten_bundle_says_what_becomes_of_its_ami() {
    for allow_retire in [true, false] {
        let stack = stack(allow_retire).await;
        stack.drop_file("bundles/image.part.0", bundles::PART).await;
        stack.drop_and_rest(bundles::KEY, bundles::MANIFEST).await;
        stack.minute().await;
        let (manifest, part) = other_bundle();
        stack.drop_file("bundles/image.part.0", part).await;
        let (_, plan) = planned(&stack, bundles::KEY, &manifest, true).await;
        let lines: Value = serde_json::from_str(&plan).unwrap();
        let line = &lines["changes"][0];
        assert_eq!(line["image"], "ami-old", "{lines:#}");
        let change = if allow_retire { "remove" } else { "blocked" };
        assert_eq!(line["change"], change, "{lines:#}");
        let why = line["why"].as_str().unwrap();
        assert!(why.contains("launches of it may fail"), "{why}");
        let before = stack.world.faults().count();
        for _ in 0..2 {
            stack.drop_and_rest(bundles::KEY, &manifest).await;
        }
        assert_eq!(changed(&stack, before), counted(&plan));
    }
}
