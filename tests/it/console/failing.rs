//! A dead server, expired credentials, no stack: each page says what to do.

use amiwright::aws::Aws;
use axum::http::StatusCode;
use localaws::faults::Fault;

use super::{Browser, stack};
use crate::support::{REGION, refused};

const PAGES: [&str; 4] = [
    "/images",
    "/images/list",
    "/image?key=web.image.yaml",
    "/image/plan?key=web.image.yaml",
];

#[tokio::test]
async fn a_server_that_does_not_answer_is_named() {
    let stack = stack().await;
    // Nothing listens on the port for port multiplexing (RFC 1078).
    let aws = Aws::from_env(REGION, Some("http://127.0.0.1:1")).await;
    let browser = Browser::open_as(&stack, aws.without_retries()).await;
    for path in PAGES {
        let page = browser.get(path).await.with(StatusCode::BAD_GATEWAY);
        page.has("http://127.0.0.1:1")
            .has("What to do")
            .has("check the network");
    }
    browser
        .get("/health")
        .await
        .with(StatusCode::OK)
        .has("could not be looked at");
    browser
        .get("/logs")
        .await
        .with(StatusCode::OK)
        .has("check the network");
    browser.get("/drop").await.with(StatusCode::OK);
    let sent = browser
        .send(
            "/drop/manifest?name=a.image.yaml",
            "name: web\nsource: {snapshot: {id: snap-0123456789abcdef0}}\n",
            60,
        )
        .await;
    sent.with(StatusCode::BAD_GATEWAY).has("check the network");
    let asked = browser
        .post("/image/cancel", &[("key", "web.image.yaml")])
        .await;
    asked
        .with(StatusCode::BAD_GATEWAY)
        .has("check the network")
        .has("Back to");
}

#[tokio::test(start_paused = true)]
async fn expired_credentials_are_to_be_renewed() {
    let stack = stack().await;
    let browser = Browser::open(&stack).await;
    for action in ["ListObjectsV2", "GetObject"] {
        let fault = refused("ExpiredToken");
        stack.world.faults().always("s3", action, fault);
    }
    for path in PAGES {
        let page = browser.get(path).await;
        assert!(!page.status.is_success(), "{path}");
        page.has("the credentials are invalid or expired: renew them");
    }
    stack.world.faults().clear();
    browser
        .get("/images")
        .await
        .with(StatusCode::OK)
        .has("No images yet");
}

#[tokio::test(start_paused = true)]
async fn buckets_of_something_else_are_no_stack() {
    let stack = stack().await;
    let browser = Browser::open(&stack).await;
    stack.write_state("family/photo.jpg", "x");
    let page = browser.get("/images").await;
    assert!(page.status.is_server_error());
    page.has("no amiwright stack here").has("StateBucketName");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_answered_is_no_image_that_there_is_not() {
    let stack = stack().await;
    let browser = Browser::open(&stack).await;
    let page = "/image?key=lost.image.yaml";
    browser.get(page).await.with(StatusCode::NOT_FOUND);
    let faults = stack.world.faults();
    faults.always("s3", "ListObjectsV2", Fault::LoseAnswer);
    browser.get(page).await.with(StatusCode::BAD_GATEWAY);
}
