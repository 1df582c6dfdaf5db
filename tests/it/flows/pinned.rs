//! The buckets keep versions: an image is made of the ones that it began with, and what was deleted can come back.

use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory};
use amiwright::metrics::Meter;
use aws_sdk_s3::Client;
use localaws::ec2::TaskKind;
use localaws::world::Builder;
use serde_json::json;

use crate::support::{TestStack, vmdk, whole_seconds};

const KEY: &str = "golden/web.image.yaml";
const DISK: &str = "golden/web.vmdk";
const MANIFEST: &str = "name: web-{digest}\nsource: {disk: {object: web.vmdk, format: vmdk}}\n";
const SETTING: &str = "register: {imdsSupport: v2.0}\n";

/// The version of an object that is current.
pub(super) async fn current(s3: &Client, stack: &TestStack, key: &str) -> String {
    let head = s3.head_object().bucket(&stack.bucket).key(key);
    let head = head.send().await.unwrap();
    head.version_id.unwrap()
}

/// A disk is being imported for the manifest.
async fn importing() -> (TestStack, Client) {
    let stack = TestStack::new().await;
    let s3 = Client::new(&stack.sdk());
    let half_an_hour = Duration::from_secs(1800);
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, half_an_hour);
    stack.drop_file(DISK, vmdk()).await;
    stack.drop_file(KEY, MANIFEST).await;
    stack.world.settle().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["build"]["step"], "await-task", "{status:#}");
    (stack, s3)
}

/// Deletes a version for good; what is before it is current again.
pub(super) async fn delete_version(s3: &Client, stack: &TestStack, key: &str, version: &str) {
    let delete = s3.delete_object().bucket(&stack.bucket).key(key);
    delete.version_id(version).send().await.unwrap();
}

