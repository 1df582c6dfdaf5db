//! One image: its reason, its buttons, its emails.

use std::time::Duration;

use axum::http::StatusCode;
use localaws::ec2::TaskKind;

use super::{Browser, stack};
use crate::support::{DISK, TestStack, refused, vmdk};

const KEY: &str = "golden/web.image.yaml";
const PAGE: &str = "/image?key=golden%2Fweb.image.yaml";

/// A stack with an import that takes an hour, ten minutes on its way.
async fn importing() -> TestStack {
    let stack = stack().await;
    let hour = Duration::from_secs(3600);
    stack
        .world
        .ec2()
        .set_task_time(TaskKind::ImportSnapshot, hour);
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, DISK).await;
    for _ in 0..10 {
        stack.minute().await;
    }
    stack
}

#[tokio::test(start_paused = true)]
async fn a_failed_image_says_first_what_aws_said_and_what_to_do() {
    let stack = stack().await;
    let fault = refused("InvalidSnapshot.NotFound");
    stack.world.faults().on("ec2", "RegisterImage", 1, fault);
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let browser = Browser::open(&stack).await;
    let page = browser.get(PAGE).await.with(StatusCode::OK);
    page.has("AWS said")
        .has("InvalidSnapshot.NotFound")
        .has("You may not")
        .has("What to do");
    let reason = page.body.find("AWS said").unwrap();
    assert!(reason < page.body.find("Timeline").unwrap());
    page.has("action=\"/image/retry\"")
        .has_not("action=\"/image/cancel\"");
    page.has("register-image")
        .has("Raw status")
        .has("&quot;state&quot;: &quot;failed&quot;");
    // The email, word for word.
    page.has(&stack.only_email().subject.replace('\'', "&#39;"));
    page.has_not("Written anew");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_manifest_says_each_problem_with_its_line() {
    let stack = stack().await;
    let manifest = stack.manifest("web") + "register: {bootMode: eufi}\nnonsense: 1\n";
    stack.drop_and_rest(KEY, manifest).await;
    let page = Browser::open(&stack).await.get(PAGE).await;
    page.has("The manifest was rejected")
        .has("line 4: ")
        .has("register.bootMode")
        .has("nonsense");
    page.has_not("action=\"/image/retry\"")
        .has_not("action=\"/image/cancel\"");
}

#[tokio::test(start_paused = true)]
async fn a_running_import_has_its_words_and_is_cancelled_by_a_form() {
    let stack = importing().await;
    let browser = Browser::open(&stack).await;
    let page = browser.get(PAGE).await.with(StatusCode::OK);
    page.has("import-snapshot")
        .has("import-snap-")
        .has("<progress")
        .has("await-task");
    page.has("action=\"/image/cancel\"").has("not done yet");
    let list = browser.get("/images").await;
    list.has("importing").has("1 open");

    let done = browser.press(PAGE, "/image/cancel", KEY).await;
    let done = done.with(StatusCode::SEE_OTHER);
    let location = done.header("location").to_owned();
    browser
        .get(&location)
        .await
        .has("cancellation requested")
        .has("Its cancellation is requested");
    // It is said once.
    browser
        .get(&location)
        .await
        .has_not("cancellation requested: ");
    stack.rest().await;
    browser
        .get(PAGE)
        .await
        .has("cancelled")
        .has("action=\"/image/retry\"");
    let again = browser.press(PAGE, "/image/cancel", KEY).await;
    again
        .with(StatusCode::CONFLICT)
        .has("cannot cancel golden/web.image.yaml");
}

#[tokio::test(start_paused = true)]
async fn a_failed_image_is_tried_again_by_a_form() {
    let stack = stack().await;
    let fault = refused("InvalidSnapshot.NotFound");
    stack.world.faults().on("ec2", "RegisterImage", 1, fault);
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let browser = Browser::open(&stack).await;
    let done = browser.press(PAGE, "/image/retry", KEY).await;
    done.with(StatusCode::SEE_OTHER);
    stack.rest().await;
    let page = browser.get(PAGE).await;
    page.has("available")
        .has(&stack.only_image().id)
        .has_not("<dt>AWS said</dt>");
}

#[tokio::test(start_paused = true)]
async fn regions_stages_and_the_plan_of_what_others_changed_are_shown() {
    let stack = stack().await;
    let manifest = stack.manifest("web")
        + "description: of the house\naccess: {accounts: ['111122223333']}\nregions: {us-west-2: {}}\n";
    stack.drop_and_rest(KEY, manifest).await;
    let browser = Browser::open(&stack).await;
    let page = browser.get(PAGE).await;
    page.has("1 grantee").has("us-west-2").has("verified");
    page.has_not("is not as its manifest says");
    browser
        .get("/image/plan?key=golden%2Fweb.image.yaml")
        .await
        .with(StatusCode::OK)
        .has("Nothing to do: it asks for nothing new.");
    // Somebody takes the grant away by hand; the audit sees it.
    let home = stack.images().remove(0);
    assert!(
        stack
            .world
            .ec2()
            .edit_image("us-east-1", &home.id, |it| it.description =
                Some("changed".to_owned()))
    );
    stack.audit().await;
    let page = browser.get(PAGE).await;
    page.has("is not as its manifest says")
        .has("of the house")
        .has("action=\"/image/retry\"");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_there_is_not_is_said() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let browser = Browser::open(&stack).await;
    let page = browser.get("/image?key=web.image.yaml").await;
    page.with(StatusCode::NOT_FOUND)
        .has("did you mean golden/web.image.yaml?");
    browser.get("/image").await.with(StatusCode::NOT_FOUND);
    let part = browser.get("/image/now?key=other.image.yaml").await;
    part.with(StatusCode::NOT_FOUND).has_not("<html");
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_was_just_uploaded_waits_for_its_status() {
    let stack = stack().await;
    stack.drop_silently(KEY, stack.manifest("web"));
    let browser = Browser::open(&stack).await;
    let page = browser.get(PAGE).await.with(StatusCode::OK);
    page.has("It was uploaded, and has no status yet")
        .has("data-live=\"/image/now");
    browser
        .get("/image/now?key=golden%2Fweb.image.yaml")
        .await
        .with(StatusCode::OK)
        .has("waiting");
    // The sweep finds it.
    for _ in 0..20 {
        stack.minute().await;
    }
    browser.get(PAGE).await.has("available");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_an_older_version_asks_for_nothing() {
    let stack = importing().await;
    let browser = Browser::open(&stack).await;
    let page = browser.get(PAGE).await;
    let seen = page.between("name=\"seen\" value=\"", "\"")[0];
    browser.press(PAGE, "/image/cancel", KEY).await;
    stack.rest().await;
    stack
        .drop_file(KEY, DISK.replace("name: web", "name: web2"))
        .await;
    stack.minute().await;
    for button in ["/image/cancel", "/image/retry"] {
        let asked = browser.post(button, &[("key", KEY), ("seen", seen)]).await;
        asked
            .with(StatusCode::CONFLICT)
            .has("another version of golden/web.image.yaml was uploaded")
            .has("look at it first");
    }
    let status = stack.status(KEY).await;
    assert_eq!(status["cancel"], serde_json::Value::Null, "{status:#}");
    assert_eq!(status["retry"], serde_json::Value::Null, "{status:#}");
}
