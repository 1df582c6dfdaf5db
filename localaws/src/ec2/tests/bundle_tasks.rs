//! Instances that become bundles, in both eras.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::ec2::tasks::upload_policy::sign;
use crate::ec2::{Era, InstanceState, RootDeviceType, SeedInstance, TaskKind};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// A world of old, with a key, and an instance in it.
pub(super) fn classic() -> (World, String) {
    let world = World::new();
    world.ec2.set_era(Era::Classic);
    world.ec2.set_bundle_key("AKIDEXAMPLE", SECRET);
    let id = world.ec2.seed_instance(REGION, SeedInstance::default());
    (world, id)
}

/// The fields of a request whose policy expires then.
fn request(instance: &str, prefix: &str, expiration: &str) -> String {
    let policy = format!(
        "{{\"expiration\": \"{expiration}\", \"conditions\": [{{\"bucket\": \"images\"}}, {{\"acl\": \"ec2-bundle-read\"}}, [\"starts-with\", \"$key\", \"bundles/\"]]}}"
    );
    let policy = STANDARD.encode(policy);
    let signature = sign(&policy, SECRET);
    format!(
        "InstanceId={instance}&Storage.S3.AWSAccessKeyId=AKIDEXAMPLE&Storage.S3.Bucket=images&Storage.S3.Prefix={prefix}&Storage.S3.UploadPolicy={policy}&Storage.S3.UploadPolicySignature={signature}"
    )
}

pub(super) fn usual(instance: &str) -> String {
    request(instance, "bundles/win/image", "2026-11-22T10:00:00Z")
}

impl World {
    async fn bundle(&self, instance: &str) -> String {
        let xml = self.ok("BundleInstance", &usual(instance)).await;
        text(&xml, "bundleId")
    }

    /// State and progress of the only bundle task.
    async fn bundling(&self) -> (String, String) {
        let xml = self.ok("DescribeBundleTasks", "").await;
        (text(&xml, "state"), text(&xml, "progress"))
    }

    fn keys(&self) -> Vec<String> {
        self.shelf.objects.lock().unwrap().keys().cloned().collect()
    }
}

