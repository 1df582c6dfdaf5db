//! Statuses forged by a principal that may write them. Whatever they say, nothing in AWS is changed that EC2's own
//! record does not prove to be the image's, and no email says in amiwright's name what they say.

mod fields;
mod foreign;
mod parameters;
mod previous;
mod publishing;
mod retiring;

use std::time::Duration;

use crate::support::{DISK, Email, REGION, TestStack, minutes, vmdk};
use amiwright::keys;
use localaws::ec2::{ImageState, SeedImage, SeedSnapshot};
use serde_json::{Value, json};

const KEY: &str = "golden/web.image.yaml";

/// Writes a status as an operator could, with the markers that make amiwright visit it.
async fn forge(stack: &TestStack, key: &str, status: &Value) {
    let s3 = stack.world.s3();
    for (key, content) in [
        (keys::status_key(key), status.to_string()),
        (keys::open_key(key), "forged\n".to_owned()),
        (keys::due_key(key), "forged\n".to_owned()),
    ] {
        let put = s3.put(&stack.state_bucket, &key, content.into_bytes());
        put.await.unwrap();
    }
}

/// A snapshot that was made outside amiwright and has no ownership tags.
fn foreign_snapshot(stack: &TestStack) -> String {
    let snapshot = SeedSnapshot {
        volume_size: 8,
        ..SeedSnapshot::default()
    };
    stack.world.ec2().seed_snapshot(REGION, snapshot)
}

/// The status of the report: to be cleaned up, with another owner's snapshot as what its import made, and an email that
/// is ready to be sent.
fn reported(stack: &TestStack, key: &str, snapshot: &str) -> Value {
    let at = "2026-11-21T10:00:00Z";
    json!({
        "schema": 3,
        "manifest": {"bucket": stack.bucket, "key": key, "etag": "\"0123\"", "sha256": "00ff", "uploadedAt": at},
        "state": "working",
        "build": {
            "digest": "00ff", "source": "disk", "name": "web", "step": "clean-up", "stepSince": at, "startedAt": at,
            "ending": "failed",
            "tasks": [{
                "kind": "import-snapshot", "id": "import-snap-0123456789abcdef0", "region": REGION, "state": "completed",
                "snapshots": [snapshot], "startedAt": at, "updatedAt": at,
            }],
        },
        "notices": [{
            "seq": 1, "kind": "failed", "at": at,
            "message": {
                "subject": "Your account is locked", "text": "Pay at https://evil.example\n", "data": {}, "attributes": {},
            },
        }],
    })
}

#[tokio::test(start_paused = true)]
async fn a_forged_status_deletes_no_snapshot_of_others() {
    let stack = TestStack::new().await;
    let snapshot = foreign_snapshot(&stack);
    let before = stack.world.ec2().snapshots(REGION);
    let key = "evil.image.yaml";
    forge(&stack, key, &reported(&stack, key, &snapshot)).await;
    stack.rest().await;

    assert_eq!(stack.world.ec2().snapshots(REGION), before);
    for action in ["CreateTags", "DeleteSnapshot"] {
        assert_eq!(stack.count(action), 0, "{action}");
    }
    let status = stack.status(key).await;
    assert_eq!(
        status["build"]["orphans"],
        json!([{"what": snapshot, "reason": "unproven"}])
    );
    let emails = stack.emails();
    for email in &emails {
        let text = format!("{}\n{}", email.subject, email.text);
        for evil in ["Your account is locked", "evil.example"] {
            assert!(!text.contains(evil), "{text}");
        }
    }
    let email = emails
        .iter()
        .find(|email| email.text.contains("not touched"));
    let email = email.unwrap_or_else(|| panic!("{emails:#?}"));
    assert!(
        email
            .text
            .contains("Find out whose they are before you delete any"),
        "{}",
        email.text
    );
}

