//! An AMI is copied to the Regions of its manifest, and has its settings there, too.

use std::collections::{BTreeMap, BTreeSet};

use amiwright::image::observed::ObservedImage;
use amiwright::image::status::Grantee;
use localaws::ec2::TaskKind;
use localaws::faults::Fault;
use serde_json::Value;

use crate::support::{REGION, TestStack, minutes};

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "111122223333";
const OREGON: &str = "us-west-2";
const IRELAND: &str = "eu-west-1";
const FRANKFURT: &str = "eu-central-1";
const CAPE_TOWN: &str = "af-south-1";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter(
                "CopyRegions",
                "af-south-1,eu-central-1,eu-west-1,us-west-2",
            )
            .parameter("KmsKeys", KMS_KEY)
    })
    .await
}

const KMS_KEY: &str =
    "arn:aws:kms:eu-west-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A manifest of the seeded snapshot with these lines.
fn manifest(stack: &TestStack, settings: &str) -> String {
    format!("{}{settings}", stack.manifest("web"))
}

/// The one AMI in a Region, as EC2 shows it.
async fn only(stack: &TestStack, region: &str) -> ObservedImage {
    let ids: Vec<String> = stack.world.ec2().images(region);
    let [id] = ids.as_slice() else {
        panic!("{region}: {ids:?}");
    };
    let aws = stack.aws().in_region(region);
    let found = aws.find_images("image-id", &[id.clone()]).await.unwrap();
    found.into_iter().next().unwrap()
}

/// The calls of the functions that make or change something in EC2, by Region and name.
fn changes(stack: &TestStack) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    let made = stack.world.calls();
    let reads = ["Describe", "Get", "List"];
    let of_functions = made.iter().filter(|call| {
        call.function.is_some()
            && call.service == "ec2"
            && !reads.iter().any(|word| call.action.starts_with(word))
    });
    for call in of_functions {
        *calls
            .entry(format!("{} {}", call.region, call.action))
            .or_default() += 1;
    }
    calls
}

fn text(changes: &BTreeMap<String, usize>) -> String {
    let lines = changes.iter().map(|(call, count)| format!("{call} x{count}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn last_subject(stack: &TestStack) -> String {
    stack.mails().pop().unwrap().subject
}
