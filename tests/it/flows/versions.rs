//! The same manifest, again and changed.

use std::time::Duration;

use crate::support::TestStack;
use amiwright::keys;
use localaws::faults::{Call, Fault};
use serde_json::{Value, json};

const KEY: &str = "golden/web.image.yaml";
const MARKER: &str = "open/golden/web.image.yaml.open";

#[tokio::test(start_paused = true)]
async fn the_same_content_again_does_nothing() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    let (image, emails) = (stack.only_image(), stack.emails());
    stack.minute().await;

    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    stack.world.run_for(Duration::from_secs(3600)).await;
    assert_eq!(stack.only_image(), image);
    assert_eq!(stack.emails(), emails);
    assert_eq!(
        stack.status(KEY).await["history"].as_array().unwrap().len(),
        4
    );
}

#[tokio::test(start_paused = true)]
async fn other_content_is_a_new_version_and_the_previous_ami_is_kept_and_named() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    let first = stack.only_image();

    let changed = format!(
        "{}register: {{imdsSupport: v2.0}}\n",
        stack.manifest("web-{digest}")
    );
    stack.drop_and_rest(KEY, changed).await;
    let images = stack.images();
    assert_eq!(images.len(), 2, "{images:#?}");
    let second = images.iter().find(|image| image.id != first.id).unwrap();
    assert_eq!(second.imds_support.as_deref(), Some("v2.0"));

    let status = stack.status(KEY).await;
    assert_eq!(status["regions"]["us-east-1"]["image"], json!(second.id));
    assert_eq!(
        status["previous"][0]["regions"]["us-east-1"]["image"],
        json!(first.id)
    );
    let emails = stack.emails();
    assert_eq!(emails.len(), 2);
    assert!(
        emails[1]
            .text
            .contains(&format!("is kept: {} in us-east-1", first.id)),
        "{}",
        emails[1].text
    );
    assert_eq!(
        (
            status["notices"][0]["seq"].clone(),
            status["notices"][1]["seq"].clone()
        ),
        (json!(1), json!(2))
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_version_with_the_name_of_the_old_one_fails_and_says_why() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let first = stack.only_image();
    stack
        .drop_and_rest(
            KEY,
            format!("{}register: {{imdsSupport: v2.0}}\n", stack.manifest("web")),
        )
        .await;

    assert_eq!(stack.only_image(), first);
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed");
    assert_eq!(
        status["build"]["failure"]["code"],
        "InvalidAMIName.Duplicate"
    );
    let email = stack.emails().pop().unwrap();
    assert!(
        email.text.contains("an earlier version of this manifest"),
        "{}",
        email.text
    );
    assert!(email.text.contains(&first.id), "{}", email.text);
}

