//! Attempts to make the same image again: after a change, a removal, a lost answer. One leaves the other's alone, and
//! nothing is started twice.

use std::time::Duration;

use crate::support::{DISK, TestStack, minutes, refused, vmdk};
use amiwright::image::apply::request_cancel;
use amiwright::image::words::CancelBy;
use amiwright::status_store;
use localaws::ec2::TaskKind;
use localaws::faults::Fault;

const KEY: &str = "golden/web.image.yaml";

/// A disk was imported and is an AMI that people use; then the manifest was changed, and is about to be changed back.
async fn reverted() -> (TestStack, String, Vec<String>) {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;
    let (image, snapshots) = (stack.only_image().id, stack.snapshots());
    // Its name is taken, so this one fails.
    let changed = format!("{DISK}register: {{imdsSupport: v2.0}}\n");
    stack.drop_and_rest(KEY, changed).await;
    assert_eq!(stack.status(KEY).await["state"], "failed");
    assert_eq!(
        (stack.only_image().id, stack.snapshots()),
        (image.clone(), snapshots.clone())
    );
    (stack, image, snapshots)
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_uploaded_again_and_fails_leaves_the_ami_of_its_first_upload() {
    let (stack, image, snapshots) = reverted().await;
    stack.world.ec2().fail_next_task(
        TaskKind::ImportSnapshot,
        "ClientError: Disk validation failed",
    );
    stack.drop_and_rest(KEY, DISK).await;
    let status = stack.status(KEY).await;
    let images: Vec<String> = stack.images().into_iter().map(|image| image.id).collect();
    assert_eq!(images, [image], "{status:#}");
    assert_eq!(stack.snapshots(), snapshots);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_uploaded_again_and_cancelled_leaves_the_ami_of_its_first_upload() {
    let stack = TestStack::new().await;
    let first = stack.manifest("web-{digest}");
    stack.drop_and_rest(KEY, &first).await;
    let image = stack.only_image();
    let changed = format!("{first}register: {{imdsSupport: v2.0}}\n");
    stack.drop_and_rest(KEY, changed).await;
    stack.drop_file(KEY, &first).await;
    stack.world.settle().await;
    stack.remove(KEY).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert!(stack.images().contains(&image), "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_uploaded_again_leaves_no_second_snapshot() {
    let (stack, image, snapshots) = reverted().await;
    stack.drop_and_rest(KEY, DISK).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.only_image().id, image);
    assert_eq!(stack.snapshots(), snapshots, "{status:#}");
}

/// Puts a manifest back as it was, its time too: what removing a delete marker does, in a bucket with versions.
async fn put_back(stack: &TestStack, content: &str, at: jiff::Timestamp) {
    stack.drop_silently(KEY, content);
    let path = stack
        .world
        .directory()
        .join("s3")
        .join(&stack.bucket)
        .join(KEY);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(at.into()).unwrap();
    let event = stack.object_created(KEY);
    stack.world.invoke("RegisterImage", event).await.unwrap();
    stack.rest().await;
}

fn uploaded_at(status: &serde_json::Value) -> jiff::Timestamp {
    let at = status["manifest"]["uploadedAt"].as_str().unwrap();
    at.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_removed_manifest_whose_delete_marker_is_removed_is_imported_anew() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, minutes(10));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(minutes(3)).await;
    let at = uploaded_at(&stack.status(KEY).await);
    stack.remove(KEY).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
    put_back(&stack, DISK, at).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn a_removed_manifest_whose_delete_marker_is_removed_is_copied_anew() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_task_time(TaskKind::CopyImage, minutes(10));
    let source = stack.image_elsewhere("us-west-2").await;
    let manifest = format!("name: web\nsource: {{image: {{id: {source}, region: us-west-2}}}}\n");
    stack.drop_file(KEY, &manifest).await;
    stack.world.run_for(minutes(3)).await;
    let at = uploaded_at(&stack.status(KEY).await);
    stack.remove(KEY).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
    put_back(&stack, &manifest, at).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn one_listing_without_an_old_task_is_no_proof() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(26 * 60));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(minutes(25 * 60)).await;
    let status = stack.status(KEY).await;
    let task = status["build"]["tasks"][0]["id"].as_str().unwrap();
    // One answer of the list does not show it.
    let saved = ec2.save();
    ec2.hide_task(task);
    for _ in 0..40 {
        stack.minute().await;
        if stack.status(KEY).await["build"]["tasks"][0]
            .get("unseenSince")
            .is_some()
        {
            break;
        }
    }
    ec2.load(saved).unwrap();
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn an_import_that_may_have_begun_is_ended_when_its_next_try_is_refused() {
    let stack = TestStack::new().await;
    let faults = stack.world.faults();
    stack
        .world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, minutes(10));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    faults.always("ec2", "ImportSnapshot", Fault::LoseAnswer);
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(Duration::from_secs(30)).await;
    assert_eq!(stack.status(KEY).await["build"]["step"], "start-task");
    faults.clear();
    faults.always("ec2", "ImportSnapshot", refused("UnauthorizedOperation"));
    stack.rest().await;
    stack.world.run_for(minutes(30)).await;
    let status = stack.status(KEY).await;
    if status["state"] == "failed" {
        assert_eq!(
            stack.snapshots(),
            std::slice::from_ref(&stack.snapshot),
            "{status:#}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_may_have_been_registered_is_removed_when_its_next_try_is_refused() {
    let stack = TestStack::new().await;
    let faults = stack.world.faults();
    stack.world.ec2().set_visibility_delay(minutes(3));
    faults.on("ec2", "RegisterImage", 1, Fault::LoseAnswer);
    faults.on("ec2", "RegisterImage", 2, refused("UnauthorizedOperation"));
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    stack.world.run_for(minutes(30)).await;
    let status = stack.status(KEY).await;
    let images = stack.images();
    if status["state"] == "failed" {
        assert_eq!(images, [], "{status:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_behind_does_not_undo_a_cancellation() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, minutes(20));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(minutes(3)).await;
    stack.world.settle().await;
    let (aws, config) = (stack.aws(), stack.config());
    let loaded = status_store::load(&aws, &config, KEY)
        .await
        .unwrap()
        .unwrap();
    let mut status = loaded.status;
    // A person's machine is five minutes behind S3.
    let behind = stack.world.clock().now() - jiff::SignedDuration::from_mins(5);
    request_cancel(&mut status, CancelBy::Command, behind).unwrap();
    status_store::save(&aws, &config, &status, Some(&loaded.etag))
        .await
        .unwrap();
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
    assert_eq!(stack.images(), []);
}

#[tokio::test(start_paused = true)]
async fn what_an_import_left_is_tagged_before_it_is_removed() {
    // template.yaml, CleanUpOwnImages: only what has our tag may be removed. An import's snapshot has none of its own.
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack
        .world
        .faults()
        .always("ec2", "CancelImportTask", refused("IncorrectState"));
    stack.drop_file(KEY, DISK).await;
    stack.world.settle().await;
    stack.remove(KEY).await;
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    let calls = stack.world.calls();
    let removed = calls
        .iter()
        .position(|call| call.action == "DeleteSnapshot");
    let tagged = calls.iter().position(|call| call.action == "CreateTags");
    assert!(removed.is_some(), "nothing was made in time");
    assert!(
        tagged.is_some_and(|tagged| Some(tagged) < removed),
        "AWS refuses: {tagged:?}, {removed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_disk_replaced_before_its_import_starts_is_checked_again() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack
        .world
        .faults()
        .always("ec2", "ImportSnapshot", Fault::Throttle);
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(Duration::from_secs(30)).await;
    assert_eq!(stack.status(KEY).await["build"]["step"], "start-task");
    let mut qcow2 = b"QFI\xfb".to_vec();
    qcow2.resize(4096, 0);
    stack.drop_file("golden/web.vmdk", qcow2).await;
    stack.world.faults().clear();
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "rejected");
}

#[tokio::test(start_paused = true)]
async fn a_disk_replaced_after_an_unanswered_import_request_leaves_no_orphans() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let faults = stack.world.faults();
    faults.always("ec2", "ImportSnapshot", Fault::LoseAnswer);
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(Duration::from_secs(30)).await;
    assert_eq!(stack.status(KEY).await["build"]["step"], "start-task");
    let mut qcow2 = b"QFI\xfb".to_vec();
    qcow2.resize(4096, 0);
    stack.drop_file("golden/web.vmdk", qcow2).await;
    faults.clear();
    stack.rest().await;
    // The import is the one that was asked for.
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.snapshots().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_disk_in_a_bucket_that_does_not_exist_is_not_waited_for() {
    let stack = TestStack::new().await;
    let manifest = "name: web\nsource: {disk: {object: \"s3://no-such-bucket-at-all/web.vmdk\", format: vmdk}}\n";
    stack.drop_file(KEY, manifest).await;
    stack.world.run_for(minutes(5)).await;
    let status = stack.status(KEY).await;
    assert_ne!(status["state"], "working", "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_lost_is_left_alone_and_the_email_says_so() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(60));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(minutes(3)).await;
    let status = stack.status(KEY).await;
    ec2.hide_task(status["build"]["tasks"][0]["id"].as_str().unwrap());
    stack.rest().await;
    stack.world.run_for(minutes(120)).await;
    assert_eq!(stack.status(KEY).await["state"], "failed");
    // Nothing proves any more that the task, or what it makes, is this image's.
    assert_eq!(stack.count("CancelImportTask"), 0);
    assert_eq!(stack.snapshots().len(), 2);
    let email = stack.only_email();
    assert_eq!(email.subject, "Lost: web-2026-11-21 (us-east-1)");
    assert!(
        email.text.contains("if it still runs, cancel it"),
        "{}",
        email.text
    );
}
