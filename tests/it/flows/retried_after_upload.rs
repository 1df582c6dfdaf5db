//! An operator asks for a new attempt of an incomplete image whose manifest was uploaded anew, and that event was lost.

use amiwright::manifest::sha256_hex;

use crate::support::{TestStack, refused};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";

/// An image that is incomplete because it could not be copied, which it can be by now, and its manifest.
async fn incomplete() -> (TestStack, String) {
    let stack = TestStack::built(|builder| builder.parameter("CopyRegions", OREGON)).await;
    let faults = stack.world.faults();
    faults.always("ec2", "CopyImage", refused("InvalidParameterValue"));
    let manifest = stack.manifest("web-{digest}") + "regions: {us-west-2: {}}\n";
    stack.drop_and_rest(KEY, &manifest).await;
    assert_eq!(stack.status(KEY).await["state"], "incomplete");
    faults.clear();
    (stack, manifest)
}

/// What is at the key is made, and nobody is told that it was removed or replaced.
async fn retried(stack: &TestStack, newer: &str) {
    stack.drop_silently(KEY, newer);
    stack.retry(KEY).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let digest = sha256_hex(newer.as_bytes());
    assert_eq!(status["manifest"]["sha256"], digest.as_str(), "{status:#}");
    let subjects = stack.subjects();
    let kinds: Vec<&str> = subjects
        .iter()
        .map(|it| it.split(':').next().unwrap_or_default())
        .collect();
    assert_eq!(kinds, ["Incomplete", "Available"], "{subjects:?}");
}

#[tokio::test(start_paused = true)]
async fn another_version_is_made() {
    let (stack, manifest) = incomplete().await;
    let newer = manifest.replace("web-", "front-");
    retried(&stack, &newer).await;
    assert_eq!(stack.images().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn other_settings_are_applied_with_what_had_failed() {
    let (stack, manifest) = incomplete().await;
    retried(&stack, &(manifest + "tags: {team: web}\n")).await;
    let image = stack.only_image();
    assert_eq!(image.tags.get("team").map(String::as_str), Some("web"));
    assert_eq!(stack.world.ec2().images(OREGON).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn other_words_for_the_same_are_the_same_version() {
    let (stack, manifest) = incomplete().await;
    retried(&stack, &(manifest + "# As discussed\n")).await;
    stack.only_image();
    assert_eq!(stack.world.ec2().images(OREGON).len(), 1);
}
