//! Tasks of EC2's that fail or are cancelled: what they leave is deleted, and what cannot be is reported.

use std::time::Duration;

use localaws::ec2::TaskKind;
use serde_json::Value;

use crate::support::{DISK, TestStack, refused, vmdk};

const KEY: &str = "golden/web.image.yaml";

pub(super) fn histories(status: &Value) -> String {
    let history = status["history"].as_array().unwrap();
    let lines = history.iter().map(|change| change["why"].as_str().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn an_image_waiting_for_another_bundle_task_is_cancelled_within_minutes() {
    let (stack, instance) = TestStack::classic().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::BundleInstance, Duration::from_secs(3600));
    let manifest = |name: &str| format!("name: {name}\nsource: {{instance: {{id: {instance}}}}}\n");
    stack.drop_file("one.image.yaml", manifest("one")).await;
    stack.world.run_for(Duration::from_secs(1)).await;
    stack.drop_file(KEY, manifest("two")).await;
    stack.minute().await;
    stack.remove(KEY).await;
    stack.minute().await;
    // An invocation that began before may still ask EC2 to bundle it.
    assert_eq!(stack.status(KEY).await["state"], "working");
    for _ in 0..6 {
        stack.minute().await;
    }
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    assert_eq!(stack.status("one.image.yaml").await["state"], "working");
}

#[tokio::test(start_paused = true)]
async fn a_failed_import_leaves_no_orphans_and_its_email_quotes_ec2() {
    let stack = TestStack::new().await;
    let said = "ClientError: Disk validation failed [Unsupported VMDK File Format]";
    stack
        .world
        .ec2()
        .fail_next_task(TaskKind::ImportSnapshot, said);
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    assert!(
        stack.only_email().text.contains(said),
        "{}",
        stack.only_email().text
    );
    assert_eq!(stack.images(), []);
    assert_eq!(stack.snapshots(), std::slice::from_ref(&stack.snapshot));
}

#[tokio::test(start_paused = true)]
async fn a_removed_manifest_cancels_its_import_and_put_back_it_is_made() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, Duration::from_secs(3600));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(Duration::from_secs(40 * 60)).await;
    stack.remove(KEY).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
    assert_eq!(
        stack.snapshots(),
        std::slice::from_ref(&stack.snapshot),
        "{}",
        histories(&status)
    );
    assert_eq!(
        stack.only_email().subject,
        "Cancelled: web-2026-11-21 (us-east-1)"
    );

    stack.drop_and_rest(KEY, DISK).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.images().len(), 1);
    assert_eq!(stack.emails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_machine_imported_despite_its_cancellation_leaves_no_orphans() {
    let stack = TestStack::new().await;
    let mut ova = vec![0; 4096];
    ova[257..262].copy_from_slice(b"ustar");
    stack.drop_file("golden/app.ova", ova).await;
    let faults = stack.world.faults();
    faults.always("ec2", "CancelImportTask", refused("IncorrectState"));
    stack
        .drop_file(
            KEY,
            "name: app\nsource: {vm: {object: app.ova, format: ova}}\n",
        )
        .await;
    stack.minute().await;
    stack.remove(KEY).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
    assert_eq!(stack.images(), [], "{}", histories(&status));
    assert_eq!(stack.snapshots(), std::slice::from_ref(&stack.snapshot));
    let email = stack.only_email();
    assert!(
        email.text.contains("was deleted (see Deleted)"),
        "{}",
        email.text
    );
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_deleted_is_reported_with_what_it_keeps() {
    let stack = TestStack::new().await;
    let faults = stack.world.faults();
    faults.always("ec2", "DeregisterImage", refused("UnauthorizedOperation"));
    stack
        .world
        .ec2()
        .set_pending_time(Duration::from_secs(24 * 3600));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(Duration::from_secs(30 * 60)).await;
    let image = stack.only_image();
    stack.remove(KEY).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
    let snapshot = status["build"]["tasks"][0]["snapshots"][0]
        .as_str()
        .unwrap();
    let left = status["build"]["orphans"].as_array().unwrap();
    let left: Vec<&str> = left.iter().map(|it| it["what"].as_str().unwrap()).collect();
    assert_eq!(left, [&*image.id, snapshot], "{status:#}");
    assert_eq!(status["build"].get("deleted"), None);
    let emails = stack.emails();
    let email = emails
        .iter()
        .find(|email| email.subject.starts_with("Cancelled"));
    let text = &email.unwrap().text;
    assert!(text.contains("could not be deleted"), "{text}");
}
