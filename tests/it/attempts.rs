//! Attempts to make the same image again: after a change, a removal, a lost answer. One leaves the other's alone, and
//! nothing is started twice.

use std::time::Duration;

use amiwright::image::status::CancelBy;
use amiwright::image::transition;
use amiwright::store;
use http::StatusCode;
use localaws::ec2::TaskKind;
use localaws::faults::Fault;

use crate::desk::Desk;
use crate::tasks::{DISK, vmdk};

const KEY: &str = "golden/web.image.yaml";

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

pub(crate) fn refused(code: &str) -> Fault {
    Fault::Refuse {
        status: StatusCode::BAD_REQUEST,
        code: code.to_owned(),
        message: "You may not".to_owned(),
    }
}

/// A disk was imported and is an AMI that people use; then the manifest was changed, and is about to be changed back.
async fn reverted() -> (Desk, String, Vec<String>) {
    let desk = Desk::new().await;
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    desk.drop_and_rest(KEY, DISK).await;
    let (image, snapshots) = (desk.only_image().id, desk.snapshots());
    // Its name is taken, so this one fails.
    let changed = format!("{DISK}description: better\n");
    desk.drop_and_rest(KEY, changed).await;
    assert_eq!(desk.status(KEY).await["state"], "failed");
    assert_eq!(
        (desk.only_image().id, desk.snapshots()),
        (image.clone(), snapshots.clone())
    );
    (desk, image, snapshots)
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_uploaded_again_and_fails_leaves_the_ami_of_its_first_upload() {
    let (desk, image, snapshots) = reverted().await;
    desk.world.ec2().fail_next_task(
        TaskKind::ImportSnapshot,
        "ClientError: Disk validation failed",
    );
    desk.drop_and_rest(KEY, DISK).await;
    let status = desk.status(KEY).await;
    let images: Vec<String> = desk.images().into_iter().map(|image| image.id).collect();
    assert_eq!(images, [image], "{status:#}");
    assert_eq!(desk.snapshots(), snapshots);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_uploaded_again_and_cancelled_leaves_the_ami_of_its_first_upload() {
    let desk = Desk::new().await;
    let first = desk.manifest("web-{digest}");
    desk.drop_and_rest(KEY, &first).await;
    let image = desk.only_image();
    let changed = format!("{first}description: better\n");
    desk.drop_and_rest(KEY, changed).await;
    desk.drop_file(KEY, &first).await;
    desk.world.settle().await;
    desk.remove(KEY).await;
    desk.rest().await;
    let status = desk.status(KEY).await;
    assert!(desk.images().contains(&image), "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_uploaded_again_leaves_no_second_snapshot() {
    let (desk, image, snapshots) = reverted().await;
    desk.drop_and_rest(KEY, DISK).await;
    let status = desk.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(desk.only_image().id, image);
    assert_eq!(desk.snapshots(), snapshots, "{status:#}");
}

/// Puts a manifest back as it was, its time too: what removing a delete marker does, in a bucket with versions.
async fn put_back(desk: &Desk, content: &str, at: jiff::Timestamp) {
    desk.drop_silently(KEY, content);
    let path = desk
        .world
        .directory()
        .join("s3")
        .join(&desk.bucket)
        .join(KEY);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(at.into()).unwrap();
    let event = desk.object_created(KEY);
    desk.world.invoke("RegisterImage", event).await.unwrap();
    desk.rest().await;
}

fn uploaded_at(status: &serde_json::Value) -> jiff::Timestamp {
    let at = status["manifest"]["uploadedAt"].as_str().unwrap();
    at.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_removed_manifest_whose_delete_marker_is_removed_is_imported_anew() {
    let desk = Desk::new().await;
    desk.world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, minutes(10));
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    desk.drop_file(KEY, DISK).await;
    desk.world.run_for(minutes(3)).await;
    let at = uploaded_at(&desk.status(KEY).await);
    desk.remove(KEY).await;
    desk.rest().await;
    assert_eq!(desk.status(KEY).await["state"], "cancelled");
    put_back(&desk, DISK, at).await;
    let status = desk.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn a_removed_manifest_whose_delete_marker_is_removed_is_copied_anew() {
    let desk = Desk::new().await;
    desk.world
        .ec2()
        .set_task_time(TaskKind::CopyImage, minutes(10));
    let source = desk.image_elsewhere("us-west-2").await;
    let manifest = format!("name: web\nsource: {{image: {{id: {source}, region: us-west-2}}}}\n");
    desk.drop_file(KEY, &manifest).await;
    desk.world.run_for(minutes(3)).await;
    let at = uploaded_at(&desk.status(KEY).await);
    desk.remove(KEY).await;
    desk.rest().await;
    assert_eq!(desk.status(KEY).await["state"], "cancelled");
    put_back(&desk, &manifest, at).await;
    let status = desk.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn one_listing_without_an_old_task_is_no_proof() {
    let desk = Desk::new().await;
    let ec2 = desk.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(26 * 60));
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    desk.drop_file(KEY, DISK).await;
    desk.world.run_for(minutes(25 * 60)).await;
    let status = desk.status(KEY).await;
    let task = status["tasks"][0]["id"].as_str().unwrap();
    // One look at the list does not show it.
    let saved = ec2.save();
    ec2.hide_task(task);
    for _ in 0..40 {
        desk.minute().await;
        if desk.status(KEY).await["tasks"][0]
            .get("unseenSince")
            .is_some()
        {
            break;
        }
    }
    ec2.load(saved).unwrap();
    desk.rest().await;
    let status = desk.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn a_store_task_whose_answer_was_lost_and_that_is_not_listed_yet_is_not_started_again() {
    let desk = Desk::new().await;
    let ec2 = desk.world.ec2();
    ec2.set_visibility_delay(minutes(3));
    ec2.set_task_time(TaskKind::StoreImage, minutes(10));
    let lost = Fault::LoseAnswer;
    desk.world
        .faults()
        .on("ec2", "CreateStoreImageTask", 1, lost);
    let manifest = desk.manifest("web") + &format!("store: {{bucket: {}}}\n", desk.bucket);
    desk.drop_and_rest(KEY, manifest).await;
    let status = desk.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(desk.count("CreateStoreImageTask"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_and_a_tick_at_once_store_an_ami_once() {
    let desk = Desk::new().await;
    let ec2 = desk.world.ec2();
    ec2.set_task_time(TaskKind::StoreImage, minutes(10));
    ec2.set_visibility_delay(minutes(1));
    // The one that EC2's event woke still waits for the answer when the schedule ticks.
    let slow = Fault::Slow(Duration::from_secs(20));
    desk.world
        .faults()
        .on("ec2", "CreateStoreImageTask", 1, slow);
    ec2.set_pending_time(Duration::from_secs(45));
    let manifest = desk.manifest("web") + &format!("store: {{bucket: {}}}\n", desk.bucket);
    desk.world.run_for(Duration::from_secs(5)).await;
    desk.drop_and_rest(KEY, manifest).await;
    let status = desk.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(desk.count("CreateStoreImageTask"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_import_that_may_have_begun_is_ended_when_its_next_try_is_refused() {
    let desk = Desk::new().await;
    let faults = desk.world.faults();
    desk.world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, minutes(10));
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    faults.always("ec2", "ImportSnapshot", Fault::LoseAnswer);
    desk.drop_file(KEY, DISK).await;
    desk.world.run_for(Duration::from_secs(30)).await;
    assert_eq!(desk.status(KEY).await["step"], "start-task");
    faults.clear();
    faults.always("ec2", "ImportSnapshot", refused("UnauthorizedOperation"));
    desk.rest().await;
    desk.world.run_for(minutes(30)).await;
    let status = desk.status(KEY).await;
    if status["state"] == "failed" {
        assert_eq!(
            desk.snapshots(),
            std::slice::from_ref(&desk.snapshot),
            "{status:#}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_may_have_been_registered_is_removed_when_its_next_try_is_refused() {
    let desk = Desk::new().await;
    let faults = desk.world.faults();
    desk.world.ec2().set_visibility_delay(minutes(3));
    faults.on("ec2", "RegisterImage", 1, Fault::LoseAnswer);
    faults.on("ec2", "RegisterImage", 2, refused("UnauthorizedOperation"));
    desk.drop_and_rest(KEY, desk.manifest("web")).await;
    desk.world.run_for(minutes(30)).await;
    let status = desk.status(KEY).await;
    let images = desk.images();
    if status["state"] == "failed" {
        assert_eq!(images, [], "{status:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_behind_does_not_undo_a_cancellation() {
    let desk = Desk::new().await;
    desk.world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, minutes(20));
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    desk.drop_file(KEY, DISK).await;
    desk.world.run_for(minutes(3)).await;
    desk.world.settle().await;
    let (aws, config) = (desk.aws(), desk.config());
    let loaded = store::load(&aws, &config, KEY).await.unwrap().unwrap();
    let mut status = loaded.status;
    // A person's machine is five minutes behind S3.
    let behind = desk.world.clock().now() - jiff::SignedDuration::from_mins(5);
    transition::ask_cancel(&mut status, CancelBy::Command, behind).unwrap();
    store::save(&aws, &config, &status, Some(&loaded.etag))
        .await
        .unwrap();
    desk.rest().await;
    let status = desk.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
    assert_eq!(desk.images(), []);
}

#[tokio::test(start_paused = true)]
async fn what_an_import_left_is_tagged_before_it_is_removed() {
    // template.yaml, CleanUpOwnImages: only what has our tag may be removed. An import's snapshot has none of its own.
    let desk = Desk::new().await;
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    desk.world
        .faults()
        .always("ec2", "CancelImportTask", refused("IncorrectState"));
    desk.drop_file(KEY, DISK).await;
    desk.world.settle().await;
    desk.remove(KEY).await;
    desk.rest().await;
    assert_eq!(desk.status(KEY).await["state"], "cancelled");
    let calls = desk.world.calls();
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
async fn a_disk_that_is_replaced_before_its_import_starts_is_looked_at_again() {
    let desk = Desk::new().await;
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    desk.world
        .faults()
        .always("ec2", "ImportSnapshot", Fault::Throttle);
    desk.drop_file(KEY, DISK).await;
    desk.world.run_for(Duration::from_secs(30)).await;
    assert_eq!(desk.status(KEY).await["step"], "start-task");
    let mut qcow2 = b"QFI\xfb".to_vec();
    qcow2.resize(4096, 0);
    desk.drop_file("golden/web.vmdk", qcow2).await;
    desk.world.faults().clear();
    desk.rest().await;
    assert_eq!(desk.status(KEY).await["state"], "rejected");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_replaced_after_its_import_began_unheard_leaves_nothing_behind() {
    let desk = Desk::new().await;
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    let faults = desk.world.faults();
    faults.always("ec2", "ImportSnapshot", Fault::LoseAnswer);
    desk.drop_file(KEY, DISK).await;
    desk.world.run_for(Duration::from_secs(30)).await;
    assert_eq!(desk.status(KEY).await["step"], "start-task");
    let mut qcow2 = b"QFI\xfb".to_vec();
    qcow2.resize(4096, 0);
    desk.drop_file("golden/web.vmdk", qcow2).await;
    faults.clear();
    desk.rest().await;
    // The import is the one that was asked for.
    let status = desk.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(desk.snapshots().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_disk_in_a_bucket_that_does_not_exist_is_not_waited_for() {
    let desk = Desk::new().await;
    let manifest = "name: web\nsource: {disk: {object: \"s3://no-such-bucket-at-all/web.vmdk\", format: vmdk}}\n";
    desk.drop_file(KEY, manifest).await;
    desk.world.run_for(minutes(5)).await;
    let status = desk.status(KEY).await;
    assert_ne!(status["state"], "working", "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn what_is_made_by_a_task_that_was_lost_is_removed() {
    let desk = Desk::new().await;
    let ec2 = desk.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(60));
    desk.drop_file("golden/web.vmdk", vmdk()).await;
    desk.drop_file(KEY, DISK).await;
    desk.world.run_for(minutes(3)).await;
    let status = desk.status(KEY).await;
    ec2.hide_task(status["tasks"][0]["id"].as_str().unwrap());
    desk.rest().await;
    desk.world.run_for(minutes(120)).await;
    let status = desk.status(KEY).await;
    if status["state"] == "failed" {
        assert_eq!(
            desk.snapshots(),
            std::slice::from_ref(&desk.snapshot),
            "{status:#}"
        );
    }
}
