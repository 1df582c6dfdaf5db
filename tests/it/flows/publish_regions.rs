//! An AMI is copied to the Regions of its manifest, and has its settings there, too.

use std::collections::{BTreeMap, BTreeSet};

use amiwright::image::observed::ObservedImage;
use amiwright::image::status::Grantee;
use localaws::ec2::TaskKind;
use localaws::faults::Fault;

use crate::support::{TestStack, changes_by_name, faults};

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "111122223333";
const OREGON: &str = "us-west-2";
const IRELAND: &str = "eu-west-1";
const CAPE_TOWN: &str = "af-south-1";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("CopyRegions", "af-south-1,eu-west-1,us-west-2")
    })
    .await
}

/// A manifest of the seeded snapshot with these lines.
fn manifest(stack: &TestStack, settings: &str) -> String {
    format!("{}{settings}", stack.manifest("web-{digest}"))
}

/// The AMIs in a Region, as EC2 shows them.
async fn images(stack: &TestStack, region: &str) -> Vec<ObservedImage> {
    let ids = stack.world.ec2().images(region);
    let ids: Vec<String> = ids.into_iter().map(|image| image.id).collect();
    let aws = stack.aws().in_region(region);
    if ids.is_empty() {
        return Vec::new();
    }
    aws.find_images("image-id", &ids).await.unwrap()
}

async fn only(stack: &TestStack, region: &str) -> ObservedImage {
    let images = images(stack, region).await;
    let [image] = images.as_slice() else {
        panic!("{region}: {images:?}");
    };
    image.clone()
}

/// The calls of the functions that make or change something in EC2, by Region and name.
fn changes(stack: &TestStack) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for call in changes_by_name(stack, 0) {
        *calls.entry(call).or_default() += 1;
    }
    calls
}