/// A status that was available, to be cleaned up.
fn to_be_cleaned_up(available: &Value) -> Value {
    let mut status = available.clone();
    status["state"] = json!("working");
    status["build"]["step"] = json!("clean-up");
    status["build"]["ending"] = json!("failed");
    status
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_has_been_available_for_long_is_kept_whatever_its_status_says() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;
    let available = stack.status(KEY).await;
    stack.world.run_for(minutes(25 * 60)).await;
    let image = &stack.only_image().id;
    // Whoever has disabled it may enable it again.
    for state in [ImageState::Available, ImageState::Disabled] {
        let ec2 = stack.world.ec2();
        ec2.edit_image(REGION, image, |it| it.state = state);
        let before = (stack.images(), stack.snapshots());
        for ending in ["failed", "cancelled", "lost"] {
            let mut forged = to_be_cleaned_up(&available);
            forged["build"]["ending"] = json!(ending);
            forge(&stack, KEY, &forged).await;
            stack.rest().await;
            assert_eq!((stack.images(), stack.snapshots()), before);
        }
    }
    let says_so = |text: &str| text.contains("may be in use") && text.contains(image);
    let emails = stack.emails();
    assert!(
        emails.iter().any(|email| says_so(&email.text)),
        "{emails:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_earlier_version_is_kept_whatever_attempt_a_status_calls_its_own() {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web-1")).await;
    let first = stack.status(KEY).await;
    stack.drop_and_rest(KEY, stack.manifest("web-2")).await;
    let second = stack.status(KEY).await;
    let images = stack.images();
    assert_eq!(images.len(), 2);

    let mut forged = to_be_cleaned_up(&first);
    forged.as_object_mut().unwrap().remove("previous");
    // What EC2 shows of the second version proves that the first is not being made.
    forge(&stack, KEY, &forged).await;
    stack.rest().await;
    assert_eq!(stack.images(), images);
    // The second version, which is at the key, was found again.
    assert_eq!(stack.status(KEY).await["state"], "available");
    let image = first["regions"][REGION]["image"].as_str().unwrap();
    let emails = stack.emails();
    let says_so = |text: &str| text.contains("not touched") && text.contains(image);
    assert!(
        emails.iter().any(|email| says_so(&email.text)),
        "{emails:#?}"
    );

    let mut forged = to_be_cleaned_up(&second);
    let kept = &second["regions"][REGION]["image"];
    forged["previous"] = json!([{"regions": {REGION: {"image": kept, "imageState": "available"}}}]);
    forge(&stack, KEY, &forged).await;
    stack.rest().await;
    assert_eq!(stack.images(), images);
    assert_eq!(stack.count("DeregisterImage"), 0);
}

#[tokio::test(start_paused = true)]
async fn another_stacks_image_of_the_same_key_and_attempt_is_kept() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;
    let own = stack.only_image();
    let mut tags = own.tags.clone();
    tags.insert(
        "amiwright:manifest".to_owned(),
        format!("s3://other-stack/{KEY}"),
    );
    let snapshot = SeedSnapshot {
        tags: tags.clone(),
        ..SeedSnapshot::default()
    };
    let snapshot = stack.world.ec2().seed_snapshot(REGION, snapshot);
    let image = SeedImage {
        id: None,
        name: "web-of-the-other".to_owned(),
        snapshot_id: snapshot.clone(),
        volume_size: 8,
        owner_id: None,
        owner_alias: None,
    };
    let image = stack.world.ec2().seed_image(REGION, image);
    let tagging = stack.aws();
    tagging
        .create_tags(std::slice::from_ref(&image), &tags)
        .await
        .unwrap();
    let mut forged = to_be_cleaned_up(&stack.status(KEY).await);
    let region = &mut forged["regions"][REGION];
    (region["image"], region["snapshots"]) = (json!(image), json!([snapshot]));
    forge(&stack, KEY, &forged).await;
    stack.rest().await;

    let left: Vec<String> = stack.images().into_iter().map(|image| image.id).collect();
    assert_eq!(left, [image]);
    assert!(stack.snapshots().contains(&snapshot));
}

#[tokio::test(start_paused = true)]
async fn what_the_manifest_does_not_ask_for_is_not_asked_of_ec2() {
    let other = "arn:aws:s3:::local-bucket,arn:aws:s3:::local-bucket-other";
    let stack = TestStack::built(|builder| builder.parameter("StoreBuckets", other)).await;
    let manifest = stack.manifest("web") + &format!("store: {{bucket: {}}}\n", stack.bucket);
    stack.drop_and_rest(KEY, manifest).await;
    let available = stack.status(KEY).await;
    let (stored, registered) = (
        stack.count("CreateStoreImageTask"),
        stack.count("RegisterImage"),
    );
    for (step, pointer, value) in [
        ("store-image", "/store/bucket", "local-bucket-other"),
        ("register-image", "/build/name", "another-name"),
    ] {
        let mut forged = available.clone();
        forged["state"] = json!("working");
        forged["build"]["step"] = json!(step);
        forged["build"]["tasks"] = json!([]);
        *forged.pointer_mut(pointer).unwrap() = json!(value);
        forge(&stack, KEY, &forged).await;
        stack.rest().await;
        let status = stack.status(KEY).await;
        let ended = if step == "store-image" {
            "incomplete"
        } else {
            "failed"
        };
        assert_eq!(status["state"], ended, "{status:#}");
        let failure = &status["build"]["failure"];
        assert_eq!(failure["kind"], "not-in-manifest", "{failure:#}");
        assert_eq!(failure["what"], value);
    }
    assert_eq!(stack.count("CreateStoreImageTask"), stored);
    assert_eq!(stack.count("RegisterImage"), registered);
}

