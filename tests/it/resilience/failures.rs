//! What EC2 refuses reaches the person who asked, in EC2's own words.

use std::time::Duration;

use crate::support::{DISK, TestStack, refused, vmdk};
use amiwright::limits;
use amiwright::status_store::{self, StoreError};
use http::StatusCode;
use localaws::ec2::StateReason;
use localaws::faults::Fault;

const KEY: &str = "web.image.yaml";

#[tokio::test(start_paused = true)]
async fn a_missing_snapshot_is_reported_with_code_message_and_request_id() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest(
            KEY,
            "name: web\nsource: {snapshot: {id: snap-0123456789abcdef0}}\n",
        )
        .await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed");
    assert_eq!(
        status["build"]["failure"]["code"],
        "InvalidSnapshot.NotFound"
    );
    let request_id = status["build"]["failure"]["requestId"].as_str().unwrap();
    let email = stack.only_email();
    assert_eq!(
        email.subject,
        "Failed: web (us-east-1): InvalidSnapshot.NotFound"
    );
    for text in [
        "InvalidSnapshot.NotFound",
        "snap-0123456789abcdef0",
        request_id,
        "What to do:",
    ] {
        assert!(
            email.text.contains(text),
            "{text} is missing in\n{}",
            email.text
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_fails_later_is_reported_with_its_reason() {
    let stack = TestStack::new().await;
    let reason = StateReason {
        code: "Client.InternalError".to_owned(),
        message: "the snapshot is broken".to_owned(),
    };
    stack.world.ec2().fail_next_registration(reason);
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed");
    let email = stack.only_email();
    assert!(
        email
            .text
            .contains("Client.InternalError: \"the snapshot is broken\""),
        "{}",
        email.text
    );
    // The half-made AMI is gone, and the email says so; the snapshot is not ours to remove.
    assert_eq!(stack.images(), []);
    let removed = status["build"]["deleted"][0].as_str().unwrap();
    assert!(
        email.text.contains(&format!("Deleted    {removed}")),
        "{}",
        email.text
    );
    assert_eq!(stack.snapshots(), std::slice::from_ref(&stack.snapshot));
}

#[tokio::test(start_paused = true)]
async fn a_name_of_a_foreign_ami_is_not_taken_over() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest("first.image.yaml", stack.manifest("web"))
        .await;
    let first = stack.only_image();
    stack
        .drop_and_rest("second.image.yaml", stack.manifest("web"))
        .await;
    assert_eq!(stack.only_image(), first);
    let status = stack.status("second.image.yaml").await;
    assert_eq!(
        status["build"]["failure"]["code"],
        "InvalidAMIName.Duplicate"
    );
    assert!(stack.emails()[1].text.contains(&first.id));
}

/// EC2 may have heard the first request, so the refusal of the next one is waited out: that ends a minute after the image has
/// been in its step for a quarter of an hour.
#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_a_wait_that_is_about_to_end() {
    let stack = TestStack::new().await;
    let faults = stack.world.faults();
    faults.always("ec2", "RegisterImage", Fault::Throttle);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(40)).await;
    let waiting = stack.status(KEY).await["build"]["waiting"].clone();
    assert_eq!(waiting["code"], "RequestLimitExceeded");
    faults.clear();
    faults.always("ec2", "RegisterImage", refused("UnauthorizedOperation"));
    stack.world.run_for(Duration::from_secs(16 * 60)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "working", "{status:#}");
    assert_eq!(status["build"]["waiting"]["code"], "UnauthorizedOperation");
    assert_eq!(stack.emails(), []);
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "failed");
    let email = stack.only_email();
    assert!(email.subject.starts_with("Failed"), "{}", email.subject);
}

#[tokio::test(start_paused = true)]
async fn throttling_is_retried_and_reported_after_a_while() {
    let stack = TestStack::new().await;
    stack
        .world
        .faults()
        .always("ec2", "RegisterImage", Fault::Throttle);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(20 * 60)).await;
    stack.world.settle().await;
    let email = stack.only_email();
    assert!(
        email.subject.starts_with("Still waiting"),
        "{}",
        email.subject
    );
    assert!(
        email.text.contains("RequestLimitExceeded"),
        "{}",
        email.text
    );
    assert!(
        stack.world.dead_letters().is_empty(),
        "waiting is not a failure"
    );

    stack.world.faults().clear();
    stack.rest().await;
    assert_eq!(stack.only_image().state.to_string(), "available");
    assert_eq!(stack.emails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_allowed_fails_at_once_and_says_what_to_allow() {
    let stack = TestStack::new().await;
    let refusal = Fault::Refuse {
        status: StatusCode::FORBIDDEN,
        code: "UnauthorizedOperation".to_owned(),
        message: "You are not authorized to perform this operation: ec2:RegisterImage".to_owned(),
    };
    stack.world.faults().on("ec2", "RegisterImage", 1, refusal);
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let email = stack.only_email();
    assert!(email.text.contains("ec2:RegisterImage"), "{}", email.text);
    assert!(
        email.text.contains("allow the function's role"),
        "{}",
        email.text
    );
    assert_eq!(stack.images(), []);
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_cannot_be_seen_at_first_is_waited_for() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_visibility_delay(Duration::from_secs(240));
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    assert_eq!(stack.only_image().state.to_string(), "available");
    assert_eq!(stack.status(KEY).await["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn an_ami_deregistered_outside_amiwright_is_reported() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_pending_time(Duration::from_secs(24 * 3600));
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.minute().await;
    let id = stack.only_image().id;
    stack.deregister(&id).await;
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "failed");
    let email = stack.emails().pop().unwrap();
    assert!(
        email.text.contains("CloudTrail") && email.text.contains(&id),
        "{}",
        email.text
    );
}

#[tokio::test(start_paused = true)]
async fn an_image_whose_status_grows_too_large_fails_and_says_so() {
    let stack = TestStack::new().await;
    stack.drop_file("web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.settle().await;
    // As large as a status may become while its image is under way.
    let (aws, config) = (stack.aws(), stack.config());
    let loaded = status_store::load(&aws, &config, KEY)
        .await
        .unwrap()
        .unwrap();
    let mut status = loaded.status.clone();
    let mut length = limits::STATUS_BYTES - 96 * 1024;
    length -= serde_json::to_vec_pretty(&status).unwrap().len();
    loop {
        // Something that no notice reports.
        status.open_marker = Some("x".repeat(length));
        match status_store::save(&aws, &config, &status, Some(&loaded.etag)).await {
            Err(StoreError::TooLarge { .. }) => length -= 16,
            saved => break drop(saved.unwrap()),
        }
    }
    stack.world.run_for(Duration::from_secs(20 * 60)).await;
    stack.world.settle().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{:#}", status["history"]);
    let email = stack.only_email();
    assert!(
        email.text.contains("at most 425984 are written"),
        "{}",
        email.text
    );
    assert_eq!(stack.images(), []);
    assert_eq!(stack.snapshots(), std::slice::from_ref(&stack.snapshot));
}