#[tokio::test(start_paused = true)]
async fn a_new_version_waits_until_the_ami_of_the_old_one_is_there() {
    let stack = TestStack::new().await;
    stack.world.ec2().set_pending_time(Duration::from_secs(600));
    stack.drop_file(KEY, stack.manifest("web-{digest}")).await;
    stack.minute().await;
    stack
        .drop_file(
            KEY,
            format!(
                "{}register: {{imdsSupport: v2.0}}\n",
                stack.manifest("web-{digest}")
            ),
        )
        .await;
    stack.rest().await;

    let images = stack.images();
    assert_eq!(images.len(), 2, "{images:#?}");
    let subjects = stack.subjects();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(
        images
            .iter()
            .all(|image| subjects.iter().any(|subject| subject.contains(&image.name))),
        "{subjects:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_rejected_version_keeps_the_previous_ami_in_mind() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    let first = stack.only_image();
    stack.drop_and_rest(KEY, "name: web\n").await;
    assert_eq!(stack.status(KEY).await["state"], "rejected");

    stack
        .drop_and_rest(
            KEY,
            format!(
                "{}register: {{imdsSupport: v2.0}}\n",
                stack.manifest("web-{digest}")
            ),
        )
        .await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available");
    assert_eq!(
        status["previous"][0]["regions"]["us-east-1"]["image"],
        json!(first.id)
    );
}

#[tokio::test(start_paused = true)]
async fn a_manifest_removed_at_once_still_gets_its_ami() {
    // The registration was under way: finishing it and saying so loses nothing.
    let stack = TestStack::new().await;
    stack.world.ec2().set_pending_time(Duration::from_secs(600));
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.settle().await;
    std::fs::remove_file(
        stack
            .world
            .directory()
            .join("s3")
            .join(&stack.bucket)
            .join(KEY),
    )
    .unwrap();
    stack.rest().await;
    assert_eq!(stack.only_image().name, "web");
    assert_eq!(stack.emails().len(), 1);
}

/// The second version arrives while an invocation that read the first is about to finalize it.
async fn replaced_while_finalized(stack: &TestStack) {
    while stack.count("HeadObject") == 0 {
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    stack.world.ec2().set_pending_time(Duration::from_secs(600));
    stack
        .drop_file(
            KEY,
            format!(
                "{}register: {{imdsSupport: v2.0}}\n",
                stack.manifest("web-{digest}")
            ),
        )
        .await;
    stack.world.settle().await;
    assert_eq!(stack.open().await, [format!("open/{KEY}.open")]);
    assert_eq!(stack.status(KEY).await["state"], "working");
}

#[tokio::test(start_paused = true)]
async fn notify_finalizes_one_version_and_not_the_next() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    let late = Fault::Slow(Duration::from_secs(5));
    stack.world.faults().on("s3", "HeadObject", 1, late);
    stack.drop_file(KEY, stack.manifest("web-{digest}")).await;
    replaced_while_finalized(&stack).await;
}

/// The first version has ended and its notice is sent, so that the next tick finalizes it: `notify` fails for as long as
/// Lambda tries.
async fn to_be_finalized() -> TestStack {
    let stack =
        TestStack::built(|builder| builder.schedules(false).parameter("ShareWith", "*")).await;
    let faults = stack.world.faults();
    faults.always("sns", "Publish", Fault::Throttle);
    stack.drop_file(KEY, stack.manifest("web-{digest}")).await;
    stack.world.run_for(Duration::from_secs(3600)).await;
    faults.clear();
    let sent = stack.world.invoke("AdvanceTasks", tick()).await;
    assert_eq!(sent.unwrap()["finalized"], 0);
    assert_eq!(stack.open().await, [MARKER]);
    stack
}

fn tick() -> Value {
    json!({"task": "advance"})
}

/// A tick begins, and has read what it finalizes five seconds before it does.
async fn about_to_finalize(stack: &TestStack) {
    let late = Fault::Slow(Duration::from_secs(5));
    stack.world.faults().on("s3", "HeadObject", 1, late);
    stack.world.invoke_later("AdvanceTasks", tick());
    while stack.count("HeadObject") == 0 {
        stack.world.run_for(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_tick_finalizes_one_version_and_not_the_next() {
    let stack = to_be_finalized().await;
    about_to_finalize(&stack).await;
    replaced_while_finalized(&stack).await;
}

/// The first version's marker is there when the invocation for the manifest's change writes its own, and is deleted before
/// it can be replaced.
async fn marked_while_finalized(change: &str) -> TestStack {
    let stack = to_be_finalized().await;
    stack.world.ec2().set_pending_time(Duration::from_secs(600));
    let faults = stack.world.faults();
    faults.always("ec2", "ModifyImageAttribute", Fault::Throttle);
    about_to_finalize(&stack).await;
    let later = Fault::Slow(Duration::from_secs(10));
    faults.on("s3", "PutObject", 1, later);
    let changed = stack.manifest("web-{digest}") + change;
    stack.drop_file(KEY, changed).await;
    stack.world.settle().await;
    let calls = stack.world.calls();
    let mut calls = calls.iter().filter(|call| call.done);
    let is_deleted = |call: &Call| call.key.as_deref() == Some(MARKER);
    assert!(calls.any(|call| call.action == "DeleteObject" && is_deleted(call)));
    assert_eq!(stack.open().await, [MARKER]);
    assert_eq!(stack.status(KEY).await["state"], "working");

    faults.clear();
    for _ in 0..30 {
        stack.world.run_for(Duration::from_secs(60)).await;
        stack.world.invoke("AdvanceTasks", tick()).await.unwrap();
        stack.world.settle().await;
    }
    assert_eq!(stack.open().await, [""; 0]);
    assert_eq!(stack.status(KEY).await["state"], "available");
    stack
}

#[tokio::test(start_paused = true)]
async fn a_version_whose_marker_meets_the_deletion_of_the_last_one_is_made() {
    let stack = marked_while_finalized("register: {imdsSupport: v2.0}\n").await;
    assert_eq!(stack.images().len(), 2);
    assert_eq!(stack.emails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn settings_whose_marker_meets_the_deletion_of_the_last_one_are_set() {
    let access = "access: {accounts: ['111122223333']}\n";
    let stack = marked_while_finalized(access).await;
    assert_eq!(stack.only_image().launch_permissions.len(), 1);
    assert_eq!(stack.emails().len(), 2);
}

/// Another invocation begins the image again while a tick is about to finalize it, which sees that it waits for EC2.
#[tokio::test(start_paused = true)]
async fn a_tick_does_not_finalize_what_was_begun_again() {
    let stack = to_be_finalized().await;
    let newer = stack.manifest("web-{digest}") + "register: {imdsSupport: v2.0}\n";
    stack.drop_silently(KEY, newer);
    about_to_finalize(&stack).await;
    let mut status = stack.status(KEY).await;
    status["state"] = json!("working");
    status["build"]["step"] = json!("await-image");
    stack.write_state(&keys::status_key(KEY), status.to_string());
    stack.world.settle().await;
    assert_eq!(stack.open().await, [MARKER]);
    assert_eq!(stack.status(KEY).await["state"], "working");
    for _ in 0..10 {
        stack.world.run_for(Duration::from_secs(60)).await;
        stack.world.invoke("AdvanceTasks", tick()).await.unwrap();
        stack.world.settle().await;
    }
    assert_eq!(stack.open().await, [""; 0]);
    assert_eq!(stack.images().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_deleted_while_its_bundle_is_missing_is_cancelled_and_can_be_uploaded_again() {
    let stack = TestStack::new().await;
    let key = "bundles/image.image.yaml";
    let manifest = "name: paid-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n";
    stack.drop_file(key, manifest).await;
    stack.minute().await;
    std::fs::remove_file(
        stack
            .world
            .directory()
            .join("s3")
            .join(&stack.bucket)
            .join(key),
    )
    .unwrap();
    stack.rest().await;
    assert_eq!(stack.status(key).await["state"], "cancelled");
    let email = stack.only_email();
    assert!(
        email.text.contains("its manifest was removed"),
        "{}",
        email.text
    );

    // Put back, with the same content, it is wanted again.
    stack.drop_file(key, manifest).await;
    stack.minute().await;
    let status = stack.status(key).await;
    assert_eq!(status["state"], "working", "{status:#}");
}

/// Beside a version that has ended, the marker of an invocation that died: the next tick deletes it, and no tick would start what
/// was uploaded just before.
#[tokio::test(start_paused = true)]
async fn a_version_beside_the_marker_of_a_dead_invocation_is_started_at_once() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    stack.world.run_for(Duration::from_secs(30)).await;
    stack.write_state(MARKER, "");
    // The last tick found it half a minute too young.
    stack.world.run_for(Duration::from_secs(301)).await;
    assert_eq!(stack.open().await, [MARKER]);
    let changed = stack.manifest("web-{digest}") + "register: {imdsSupport: v2.0}\n";
    stack.drop_file(KEY, changed).await;
    stack.world.run_for(Duration::from_secs(2)).await;
    assert_eq!(stack.count("RegisterImage"), 2);
    stack.rest().await;
    assert_eq!(stack.images().len(), 2);
    assert_eq!(stack.emails().len(), 2);
    stack.world.run_for(Duration::from_secs(3600)).await;
    assert_eq!(stack.count("RegisterImage"), 2);
    assert_eq!(stack.emails().len(), 2);
}