/// A look-up that EC2 always refuses: no manifest's key has such a character, but a status can name one.
#[tokio::test(start_paused = true)]
async fn an_image_whose_look_up_ec2_refuses_does_not_fail_every_tick() {
    let stack = TestStack::new().await;
    let key = "evil\u{ffff}.image.yaml";
    let at = "2026-11-21T10:00:00Z";
    let status = json!({
        "schema": 3,
        "manifest": {"bucket": stack.bucket, "key": key, "etag": "\"0123\"", "sha256": "00ff", "uploadedAt": at},
        "state": "working",
        "build": {
            "digest": "00ff", "source": "image", "name": "evil", "step": "start-task", "stepSince": at, "startedAt": at,
        },
    });
    forge(&stack, key, &status).await;
    stack
        .drop_file("web.image.yaml", stack.manifest("web"))
        .await;
    for _ in 0..3 {
        stack.minute().await;
    }
    assert_eq!(stack.only_image().state.to_string(), "available");
    let tick = stack.world.invoke("AdvanceTasks", json!({})).await;
    assert_eq!(tick.unwrap()["failed"], 1);
    let failed = stack.failed_events();
    assert!(failed.contains("InvalidCharacter"), "{failed}");
    assert_eq!(stack.world.dead_letters().len(), 1, "{failed}");
    stack.world.run_for(Duration::from_secs(40 * 60)).await;
    stack.world.settle().await;
    let emails = stack.emails();
    let is_told = |email: &Email| email.subject.starts_with("Still waiting");
    assert!(emails.iter().any(is_told), "{emails:#?}");
    let letters = stack.world.dead_letters();
    assert!((2..=4).contains(&letters.len()), "{letters:#?}");
}

/// What cannot be read stays so until a person does something: the others continue, and the alarm rings every 15
/// minutes.
#[tokio::test(start_paused = true)]
async fn a_status_that_cannot_be_read_does_not_fail_every_tick() {
    for content in ["{ not json", "{\"schema\": 99}", "{\"schema\": 3}"] {
        let stack = TestStack::new().await;
        let key = "evil.image.yaml";
        let s3 = stack.world.s3();
        for (key, content) in [
            (keys::status_key(key), content),
            (keys::open_key(key), "forged\n"),
        ] {
            let put = s3.put(&stack.state_bucket, &key, content.as_bytes().to_vec());
            put.await.unwrap();
        }
        stack
            .drop_file("web.image.yaml", stack.manifest("web"))
            .await;
        for _ in 0..5 {
            stack.minute().await;
        }
        assert_eq!(stack.only_image().state.to_string(), "available");
        let tick = stack.world.invoke("AdvanceTasks", json!({})).await;
        assert_eq!(tick.unwrap()["failed"], 1, "{content}");
        let failed = stack.failed_events();
        assert!(failed.contains("status/evil"), "{failed}");
        assert_eq!(stack.world.dead_letters().len(), 1, "{failed}");
    }
}

/// Only EC2 says which snapshots an AMI has: a status that names another is not reason enough to share it.
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_only_a_status_names_is_not_shared() {
    const PARTNER: &str = "111122223333";
    let stack = TestStack::built(|builder| builder.parameter("ShareWith", "*")).await;
    let shared = format!("access: {{accounts: ['{PARTNER}'], copy: true}}\n");
    stack
        .drop_and_rest(KEY, stack.manifest("web") + &shared)
        .await;
    let foreign = foreign_snapshot(&stack);
    let mut status = stack.status(KEY).await;
    status["state"] = json!("working");
    status["build"]["step"] = json!("publish");
    status["build"]["stepSince"] = json!("2026-11-21T12:00:00Z");
    status["regions"][REGION]["applied"]["snapshots"][&foreign] = json!([]);
    forge(&stack, KEY, &status).await;
    stack.rest().await;
    let accounts = stack.aws().snapshot_accounts(&foreign).await.unwrap();
    assert_eq!(accounts.len(), 0, "{:#}", stack.status(KEY).await);
}
