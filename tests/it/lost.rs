//! Events are hints, the schedule is the guarantee.

use std::time::Duration;

use http::StatusCode;
use localaws::faults::Fault;
use serde_json::json;

use crate::desk::Desk;

const KEY: &str = "golden/web.image.yaml";

#[tokio::test(start_paused = true)]
async fn a_manifest_whose_event_was_lost_is_swept_up() {
    let desk = Desk::new().await;
    desk.drop_silently(KEY, desk.manifest("web"));
    assert!(desk.open().await.is_empty());
    desk.world.run_for(Duration::from_secs(16 * 60)).await;
    desk.rest().await;
    assert_eq!(desk.only_image().name, "web");
    assert_eq!(desk.mails().len(), 1);

    // The next sweeps find nothing more to do.
    let before = desk.count("PutObject");
    desk.world.run_for(Duration::from_secs(60 * 60)).await;
    assert_eq!(desk.count("PutObject"), before);
}

#[tokio::test(start_paused = true)]
async fn a_new_version_whose_event_was_lost_is_swept_up() {
    let desk = Desk::new().await;
    desk.drop_and_rest(KEY, desk.manifest("web-{digest}")).await;
    desk.minute().await;
    desk.drop_silently(
        KEY,
        format!("{}description: better\n", desk.manifest("web-{digest}")),
    );
    desk.world.run_for(Duration::from_secs(16 * 60)).await;
    desk.rest().await;
    assert_eq!(desk.images().len(), 2);
    assert_eq!(desk.mails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_nobody_was_woken_for_is_sent_by_the_schedule() {
    let desk = Desk::new().await;
    // `notify` fails for as long as Lambda tries; the schedule goes on.
    let down = Fault::Refuse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalError".to_owned(),
        message: "We are down".to_owned(),
    };
    desk.world.faults().always("sns", "Publish", down);
    desk.drop_file(KEY, desk.manifest("web")).await;
    desk.world.run_for(Duration::from_secs(600)).await;
    assert_eq!(desk.mails(), []);
    assert_eq!(
        desk.open().await.len(),
        1,
        "what was not told is not settled"
    );

    desk.world.faults().clear();
    desk.rest().await;
    assert_eq!(desk.mails().len(), 1);
    assert_eq!(desk.only_image().name, "web");
}

#[tokio::test(start_paused = true)]
async fn a_marker_without_a_status_or_a_manifest_goes() {
    let desk = Desk::new().await;
    desk.drop_silently("amiwright/open/gone.image.yaml", "");
    desk.minute().await;
    assert!(desk.open().await.is_empty());
    assert_eq!(desk.mails(), []);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_somebody_broke_is_told_and_not_overwritten() {
    let desk = Desk::new().await;
    desk.drop_and_rest(KEY, desk.manifest("web")).await;
    let status = format!("amiwright/status/{KEY}.json");
    desk.drop_silently(&status, "{ not json");
    let event = desk.object_created(KEY);
    let error = desk.world.invoke("RegisterImage", event).await.unwrap_err();
    assert!(
        error.message.contains("is no status") && error.message.contains(KEY),
        "{}",
        error.message
    );
    let content = desk
        .world
        .s3()
        .get(&desk.bucket, &status)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(content, "{ not json");

    desk.drop_silently(&status, json!({"schema": 2}).to_string());
    let error = desk
        .world
        .invoke("RegisterImage", desk.object_created(KEY))
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
    let desk = Desk::new().await;
    desk.drop_and_rest(KEY, desk.manifest("web-{digest}")).await;
    desk.minute().await;
    // The same content again is read; before that is noted in the status, the next version comes, without an event.
    let slow = Fault::Slow(Duration::from_secs(5));
    desk.world.faults().on("s3", "GetObject", 1, slow);
    desk.drop_file(KEY, desk.manifest("web-{digest}")).await;
    desk.world.run_for(Duration::from_secs(3)).await;
    let changed = format!("{}description: better\n", desk.manifest("web-{digest}"));
    desk.drop_silently(KEY, changed);
    desk.world.run_for(Duration::from_secs(16 * 60)).await;
    desk.rest().await;
    assert_eq!(desk.images().len(), 2);
}
