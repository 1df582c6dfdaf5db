//! The list of images.

use axum::http::StatusCode;

use super::{Browser, encoded, stack};
use crate::support::{TestStack, refused};

const MISTAKE: &str =
    "name: db-1\nsource: {snapshot: {id: snap-0123456789abcdef0}}\nregister: {bootMode: eufi}\n";

/// A stack with an image in each state.
async fn with_images() -> TestStack {
    let stack = stack().await;
    let copied = stack.manifest("web-1") + "regions: {us-west-2: {}}\n";
    stack.drop_and_rest("golden/web.image.yaml", copied).await;
    stack.drop_and_rest("db.image.yaml", MISTAKE).await;
    let fault = refused("InvalidSnapshot.NotFound");
    stack.world.faults().on("ec2", "RegisterImage", 1, fault);
    stack
        .drop_and_rest("broken.image.yaml", stack.manifest("broken"))
        .await;
    stack.write_state("status/odd.image.yaml.json", "{\"schema\": 1}");
    stack
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_says_how_to_begin() {
    let stack = stack().await;
    let page = Browser::open(&stack).await.get("/images").await;
    page.with(StatusCode::OK)
        .has("No images yet")
        .has("href=\"/drop\"")
        .has("s3://local-bucket/");
}

#[tokio::test(start_paused = true)]
async fn every_image_has_its_state_its_reason_and_its_regions() {
    let stack = with_images().await;
    let browser = Browser::open(&stack).await;
    let page = browser.get("/images").await.with(StatusCode::OK);
    page.has("4 images")
        .has("1 available")
        .has("1 rejected")
        .has("1 failed");
    page.has("1 problem: ")
        .has("InvalidSnapshot.NotFound")
        .has("unreadable");
    page.has("title=\"us-west-2: available\"")
        .has("title=\"us-east-1: available\"");
    for image in stack.images() {
        assert!(page.body.contains(&image.id) || image.id != stack.images()[0].id);
    }
    // What needs attention comes first; one click leads to all that is known of it.
    let keys = page.between("<a id=\"i-", "</a>");
    let order: Vec<&str> = keys
        .iter()
        .map(|it| it.split('>').nth(1).unwrap())
        .collect();
    assert_eq!(order.last(), Some(&"golden/web.image.yaml"));
    page.has(&format!(
        "href=\"/image?key={}\"",
        "golden%2Fweb%2Eimage%2Eyaml"
    ));
}

#[tokio::test(start_paused = true)]
async fn the_list_is_filtered_by_text_and_state() {
    let stack = with_images().await;
    let browser = Browser::open(&stack).await;
    let keys = async |query: &str| {
        let page = browser.get(&format!("/images/list?{query}")).await;
        let page = page.with(StatusCode::OK);
        let keys = page.between("<a id=\"i-", "</a>").into_iter();
        let mut keys: Vec<String> = keys
            .map(|it| it.split('>').nth(1).unwrap().to_owned())
            .collect();
        keys.sort();
        keys
    };
    assert_eq!(keys("state=available").await, ["golden/web.image.yaml"]);
    assert_eq!(
        keys("state=failed").await,
        ["broken.image.yaml", "db.image.yaml", "odd.image.yaml"]
    );
    assert_eq!(keys("state=open").await, [""; 0]);
    assert_eq!(keys("q=GOLDEN").await, ["golden/web.image.yaml"]);
    assert_eq!(keys("q=invalidsnapshot").await, ["broken.image.yaml"]);
    let id = &stack.images()[0].id;
    assert_eq!(keys(&format!("q={id}")).await, ["golden/web.image.yaml"]);
    assert_eq!(keys("q=nothing-like-it").await, [""; 0]);
    let page = browser.get("/images?q=db&state=failed&page=7").await;
    page.has("value=\"db\"").has("value=\"failed\" selected");
}

#[tokio::test(start_paused = true)]
async fn of_five_hundred_images_only_what_changed_is_read_again() {
    let stack = stack().await;
    stack
        .drop_and_rest("web.image.yaml", stack.manifest("web"))
        .await;
    let status = stack.status("web.image.yaml").await;
    for number in 0..500 {
        let key = format!("fleet/{number:03}.image.yaml");
        let mut status = status.clone();
        status["manifest"]["key"] = key.clone().into();
        stack.write_state(&format!("status/{key}.json"), status.to_string());
    }
    let browser = Browser::open(&stack).await;
    let first = browser.get("/images").await.with(StatusCode::OK);
    first.has("501 images").has("Page 1 of 6").has("page=2");
    assert_eq!(first.between("<a id=\"i-", "</a>").len(), 100);
    assert!(first.body.len() < 120_000, "{}", first.body.len());
    let last = browser.get("/images?page=6").await;
    assert_eq!(last.between("<a id=\"i-", "</a>").len(), 1);
    // Later, one of them has changed.
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    stack
        .drop_and_rest("web.image.yaml", stack.manifest("web-2"))
        .await;
    let before = stack.world.faults().count();
    browser.get("/images/list").await.has("web-2");
    let calls = stack.world.faults().calls().into_iter();
    let calls = calls.filter(|call| call.number > before && call.function.is_none());
    let mut actions: Vec<String> = calls.map(|call| call.action).collect();
    actions.sort();
    assert_eq!(actions, ["GetObject", "ListObjectsV2"]);
    // Several windows at once cost no more.
    let before = stack.world.faults().count();
    browser
        .get(&format!("/images/list?q={}", encoded("fleet/01")))
        .await;
    assert_eq!(stack.world.faults().count(), before);
}