/// The delete marker that the manifest was removed by.
async fn marker(s3: &Client, stack: &TestStack) -> String {
    let list = s3.list_object_versions().bucket(&stack.bucket).prefix(KEY);
    let listed = list.send().await.unwrap();
    let latest = listed.delete_markers().iter();
    let mut latest = latest.filter(|marker| marker.is_latest == Some(true));
    latest.next().unwrap().version_id.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_image_is_finished_from_the_manifest_that_it_began_with() {
    let (stack, s3) = importing().await;
    let first = current(&s3, &stack, KEY).await;
    assert_eq!(
        stack.status(KEY).await["manifest"]["versionId"],
        json!(first)
    );
    stack.drop_file(KEY, format!("{MANIFEST}{SETTING}")).await;
    stack.rest().await;

    let images = stack.images();
    assert_eq!(images.len(), 2, "{images:#?}");
    assert_eq!(images[0].imds_support, None);
    assert_eq!(images[1].imds_support.as_deref(), Some("v2.0"));
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let second = current(&s3, &stack, KEY).await;
    assert_eq!(status["manifest"]["versionId"], json!(second));
    let subjects = stack.subjects();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(
        subjects.iter().all(|it| it.starts_with("Available: ")),
        "{subjects:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_overwritten_before_its_event_is_answered_is_skipped() {
    let stack = TestStack::new().await;
    let s3 = stack.world.s3();
    s3.create_bucket(&stack.bucket, false).await.unwrap();
    stack.drop_file(KEY, stack.manifest("web-{digest}")).await;
    let later = stack.manifest("web-{digest}") + SETTING;
    stack.drop_file(KEY, later).await;
    s3.create_bucket(&stack.bucket, true).await.unwrap();
    // Both events: each is answered by what is there now.
    for _ in 0..2 {
        let event = stack.object_created(KEY);
        stack.world.invoke("RegisterImage", event).await.unwrap();
    }
    stack.rest().await;
    let image = stack.only_image();
    assert_eq!(image.imds_support.as_deref(), Some("v2.0"));
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_replaced_during_its_import_is_another_version_once_it_is_asked_for() {
    let (stack, s3) = importing().await;
    let before = current(&s3, &stack, DISK).await;
    let mut other = vmdk();
    other.extend_from_slice(b"another disk");
    stack.drop_file(DISK, &other).await;
    assert_ne!(current(&s3, &stack, DISK).await, before);
    stack.rest().await;
    let first = stack.only_image();
    assert_eq!(stack.emails().len(), 1);
    // A new disk alone starts nothing; the manifest once more does.
    stack.world.run_for(Duration::from_secs(3600)).await;
    assert_eq!(stack.only_image(), first);
    stack.drop_and_rest(KEY, MANIFEST).await;
    let images = stack.images();
    assert_eq!(images.len(), 2, "{images:#?}");
    assert_eq!(stack.emails().len(), 2);
    // And again: it is the same disk.
    stack.drop_and_rest(KEY, MANIFEST).await;
    assert_eq!(stack.images().len(), 2);
    assert_eq!(stack.emails().len(), 2);

    // The version before comes back under its old bytes, which made the first AMI.
    let latest = current(&s3, &stack, DISK).await;
    delete_version(&s3, &stack, DISK, &latest).await;
    assert_eq!(current(&s3, &stack, DISK).await, before);
    stack.drop_and_rest(KEY, MANIFEST).await;
    assert_eq!(stack.images().len(), 2);
    let status = stack.status(KEY).await;
    assert_eq!(status["regions"]["us-east-1"]["image"], json!(first.id));
}

/// An AMI that went with its manifest.
async fn retired() -> (TestStack, Client) {
    let allow = |builder: Builder| builder.parameter("AllowRetire", "true");
    let stack = TestStack::built(allow).await;
    let s3 = Client::new(&stack.sdk());
    let manifest = stack.manifest("web-{digest}") + "onDelete: deregister\n";
    stack.drop_and_rest(KEY, manifest).await;
    stack.only_image();
    // Its status is written long after its manifest was.
    stack.world.run_for(Duration::from_secs(600)).await;
    stack.remove(KEY).await;
    stack.rest().await;
    assert!(stack.images().is_empty());
    assert_eq!(stack.status(KEY).await["state"], "deleted");
    (stack, s3)
}

/// The manifest is there again, and so is its AMI, once.
async fn is_made_again(stack: &TestStack) {
    stack.rest().await;
    let image = stack.only_image();
    assert_eq!(stack.status(KEY).await["state"], "available");
    stack.world.run_for(Duration::from_secs(2 * 3600)).await;
    stack.rest().await;
    assert_eq!(stack.only_image(), image);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_whose_delete_marker_is_deleted_is_wanted_again() {
    let (stack, s3) = retired().await;
    let marker = marker(&s3, &stack).await;
    delete_version(&s3, &stack, KEY, &marker).await;
    stack.minute().await;
    is_made_again(&stack).await;
}

/// The manifest comes back without any event, once a sweep has seen that it is missing.
async fn comes_back_silently(stack: &TestStack, s3: &Client) {
    stack.world.run_for(Duration::from_secs(3600)).await;
    let world = stack.world.s3();
    world.create_bucket(&stack.bucket, false).await.unwrap();
    let marker = marker(s3, stack).await;
    delete_version(s3, stack, KEY, &marker).await;
    // It is as old as it was, and older than its status.
    stack.world.run_for(Duration::from_secs(3600)).await;
}

#[tokio::test(start_paused = true)]
async fn a_deprecated_ami_is_current_again_once_the_delete_marker_is_deleted() {
    let stack = TestStack::new().await;
    let s3 = Client::new(&stack.sdk());
    let manifest = stack.manifest("web-{digest}") + "onDelete: deprecate\n";
    stack.drop_and_rest(KEY, manifest).await;
    let image = stack.only_image();
    stack.remove(KEY).await;
    stack.rest().await;
    assert!(stack.only_image().deprecation_time.is_some());
    let marker = marker(&s3, &stack).await;
    delete_version(&s3, &stack, KEY, &marker).await;
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.only_image().id, image.id);
    assert_eq!(stack.only_image().deprecation_time, None);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_came_back_is_found_by_the_sweep_without_any_event() {
    let (stack, s3) = retired().await;
    comes_back_silently(&stack, &s3).await;
    is_made_again(&stack).await;
}

/// The process that has seen that it was missing is gone, and its successor has not: the audit compares what both say.
#[tokio::test(start_paused = true)]
async fn a_manifest_that_came_back_is_found_by_the_audit_of_a_process_that_never_missed_it() {
    for is_cancelled in [false, true] {
        let (stack, s3) = match is_cancelled {
            false => retired().await,
            true => {
                let (stack, s3) = importing().await;
                stack.world.run_for(Duration::from_secs(600)).await;
                stack.remove(KEY).await;
                stack.rest().await;
                (stack, s3)
            }
        };
        let world = stack.world.s3();
        world.create_bucket(&stack.bucket, false).await.unwrap();
        let (before, ended) = (stack.world.faults().count(), stack.status(KEY).await);
        audit_anew(&stack).await;
        assert_eq!(stack.status(KEY).await, ended);
        let calls = stack.world.calls();
        let calls: Vec<_> = calls.iter().filter(|it| it.number > before).collect();
        let of_the_manifest = calls.iter().filter(|it| it.key.as_deref() == Some(KEY));
        assert_eq!(of_the_manifest.count(), 1, "{calls:#?}");

        let marker = marker(&s3, &stack).await;
        delete_version(&s3, &stack, KEY, &marker).await;
        audit_anew(&stack).await;
        assert_eq!(stack.status(KEY).await["state"], "working");
        is_made_again(&stack).await;
    }
}

/// An audit by a process that has just begun.
pub(super) async fn audit_anew(stack: &TestStack) {
    let (aws, config, history) = (stack.aws(), stack.config(), PollingHistory::default());
    let (now, meter) = (whole_seconds(stack.world.clock().now()), Meter::default());
    let event = json!({"task": "audit"});
    let audited = advance_tasks::handle(&aws, &config, &history, &event, now, None, &meter);
    audited.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_came_back_while_its_image_was_cancelled_is_found_too() {
    let (stack, s3) = importing().await;
    stack.world.run_for(Duration::from_secs(600)).await;
    stack.remove(KEY).await;
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    comes_back_silently(&stack, &s3).await;
    is_made_again(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_status_that_was_overwritten_is_kept_as_a_version() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let s3 = Client::new(&stack.sdk());
    let list = s3.list_object_versions().bucket(&stack.state_bucket);
    let listed = list.prefix("status/").send().await.unwrap();
    let versions = listed.versions();
    assert!(versions.len() > 1, "{versions:#?}");
    let oldest = versions.last().unwrap();
    let get = s3.get_object().bucket(&stack.state_bucket);
    let get = get.key(oldest.key.as_deref().unwrap());
    let get = get.version_id(oldest.version_id.as_deref().unwrap());
    let body = get.send().await.unwrap().body.collect().await.unwrap();
    let status: serde_json::Value = serde_json::from_slice(&body.into_bytes()).unwrap();
    assert_eq!(status["state"], "working");
    assert_eq!(stack.status(KEY).await["state"], "available");
}