#[tokio::test(start_paused = true)]
async fn an_ami_is_copied_with_its_settings_and_nothing_happens_twice() {
    let stack = stack().await;
    let settings = format!(
        "description: Web tier\ntags: {{team: web}}\naccess: {{accounts: ['{PARTNER}']}}\n\
         protect: true\nregions: {{{OREGON}: {{}}, {IRELAND}: {{}}}}\n"
    );
    stack.drop_and_rest(KEY, manifest(&stack, &settings)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    for region in [OREGON, IRELAND] {
        let copy = only(&stack, region).await;
        assert_eq!(copy.description.as_deref(), Some("Web tier"));
        assert_eq!(copy.tags["team"], "web");
        assert_eq!(copy.protection, "enabled-without-cooldown");
        let grants = stack
            .aws()
            .in_region(region)
            .launch_permissions(&copy.id)
            .await
            .unwrap();
        assert_eq!(
            grants,
            BTreeSet::from([Grantee::Account(PARTNER.to_owned())])
        );
        assert_eq!(status["regions"][region]["image"], copy.id.as_str());
        assert!(stack.only_email().text.contains(&copy.id), "{region}");
    }
    let before = changes(&stack);
    assert_eq!(before[&format!("{OREGON} CopyImage")], 1);
    stack.drop_and_rest(KEY, manifest(&stack, &settings)).await;
    assert_eq!(changes(&stack), before);
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_region_is_added_and_a_removed_one_keeps_its_copy() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, manifest(&stack, "")).await;
    let asked = format!("regions: {{{OREGON}: {{}}}}\n");
    stack.drop_and_rest(KEY, manifest(&stack, &asked)).await;
    let copy = only(&stack, OREGON).await;
    let changed = format!("{asked}tags: {{team: web}}\n");
    stack.drop_and_rest(KEY, manifest(&stack, &changed)).await;
    assert_eq!(only(&stack, OREGON).await.tags["team"], "web");
    stack.drop_and_rest(KEY, manifest(&stack, "")).await;
    assert_eq!(only(&stack, OREGON).await.id, copy.id);
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_enabled_fails_alone() {
    let stack = stack().await;
    let asked = format!("regions: {{{CAPE_TOWN}: {{}}, {OREGON}: {{}}}}\n");
    stack.drop_and_rest(KEY, manifest(&stack, &asked)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    assert_eq!(images(&stack, CAPE_TOWN).await, []);
    let copy = only(&stack, OREGON).await;
    let email = stack.only_email();
    assert!(
        email.subject.starts_with("Incomplete: web-"),
        "{}",
        email.subject
    );
    assert!(
        email.text.contains(&copy.id) && email.text.contains(CAPE_TOWN),
        "{}",
        email.text
    );
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_fails_is_made_again_and_leaves_nothing() {
    let stack = stack().await;
    stack.world.ec2().fail_next_task(
        TaskKind::CopyImage,
        "Client.InternalError: Copy image failed",
    );
    let asked = format!("regions: {{{OREGON}: {{}}}}\n");
    stack.drop_and_rest(KEY, manifest(&stack, &asked)).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(only(&stack, OREGON).await.state, "available");
    assert_eq!(changes(&stack)[&format!("{OREGON} CopyImage")], 2);
}

#[tokio::test(start_paused = true)]
async fn one_copy_whatever_goes_wrong_once() {
    let asked = format!("regions: {{{OREGON}: {{}}}}\n");
    for fault in faults() {
        let stack = stack().await;
        stack
            .world
            .faults()
            .on("ec2", "CopyImage", 1, fault.clone());
        stack.drop_and_rest(KEY, manifest(&stack, &asked)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{fault:?}: {status:#}");
        assert_eq!(images(&stack, OREGON).await.len(), 1, "{fault:?}");
        assert_eq!(stack.emails().len(), 1, "{fault:?}");
    }
}

/// A Region that does not answer is waited for, and the AMI of the stack's Region has its settings meanwhile.
#[tokio::test(start_paused = true)]
async fn a_region_that_is_down_holds_up_no_other() {
    let stack = stack().await;
    stack
        .world
        .faults()
        .always("ec2", "CopyImage", Fault::Throttle);
    let asked = format!("regions: {{{OREGON}: {{}}}}\nprotect: true\n");
    stack.drop_file(KEY, manifest(&stack, &asked)).await;
    stack.world.run_for(crate::support::minutes(5)).await;
    assert_eq!(
        only(&stack, "us-east-1").await.protection,
        "enabled-without-cooldown"
    );
    assert_eq!(stack.status(KEY).await["state"], "working");
    stack.world.faults().clear();
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}

/// The AMIs of the first version are taken up again: what was granted for it is revoked, in both Regions.
#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_set_back_without_a_grant_revokes_it_everywhere() {
    for source in ["snapshot", "image"] {
        let stack = stack().await;
        let of = match source {
            "snapshot" => manifest(&stack, ""),
            _ => {
                let id = stack.image_elsewhere(IRELAND).await;
                format!(
                    "name: web-{{digest}}\nsource: {{image: {{id: {id}, region: {IRELAND}}}}}\n"
                )
            }
        };
        let regions = format!("regions: {{{OREGON}: {{}}}}\n");
        let shared = format!("{of}{regions}access: {{accounts: ['{PARTNER}']}}\n");
        stack.drop_and_rest(KEY, &shared).await;
        let first = only(&stack, OREGON).await.id;
        let other = format!("{}{regions}", of.replace("web-", "other-"));
        stack.drop_and_rest(KEY, other).await;
        stack.drop_and_rest(KEY, format!("{of}{regions}")).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(status["regions"][OREGON]["image"], first.as_str());
        for region in ["us-east-1", OREGON] {
            let image = status["regions"][region]["image"].as_str().unwrap();
            let aws = stack.aws().in_region(region);
            let grants = aws.launch_permissions(image).await.unwrap();
            assert_eq!(grants, BTreeSet::new(), "{source} {region}");
        }
    }
}

/// EC2 sends no events of other Regions, and copies take long: they are polled less often the older they are.
#[tokio::test(start_paused = true)]
async fn a_copy_that_takes_long_is_polled_less_and_less_often() {
    let stack = stack().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::CopyImage, crate::support::minutes(120));
    let asked = format!("regions: {{{OREGON}: {{}}}}\n");
    stack.drop_and_rest(KEY, manifest(&stack, &asked)).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    let calls = stack.world.calls();
    let polls = calls
        .iter()
        .filter(|call| call.region == OREGON && call.action == "DescribeImages")
        .count();
    assert!((20..=60).contains(&polls), "{polls} polls in two hours");
    assert_eq!(stack.emails().len(), 1);
}

/// EC2 answers an invocation only once another has taken up the next version: the status names the copy all the same.
#[tokio::test(start_paused = true)]
async fn a_copy_that_is_begun_while_another_version_begins_is_remembered() {
    let stack = stack().await;
    let slow = Fault::Slow(std::time::Duration::from_secs(20));
    stack.world.faults().on("ec2", "CopyImage", 1, slow);
    let asked = format!("regions: {{{IRELAND}: {{}}}}\n");
    stack.drop_file(KEY, manifest(&stack, &asked)).await;
    stack.world.run_for(std::time::Duration::from_secs(6)).await;
    let mistake = manifest(&stack, "acess: {}\n");
    stack.drop_file(KEY, mistake).await;
    stack.world.run_for(crate::support::minutes(20)).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "rejected");
    let copies = images(&stack, IRELAND).await;
    let known = status["previous"][0]["regions"][IRELAND]["image"].as_str();
    let made = copies.first().map(|copy| copy.id.as_str());
    assert!(copies.len() <= 1 && known == made, "{copies:?} {status:#}");
    assert!(made.is_some(), "the copy was begun");
}
