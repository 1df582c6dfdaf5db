//! The manifests of `examples/` that show a whole task: each is uploaded as it is, twice, to what it needs.

use std::collections::BTreeMap;

use amiwright::image::status::Grantee;
use localaws::ec2::{Era, ImageBlock, SeedSnapshot};
use localaws::world::Builder;

use crate::support::{REGION, TestStack};

/// A raw disk, as far as that can be told.
fn raw(seed: u8) -> Vec<u8> {
    let mut disk = vec![seed; 1 << 20];
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk
}

fn example(name: &str) -> String {
    let top = env!("CARGO_MANIFEST_DIR");
    std::fs::read_to_string(format!("{top}/examples/{name}.image.yaml")).unwrap()
}

/// A stack with the parameters that the example's header names.
async fn stack(name: &str) -> TestStack {
    let header = example(name);
    let needs = header
        .lines()
        .find_map(|line| line.split_once("The stack needs: "));
    let needs = needs
        .unwrap_or_else(|| panic!("{name} does not say what it needs"))
        .1;
    let parameter = |word: &str| {
        let (name, value) = word.trim_end_matches('.').split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let parameters: Vec<(String, String)> =
        needs.split_whitespace().filter_map(parameter).collect();
    let with = |builder: Builder| {
        let set =
            |builder: Builder, (name, value): &(String, String)| builder.parameter(name, value);
        parameters.iter().fold(builder, set)
    };
    let stack = TestStack::built(with).await;
    let ec2 = stack.world.ec2();
    let snapshot = SeedSnapshot {
        id: Some("snap-0123456789abcdef0".to_owned()),
        volume_size: 8,
        ..SeedSnapshot::default()
    };
    ec2.seed_snapshot(REGION, snapshot);
    ec2.set_image_block(REGION, ImageBlock::Unblocked);
    stack
}

/// Uploads an example, and once more: the second time changes nothing. Returns the calls that changed something.
async fn run(stack: &TestStack, name: &str) -> BTreeMap<String, usize> {
    let key = format!("{name}.image.yaml");
    stack.drop_and_rest(&key, example(name)).await;
    let status = stack.status(&key).await;
    assert_eq!(status["state"], "available", "{name}: {status:#}");
    let (before, emails) = (changes(stack), stack.emails().len());
    stack.drop_and_rest(&key, example(name)).await;
    assert_eq!(
        (changes(stack), stack.emails().len()),
        (before.clone(), emails),
        "{name}"
    );
    before
}

/// The calls of the functions that change something in EC2.
fn changes(stack: &TestStack) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in stack.world.calls() {
        let is_change = call.service == "ec2" && !call.action.starts_with("Describe");
        if is_change && call.function.is_some() {
            *counts.entry(call.action.clone()).or_default() += 1;
        }
    }
    counts
}

