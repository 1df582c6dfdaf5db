//! An operator cancels an image whose manifest was uploaded again, and nobody has heard of that yet.

use std::time::Duration;

use super::requests::{ASKED, KEY, at_rest, importing, put, request, times};
use crate::support::{DISK, TestStack, minutes, vmdk};

/// The manifest's image is cancelled, and stays so, until its manifest is uploaded once more.
async fn stays_cancelled(stack: &TestStack) {
    stack.rest().await;
    stack.world.run_for(minutes(40)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
    assert_eq!(stack.images(), []);
    let email = stack.only_email();
    assert!(email.subject.starts_with("Cancelled"), "{email:?}");
    assert!(email.text.contains("amiwright retry"), "{}", email.text);
    at_rest(stack).await;

    stack.drop_and_rest(KEY, DISK).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_upload_before_the_request_is_cancelled_with_it() {
    let stack = importing().await;
    stack.drop_silently(KEY, DISK);
    stack.world.run_for(Duration::from_secs(20)).await;
    put(&stack, KEY, &request(&stack, "cancel").await).await;
    stays_cancelled(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_after_the_request_begins_the_image_again_also_where_it_is_heard_of_first() {
    let stack = TestStack::without_events_of_requests().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(localaws::ec2::TaskKind::ImportSnapshot, minutes(60));
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(Duration::from_secs(125)).await;
    put(&stack, KEY, &request(&stack, "cancel").await).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(Duration::from_secs(10)).await;
    let status = stack.status(KEY).await;
    assert!(status["cancel"].is_null(), "{status:#}");
    assert!(!status["manifest"]["repeatedAt"].is_null(), "{status:#}");
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(times(&stack, ASKED).await, 1);
    let emails = stack.emails();
    let [cancelled, available] = &emails[..] else {
        panic!("{emails:#?}");
    };
    let again = "uploaded again meanwhile: another attempt begins";
    assert!(cancelled.text.contains(again), "{}", cancelled.text);
    assert!(available.subject.starts_with("Available"));
    at_rest(&stack).await;
}

/// Who asks once more has seen that the image is being cancelled, and means what was uploaded since, too.
#[tokio::test(start_paused = true)]
async fn who_asks_again_cancels_what_was_uploaded_since() {
    let stack = importing().await;
    let cancel = request(&stack, "cancel").await;
    put(&stack, KEY, &cancel).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    let mut again = cancel;
    again["isRepeated"] = true.into();
    put(&stack, KEY, &again).await;
    stays_cancelled(&stack).await;
}
