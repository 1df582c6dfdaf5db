//! Statuses that somebody forged who may write them. Whatever they say, nothing in AWS is changed that EC2's own record
//! does not prove to be the image's, and no email says in amiwright's name what they say.

use std::time::Duration;

use crate::support::{Mail, REGION, TestStack};
use amiwright::keys;
use localaws::ec2::SeedSnapshot;
use serde_json::{Value, json};

/// Writes a status as an operator could, with the markers that make amiwright look at it.
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

/// A snapshot that somebody else made and nothing marks as anybody's.
fn foreign_snapshot(stack: &TestStack) -> String {
    let snapshot = SeedSnapshot {
        volume_size: 8,
        ..SeedSnapshot::default()
    };
    stack.world.ec2().seed_snapshot(REGION, snapshot)
}

/// The status of the report: to be cleaned up, with somebody else's snapshot as what its import made, and an email that
/// is ready to be sent.
fn reported(stack: &TestStack, key: &str, snapshot: &str) -> Value {
    let at = "2026-11-21T10:00:00Z";
    json!({
        "schema": 2,
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
    let emails = stack.mails();
    let told = emails
        .iter()
        .find(|email| email.text.contains("not touched"));
    let told = told.unwrap_or_else(|| panic!("{emails:#?}"));
    assert!(
        told.text
            .contains("Find out whose they are before you delete any"),
        "{}",
        told.text
    );
}

/// A look-up that EC2 always refuses: no manifest's key has such a character, but a status can name one.
#[tokio::test(start_paused = true)]
async fn an_image_whose_look_up_ec2_refuses_fails_the_sweep_and_no_tick() {
    let stack = TestStack::new().await;
    let key = "evil\u{ffff}.image.yaml";
    let at = "2026-11-21T10:00:00Z";
    let status = json!({
        "schema": 2,
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
    let sweep = stack.world.invoke("AdvanceTasks", json!({"task": "sweep"}));
    let error = sweep.await.unwrap_err();
    assert!(
        error.message.contains("InvalidCharacter"),
        "{}",
        error.message
    );
    stack.world.run_for(Duration::from_secs(40 * 60)).await;
    stack.world.settle().await;
    let mails = stack.mails();
    let is_told = |mail: &Mail| mail.subject.starts_with("AMI still waiting");
    assert!(mails.iter().any(is_told), "{mails:#?}");
    let letters = stack.world.dead_letters();
    assert!((1..=4).contains(&letters.len()), "{letters:#?}");
}

/// What cannot be read stays so until a person does something: the others go on, and the alarm rings every 15 minutes.
#[tokio::test(start_paused = true)]
async fn a_status_that_cannot_be_read_fails_the_sweep_and_no_tick() {
    for content in ["{ not json", "{\"schema\": 99}", "{\"schema\": 2}"] {
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
        let sweep = stack.world.invoke("AdvanceTasks", json!({"task": "sweep"}));
        let error = sweep.await.unwrap_err();
        assert!(error.message.contains("status/evil"), "{}", error.message);
    }
}
