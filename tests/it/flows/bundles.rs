//! Bundles of the AMI tools.

use std::time::Duration;

pub(crate) use crate::support::{
    BUNDLE_MANIFEST as MANIFEST, BUNDLE_PART as PART, TestStack, other_bundle,
};
use serde_json::json;

pub(crate) const KEY: &str = "bundles/image.manifest.xml";

impl TestStack {
    async fn drop_bundle(&self) {
        self.drop_file("bundles/image.part.0", PART).await;
        self.drop_file(KEY, MANIFEST).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_bare_bundle_is_registered_with_defaults() {
    let stack = TestStack::new().await;
    stack.drop_bundle().await;
    stack.rest().await;

    let image = stack.only_image();
    assert!(image.name.starts_with("bundles/image-"), "{}", image.name);
    assert_eq!(image.name.len(), "bundles/image-".len() + 8);
    assert_eq!(image.location, format!("{}/{KEY}", stack.bucket));
    assert_eq!(image.architecture, "x86_64");
    assert_eq!(
        image.virtualization_type, "paravirtual",
        "the bundle names a kernel"
    );
    assert_eq!(image.kernel_id.as_deref(), Some("aki-919dcaf8"));
    let email = stack.only_email();
    assert!(
        email.text.contains(&format!("s3://{}/{KEY}", stack.bucket)),
        "{}",
        email.text
    );

    // Uploaded without an ACL: only EC2 was allowed to read it.
    for key in [KEY, "bundles/image.part.0"] {
        let acl = stack.world.s3().acl(&stack.bucket, key).await.unwrap();
        assert_eq!(acl.as_deref(), Some("aws-exec-read"), "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_part_is_waited_for_and_reported_after_a_while() {
    let stack = TestStack::new().await;
    stack.drop_file(KEY, MANIFEST).await;
    stack.world.run_for(Duration::from_secs(10 * 60)).await;
    assert_eq!(stack.emails(), []);
    let status = stack.status(KEY).await;
    assert_eq!(status["build"]["waiting"]["first"], "bundles/image.part.0");

    stack.world.run_for(Duration::from_secs(2 * 3600)).await;
    let email = stack.only_email();
    assert!(
        email.subject.starts_with("Still waiting"),
        "{}",
        email.subject
    );
    assert!(
        email.text.contains("bundles/image.part.0"),
        "{}",
        email.text
    );

    stack.drop_file("bundles/image.part.0", PART).await;
    stack.rest().await;
    assert_eq!(stack.images().len(), 1);
    assert_eq!(stack.emails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn parts_of_another_size_are_waited_for_and_then_refused() {
    let stack = TestStack::new().await;
    stack.drop_file("bundles/image.part.0", &PART[1..]).await;
    stack.drop_file(KEY, MANIFEST).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "rejected");
    assert_eq!(
        status["problems"][0]["message"],
        "the bundle's parts add up to 479 bytes, its manifest says 480"
    );
    assert_eq!(stack.count("RegisterImage"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_bundle_of_another_account_is_refused() {
    let stack = TestStack::new().await;
    let manifest = String::from_utf8(MANIFEST.to_vec()).unwrap();
    let manifest = manifest.replace("<user>000000000000</user>", "<user>111122223333</user>");
    stack.drop_file("bundles/image.part.0", PART).await;
    stack.drop_and_rest(KEY, manifest).await;
    let email = stack.only_email();
    assert!(
        email
            .text
            .contains("was made for account 111122223333, this is account 000000000000"),
        "{}",
        email.text
    );
    assert_eq!(stack.images(), []);
}

#[tokio::test(start_paused = true)]
async fn an_image_manifest_beside_a_bundle_describes_it() {
    let stack = TestStack::new().await;
    let manifest = "name: paid-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\ntags: {team: web}\n";
    stack.drop_file("bundles/image.image.yaml", manifest).await;
    stack.drop_bundle().await;
    stack.rest().await;
    let image = stack.only_image();
    assert!(image.name.starts_with("paid-"), "{}", image.name);
    assert_eq!(image.tags.get("team").map(String::as_str), Some("web"));
    assert_eq!(stack.emails().len(), 1);
    assert_eq!(stack.state_keys(&format!("status/{KEY}")).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_changed_bundle_is_a_new_version_and_the_old_registration_is_said_to_be_invalid() {
    let stack = TestStack::new().await;
    stack.drop_bundle().await;
    stack.rest().await;
    let first = stack.only_image();

    let (manifest, part) = other_bundle();
    stack.drop_file("bundles/image.part.0", part).await;
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(stack.images().len(), 2);
    let email = stack.emails().pop().unwrap();
    assert!(
        email.text.contains("no longer valid") && email.text.contains(&first.id),
        "{}",
        email.text
    );
}

#[tokio::test(start_paused = true)]
async fn a_changed_bundle_under_an_unchanged_image_manifest_is_a_new_version_too() {
    let stack = TestStack::new().await;
    stack
        .drop_file(
            "bundles/image.image.yaml",
            "name: paid-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n",
        )
        .await;
    stack.drop_bundle().await;
    stack.rest().await;
    let first = stack.only_image();
    let (manifest, part) = other_bundle();
    stack.drop_file("bundles/image.part.0", part).await;
    stack.drop_and_rest(KEY, manifest).await;

    assert_eq!(stack.images().len(), 2);
    let status = stack.status("bundles/image.image.yaml").await;
    assert_eq!(
        status["previous"][0]["regions"]["us-east-1"]["image"],
        json!(first.id)
    );
    assert!(
        stack
            .emails()
            .pop()
            .unwrap()
            .text
            .contains("no longer valid")
    );
}

#[tokio::test(start_paused = true)]
async fn a_hostile_bundle_is_rejected() {
    let stack = TestStack::new().await;
    let manifest = String::from_utf8(MANIFEST.to_vec()).unwrap();
    stack
        .drop_and_rest(KEY, manifest.replace("image.part.0", "../../etc/passwd"))
        .await;
    assert_eq!(stack.status(KEY).await["state"], "rejected");
    let calls = stack.world.calls().into_iter();
    let heads = calls.filter(|call| call.action == "HeadObject");
    let heads = heads.filter_map(|call| call.key.filter(|key| !key.contains(".image.")));
    assert_eq!(
        heads.collect::<Vec<_>>(),
        [KEY],
        "no part, and only the last call reads the manifest"
    );
}

#[tokio::test(start_paused = true)]
async fn a_bundle_that_changes_while_its_ami_is_pending_is_a_new_version() {
    let stack = TestStack::new().await;
    stack.world.ec2().set_pending_time(Duration::from_secs(600));
    let manifest = "name: paid-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n";
    stack.drop_file("bundles/image.image.yaml", manifest).await;
    stack.drop_bundle().await;
    stack.minute().await;
    assert_eq!(stack.images().len(), 1);
    let (manifest, part) = other_bundle();
    stack.drop_file("bundles/image.part.0", part).await;
    stack.drop_file(KEY, manifest).await;
    stack.rest().await;
    assert_eq!(stack.images().len(), 2);
    assert!(
        stack
            .emails()
            .pop()
            .unwrap()
            .text
            .contains("no longer valid")
    );
}

#[tokio::test(start_paused = true)]
async fn a_bundle_that_is_replaced_before_it_is_registered_is_not_registered_as_the_old_one() {
    let stack = TestStack::new().await;
    stack
        .world
        .faults()
        .always("ec2", "RegisterImage", localaws::faults::Fault::Throttle);
    let manifest = "name: paid-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n";
    stack.drop_file("bundles/image.image.yaml", manifest).await;
    stack.drop_bundle().await;
    stack.minute().await;
    let old = stack.status("bundles/image.image.yaml").await["build"]["digest"].clone();
    let (manifest, part) = other_bundle();
    stack.drop_file("bundles/image.part.0", part).await;
    stack.drop_file(KEY, manifest).await;
    stack.world.faults().clear();
    stack.rest().await;
    let image = stack.only_image();
    assert_ne!(json!(image.tags["amiwright:digest"]), old);
    assert_eq!(
        stack.status("bundles/image.image.yaml").await["state"],
        "available"
    );
}

#[tokio::test(start_paused = true)]
async fn a_part_that_the_replaced_bundle_does_not_have_is_not_waited_for() {
    let stack = TestStack::new().await;
    let manifest = "name: paid-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n";
    stack.drop_file("bundles/image.image.yaml", manifest).await;
    let other = String::from_utf8(MANIFEST.to_vec())
        .unwrap()
        .replace("image.part.0", "image.part.00");
    stack.drop_file(KEY, other).await;
    stack.minute().await;
    let status = stack.status("bundles/image.image.yaml").await;
    assert_eq!(status["build"]["waiting"]["first"], "bundles/image.part.00");
    stack.drop_bundle().await;
    stack.rest().await;
    assert_eq!(stack.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_bundle_in_a_bucket_that_cannot_be_read_fails_and_says_so() {
    let arn = "arn:aws:s3:::not-a-bucket";
    let stack = TestStack::built(|builder| builder.parameter("SourceBuckets", arn)).await;
    let manifest = "name: paid-{digest}\nsource: {bundle: {manifest: 's3://not-a-bucket/image.manifest.xml'}}\n";
    stack
        .drop_and_rest("bundles/image.image.yaml", manifest)
        .await;
    let email = stack.only_email();
    for text in [
        "NoSuchBucket",
        "s3://not-a-bucket/image.manifest.xml",
        "correct source.bundle.manifest",
    ] {
        assert!(email.text.contains(text), "{text}: {}", email.text);
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_manifest_uploaded_while_parts_are_missing_still_applies() {
    let stack = TestStack::new().await;
    stack.drop_file(KEY, MANIFEST).await;
    stack.world.settle().await;
    let manifest = "name: paid-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n";
    stack.drop_file("bundles/image.image.yaml", manifest).await;
    stack.drop_file("bundles/image.part.0", PART).await;
    stack.rest().await;
    assert!(stack.only_image().name.starts_with("paid-"));
    assert_eq!(stack.status(KEY).await["state"], "superseded");
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_came_late_may_still_be_uploaded_over() {
    let stack = TestStack::new().await;
    stack.drop_file(KEY, MANIFEST).await;
    stack.world.run_for(Duration::from_secs(3600)).await;
    stack.drop_file("bundles/image.part.0", &PART[1..]).await;
    stack.minute().await;
    stack.drop_file("bundles/image.part.0", PART).await;
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}

/// Whoever may upload may upload any number of objects between the names of the three that may describe a bundle.
#[tokio::test(start_paused = true)]
async fn objects_beside_a_bundle_cost_nothing_however_many_there_are() {
    let mut calls = Vec::new();
    for beside in [0, 1200] {
        let stack = TestStack::built(|builder| builder.schedules(false)).await;
        for number in 0..beside {
            stack.drop_silently(&format!("bundles/image.image.{number}"), "");
        }
        stack.drop_bundle().await;
        stack.world.settle().await;
        assert_eq!(stack.images().len(), 1);
        calls.push(stack.calls_of("RegisterImage"));
    }
    assert_eq!(calls[0], calls[1]);
    assert_eq!(calls[0].get("s3:ListObjectsV2"), None);
}
