//! Requests of operators that the functions cannot delete: each is answered once, for as long as it is there.

use std::time::Duration;

use amiwright::keys;
use localaws::faults::Call;
use serde_json::json;

use super::requests::{
    ASKED, ASKED_AGAIN, IGNORED, KEY, at_rest, failed, importing, put, request, times,
};
use crate::support::{TestStack, minutes, refused};

const MARKER: &str = "open/golden/web.image.yaml.open";

/// From now on S3 refuses to delete requests.
fn keep_requests(stack: &TestStack) {
    let is_meant = |call: &Call| {
        let is_request = |key: &String| key.starts_with(keys::REQUESTS);
        call.action == "DeleteObject" && call.key.as_ref().is_some_and(is_request)
    };
    let faults = stack.world.faults();
    faults.each(is_meant, refused("AccessDenied"));
}

/// An image that ended incomplete, because EC2 refuses to share its AMI, as it does from now on.
async fn incomplete() -> TestStack {
    let stack = TestStack::built(|builder| builder.parameter("ShareWith", "*")).await;
    let refused = refused("UnauthorizedOperation");
    let faults = stack.world.faults();
    faults.always("ec2", "ModifyImageAttribute", refused);
    let access = "access: {accounts: ['111122223333']}\n";
    stack
        .drop_and_rest(KEY, stack.manifest("web") + access)
        .await;
    assert_eq!(stack.status(KEY).await["state"], "incomplete");
    stack
}

/// What was asked for is done, and the request is still there for ten ticks: nothing is written because of it. Then it can be
/// deleted.
async fn at_rest_with_and_without_it(stack: &TestStack) {
    stack.minute().await;
    stack.rest().await;
    stack.world.run_for(minutes(5)).await;
    let (puts, emails) = (stack.count("PutObject"), stack.emails());
    stack.world.run_for(minutes(10)).await;
    assert_eq!(stack.state_keys(keys::REQUESTS).await.len(), 1);
    assert_eq!(stack.open().await, [""; 0]);
    assert_eq!(stack.count("PutObject"), puts);
    assert_eq!(stack.emails(), emails);
    stack.world.faults().clear();
    stack.minute().await;
    at_rest(stack).await;
    assert_eq!(times(stack, IGNORED).await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_ami_is_published_again_once() {
    let stack = incomplete().await;
    let retry = request(&stack, "retry").await;
    keep_requests(&stack);
    put(&stack, KEY, &retry).await;
    at_rest_with_and_without_it(&stack).await;
    assert_eq!(times(&stack, ASKED_AGAIN).await, 1);
    let published = "a new attempt to publish it was asked for";
    assert_eq!(times(&stack, published).await, 1);
    let subjects = stack.subjects();
    let told = subjects.iter().filter(|it| it.starts_with("Incomplete"));
    assert_eq!(told.count(), 2, "{subjects:?}");
    assert_eq!(stack.status(KEY).await["state"], "incomplete");

    // The same bytes, written by who asks again.
    put(&stack, KEY, &retry).await;
    stack.minute().await;
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(times(&stack, ASKED_AGAIN).await, 2);
    at_rest(&stack).await;
}

/// Who asks again has seen that it is recorded. Meanwhile it was done, and made no difference.
#[tokio::test(start_paused = true)]
async fn what_is_asked_for_again_is_not_done_again() {
    let stack = incomplete().await;
    let retry = request(&stack, "retry").await;
    put(&stack, KEY, &retry).await;
    stack.minute().await;
    stack.rest().await;
    assert_eq!(times(&stack, ASKED_AGAIN).await, 1);
    assert_eq!(stack.status(KEY).await["state"], "incomplete");
    let (status, emails) = (stack.status(KEY).await, stack.emails());

    let mut repeated = retry.clone();
    repeated["isRepeated"] = true.into();
    put(&stack, KEY, &repeated).await;
    stack.minute().await;
    stack.rest().await;
    assert_eq!(stack.state_keys(keys::REQUESTS).await, [""; 0]);
    assert_eq!(stack.open().await, [""; 0]);
    assert_eq!(stack.status(KEY).await, status);
    assert_eq!(stack.emails(), emails);
}

#[tokio::test(start_paused = true)]
async fn a_failed_image_is_tried_again_once() {
    let stack = failed().await;
    keep_requests(&stack);
    put(&stack, KEY, &request(&stack, "retry").await).await;
    at_rest_with_and_without_it(&stack).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available");
    assert_eq!(status["build"]["attempt"], 1);
    assert_eq!(times(&stack, ASKED_AGAIN).await, 1);
    assert_eq!(stack.only_image().name, "web");
    assert_eq!(stack.emails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_import_is_cancelled_once() {
    let stack = importing().await;
    keep_requests(&stack);
    put(&stack, KEY, &request(&stack, "cancel").await).await;
    at_rest_with_and_without_it(&stack).await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    assert_eq!(times(&stack, ASKED).await, 1);
    assert_eq!(stack.count("CancelImportTask"), 1);
    assert_eq!(stack.emails().len(), 1);
}

/// What made no sense is not done later, when it would.
#[tokio::test(start_paused = true)]
async fn what_was_ignored_stays_ignored() {
    let stack = importing().await;
    keep_requests(&stack);
    put(&stack, KEY, &request(&stack, "retry").await).await;
    stack.world.run_for(minutes(2)).await;
    assert_eq!(times(&stack, IGNORED).await, 1);
    stack.remove(KEY).await;
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    stack.world.run_for(minutes(10)).await;
    assert_eq!(times(&stack, ASKED_AGAIN).await, 0);
    assert_eq!(times(&stack, IGNORED).await, 1);
    stack.world.faults().clear();
    stack.minute().await;
    at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn an_image_whose_marker_is_deleted_meanwhile_is_marked_again() {
    let stack = importing().await;
    keep_requests(&stack);
    put(&stack, KEY, &request(&stack, "cancel").await).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    assert_eq!(stack.status(KEY).await["cancel"]["by"], "command");
    stack.remove_state(MARKER).await;
    at_rest_with_and_without_it(&stack).await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    assert_eq!(stack.count("CancelImportTask"), 1);
}

/// A request about a status that a newer release has written waits for that release. Requests of which there are more than a tick
/// answers keep none of those that come after them from being answered, whose events are lost.
#[tokio::test(start_paused = true)]
async fn requests_that_cannot_be_answered_keep_no_other_waiting() {
    let stack = importing().await;
    let about = json!({"sha256": "00ff", "attempt": 0});
    let ask = json!({"ask": "retry", "askedAt": "2026-11-21T10:00:00Z", "about": about});
    for number in 0..120 {
        let key = format!("a{number:03}.image.yaml");
        stack.write_state(&keys::status_key(&key), "{\"schema\": 99}");
        stack.write_state(&keys::request_key(&key), ask.to_string());
    }
    let cancel = request(&stack, "cancel").await;
    stack.write_state(&keys::request_key(KEY), cancel.to_string());
    for _ in 0..3 {
        stack.minute().await;
    }
    assert_eq!(stack.status(KEY).await["cancel"]["by"], "command");
}
