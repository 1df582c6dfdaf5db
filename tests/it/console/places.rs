//! Health, logs and the mailbox.

use axum::http::StatusCode;

use super::{Browser, answer, request, stack};
use crate::support::refused;

const KEY: &str = "web.image.yaml";

#[tokio::test]
async fn health_says_what_the_doctor_finds() {
    let stack = stack().await;
    let browser = Browser::open(&stack).await;
    let page = browser.get("/health").await.with(StatusCode::OK);
    page.has("0 to do")
        .has("All checks passed.")
        .has("bucket local-bucket");
    stack.expect_refusals();
    stack
        .world
        .sns()
        .set_confirmed(crate::support::EMAIL, false);
    browser
        .get("/health")
        .await
        .has("What needs attention")
        .has("What to do");
}

#[tokio::test(start_paused = true)]
async fn logs_say_what_the_functions_said_of_an_image() {
    let stack = stack().await;
    let line = r#"{"timestamp":"2026-11-21T10:00:00Z","level":"ERROR","fields":{"message":"it <b>broke</b>","manifest":"web.image.yaml"}}"#;
    stack.world.logs().append("Notify", line).unwrap();
    let browser = Browser::open(&stack).await;
    browser
        .get("/logs")
        .await
        .with(StatusCode::OK)
        .has("it &lt;b&gt;broke&lt;/b&gt;")
        .has("ERROR");
    browser
        .get("/logs/list?key=web.image.yaml&since=1d")
        .await
        .has("broke");
    browser
        .get("/logs/list?key=other.image.yaml")
        .await
        .has("Nothing was logged");
    browser
        .get("/logs?key=web.yaml")
        .await
        .has("web.yaml is not a manifest")
        .has("name=\"key\"");
}

#[tokio::test(start_paused = true)]
async fn the_mailbox_of_a_local_world_has_each_email() {
    let stack = stack().await;
    let browser = Browser::open(&stack).await;
    browser
        .get("/mailbox")
        .await
        .with(StatusCode::OK)
        .has("No email yet.");
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let page = browser.get("/mailbox").await;
    page.has("1 email<")
        .has("Available: web")
        .has("ops@example.com");
}

#[tokio::test(start_paused = true)]
async fn against_aws_there_is_no_mailbox_and_emails_are_written_anew() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let setup = amiwright::cli::console::Setup {
        aws: stack.aws_of(super::USER),
        config: stack.config(),
        stack: "local".to_owned(),
        mailbox: None,
        now: stack.world.clock().now(),
    };
    let console = amiwright::cli::console::Console::new(setup, super::PORT).unwrap();
    let address = console.address();
    let path = address.strip_prefix(super::ORIGIN).unwrap();
    let first = answer(
        &console,
        request("GET", path)
            .body(axum::body::Body::empty())
            .unwrap(),
    )
    .await;
    let cookie = first
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let get = async |path: &str| {
        let request = request("GET", path).header("cookie", &cookie);
        answer(&console, request.body(axum::body::Body::empty()).unwrap()).await
    };
    get("/images").await.with(StatusCode::OK).has_not("Mailbox");
    get("/mailbox")
        .await
        .with(StatusCode::NOT_FOUND)
        .has("there is no mailbox");
    let page = get("/image?key=web.image.yaml").await;
    page.has("Written anew")
        .has("Available: web")
        .has("000000000000");
}

#[tokio::test(start_paused = true)]
async fn what_a_person_may_not_see_is_said_with_what_would_help() {
    let stack = stack().await;
    stack.expect_refusals();
    let fault = refused("AccessDenied");
    stack.world.faults().always("s3", "ListObjectsV2", fault);
    let browser = Browser::open_as(&stack, stack.aws_of("uploader")).await;
    let page = browser.get("/images").await;
    assert!(page.status.is_server_error());
    page.has("What to do").has("s3:ListBucket");
    let logs = browser.get("/logs").await;
    logs.has("OperatorPolicyArn");
}
