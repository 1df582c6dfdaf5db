//! Sources that are still being made, or replaced, and services that are not well: all of it passes, and nothing is
//! recorded as final.

use std::time::Duration;

use http::StatusCode;
use localaws::ec2::{ImageState, SnapshotState};
use localaws::faults::Fault;
use serde_json::json;

use super::bundles::{KEY as BUNDLE, MANIFEST, PART};
use crate::support::{DISK, REGION, TestStack, minutes, vmdk};

const KEY: &str = "golden/web.image.yaml";

/// "Snapshot is in invalid state - pending": what EC2 says of one that is used before it is completed.
fn pending() -> Fault {
    Fault::Refuse {
        status: StatusCode::BAD_REQUEST,
        code: "IncorrectState".to_owned(),
        message: "Snapshot is in invalid state - pending".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_still_pending_is_waited_for() {
    let stack = TestStack::new().await;
    let manifest = stack.manifest("web");
    let set = |state| {
        let ec2 = stack.world.ec2();
        assert!(ec2.edit_snapshot(REGION, &stack.snapshot, |it| it.state = state));
    };
    set(SnapshotState::Pending);
    stack.drop_file(KEY, &manifest).await;
    stack.world.run_for(minutes(40)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "working", "{status:#}");
    assert_eq!(status["build"]["waiting"]["code"], "IncorrectState");
    let email = stack.only_email();
    assert!(email.subject.starts_with("Still waiting"), "{email:?}");

    set(SnapshotState::Completed);
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.only_image().state.to_string(), "available");
    stack.drop_and_rest(KEY, &manifest).await;
    assert_eq!(stack.emails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_failed_is_not_waited_for_and_one_that_stays_pending_not_for_ever() {
    for state in [SnapshotState::Error, SnapshotState::Pending] {
        // A day with fewer ticks.
        let seldom = |builder: localaws::world::Builder| {
            builder.parameter("AdvanceSchedule", "rate(1 hour)")
        };
        let stack = TestStack::built(seldom).await;
        let manifest = stack.manifest("web");
        let ec2 = stack.world.ec2();
        assert!(ec2.edit_snapshot(REGION, &stack.snapshot, |it| it.state = state));
        stack.drop_file(KEY, &manifest).await;
        stack.world.run_for(minutes(10)).await;
        let is_pending = state == SnapshotState::Pending;
        let ended = ["failed", "working"][usize::from(is_pending)];
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], ended, "{status:#}");
        stack.world.run_for(minutes(27 * 60)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "failed", "{status:#}");
        assert_eq!(status["build"]["failure"]["code"], "IncorrectState");
        let text = stack.emails().pop().unwrap().text;
        assert!(text.contains("wait until it is completed"), "{text}");
    }
}

/// What is waited for, and since when, is known all the same.
#[tokio::test(start_paused = true)]
async fn throttled_ticks_between_others_do_not_prolong_the_wait() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    let manifest = stack.manifest("web");
    let (ec2, faults) = (stack.world.ec2(), stack.world.faults());
    let state = SnapshotState::Pending;
    assert!(ec2.edit_snapshot(REGION, &stack.snapshot, |it| it.state = state));
    stack.drop_file(KEY, &manifest).await;
    for hour in 0..27 {
        stack.world.run_for(minutes(60)).await;
        if hour % 2 == 1 {
            faults.always("ec2", "DescribeImages", Fault::Throttle);
        }
        let tick = json!({"task": "advance"});
        stack.world.invoke("AdvanceTasks", tick).await.unwrap();
        stack.world.settle().await;
        faults.clear();
        let status = stack.status(KEY).await;
        assert!(hour > 22 || status["state"] == "working", "{status:#}");
    }
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    assert_eq!(status["build"]["failure"]["code"], "IncorrectState");
    let subjects = stack.emails().into_iter().map(|it| it.subject);
    let [waits, failed] = &subjects.collect::<Vec<_>>()[..] else {
        panic!("two emails");
    };
    assert!(waits.starts_with("Still waiting"), "{waits}");
    assert!(failed.starts_with("Failed"), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn an_own_import_that_is_shown_as_pending_for_a_while_is_not_deleted() {
    let stack = TestStack::new().await;
    let faults = stack.world.faults();
    faults.always("ec2", "RegisterImage", pending());
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(minutes(40)).await;
    assert!(stack.count("RegisterImage") > 1);
    assert_eq!(stack.count("DeleteSnapshot"), 0);
    stack.world.faults().clear();
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.count("ImportSnapshot"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_is_still_pending_is_copied_once_it_is_available() {
    let stack = TestStack::new().await;
    let source = stack.image_elsewhere("us-west-2").await;
    let set = |state| {
        let ec2 = stack.world.ec2();
        assert!(ec2.edit_image("us-west-2", &source, |image| image.state = state));
    };
    set(ImageState::Pending);
    let manifest = format!("name: copy\nsource:\n  image: {{id: {source}, region: us-west-2}}\n");
    stack.drop_file(KEY, &manifest).await;
    stack.world.run_for(minutes(40)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "working", "{status:#}");
    assert_eq!(
        status["build"]["waiting"]["code"],
        "InvalidAMIID.Unavailable"
    );
    set(ImageState::Available);
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_well_for_long_fails_no_image() {
    for (status, code) in [(503, "Unavailable"), (500, "InternalError")] {
        let stack = TestStack::new().await;
        let refusal = Fault::Refuse {
            status: StatusCode::from_u16(status).unwrap(),
            code: code.to_owned(),
            message: "The service is not available".to_owned(),
        };
        stack
            .world
            .faults()
            .always("ec2", "DescribeSnapshots", refusal);
        stack.drop_file(KEY, stack.manifest("web")).await;
        stack.world.run_for(minutes(40)).await;
        assert_eq!(stack.status(KEY).await["state"], "working", "{code}");
        stack.world.faults().clear();
        stack.rest().await;
        assert_eq!(stack.status(KEY).await["state"], "available", "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_bundle_that_was_not_checked_is_opened_for_ec2() {
    const PRIVATE: &str = "bundles/private.bin";
    let stack = TestStack::new().await;
    stack.drop_file(PRIVATE, b"not for EC2".as_slice()).await;
    let slow = Fault::Slow(Duration::from_secs(20));
    stack.world.faults().on("ec2", "RegisterImage", 1, slow);
    stack.drop_file("bundles/image.part.0", PART).await;
    stack.drop_file(BUNDLE, MANIFEST).await;
    stack.world.run_for(Duration::from_secs(10)).await;
    assert_eq!(stack.count("RegisterImage"), 1);

    // EC2 may not read the first; what is there when it says so names another object.
    let other = String::from_utf8(MANIFEST.to_vec()).unwrap();
    let other = other.replace("image.part.0", "private.bin");
    stack.drop_file(BUNDLE, other.as_bytes()).await;
    stack.rest().await;
    let acl = stack.world.s3().acl(&stack.bucket, PRIVATE).await.unwrap();
    assert_eq!(acl.as_deref(), Some("private"));
    assert_eq!(stack.status(BUNDLE).await["state"], "rejected");
}