async fn after(world: &World, seconds: u64) {
    world.clock.sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_becomes_a_bundle_that_makes_an_image() {
    let (world, instance) = classic();
    let id = world.bundle(&instance).await;
    assert!(
        id.len() == 12 && id[4..].bytes().any(|byte| byte > b'f'),
        "{id}"
    );
    let again = world.refused("BundleInstance", &usual(&instance)).await;
    assert!(again.starts_with("BundlingInProgress"), "{again}");
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(world.bundling().await);
        after(&world, 10).await;
    }
    let seen: Vec<(&str, &str)> = seen
        .iter()
        .map(|(state, progress)| (state.as_str(), progress.as_str()))
        .collect();
    let expected = [
        ("pending", ""),
        ("waiting-for-shutdown", ""),
        ("bundling", "32%"),
        ("bundling", "75%"),
        ("storing", "15%"),
        ("storing", "57%"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(world.bundling().await, ("complete".into(), String::new()));
    let keys = [
        "images/bundles/win/image.manifest.xml",
        "images/bundles/win/image.part.0",
        "images/bundles/win/image.part.1",
    ];
    assert_eq!(world.keys(), keys);
    assert!(
        world
            .shelf
            .acls
            .lock()
            .unwrap()
            .values()
            .all(|acl| acl == "aws-exec-read")
    );
    let register = format!("Name=web&VirtualizationType=hvm&ImageLocation={}", keys[0]);
    let xml = world.ok("RegisterImage", &register).await;
    let image = world.image(&text(&xml, "imageId"));
    assert_eq!(
        (image.root_device_type, image.architecture.as_str()),
        (RootDeviceType::InstanceStore, "x86_64")
    );
}

#[tokio::test(start_paused = true)]
async fn today_nothing_is_bundled() {
    let world = World::new();
    let refused = world
        .refused("BundleInstance", &usual("i-0123456789abcdef0"))
        .await;
    assert_eq!(
        refused,
        "UnsupportedOperation: This action is no longer supported. To create an AMI, use CreateImage."
    );
    assert_eq!(
        world.refused("CancelBundleTask", "BundleId=bun-x").await,
        refused
    );
    assert_eq!(
        texts(&world.ok("DescribeBundleTasks", "").await, "bundleId"),
        [""; 0]
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_bundled_is_refused() {
    let (world, instance) = classic();
    let refused = async |fields: &str| world.refused("BundleInstance", fields).await;
    assert!(
        refused(&usual("i-0123456789abcdef0"))
            .await
            .starts_with("InvalidInstanceID.NotFound")
    );
    let seeded = |seed: SeedInstance| world.ec2.seed_instance(REGION, seed);
    let linux = seeded(SeedInstance {
        platform: None,
        ..SeedInstance::default()
    });
    assert!(
        refused(&usual(&linux))
            .await
            .starts_with("InvalidInstanceType")
    );
    let ebs = seeded(SeedInstance {
        root_device_type: RootDeviceType::Ebs,
        ..SeedInstance::default()
    });
    assert!(
        refused(&usual(&ebs))
            .await
            .starts_with("InvalidInstanceType")
    );
    let gone = seeded(SeedInstance {
        state: InstanceState::Terminated,
        ..SeedInstance::default()
    });
    assert!(
        refused(&usual(&gone))
            .await
            .starts_with("IncorrectInstanceState")
    );
    let late = request(&instance, "bundles/image", "2026-11-21T10:00:00Z");
    assert_eq!(
        refused(&late).await,
        "AuthFailure: Invalid according to Policy: Policy expired."
    );
    let elsewhere = request(&instance, "other/image", "2026-11-22T10:00:00Z");
    assert!(
        refused(&elsewhere)
            .await
            .starts_with("AuthFailure: Invalid according to Policy: Policy Condition failed")
    );
    let stranger = usual(&instance).replace("AKIDEXAMPLE", "ASIAEXAMPLE");
    assert!(
        refused(&stranger)
            .await
            .starts_with("AuthFailure: The AWS Access Key Id")
    );
    let forged = usual(&instance).replace("Signature=", "Signature=AAAA");
    assert!(
        refused(&forged)
            .await
            .starts_with("AuthFailure: The request signature")
    );
    let half = "InstanceId=i-0123456789abcdef0&Storage.S3.Bucket=images";
    assert!(refused(half).await.starts_with("MissingParameter"));
}

#[tokio::test(start_paused = true)]
async fn a_bundle_fails_and_leaves_parts_without_a_manifest() {
    let (world, instance) = classic();
    let message = "Client.S3Error: AccessDenied(403)- no";
    world.ec2.fail_next_task(TaskKind::BundleInstance, message);
    world.bundle(&instance).await;
    after(&world, 60).await;
    let failed = "Filter.1.Name=error-code&Filter.1.Value.1=Client.S3Error";
    let xml = world.ok("DescribeBundleTasks", failed).await;
    assert_eq!(
        (text(&xml, "state"), text(&xml, "message")),
        ("failed".into(), "AccessDenied(403)- no".into())
    );
    assert_eq!(
        world.keys(),
        [
            "images/bundles/win/image.part.0",
            "images/bundles/win/image.part.1"
        ]
    );
    world.bundle(&instance).await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_expires_too_early_ends_a_task() {
    let (world, instance) = classic();
    let short = request(&instance, "bundles/image", "2026-11-21T10:00:30Z");
    world.ok("BundleInstance", &short).await;
    after(&world, 60).await;
    let xml = world.ok("DescribeBundleTasks", "").await;
    let message = "AccessDenied(403)- Invalid according to Policy: Policy expired.";
    assert_eq!(
        (text(&xml, "code"), text(&xml, "message")),
        ("Client.S3Error".into(), message.into())
    );
    assert_eq!(world.keys(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_bundle_task_is_cancelled() {
    let (world, instance) = classic();
    let id = world.bundle(&instance).await;
    after(&world, 40).await;
    let cancel = format!("BundleId={id}");
    let xml = world.ok("CancelBundleTask", &cancel).await;
    assert_eq!(text(&xml, "state"), "cancelling");
    world.ok("CancelBundleTask", &cancel).await;
    after(&world, 6).await;
    assert_eq!(world.bundling().await.0, "failed");
    assert!(
        world
            .refused("CancelBundleTask", &cancel)
            .await
            .starts_with("IncorrectState")
    );
    let lost = world.refused("CancelBundleTask", "BundleId=bun-lost").await;
    assert_eq!(
        lost,
        "InvalidBundleID.NotFound: The bundle task ids '[bun-lost]' do not exist"
    );
    after(&world, 60).await;
    assert_eq!(world.keys().len(), 2, "the parts that were there");
}

#[tokio::test(start_paused = true)]
async fn ended_tasks_are_listed_for_a_limited_time() {
    let (world, instance) = classic();
    let id = world.bundle(&instance).await;
    let by_id = format!("BundleId.1={id}");
    world.ok("DescribeBundleTasks", &by_id).await;
    after(&world, 60 + 86_401).await;
    assert_eq!(
        texts(&world.ok("DescribeBundleTasks", "").await, "bundleId"),
        [""; 0]
    );
    let lost = world.refused("DescribeBundleTasks", &by_id).await;
    assert!(lost.starts_with("InvalidBundleID.NotFound"));
    assert_eq!(world.keys().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_bundle_task_goes_on_after_a_restart() {
    let (world, instance) = classic();
    world.bundle(&instance).await;
    after(&world, 10).await;
    let reborn = World::new();
    let saved = world.ec2.save();
    assert!(!saved.to_string().contains(SECRET));
    reborn.ec2.load(saved).unwrap();
    after(&reborn, 61).await;
    assert_eq!(reborn.bundling().await.0, "complete");
    assert_eq!(reborn.keys().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_bundle_task_may_be_unlisted_before_its_end_is_seen() {
    let (world, instance) = classic();
    let id = world.bundle(&instance).await;
    after(&world, 40).await;
    world
        .ok("CancelBundleTask", &format!("BundleId={id}"))
        .await;
    world.ec2.hide_task(&id);
    after(&world, 6).await;
    let lost = world
        .refused("DescribeBundleTasks", &format!("BundleId.1={id}"))
        .await;
    assert!(lost.starts_with("InvalidBundleID.NotFound"));
    assert_eq!(world.keys().len(), 2, "the parts stay");
    world.bundle(&instance).await;
}

#[tokio::test(start_paused = true)]
async fn a_bundle_goes_on_after_a_restart() {
    let (world, instance) = classic();
    world.bundle(&instance).await;
    after(&world, 10).await;
    let (reborn, _) = classic();
    reborn.ec2.load(world.ec2.save()).unwrap();
    let again = reborn.refused("BundleInstance", &usual(&instance)).await;
    assert!(again.starts_with("BundlingInProgress"), "{again}");
    after(&reborn, 61).await;
    assert_eq!(reborn.keys().len(), 3, "without a request");
    assert_eq!(reborn.bundling().await.0, "complete");
}

#[tokio::test(start_paused = true)]
async fn a_task_is_shown_in_any_state_that_a_client_may_meet() {
    let (world, instance) = classic();
    let id = world.bundle(&instance).await;
    after(&world, 40).await;
    world.ec2.show_task_as(&id, Some("canceling"));
    assert_eq!(world.bundling().await.0, "canceling");
    let by_state = "Filter.1.Name=state&Filter.1.Value.1=canceling";
    let found = world.ok("DescribeBundleTasks", by_state).await;
    assert_eq!(text(&found, "bundleId"), id);
    world.ec2.show_task_as(&id, None);
    assert_eq!(world.bundling().await.0, "storing");
}
