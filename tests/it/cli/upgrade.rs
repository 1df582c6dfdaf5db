//! What the releases before left in the buckets is read by what comes after them.

use amiwright::cli::status::{View, show};
use amiwright::image::status::SCHEMA;
use amiwright::keys;
use amiwright::reconcile::Context;
use serde_json::json;

use crate::support::{TestStack, importing, minutes};

const KEY: &str = "golden/web.image.yaml";

#[tokio::test(start_paused = true)]
async fn statuses_of_the_first_version_are_listed_and_shown() {
    let stack = TestStack::new().await;
    for (name, key, words) in [
        ("available", "golden/web.image.yaml", "State      available"),
        ("failed", "golden/app.image.yaml", "amiwright retry"),
        ("importing", "golden/db.image.yaml", "import-snap-1  42 %"),
    ] {
        let path = format!(
            "{}/tests/fixtures/status-1/{name}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let status = std::fs::read_to_string(path).unwrap();
        // That of this stack.
        let bucket = format!("\"bucket\": \"{}\"", stack.bucket);
        let status = status.replace("\"bucket\": \"images\"", &bucket);
        assert!(status.contains("\"schema\": 1"), "{name}");
        stack.write_state(&format!("status/{key}.json"), &status);
        let (aws, config) = (stack.aws(), stack.config());
        let context = Context::new(&aws, &config, stack.world.clock().now());
        let mut shown = Vec::new();
        show(context, &View::of(&[key]), &mut shown).await.unwrap();
        let shown = String::from_utf8(shown).unwrap();
        assert!(shown.contains(words), "{name}: {shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_the_release_before_began_ends_once() {
    let stack = importing(KEY).await;
    let mut status = stack.status(KEY).await;
    status["schema"] = json!(2);
    stack.write_state(&keys::status_key(KEY), status.to_string());
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["schema"], SCHEMA);
    assert_eq!(status["state"], "available");
    assert_eq!(stack.count("ImportSnapshot"), 1);
    let image = stack.only_image().id;
    assert_eq!(status["regions"]["us-east-1"]["image"], image);
    assert_eq!(stack.emails().len(), 1);
}

/// While a stack is updated, and after it was rolled back, functions meet what newer ones have written.
#[tokio::test(start_paused = true)]
async fn a_status_of_a_newer_release_and_what_is_asked_about_it_wait_for_that_release() {
    let stack = importing(KEY).await;
    let status = stack.status(KEY).await;
    let mut newer = status.clone();
    newer["schema"] = json!(SCHEMA + 1);
    stack.write_state(&keys::status_key(KEY), newer.to_string());
    let request = json!({
        "ask": "cancel", "askedAt": "2026-11-21T10:00:00Z",
        "about": {"sha256": status["manifest"]["sha256"], "attempt": 0},
    });
    stack.write_state(&keys::request_key(KEY), request.to_string());
    stack.world.run_for(minutes(10)).await;
    stack.world.settle().await;
    assert_eq!(stack.status(KEY).await, newer);
    let asked = stack.state_keys(keys::REQUESTS).await;
    assert_eq!(asked, [keys::request_key(KEY)]);
    let failed = stack.failed_events();
    assert!(failed.contains("deploy the newer version"), "{failed}");
    assert_eq!((stack.images(), stack.emails()), (vec![], vec![]));

    // That release is deployed again.
    stack.write_state(&keys::status_key(KEY), status.to_string());
    stack.rest().await;
    assert_eq!(stack.state_keys(keys::REQUESTS).await, [""; 0]);
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    assert_eq!(stack.images(), []);
    assert_eq!(stack.emails().len(), 1);
}
