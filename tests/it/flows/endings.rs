//! How images end, also when several invocations work at them at once: cancelled, notified, with nothing left over.

use std::time::Duration;

use crate::support::{DISK, TestStack, minutes, refused, vmdk};
use amiwright::status_store;
use http::StatusCode;
use localaws::ec2::TaskKind;
use localaws::faults::Fault;

const KEY: &str = "golden/web.image.yaml";

#[tokio::test(start_paused = true)]
async fn two_ticks_at_once_store_an_ami_once() {
    let stack = TestStack::new().await;
    let (ec2, faults) = (stack.world.ec2(), stack.world.faults());
    ec2.set_task_time(TaskKind::StoreImage, minutes(10));
    faults.always("ec2", "CreateStoreImageTask", Fault::Throttle);
    let manifest = stack.manifest("web") + &format!("store: {{bucket: {}}}\n", stack.bucket);
    stack.drop_file(KEY, manifest).await;
    stack.world.run_for(minutes(3)).await;
    assert_eq!(stack.status(KEY).await["build"]["step"], "store-image");
    faults.clear();
    ec2.set_visibility_delay(minutes(1));
    let before = stack.count("CreateStoreImageTask");
    // EC2's answer takes its time; meanwhile another invocation is at the same image.
    faults.on(
        "ec2",
        "CreateStoreImageTask",
        1,
        Fault::Slow(Duration::from_secs(10)),
    );
    let tick = || {
        stack
            .world
            .invoke("AdvanceTasks", serde_json::json!({"task": "advance"}))
    };
    let later = async {
        stack.world.run_for(Duration::from_secs(3)).await;
        tick().await
    };
    let (one, other) = tokio::join!(tick(), later);
    assert!(one.is_ok() && other.is_ok());
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.count("CreateStoreImageTask") - before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_cannot_be_described_is_reported_as_stalled() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let unavailable = Fault::Refuse {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "Unavailable".to_owned(),
        message: "We are down".to_owned(),
    };
    stack.drop_file(KEY, DISK).await;
    stack.world.settle().await;
    assert_eq!(stack.count("ImportSnapshot"), 1);
    stack
        .world
        .faults()
        .always("ec2", "DescribeImportSnapshotTasks", unavailable);
    stack.world.run_for(minutes(4 * 60)).await;
    let status = stack.status(KEY).await;
    let emails = stack.emails();
    assert!(
        emails
            .iter()
            .any(|email| email.subject.starts_with("Stalled")),
        "{emails:#?} {status:#}"
    );
}

/// A manifest with as many tags as are accepted.
fn with_most_tags(source: &str) -> String {
    let tags: String = (0..46).map(|n| format!("  tag-{n}: x\n")).collect();
    format!("name: web\nsource: {source}\ntags:\n{tags}")
}

