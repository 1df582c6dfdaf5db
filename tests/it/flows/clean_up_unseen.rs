//! A snapshot that an import has made, and that EC2 does not show while a cancelled image is cleaned up: it is deleted once it
//! is shown, or named.

use std::time::Duration;

use localaws::ec2::TaskKind;
use localaws::faults::Fault;
use serde_json::Value;

use crate::support::{DISK, REGION, TestStack, minutes, refused, vmdk};

const KEY: &str = "golden/web.image.yaml";

/// A stack with a disk that is being imported; what the import makes is shown this much later.
async fn importing(hidden: Duration) -> TestStack {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(5));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(minutes(1)).await;
    assert_eq!(stack.status(KEY).await["build"]["step"], "await-task");
    ec2.set_visibility_delay(hidden);
    stack
}

/// Time passes until the import is done, and what it has made is to be tagged.
async fn imported(stack: &TestStack) -> String {
    for _ in 0..15 {
        stack.minute().await;
        let status = stack.status(KEY).await;
        if status["build"]["step"] == "tag-imported" {
            let snapshot = &status["build"]["tasks"][0]["snapshots"][0];
            return snapshot.as_str().unwrap().to_owned();
        }
    }
    panic!("{:#}", stack.status(KEY).await);
}

/// The image ends; half a day later nothing has changed.
async fn ended(stack: &TestStack, state: &str) -> Value {
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], state, "{status:#}");
    assert_eq!(status["build"]["deleting"], Value::Null, "{status:#}");
    let (emails, snapshots) = (stack.emails().len(), stack.snapshots());
    stack.world.run_for(minutes(12 * 60)).await;
    assert_eq!(stack.emails().len(), emails);
    assert_eq!(stack.snapshots(), snapshots);
    status
}

#[tokio::test(start_paused = true)]
async fn an_imported_snapshot_that_is_shown_late_is_deleted() {
    let stack = importing(minutes(12)).await;
    let snapshot = imported(&stack).await;
    stack.remove(KEY).await;
    ended(&stack, "cancelled").await;
    assert_eq!(stack.snapshots(), std::slice::from_ref(&stack.snapshot));
    let email = stack.emails().pop().unwrap();
    assert!(
        email.text.contains(&format!("Deleted    {snapshot}")),
        "{}",
        email.text
    );
}

#[tokio::test(start_paused = true)]
async fn an_imported_snapshot_that_is_never_shown_is_named() {
    let stack = importing(minutes(24 * 60)).await;
    let snapshot = imported(&stack).await;
    stack.remove(KEY).await;
    let status = ended(&stack, "cancelled").await;
    let orphan = &status["build"]["orphans"][0];
    assert_eq!(orphan["what"], snapshot, "{status:#}");
    assert_eq!(orphan["reason"], "unproven");
    let email = stack.emails().pop().unwrap();
    assert!(email.text.contains(&snapshot), "{}", email.text);
}

/// Which AMIs and snapshots there may be is told even where EC2 lets nobody change, or look for, them.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_tagged_or_seen_is_named() {
    for action in ["CreateTags", "DescribeSnapshots"] {
        let stack = importing(Duration::ZERO).await;
        let faults = stack.world.faults();
        faults.always("ec2", "CreateTags", refused("UnauthorizedOperation"));
        faults.always("ec2", action, refused("UnauthorizedOperation"));
        let status = ended(&stack, "failed").await;
        let orphans = status["build"]["orphans"].as_array().unwrap();
        let named: Vec<&Value> = orphans.iter().map(|it| &it["what"]).collect();
        let made = stack
            .snapshots()
            .into_iter()
            .find(|it| *it != stack.snapshot);
        let made = made.unwrap();
        assert_eq!(named, ["what was made for this image", &made], "{status:#}");
        let email = stack.emails().pop().unwrap();
        assert!(email.text.contains(&made), "{}", email.text);
    }
}

/// What CreateTags does not find is looked for again: what is imported was there a moment ago.
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_cannot_be_tagged_for_a_moment_is_deleted() {
    let stack = importing(Duration::ZERO).await;
    let faults = stack.world.faults();
    faults.always("ec2", "CreateTags", refused("InvalidSnapshot.NotFound"));
    imported(&stack).await;
    stack.remove(KEY).await;
    stack.world.run_for(minutes(5)).await;
    assert_eq!(stack.status(KEY).await["build"]["step"], "clean-up");
    faults.clear();
    let status = ended(&stack, "cancelled").await;
    assert_eq!(status["build"]["orphans"], Value::Null, "{status:#}");
    assert_eq!(stack.snapshots(), std::slice::from_ref(&stack.snapshot));
}

/// The process dies before it has deleted what it wrote down to be deleted, and EC2 does not show that then.
#[tokio::test(start_paused = true)]
async fn what_was_to_be_deleted_when_the_process_died_is_deleted() {
    let stack = importing(Duration::ZERO).await;
    let faults = stack.world.faults();
    faults.on("ec2", "DeleteSnapshot", 1, Fault::CrashBefore);
    faults.always("ec2", "RegisterImage", refused("UnauthorizedOperation"));
    while stack.count("DeleteSnapshot") == 0 {
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    let snapshots = stack.snapshots();
    let made = snapshots.iter().find(|it| **it != stack.snapshot).unwrap();
    let ec2 = stack.world.ec2();
    ec2.hide_snapshot(REGION, made, minutes(8));
    let status = ended(&stack, "failed").await;
    assert_eq!(status["build"]["deleted"], serde_json::json!([made]));
    assert_eq!(
        stack.snapshots(),
        std::slice::from_ref(&stack.snapshot),
        "{status:#}"
    );
}

/// What was deleted is shown for a while. EC2's event of it comes before that is written down; no tick deletes it again.
#[tokio::test(start_paused = true)]
async fn what_is_deleted_is_not_deleted_at_each_tick() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.set_pending_time(minutes(30));
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(minutes(1)).await;
    ec2.set_visibility_delay(minutes(5));
    stack.remove(KEY).await;
    ended(&stack, "cancelled").await;
    assert_eq!(stack.images(), []);
    let times = stack.count("DeregisterImage");
    assert!(times <= 2, "{times}");
}
