//! `amiwright status`: what a person sees of the statuses in the bucket.

use crate::support::TestStack;
use amiwright::cli::Error;
use amiwright::cli::status::{Selection, View, show};
use amiwright::image::status::SCHEMA;
use amiwright::reconcile::Context;
use serde_json::json;

const MISTAKE: &str =
    "name: db-1\nsource: {snapshot: {id: snap-0123456789abcdef0}}\nregister: {bootMode: eufi}\n";

async fn status(
    stack: &TestStack,
    manifest_key: Option<&str>,
    json: bool,
) -> Result<String, Error> {
    let (aws, config) = (stack.aws(), stack.config());
    let context = Context::new(&aws, &config, stack.world.clock().now());
    let mut out = Vec::new();
    let view = View::of(manifest_key.as_slice());
    let view = if json { view.as_json() } else { view };
    show(context, &view, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_empty_bucket_has_no_images_yet() {
    let stack = TestStack::new().await;
    assert!(
        status(&stack, None, false)
            .await
            .unwrap()
            .contains("No images yet")
    );
    let json: serde_json::Value =
        serde_json::from_str(&status(&stack, None, true).await.unwrap()).unwrap();
    assert_eq!(json["items"], serde_json::json!([]));
    let error = status(&stack, Some("web.image.yaml"), false)
        .await
        .unwrap_err();
    assert!(
        error.report().contains("the bucket has no status at all"),
        "{}",
        error.report()
    );
}

#[tokio::test(start_paused = true)]
async fn all_images_are_listed_even_with_a_broken_status_among_them() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest("golden/web.image.yaml", stack.manifest("web-1"))
        .await;
    stack.drop_and_rest("db.image.yaml", MISTAKE).await;
    stack.write_state("status/odd.image.yaml.json", "{\"schema\": 1}");
    let newer = json!({"schema": SCHEMA + 1}).to_string();
    stack.write_state("status/new.image.yaml.json", newer);

    let text = status(&stack, None, false).await.unwrap();
    let line = |key: &str| {
        text.lines()
            .find(|line| line.split_whitespace().nth(1) == Some(key))
            .unwrap_or_else(|| panic!("{key} in {text}"))
    };
    let image = stack.only_image();
    assert!(
        line("golden/web.image.yaml").contains("available")
            && line("golden/web.image.yaml").contains(&image.id),
        "{text}"
    );
    assert!(
        line("db.image.yaml").contains("rejected") && line("db.image.yaml").contains("1 problem"),
        "{text}"
    );
    assert!(line("odd.image.yaml").contains("unreadable"), "{text}");
    assert!(line("new.image.yaml").contains("unreadable"), "{text}");

    let json: serde_json::Value =
        serde_json::from_str(&status(&stack, None, true).await.unwrap()).unwrap();
    let entry = |key: &str| {
        json["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["key"] == key)
            .unwrap()
    };
    assert_eq!(
        entry("golden/web.image.yaml")["status"]["regions"]["us-east-1"]["image"],
        image.id
    );
    assert!(
        entry("new.image.yaml")["error"]
            .as_str()
            .unwrap()
            .contains("newer version")
    );
}

#[tokio::test(start_paused = true)]
async fn one_image_is_shown_in_full() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest("golden/web.image.yaml", stack.manifest("web-1"))
        .await;
    stack.drop_and_rest("db.image.yaml", MISTAKE).await;
    let text = status(&stack, Some("golden/web.image.yaml"), false)
        .await
        .unwrap();
    let image = stack.only_image();
    assert!(
        text.contains(&format!("AMI        {} in us-east-1 (available)", image.id)),
        "{text}"
    );
    assert!(
        text.contains("completed") && text.contains("sent 2026-"),
        "{text}"
    );
    assert!(
        text.contains("working/register-image") && text.contains("the manifest passed the checks"),
        "{text}"
    );
    let text = status(&stack, Some("db.image.yaml"), false).await.unwrap();
    assert!(
        text.contains("- 3:") && text.contains("did you mean `uefi`"),
        "{text}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&status(&stack, Some("db.image.yaml"), true).await.unwrap()).unwrap();
    assert_eq!(json["items"][0]["state"], "rejected");
    assert_eq!(json["items"][0]["status"]["state"], "rejected");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shown_with_what_to_do() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest(
            "web.image.yaml",
            "name: web-1\nsource: {snapshot: {id: snap-00000000000000000}}\n",
        )
        .await;
    let text = status(&stack, Some("web.image.yaml"), false).await.unwrap();
    assert!(
        text.contains("AWS said   InvalidSnapshot.NotFound"),
        "{text}"
    );
    assert!(
        text.contains("what to do check that the snapshot exists"),
        "{text}"
    );
    assert!(
        status(&stack, None, false)
            .await
            .unwrap()
            .contains("InvalidSnapshot.NotFound")
    );
}

#[tokio::test(start_paused = true)]
async fn errors_say_what_to_do() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest("golden/web.image.yaml", stack.manifest("web-1"))
        .await;
    let error = status(&stack, Some("golden/wep.image.yaml"), false)
        .await
        .unwrap_err();
    assert!(
        error
            .report()
            .contains("did you mean golden/web.image.yaml?"),
        "{}",
        error.report()
    );
    let mut config = stack.config();
    config.state_bucket = "another-bucket".to_owned();
    let aws = stack.aws();
    let context = Context::new(&aws, &config, stack.world.clock().now());
    let error = show(context, &View::of(&[""; 0]), &mut Vec::new())
        .await
        .unwrap_err();
    assert!(
        error
            .report()
            .contains("bucket another-bucket does not exist"),
        "{}",
        error.report()
    );
}

#[tokio::test(start_paused = true)]
async fn images_are_selected_by_patterns_amis_and_how_they_ended() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest("golden/web.image.yaml", stack.manifest("web-1"))
        .await;
    stack
        .drop_and_rest("golden/app.image.yaml", stack.manifest("app-1"))
        .await;
    stack.drop_and_rest("db.image.yaml", MISTAKE).await;
    let (aws, config) = (stack.aws(), stack.config());
    let context = Context::new(&aws, &config, stack.world.clock().now());
    let shown = async |view: View| {
        let mut out = Vec::new();
        let found_all = show(context, &view, &mut out).await.unwrap();
        (found_all, String::from_utf8(out).unwrap())
    };
    let (_, text) = shown(View::of(&["golden/*"])).await;
    assert!(text.contains("2 of 3 images: 2 available"), "{text}");
    assert!(!text.contains("db.image.yaml"), "{text}");
    let failed = View {
        selection: Selection::default().only(false, true),
        ..View::of(&[""; 0])
    };
    let (_, text) = shown(failed).await;
    assert!(text.contains("1 of 3 images: 1 rejected"), "{text}");
    assert!(
        text.contains("✗ db.image.yaml") && !text.contains("golden"),
        "{text}"
    );
    let status = stack.status("golden/web.image.yaml").await;
    let image = status["regions"]["us-east-1"]["image"].as_str().unwrap();
    let (_, text) = shown(View::of(&[image])).await;
    assert!(text.contains("web-1") && text.contains("History"), "{text}");
    let (found_all, text) = shown(View::of(&["db.image.yaml", "none.image.yaml"])).await;
    assert!(!found_all && text.contains("db.image.yaml"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn buckets_that_are_not_of_a_stack_are_no_empty_stack() {
    let stack = TestStack::new().await;
    let (aws, mut config) = (stack.aws(), stack.config());
    let all = View::of(&[""; 0]);
    stack.write_state("notes.txt", "mine");
    let context = Context::new(&aws, &config, stack.world.clock().now());
    let error = show(context, &all, &mut Vec::new()).await.unwrap_err();
    let report = error.report();
    assert!(report.contains("no amiwright stack here"), "{report}");
    assert!(report.contains("has notes.txt"), "{report}");
    config.state_bucket.clone_from(&config.bucket);
    let context = Context::new(&aws, &config, stack.world.clock().now());
    let error = show(context, &all, &mut Vec::new()).await.unwrap_err();
    let report = error.report();
    assert!(
        report.contains("as manifest bucket and as state bucket"),
        "{report}"
    );
}