#[tokio::test(start_paused = true)]
async fn a_disk_may_have_as_many_tags_as_are_accepted() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack
        .drop_and_rest(
            KEY,
            with_most_tags("{disk: {object: web.vmdk, format: vmdk}}"),
        )
        .await;
    let status = stack.status(KEY).await;
    assert_eq!(
        status["state"], "available",
        "{:#}",
        status["build"]["failure"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_machine_may_have_as_many_tags_as_are_accepted() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack
        .drop_and_rest(
            KEY,
            with_most_tags("{vm: {object: web.vmdk, format: vmdk}}"),
        )
        .await;
    let status = stack.status(KEY).await;
    assert_eq!(
        status["state"], "available",
        "{:#}",
        status["build"]["failure"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_image_that_has_several_amis_says_so() {
    let stack = TestStack::new().await;
    let faults = stack.world.faults();
    faults.always("ec2", "RegisterImage", Fault::Throttle);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(30)).await;
    faults.clear();
    faults.on("s3", "GetObject", 1, Fault::Slow(Duration::from_secs(1)));
    let aws = stack.aws();
    let loaded = status_store::load(&aws, &stack.config(), KEY)
        .await
        .unwrap()
        .unwrap();
    let tags = amiwright::image::ownership::ownership_tags(&loaded.status);
    for name in ["one", "two"] {
        let registration = amiwright::manifest::image::Registration {
            root_device_name: Some("/dev/xvda".to_owned()),
            virtualization_type: Some(amiwright::manifest::image::VirtualizationType::Hvm),
            block_device_mappings: vec![amiwright::manifest::image::BlockDeviceMapping {
                device_name: "/dev/xvda".to_owned(),
                ebs: Some(amiwright::manifest::image::Ebs {
                    snapshot_id: Some(stack.snapshot.clone()),
                    ..Default::default()
                }),
                ..Default::default()
            }],
            ..Default::default()
        };
        let wanted = amiwright::aws::Registered {
            name: name.to_owned(),
            tags: tags.clone(),
            registration,
            ..Default::default()
        };
        aws.register_image(&wanted, None).await.unwrap();
    }
    stack.remove(KEY).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    let email = stack.only_email();
    let images = stack.images();
    assert!(
        images.is_empty() || images.iter().all(|image| email.text.contains(&image.id)),
        "{status:#}\n{}",
        email.text
    );
}

#[tokio::test(start_paused = true)]
async fn a_throttled_cancellation_sends_no_email() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, minutes(60));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(minutes(40)).await;
    // The SDK tries three times.
    for nth in 1..=3 {
        let throttled = Fault::Throttle;
        stack
            .world
            .faults()
            .on("ec2", "CancelImportTask", nth, throttled);
    }
    stack.remove(KEY).await;
    stack.rest().await;
    assert_eq!(
        stack.only_email().subject,
        "Cancelled: web-2026-11-21 (us-east-1)"
    );
}

/// A task that runs on for long although it was to be cancelled.
#[tokio::test(start_paused = true)]
async fn the_history_of_a_cancellation_that_takes_days_keeps_its_beginning() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(24 * 60));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let refused = refused("IncorrectState");
    stack
        .world
        .faults()
        .always("ec2", "CancelImportTask", refused);
    stack.drop_file(KEY, DISK).await;
    stack.minute().await;
    stack.remove(KEY).await;
    stack.world.run_for(minutes(20 * 60)).await;
    let status = stack.status(KEY).await;
    let history = status["history"].as_array().unwrap();
    assert_eq!(history[0]["why"], "the manifest was uploaded");
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_removed_without_an_event_cancels_its_image() {
    let stack = TestStack::new().await;
    stack.world.ec2().set_pending_time(minutes(40));
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.minute().await;
    let path = stack.world.directory().join("s3").join(&stack.bucket);
    std::fs::remove_file(path.join(KEY)).unwrap();
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    assert_eq!(stack.images(), []);
}

/// Cancels an image whose AMI was just made, and which EC2 does not show yet.
async fn cancelled_before_it_is_seen(stack: &TestStack, manifest: String) {
    let ec2 = stack.world.ec2();
    ec2.set_visibility_delay(minutes(3));
    ec2.set_pending_time(minutes(10));
    ec2.set_task_time(TaskKind::CopyImage, minutes(10));
    stack.drop_file(KEY, manifest).await;
    stack.world.run_for(Duration::from_secs(20)).await;
    assert_eq!(stack.status(KEY).await["build"]["step"], "await-image");
    stack.remove(KEY).await;
    stack.rest().await;
    stack.world.run_for(minutes(30)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
    assert_eq!(stack.images(), [], "{status:#}");
    assert_eq!(stack.snapshots(), std::slice::from_ref(&stack.snapshot));
}

#[tokio::test(start_paused = true)]
async fn a_registered_ami_that_is_not_seen_yet_is_cancelled() {
    let stack = TestStack::new().await;
    let manifest = stack.manifest("web");
    cancelled_before_it_is_seen(&stack, manifest).await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_is_not_seen_yet_is_cancelled() {
    let stack = TestStack::new().await;
    let source = stack.image_elsewhere("us-west-2").await;
    let manifest = format!("name: web\nsource: {{image: {{id: {source}, region: us-west-2}}}}\n");
    cancelled_before_it_is_seen(&stack, manifest).await;
}
