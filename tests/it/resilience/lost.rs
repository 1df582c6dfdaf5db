//! Events are hints, the schedule is the guarantee.

use std::time::Duration;

use crate::support::TestStack;
use http::StatusCode;
use localaws::faults::Fault;
use serde_json::json;

const KEY: &str = "golden/web.image.yaml";

#[tokio::test(start_paused = true)]
async fn a_manifest_whose_event_was_lost_is_swept_up() {
    let stack = TestStack::new().await;
    stack.drop_silently(KEY, stack.manifest("web"));
    assert!(stack.open().await.is_empty());
    stack.world.run_for(Duration::from_secs(16 * 60)).await;
    stack.rest().await;
    assert_eq!(stack.only_image().name, "web");
    assert_eq!(stack.mails().len(), 1);

    // The next sweeps find nothing more to do.
    let before = stack.count("PutObject");
    stack.world.run_for(Duration::from_secs(60 * 60)).await;
    assert_eq!(stack.count("PutObject"), before);
}

#[tokio::test(start_paused = true)]
async fn a_new_version_whose_event_was_lost_is_swept_up() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    stack.minute().await;
    stack.drop_silently(
        KEY,
        format!(
            "{}register: {{imdsSupport: v2.0}}\n",
            stack.manifest("web-{digest}")
        ),
    );
    stack.world.run_for(Duration::from_secs(16 * 60)).await;
    stack.rest().await;
    assert_eq!(stack.images().len(), 2);
    assert_eq!(stack.mails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_nobody_was_woken_for_is_sent_by_the_schedule() {
    let stack = TestStack::new().await;
    // `notify` fails for as long as Lambda tries; the schedule goes on.
    let down = Fault::Refuse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalError".to_owned(),
        message: "We are down".to_owned(),
    };
    stack.world.faults().always("sns", "Publish", down);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(600)).await;
    assert_eq!(stack.mails(), []);
    assert_eq!(
        stack.open().await.len(),
        1,
        "what was not told is not settled"
    );

    stack.world.faults().clear();
    stack.rest().await;
    assert_eq!(stack.mails().len(), 1);
    assert_eq!(stack.only_image().name, "web");
}

#[tokio::test(start_paused = true)]
async fn a_marker_without_a_status_or_a_manifest_goes() {
    let stack = TestStack::new().await;
    stack.drop_silently("amiwright/open/gone.image.yaml", "");
    stack.minute().await;
    assert!(stack.open().await.is_empty());
    assert_eq!(stack.mails(), []);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_somebody_broke_is_told_and_not_overwritten() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let status = format!("amiwright/status/{KEY}.json");
    stack.drop_silently(&status, "{ not json");
    let event = stack.object_created(KEY);
    let error = stack
        .world
        .invoke("RegisterImage", event)
        .await
        .unwrap_err();
    assert!(
        error.message.contains("is not a status") && error.message.contains(KEY),
        "{}",
        error.message
    );
    let content = stack
        .world
        .s3()
        .get(&stack.bucket, &status)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(content, "{ not json");

    stack.drop_silently(&status, json!({"schema": 2}).to_string());
    let error = stack
        .world
        .invoke("RegisterImage", stack.object_created(KEY))
        .await
        .unwrap_err();
    assert!(
        error.message.contains("deploy the newer version"),
        "{}",
        error.message
    );
}

#[tokio::test(start_paused = true)]
async fn the_event_of_a_version_that_came_while_a_repetition_was_noted_may_be_lost() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    stack.minute().await;
    // The same content again is read; before that is noted in the status, the next version comes, without an event.
    let slow = Fault::Slow(Duration::from_secs(5));
    stack.world.faults().on("s3", "GetObject", 1, slow);
    stack.drop_file(KEY, stack.manifest("web-{digest}")).await;
    stack.world.run_for(Duration::from_secs(3)).await;
    let changed = format!(
        "{}register: {{imdsSupport: v2.0}}\n",
        stack.manifest("web-{digest}")
    );
    stack.drop_silently(KEY, changed);
    stack.world.run_for(Duration::from_secs(16 * 60)).await;
    stack.rest().await;
    assert_eq!(stack.images().len(), 2);
}
