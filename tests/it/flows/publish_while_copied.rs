//! What changes while an AMI is being copied, or before it is released: who may have it, and whether the account still has
//! the Region.

use std::collections::BTreeSet;
use std::time::Duration;

use localaws::ec2::{Permission, TaskKind};
use localaws::faults::Fault;
use serde_json::Value;

use crate::support::{REGION, TestStack, changes_since, minutes};

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "111122223333";
const OREGON: &str = "us-west-2";
const CAPE_TOWN: &str = "af-south-1";
const NAME: &str = "/images/web";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("AllowRetire", "true")
            .parameter("CopyRegions", "af-south-1,us-west-2")
            .parameter("ParameterPrefix", "/images")
    })
    .await
}

fn manifest(stack: &TestStack, settings: &str) -> String {
    format!("{}{settings}", stack.manifest("web-{digest}"))
}

/// Everybody else who may launch an AMI or has a snapshot in a Region.
fn grantees(stack: &TestStack, region: &str) -> BTreeSet<Permission> {
    let ec2 = stack.world.ec2();
    let images = ec2.images(region).into_iter();
    let snapshots = ec2.snapshots(region).into_iter();
    images
        .flat_map(|it| it.launch_permissions)
        .chain(snapshots.flat_map(|it| it.create_volume_permissions))
        .collect()
}

/// The calls that gave something to the account.
fn shares(stack: &TestStack, region: &str) -> usize {
    let calls = stack.world.calls().into_iter();
    let is_share = |name: &str| name.contains(".Add.");
    calls
        .filter(|call| call.region == region && call.done)
        .filter(|call| {
            let mut fields = call.fields.iter();
            fields.any(|(name, value)| is_share(name) && value == PARTNER)
        })
        .count()
}

/// Drops it again: nothing is done, and nobody is told anything.
async fn nothing_happens_twice(stack: &TestStack, manifest: &str) {
    let (calls, emails) = (stack.world.faults().count(), stack.emails().len());
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(changes_since(stack, calls), []);
    assert_eq!(stack.emails().len(), emails);
}

#[tokio::test(start_paused = true)]
async fn a_share_that_is_revoked_during_the_copy_ends_everywhere() {
    for copy in ["", ", copy: true"] {
        for (wait, is_shared) in [(0, false), (5, true)] {
            let stack = stack().await;
            stack
                .world
                .ec2()
                .set_task_time(TaskKind::CopyImage, minutes(20));
            let regions = format!("regions: {{{OREGON}: {{}}}}\nparameters: [{NAME}]\n");
            let shared = format!("{regions}access: {{accounts: ['{PARTNER}']{copy}}}\n");
            stack.drop_file(KEY, manifest(&stack, &shared)).await;
            while stack.count("CopyImage") == 0 {
                stack.world.run_for(Duration::from_secs(10)).await;
            }
            stack.world.run_for(minutes(wait)).await;
            assert_eq!(
                shares(&stack, REGION) > 0,
                is_shared || copy.is_empty() || wait == 0
            );
            let private = manifest(&stack, &regions);
            stack.drop_and_rest(KEY, &private).await;
            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "available", "{status:#}");
            for region in [REGION, OREGON] {
                assert_eq!(grantees(&stack, region), BTreeSet::new(), "{region}");
                let applied = &status["regions"][region]["applied"];
                assert_eq!(applied["grants"], Value::Null, "{status:#}");
                assert_eq!(applied["snapshots"], Value::Null, "{status:#}");
                let image = status["regions"][region]["image"].as_str();
                assert_eq!(stack.world.ssm().parameter(region, NAME).as_deref(), image);
            }
            assert_eq!(shares(&stack, OREGON), 0, "the copy was shared");
            assert_eq!(stack.count("CopyImage"), 1);
            nothing_happens_twice(&stack, &private).await;
        }
    }
}

/// A copy under way to a Region that the account disables. What is asked for in each Region, and in which copies are made.
async fn disabled(settings: &str, is_copied: bool) -> (TestStack, String) {
    let stack = stack().await;
    let ec2 = stack.world.ec2();
    ec2.set_opted_in(CAPE_TOWN, true);
    ec2.set_task_time(TaskKind::CopyImage, minutes(20));
    let manifest = manifest(&stack, &format!("{settings}parameters: [{NAME}]\n"));
    if is_copied {
        // It is copied and has its settings; that it is released is put off.
        let faults = stack.world.faults();
        faults.always("ssm", "GetParameters", Fault::Throttle);
    }
    stack.drop_file(KEY, &manifest).await;
    let wait = if is_copied { 30 } else { 10 };
    stack.world.run_for(minutes(wait)).await;
    let status = stack.status(KEY).await;
    let known = &status["regions"][CAPE_TOWN];
    assert_eq!(known["verifiedAt"].is_string(), is_copied, "{status:#}");
    assert_eq!(stack.count("PutParameter"), 0);
    stack.world.ec2().set_opted_in(CAPE_TOWN, false);
    stack.world.faults().clear();
    // It may be a passing fault of EC2's: it is told, and tried for hours.
    stack.world.run_for(minutes(7 * 60)).await;
    stack.rest().await;
    (stack, manifest)
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_disabled_before_the_release_holds_it_back() {
    let settings = format!("regions: {{{CAPE_TOWN}: {{}}, {OREGON}: {{}}}}\n");
    let (stack, manifest) = disabled(&settings, false).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    for region in [REGION, OREGON, CAPE_TOWN] {
        let value = stack.world.ssm().parameter(region, NAME);
        assert_eq!(value, None, "{region}");
    }
    let email = stack.emails().pop().unwrap();
    assert!(email.subject.starts_with("Incomplete"), "{}", email.subject);
    assert!(email.text.contains(CAPE_TOWN), "{}", email.text);
    let copy = stack.world.ec2().images(CAPE_TOWN).remove(0).id;

    // It is enabled again: one retry finishes it, with the copy that there is.
    stack.world.ec2().set_opted_in(CAPE_TOWN, true);
    stack.retry(KEY).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["regions"][CAPE_TOWN]["image"], copy.as_str());
    let copies = stack.world.ec2().images(CAPE_TOWN);
    assert_eq!(copies.len(), 1, "{copies:#?}");
    for region in [REGION, OREGON, CAPE_TOWN] {
        let image = status["regions"][region]["image"].as_str();
        let value = stack.world.ssm().parameter(region, NAME);
        assert_eq!(value.as_deref(), image, "{region}");
    }
    nothing_happens_twice(&stack, &manifest).await;
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_required_and_disabled_holds_nothing_back() {
    for is_copied in [false, true] {
        let regions = format!("{{{CAPE_TOWN}: {{required: false}}, {OREGON}: {{}}}}");
        let (stack, manifest) = disabled(&format!("regions: {regions}\n"), is_copied).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "incomplete", "{is_copied}: {status:#}");
        for region in [REGION, OREGON] {
            let image = status["regions"][region]["image"].as_str();
            let value = stack.world.ssm().parameter(region, NAME);
            assert_eq!(value.as_deref(), image, "{is_copied}: {region}: {status:#}");
        }
        assert_eq!(stack.world.ssm().parameter(CAPE_TOWN, NAME), None);
        let email = stack.emails().pop().unwrap();
        assert!(email.text.contains(CAPE_TOWN), "{}", email.text);
        nothing_happens_twice(&stack, &manifest).await;
    }
}
