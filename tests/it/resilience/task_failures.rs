//! Tasks that cannot be started or described: people are notified, and what was made is found again.

use std::time::Duration;

use crate::support::{DISK, TestStack, vmdk};
use localaws::ec2::TaskKind;

const KEY: &str = "golden/web.image.yaml";

#[tokio::test(start_paused = true)]
async fn a_describe_call_that_is_denied_is_reported() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.settle().await;
    assert_eq!(stack.count("ImportSnapshot"), 1);
    ec2.set_denied_actions(&["DescribeImportSnapshotTasks"]);
    stack.world.run_for(Duration::from_secs(30 * 60)).await;
    let email = stack.only_email();
    assert_eq!(email.subject, "Still waiting: web-2026-11-21 (us-east-1)");
    assert!(
        email.text.contains("UnauthorizedOperation"),
        "{}",
        email.text
    );

    // Once allowed, it continues by itself.
    ec2.set_denied_actions(&[]);
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_is_denied_is_reported() {
    let stack = TestStack::new().await;
    stack.world.ec2().set_denied_actions(&["DescribeImages"]);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(30 * 60)).await;
    assert_eq!(stack.only_email().subject, "Still waiting: web (us-east-1)");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_cannot_be_described_for_hours_is_reported_as_stalled() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.settle().await;
    assert_eq!(stack.count("ImportSnapshot"), 1);
    let faults = stack.world.faults();
    let throttle = localaws::faults::Fault::Throttle;
    faults.always("ec2", "DescribeImportSnapshotTasks", throttle);
    stack.world.run_for(Duration::from_secs(150 * 60)).await;
    let subjects = stack.subjects();
    assert_eq!(subjects, ["Stalled: web-2026-11-21 (us-east-1)"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_is_reported_before_hours_of_importing() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest("other.image.yaml", stack.manifest("web-{date}"))
        .await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;
    let status = stack.status(KEY).await;
    assert_eq!(
        status["build"]["failure"]["code"],
        "InvalidAMIName.Duplicate"
    );
    assert_eq!(stack.count("ImportSnapshot"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_removed_status_makes_no_second_ami() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;
    let (images, snapshots) = (stack.images(), stack.snapshots());
    stack.remove_state(&format!("status/{KEY}.json")).await;
    stack
        .world
        .invoke("RegisterImage", stack.object_created(KEY))
        .await
        .unwrap();
    stack.rest().await;
    assert_eq!((stack.images(), stack.snapshots()), (images, snapshots));
    assert_eq!(stack.count("ImportSnapshot"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_made_nothing_is_lost_and_its_email_says_what_was_seen() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, Duration::from_secs(24 * 3600));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(Duration::from_secs(600)).await;
    let status = stack.status(KEY).await;
    ec2.hide_task(status["build"]["tasks"][0]["id"].as_str().unwrap());
    stack.rest().await;
    let email = stack.only_email();
    assert_eq!(email.subject, "Lost: web-2026-11-21 (us-east-1)");
    assert!(
        email.text.contains("has not listed the task since"),
        "{}",
        email.text
    );
    assert_eq!(stack.status(KEY).await["state"], "failed");
}