async fn grants(stack: &TestStack) -> Vec<String> {
    let image = stack.images().pop().unwrap().id;
    let grants = stack.aws().launch_permissions(&image).await.unwrap();
    grants.iter().map(Grantee::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn a_golden_image_is_protected_and_its_older_version_deprecated() {
    let stack = stack("golden").await;
    stack.drop_file("golden.raw", raw(1)).await;
    run(&stack, "golden").await;
    stack.drop_file("golden.raw", raw(2)).await;
    let calls = run(&stack, "golden").await;
    assert_eq!(calls["ImportSnapshot"], 2, "{calls:?}");
    assert_eq!(calls["EnableImageDeregistrationProtection"], 2, "{calls:?}");
    // Each by its own setting, and the first because the second replaces it.
    assert_eq!(calls["EnableImageDeprecation"], 3, "{calls:?}");
    assert_eq!(stack.images().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_nightly_rebuild_leaves_one_ami_with_its_snapshot() {
    let stack = stack("nightly").await;
    let before = stack.snapshots().len();
    stack.drop_file("nightly.raw", raw(1)).await;
    run(&stack, "nightly").await;
    let first = stack.only_image().id;
    stack.drop_file("nightly.raw", raw(2)).await;
    run(&stack, "nightly").await;
    assert_ne!(stack.only_image().id, first);
    assert_eq!(stack.snapshots().len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn an_organization_gets_an_ami() {
    let stack = stack("organization").await;
    let calls = run(&stack, "organization").await;
    assert_eq!(calls["ModifyImageAttribute"], 1, "{calls:?}");
    let organization = "arn:aws:organizations::111122223333:organization/o-a1b2c3d4e5";
    assert_eq!(grants(&stack).await, ["444455556666", organization]);
}

#[tokio::test(start_paused = true)]
async fn a_public_ami_is_deprecated_in_half_a_year() {
    let stack = stack("public").await;
    run(&stack, "public").await;
    assert_eq!(grants(&stack).await, ["everybody"]);
    let status = stack.status("public.image.yaml").await;
    let at = &status["regions"][REGION]["applied"]["deprecateAt"];
    assert!(at.is_string(), "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn an_archive_is_restored() {
    let stack = stack("restore").await;
    let stored = stack.stored_image().await;
    let s3 = stack.world.s3();
    let archive = "image-archive";
    s3.create_bucket(archive, false).await.unwrap();
    let content = s3.get(&stack.bucket, &stored).await.unwrap().unwrap();
    let key = "ami-0123456789abcdef0.bin";
    s3.put(archive, key, content).await.unwrap();
    let calls = run(&stack, "restore").await;
    assert_eq!(calls["CreateRestoreImageTask"], 1, "{calls:?}");
    assert_eq!(stack.images().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_paid_ami_is_shared_with_its_customers() {
    let stack = stack("paid").await;
    stack.world.ec2().set_era(Era::Classic);
    let bundle = format!("{}/examples/bundle", env!("CARGO_MANIFEST_DIR"));
    let manifest = std::fs::read_to_string(format!("{bundle}/image.manifest.xml")).unwrap();
    let codes = "<product_codes><product_code>774F4FF8</product_code></product_codes></machine_configuration>";
    let manifest = manifest.replace("</machine_configuration>", codes);
    let part = std::fs::read(format!("{bundle}/image.part.0")).unwrap();
    stack.drop_file("image.part.0", part).await;
    stack.drop_silently("image.manifest.xml", manifest);
    run(&stack, "paid").await;
    assert_eq!(grants(&stack).await, ["111122223333", "444455556666"]);
    let code = &stack.only_image().product_codes[0];
    assert_eq!(code.id, "774F4FF8");
    assert!(stack.only_email().text.contains("774F4FF8"));
}

#[tokio::test(start_paused = true)]
async fn a_release_moves_the_parameters_of_four_regions() {
    let stack = stack("release").await;
    let calls = run(&stack, "release").await;
    assert_eq!(calls["CopyImage"], 3, "{calls:?}");
    let status = stack.status("release.image.yaml").await;
    for region in [REGION, "eu-west-1", "us-west-2", "ap-southeast-2"] {
        let image = status["regions"][region]["image"].as_str();
        for name in ["/images/web/latest", "/images/web/stable"] {
            let value = stack.world.ssm().parameter(region, name);
            assert!(
                image.is_some() && value.as_deref() == image,
                "{region} {name}"
            );
        }
    }
    assert_eq!(stack.count("PutParameter"), 8);
    assert!(stack.only_email().text.contains("/images/web/latest"));
}

#[test]
fn every_task_of_the_examples_is_run() {
    // One for each source, which the tests of the sources, of the demo and of the manifests read.
    let sources = [
        "copy", "disk", "full", "instance", "mistakes", "store", "stored", "vm", "web",
    ];
    let run = include_str!("examples.rs");
    let top = format!("{}/examples", env!("CARGO_MANIFEST_DIR"));
    for entry in std::fs::read_dir(top).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".image.yaml") else {
            continue;
        };
        let is_run = run.contains(&format!("run(&stack, \"{name}\")"));
        assert!(is_run || sources.contains(&name), "{name}");
    }
}
