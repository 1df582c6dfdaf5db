//! Uploaders that put every object empty first, and write it afterwards: what is empty is not there yet.

use std::time::Duration;

use super::bundles;
use crate::support::{DISK, TestStack, vmdk};

const KEY: &str = "golden/web.image.yaml";

fn ova() -> Vec<u8> {
    let mut ova = vec![0; 4096];
    ova[257..262].copy_from_slice(b"ustar");
    ova
}

#[tokio::test(start_paused = true)]
async fn an_empty_object_is_waited_for_like_a_missing_one() {
    let vm = "name: web\nsource: {vm: {object: web.ova, format: ova}}\n";
    let raw = "name: web\nsource: {disk: {object: web.raw, format: raw}}\n";
    for (object, content, manifest) in [
        ("golden/web.vmdk", vmdk(), DISK),
        ("golden/web.ova", ova(), vm),
        ("golden/web.raw", vec![1; 1024], raw),
    ] {
        let stack = TestStack::new().await;
        stack.drop_file(object, "").await;
        stack.drop_file(KEY, manifest).await;
        stack.world.run_for(Duration::from_secs(20 * 60)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["build"]["step"], "check-object", "{status:#}");
        assert_eq!(status["build"]["waiting"]["reason"], "object-empty");
        let email = stack.only_email();
        assert!(email.subject.starts_with("Still waiting"), "{email:?}");
        assert!(email.text.contains("is empty"), "{}", email.text);

        stack.drop_file(object, content).await;
        stack.rest().await;
        assert_eq!(stack.status(KEY).await["state"], "available", "{object}");
        assert_eq!(stack.emails().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_empty_at_first_is_rejected_by_nobody() {
    let stack = TestStack::new().await;
    stack.drop_file(KEY, "").await;
    stack.minute().await;
    assert_eq!(stack.emails().len(), 0);
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    assert_eq!(stack.only_image().state.to_string(), "available");
    assert!(stack.only_email().subject.starts_with("Available"));
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_stays_empty_is_reported_once() {
    let stack = TestStack::new().await;
    stack.drop_file(KEY, "").await;
    stack.world.run_for(Duration::from_secs(24 * 3600)).await;
    let email = stack.only_email();
    assert!(email.text.contains("is empty"), "{}", email.text);
    // And it is found though the event of its content is lost.
    stack.drop_silently(KEY, stack.manifest("web"));
    stack.world.run_for(Duration::from_secs(3600)).await;
    stack.rest().await;
    assert_eq!(stack.only_image().state.to_string(), "available");
}

/// Nothing happens to the AMI that exists, and the same content after it is the same version.
#[tokio::test(start_paused = true)]
async fn an_image_that_exists_is_not_touched_by_an_empty_upload() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let (image, status) = (stack.only_image(), stack.status(KEY).await);
    stack.drop_file(KEY, "").await;
    stack.world.run_for(Duration::from_secs(6 * 3600)).await;
    stack.rest().await;
    assert_eq!(stack.only_image(), image);
    assert_eq!(stack.status(KEY).await, status);
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    assert_eq!(stack.only_image(), image);
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_bundle_and_its_empty_parts_are_waited_for() {
    let stack = TestStack::new().await;
    stack.drop_file(bundles::KEY, "").await;
    stack.drop_file("bundles/image.part.0", "").await;
    stack.minute().await;
    stack.drop_file(bundles::KEY, bundles::MANIFEST).await;
    stack.world.run_for(Duration::from_secs(3600)).await;
    let status = stack.status(bundles::KEY).await;
    assert_eq!(status["build"]["waiting"]["reason"], "parts-missing");
    assert_eq!(status["build"]["waiting"]["first"], "bundles/image.part.0");
    stack.drop_file("bundles/image.part.0", bundles::PART).await;
    stack.rest().await;
    assert_eq!(stack.only_image().state.to_string(), "available");
    let subjects: Vec<_> = stack.emails().into_iter().map(|it| it.subject).collect();
    assert!(subjects[0].starts_with("Still waiting"), "{subjects:?}");
    assert_eq!(subjects.len(), 2, "{subjects:?}");
}
