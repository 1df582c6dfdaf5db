//! The newest version of a manifest is deleted, so that the one before it is there again, under its old date, and nobody hears of
//! that.

use std::time::Duration;

use amiwright::manifest::sha256_hex;
use aws_sdk_s3::Client;

use super::pinned::{audit_anew, current, delete_version};
use super::requests::{KEY, at_rest, put, request};
use crate::support::{TestStack, minutes, refused};

/// How the version ends that is deleted.
#[derive(Debug, Clone, Copy)]
enum Ended {
    Rejected,
    Failed,
    Cancelled,
}

/// An AMI, and a version after it that came to nothing, and that is deleted a while later.
async fn set_back(how: Ended) -> (TestStack, String) {
    let stack = TestStack::new().await;
    let first = stack.manifest("web-{digest}");
    stack.drop_and_rest(KEY, &first).await;
    let faults = stack.world.faults();
    match how {
        Ended::Rejected => stack.drop_file(KEY, "name: web\n").await,
        Ended::Failed => {
            let refused = refused("UnauthorizedOperation");
            faults.always("ec2", "RegisterImage", refused);
            let second = first.replace("web-", "front-");
            stack.drop_file(KEY, second).await;
        }
        Ended::Cancelled => {
            let second = "name: web\nsource: {disk: {object: web.vmdk, format: vmdk}}\n";
            stack.drop_file(KEY, second).await;
            stack.world.run_for(Duration::from_secs(90)).await;
            put(&stack, KEY, &request(&stack, "cancel").await).await;
        }
    }
    stack.rest().await;
    faults.clear();
    stack.world.run_for(minutes(60)).await;
    let ended = stack.status(KEY).await;
    let state = format!("{how:?}").to_lowercase();
    assert_eq!(ended["state"], state.as_str(), "{ended:#}");
    let s3 = Client::new(&stack.sdk());
    let newest = current(&s3, &stack, KEY).await;
    let world = stack.world.s3();
    world.create_bucket(&stack.bucket, false).await.unwrap();
    delete_version(&s3, &stack, KEY, &newest).await;
    (stack, first)
}

/// What is there again is what the status is about, and its AMI is the one that it had.
async fn is_first(stack: &TestStack, first: &str, how: Ended) {
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{how:?} {status:#}");
    assert_eq!(
        status["manifest"]["sha256"],
        sha256_hex(first.as_bytes()).as_str()
    );
    stack.only_image();
    let subjects = stack.subjects();
    assert_eq!(subjects.len(), 3, "{how:?} {subjects:?}");
    stack.world.run_for(minutes(60)).await;
    at_rest(stack).await;
}

const ALL: [Ended; 3] = [Ended::Rejected, Ended::Failed, Ended::Cancelled];

#[tokio::test(start_paused = true)]
async fn a_sweep_finds_it() {
    for how in ALL {
        let (stack, first) = set_back(how).await;
        stack.world.run_for(minutes(20)).await;
        is_first(&stack, &first, how).await;
    }
}

/// One that has never listed anything else at its key.
#[tokio::test(start_paused = true)]
async fn the_audit_of_another_process_finds_it() {
    for how in ALL {
        let (stack, first) = set_back(how).await;
        audit_anew(&stack).await;
        let status = stack.status(KEY).await;
        assert_eq!(
            status["manifest"]["sha256"],
            sha256_hex(first.as_bytes()).as_str(),
            "{how:?}"
        );
        is_first(&stack, &first, how).await;
    }
}
