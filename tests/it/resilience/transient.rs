//! What EC2 refuses for the moment only: nothing is recorded as final, and nothing that was made is deleted.

use std::time::Duration;

use crate::support::{DISK, TestStack, making, starting_call, vmdk};
use http::StatusCode;
use localaws::ec2::TaskKind;
use localaws::faults::Fault;

const KEY: &str = "golden/web.image.yaml";

fn refusal(code: &str, message: &str) -> Fault {
    Fault::Refuse {
        status: StatusCode::BAD_REQUEST,
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

/// "Error codes for the Amazon EC2 API".
const QUOTAS: [(&str, &str); 3] = [
    (
        "ResourceLimitExceeded",
        "Too many snapshot copies in progress. The limit is 5 for this destination region.",
    ),
    (
        "ConcurrentSnapshotLimitExceeded",
        "Maximum allowed in-progress snapshots exceeded.",
    ),
    (
        "PendingSnapshotLimitExceeded",
        "Too many pending snapshots.",
    ),
];

const KINDS: [TaskKind; 6] = [
    TaskKind::ImportSnapshot,
    TaskKind::ImportImage,
    TaskKind::BundleInstance,
    TaskKind::CopyImage,
    TaskKind::StoreImage,
    TaskKind::RestoreImage,
];

#[tokio::test(start_paused = true)]
async fn a_quota_of_what_runs_at_once_is_waited_for() {
    for kind in KINDS {
        for (code, message) in QUOTAS {
            let (stack, manifest) = making(kind).await;
            let call = starting_call(kind);
            let faults = stack.world.faults();
            faults.on("ec2", call, 1, refusal(code, message));
            stack.drop_and_rest(KEY, manifest).await;
            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "available", "{call} {code}: {status:#}");
            assert_eq!(stack.count(call), 2, "{call} {code}");
            let emails = stack.emails();
            assert_eq!(emails.len(), 1, "{call} {code}: {emails:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_lasts_is_reported_with_ec2s_words_and_still_waited_for() {
    let stack = TestStack::new().await;
    let (code, message) = QUOTAS[0];
    let faults = stack.world.faults();
    faults.always("ec2", "ImportSnapshot", refusal(code, message));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(Duration::from_secs(20 * 60)).await;
    let email = stack.only_email();
    assert!(email.subject.starts_with("Still waiting"), "{email:?}");
    assert!(email.text.contains("Too many snapshot copies"), "{email:?}");
    stack.world.run_for(Duration::from_secs(24 * 3600)).await;
    stack.world.faults().clear();
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.emails().len(), 2);
}

const NOT_FOUND: &str = "InvalidSnapshot.NotFound";

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_was_just_imported_may_not_be_found_at_first() {
    let stack = TestStack::new().await;
    let message = "The snapshot 'snap-0123456789abcdef0' does not exist.";
    for nth in 1..=3 {
        let faults = stack.world.faults();
        faults.on("ec2", "RegisterImage", nth, refusal(NOT_FOUND, message));
    }
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;
    assert_eq!(stack.only_image().state.to_string(), "available");
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.count("ImportSnapshot"), 1);
    assert_eq!(stack.count("DeleteSnapshot"), 0);
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_imported_snapshot_that_never_comes_into_sight_fails_the_image_in_the_end() {
    let stack = TestStack::new().await;
    let faults = stack.world.faults();
    let message = "The snapshot 'snap-0123456789abcdef0' does not exist.";
    faults.always("ec2", "RegisterImage", refusal(NOT_FOUND, message));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed");
    assert_eq!(status["build"]["failure"]["code"], NOT_FOUND);
}

/// The first has looked and is slow; the second registers meanwhile.
#[tokio::test(start_paused = true)]
async fn two_invocations_at_once_register_one_ami() {
    let stack = TestStack::new().await;
    stack.drop_silently(KEY, stack.manifest("web"));
    let slow = Fault::Slow(Duration::from_secs(5));
    stack.world.faults().on("ec2", "DescribeImages", 1, slow);
    for _ in 0..2 {
        let event = stack.object_created(KEY);
        stack.world.invoke_later("RegisterImage", event);
    }
    stack.rest().await;
    assert_eq!(stack.count("RegisterImage"), 1);
    assert_eq!(stack.only_image().state.to_string(), "available");
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.emails().len(), 1);
}

/// Whose it is has to be known first, and the stack's own Region will answer again.
#[tokio::test(start_paused = true)]
async fn a_snapshot_of_which_ec2_does_not_say_for_hours_whose_it_is_is_waited_for() {
    let stack = TestStack::new().await;
    let faults = stack.world.faults();
    faults.always("ec2", "DescribeSnapshots", Fault::LoseAnswer);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(3 * 3600)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "working", "{status:#}");
    faults.clear();
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.count("RegisterImage"), 1);
}

/// An AMI that was seen a moment ago.
#[tokio::test(start_paused = true)]
async fn an_ami_that_is_not_found_when_it_is_to_be_stored_is_asked_for_again() {
    let (stack, manifest) = making(TaskKind::StoreImage).await;
    let message = "The image id '[ami-0123456789abcdef0]' does not exist";
    let faults = stack.world.faults();
    let refused = refusal("InvalidAMIID.NotFound", message);
    faults.on("ec2", "CreateStoreImageTask", 1, refused);
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.count("CreateStoreImageTask"), 2);
    assert_eq!(stack.emails().len(), 1);
}

/// A process may hold several worlds, and several clients: what one spends on retries is not missing in another.
#[tokio::test(start_paused = true)]
async fn a_call_is_tried_again_however_often_another_world_failed() {
    let internal = || Fault::Refuse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalError".to_owned(),
        message: "Again".to_owned(),
    };
    let (troubled, other) = (TestStack::new().await, TestStack::new().await);
    troubled
        .world
        .faults()
        .always("ec2", "DescribeImages", internal());
    let aws = troubled.aws();
    let mut tries = Vec::new();
    for _ in 0..100 {
        let before = troubled.count("DescribeImages");
        assert!(aws.named_image("ami-12345678").await.is_err());
        tries.push(troubled.count("DescribeImages") - before);
    }
    assert_eq!(
        (tries[0], tries[99]),
        (3, 1),
        "one client's retries are limited"
    );
    for call in 1..3 {
        let faults = other.world.faults();
        faults.on("ec2", "DescribeImages", call, internal());
    }
    let answer = other.aws().named_image("ami-12345678").await;
    assert_eq!(other.count("DescribeImages"), 3, "{answer:?}");
}
