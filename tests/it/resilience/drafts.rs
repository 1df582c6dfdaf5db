//! An invocation dies between starting an image and writing its first status: what it may have made is known by the
//! draft in its open marker, whatever happens to the manifest meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use localaws::ec2::TaskKind;
use localaws::faults::Fault;
use serde_json::{Value, json};

use crate::support::{Before, TestStack, making};

const KEY: &str = "golden/web.image.yaml";
const MARKER: &str = "open/golden/web.image.yaml.open";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Snapshot,
    Disk,
}

impl Source {
    /// A world with it, and a manifest that makes an AMI named `web` of it.
    async fn stack(self) -> (TestStack, String) {
        match self {
            Self::Snapshot => {
                let stack = TestStack::new().await;
                let manifest = stack.manifest("web");
                (stack, manifest)
            }
            Self::Disk => making(TaskKind::ImportSnapshot).await,
        }
    }

    /// The actions of the invocation that starts it, with the numbers of their calls.
    async fn calls_of_its_start(self) -> Vec<(u64, String)> {
        let (stack, manifest) = self.stack().await;
        let before = stack.world.faults().count();
        stack.drop_file(KEY, &manifest).await;
        stack.world.settle().await;
        let calls = stack.world.calls().into_iter();
        calls
            .filter(|call| {
                call.number > before && call.function.as_deref() == Some("RegisterImage")
            })
            .map(|call| (call.number, call.action))
            .collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    Replaced,
    Removed,
    RemovedAndReplaced,
}

/// The invocation that starts an image dies at this call; soon after, something happens to the manifest. Returns what
/// is wrong in the end.
async fn play(source: Source, number: u64, fault: Fault, then: Then) -> Option<String> {
    let (stack, manifest) = source.stack().await;
    let before = Before::of(&stack);
    stack.world.faults().at(number, fault.clone());
    stack.drop_file(KEY, &manifest).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    let other = manifest.replacen("name: web", "name: other", 1);
    if matches!(then, Then::Removed | Then::RemovedAndReplaced) {
        stack.remove(KEY).await;
        stack.world.run_for(Duration::from_secs(5)).await;
    }
    if matches!(then, Then::Replaced | Then::RemovedAndReplaced) {
        stack.drop_file(KEY, &other).await;
    }
    stack.rest().await;
    stack.world.run_for(Duration::from_secs(40 * 60)).await;
    stack.rest().await;
    let (images, orphans) = before.now(&stack).await;
    let wrong = |what: &str, status: &Value| {
        let history = &status["history"];
        Some(format!(
            "{source:?}, call {number} {fault:?}, {then:?}: {what}: {images} AMIs, left {orphans:?}, {history:#}"
        ))
    };
    if stack.state_keys("status/").await.is_empty() {
        let nothing = then == Then::Removed && images == 0 && orphans.is_empty();
        return (!nothing)
            .then(|| wrong("no status", &Value::Null))
            .flatten();
    }
    let status = stack.status(KEY).await;
    if !orphans.is_empty() {
        return wrong("orphans", &status);
    }
    if then == Then::Removed {
        let right = status["state"] == "cancelled" && images == 0;
        return (!right).then(|| wrong("removed", &status)).flatten();
    }
    let name = if then == Then::Nothing {
        "web"
    } else {
        "other"
    };
    let is_named = status["build"]["name"]
        .as_str()
        .is_some_and(|it| it.starts_with(name));
    if status["state"] != "available" || !is_named {
        return wrong("not available", &status);
    }
    if known(&status).len() != images {
        return wrong("not all are known", &status);
    }
    let subjects = stack.emails().into_iter().map(|email| email.subject);
    let available = subjects.filter(|subject| subject.starts_with("Available"));
    (available.count() != images)
        .then(|| wrong("not notified once each", &status))
        .flatten()
}

/// The AMIs that a status knows of.
fn known(status: &Value) -> BTreeSet<String> {
    let previous = status["previous"].as_array().into_iter().flatten();
    previous
        .chain([status])
        .filter_map(|version| version["regions"].as_object())
        .flat_map(|regions| regions.values())
        .map(|image| image["image"].as_str().unwrap().to_owned())
        .collect()
}

async fn dies_at_any_call(source: Source) {
    let calls = source.calls_of_its_start().await;
    let actions: Vec<&str> = calls.iter().map(|(_, action)| &**action).collect();
    assert_eq!(
        actions.iter().filter(|it| **it == "PutObject").count(),
        2,
        "{actions:?}"
    );
    let mut wrong = Vec::new();
    for (number, _) in &calls {
        for then in [
            Then::Nothing,
            Then::Replaced,
            Then::Removed,
            Then::RemovedAndReplaced,
        ] {
            wrong.extend(Box::pin(play(source, *number, Fault::Crash, then)).await);
        }
        wrong.extend(Box::pin(play(source, *number, Fault::CrashBefore, Then::Replaced)).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn a_start_from_a_snapshot_that_dies_at_any_call_loses_nothing() {
    dies_at_any_call(Source::Snapshot).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_from_a_disk_that_dies_at_any_call_loses_nothing() {
    dies_at_any_call(Source::Disk).await;
}

/// One invocation has read a version, and that there is no status. While it stands still, another version comes, is
/// rejected, and is finalized.
#[tokio::test(start_paused = true)]
async fn what_a_start_of_a_replaced_version_made_is_recorded_and_reported() {
    let stack = TestStack::new().await;
    let slow = Fault::Slow(Duration::from_secs(5));
    stack.world.faults().on("s3", "GetObject", 2, slow);
    stack.drop_file(KEY, stack.manifest("slow")).await;
    stack.world.run_for(Duration::from_secs(1)).await;
    stack.drop_file(KEY, "name: fast\n").await;
    stack.world.run_for(Duration::from_secs(3)).await;
    assert_eq!(stack.status(KEY).await["state"], "rejected");
    assert!(stack.open().await.is_empty());
    assert_eq!(stack.images(), []);
    stack.rest().await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(stack.only_image().name, "slow");
    assert_eq!(known(&status), BTreeSet::from([stack.only_image().id]));
    assert_eq!(status["state"], "rejected");
    let subjects: Vec<String> = stack
        .emails()
        .into_iter()
        .map(|email| email.subject)
        .collect();
    let available = subjects.iter().filter(|it| it.starts_with("Available"));
    assert_eq!(available.count(), 1, "{subjects:?}");
}

/// The same, where the overtaken invocation dies after it has registered its AMI, and the other version has an AMI,
/// too.
#[tokio::test(start_paused = true)]
async fn what_a_crashed_start_of_a_replaced_version_made_is_recorded_and_reported() {
    let stack = TestStack::new().await;
    stack
        .world
        .faults()
        .on("ec2", "RegisterImage", 1, Fault::Crash);
    stack.drop_file(KEY, stack.manifest("slow")).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    assert_eq!(stack.only_image().name, "slow");
    let marker = stack
        .world
        .s3()
        .get(&stack.state_bucket, MARKER)
        .await
        .unwrap();
    let s3 = stack.world.directory().join("s3");
    std::fs::remove_file(s3.join(&stack.state_bucket).join(MARKER)).unwrap();
    stack.drop_and_rest(KEY, stack.manifest("fast")).await;
    assert_eq!(stack.status(KEY).await["build"]["name"], "fast");
    stack.write_state(MARKER, marker.unwrap());
    stack.world.run_for(Duration::from_secs(5 * 60)).await;
    stack.rest().await;

    let status = stack.status(KEY).await;
    let images: BTreeSet<String> = stack.images().into_iter().map(|image| image.id).collect();
    assert_eq!(images.len(), 2);
    assert_eq!(known(&status), images, "{status:#}");
    assert_eq!(status["build"]["name"], "fast");
    assert_eq!(status["state"], "available");
}

/// Puts this open marker beside a manifest whose event was lost, and lets it grow old.
async fn with_marker(content: &str) -> TestStack {
    let stack = TestStack::new().await;
    stack.drop_silently(KEY, stack.manifest("web"));
    stack.write_state(MARKER, content);
    stack.world.run_for(Duration::from_secs(200)).await;
    stack.world.settle().await;
    stack
}

#[tokio::test(start_paused = true)]
async fn a_stale_marker_without_a_draft_starts_the_manifest_at_its_key() {
    let stack = with_marker("0a1b 2026-11-21T10:00:00Z 2026-11-21T10:00:00Z\n").await;
    stack.rest().await;
    assert_eq!(stack.only_image().name, "web");
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_marker_without_a_valid_draft_of_its_manifest_is_reported_and_kept() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest("other.image.yaml", stack.manifest("other"))
        .await;
    let elsewhere = stack.status("other.image.yaml").await;
    let mut ended = elsewhere.clone();
    ended["manifest"]["key"] = json!(KEY);
    let cases = [
        (
            "{ not json".to_owned(),
            "is not an open marker of its manifest",
        ),
        (json!({"schema": 3}).to_string(), "deploy the newer version"),
        (elsewhere.to_string(), "it is about another manifest, s3://"),
        (ended.to_string(), "it holds available"),
    ];
    for (content, problem) in cases {
        let content = format!("0a1b 2026-11-21T10:00:00Z 2026-11-21T10:00:00Z\n{content}");
        let stack = with_marker(&content).await;
        let tick = stack.world.invoke("AdvanceTasks", json!({})).await;
        assert_eq!(tick.unwrap()["failed"], 1, "{problem}");
        let failed = stack.failed_events();
        assert!(failed.contains(problem), "{failed}");
        assert_eq!(stack.world.dead_letters().len(), 1, "{failed}");
        assert_eq!(stack.images(), []);
        assert_eq!(stack.open().await, [MARKER]);
        // The others continue.
        stack
            .drop_file("good.image.yaml", stack.manifest("good"))
            .await;
        stack.world.run_for(Duration::from_secs(300)).await;
        assert_eq!(stack.status("good.image.yaml").await["state"], "available");
        assert_eq!(stack.open().await, [MARKER]);
    }
}

/// Another invocation writes the status of the previous version, after a new one was marked as open and before its own
/// status is written: what the new manifest means is decided again by the same invocation, not at the next tick.
#[tokio::test(start_paused = true)]
async fn a_start_whose_status_was_written_meanwhile_is_decided_again_at_once() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    stack.drop_file(KEY, "name: fast\n").await;
    stack.world.run_for(Duration::from_secs(10)).await;
    let mut status = stack.status(KEY).await;
    assert_eq!(status["state"], "rejected");
    let before = stack.world.faults().count();

    // The first thing that is written for the new version is its open marker.
    let slow = Fault::Slow(Duration::from_secs(5));
    stack.world.faults().on("s3", "PutObject", 1, slow);
    stack.drop_silently(KEY, stack.manifest("web"));
    let event = stack.object_created(KEY);
    stack.world.invoke_later("RegisterImage", event);
    stack.world.run_for(Duration::from_secs(2)).await;
    assert_eq!(stack.open().await.len(), 1);
    assert_eq!(stack.images(), []);
    status["history"][0]["why"] = json!("written meanwhile");
    stack.write_state("status/golden/web.image.yaml.json", status.to_string());
    stack.world.run_for(Duration::from_secs(8)).await;

    let calls = stack.world.calls();
    let calls = calls
        .iter()
        .filter(|call| call.number > before && call.function.as_deref() == Some("RegisterImage"));
    let made: Vec<(&str, &str)> = calls
        .map(|call| {
            (
                call.action.as_str(),
                call.key.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    let read = made.iter().filter(|it| **it == ("GetObject", KEY));
    assert_eq!(read.count(), 2, "{made:?}");
    let registered = made.iter().filter(|it| it.0 == "RegisterImage");
    assert_eq!(registered.count(), 1, "{made:?}");
    assert_eq!(stack.only_image().name, "web");
    let status = stack.status(KEY).await;
    assert_eq!(
        known(&status),
        BTreeSet::from([stack.only_image().id]),
        "{status:#}"
    );
}

/// The marker of a start from a snapshot that died, with its draft.
async fn drafted() -> (String, Value) {
    let stack = TestStack::new().await;
    let crash = Fault::CrashBefore;
    stack.world.faults().on("ec2", "RegisterImage", 1, crash);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    let marker = stack.world.s3().get(&stack.state_bucket, MARKER).await;
    let marker = String::from_utf8(marker.unwrap().unwrap().to_vec()).unwrap();
    let (first, draft) = marker.split_once('\n').unwrap();
    (first.to_owned(), serde_json::from_str(draft).unwrap())
}

/// Whoever may write a marker has a status made of it, and its notices sent.
#[tokio::test(start_paused = true)]
async fn a_draft_with_fields_that_no_draft_has_is_reported_and_kept() {
    let (first, draft) = drafted().await;
    let at = "2026-11-21T10:00:00Z";
    let notice = json!([{"seq": 1, "kind": "failed", "at": at}]);
    let sent = json!([{"seq": 1, "kind": "started", "at": at, "attempts": 1, "claimedAt": at, "sentAt": at}]);
    let failure = json!({"kind": "manifest-gone", "doing": "x", "message": "y"});
    let previous = json!([{"regions": {}}]);
    let cases = [
        ("/notices", notice, "notified"),
        ("/notices", sent, "notified"),
        ("/previous", previous, "attempt"),
        ("/build/attempt", json!(1), "attempt"),
        ("/build/failure", failure, "end"),
        ("/build/ending", json!("failed"), "end"),
        (
            "/build/deleted",
            json!(["snap-0123456789abcdef0"]),
            "cleaned up",
        ),
        (
            "/build/orphans",
            json!([{"what": "ami-0123456789abcdef0", "reason": "unproven"}]),
            "cleaned up",
        ),
        (
            "/cancel",
            json!({"askedAt": at, "by": "command", "uploadedAt": at}),
            "request",
        ),
        ("/manifest/sha256", json!("00ff"), "first line"),
        (
            "/manifest/uploadedAt",
            json!("2026-11-20T10:00:00Z"),
            "first line",
        ),
    ];
    for (field, value, problem) in cases {
        let mut forged = draft.clone();
        let (parent, name) = field.rsplit_once('/').unwrap();
        forged.pointer_mut(parent).unwrap()[name] = value;
        let stack = with_marker(&format!("{first}\n{forged}")).await;
        let failed = stack.failed_events();
        let is_told = failed.contains("its draft has") && failed.contains(problem);
        assert!(is_told, "{field}: {failed}");
        assert_eq!(stack.emails().len(), 0, "{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_draft_of_a_manifest_that_never_existed_makes_no_status_and_its_marker_is_deleted() {
    let (first, draft) = drafted().await;
    for (step, source) in [
        ("register-image", "snapshot"),
        ("start-task", "disk"),
        ("start-task", "vm"),
        ("start-task", "instance"),
        ("start-task", "image"),
    ] {
        let stack = TestStack::new().await;
        let mut forged = draft.clone();
        forged["build"]["step"] = json!(step);
        forged["build"]["source"] = json!(source);
        forged["notices"] = json!([{"seq": 1, "kind": "started", "at": "2026-11-21T10:00:00Z"}]);
        stack.write_state(MARKER, format!("{first}\n{forged}"));
        stack.rest().await;
        assert_eq!(stack.state_keys("").await, Vec::<String>::new(), "{source}");
        assert_eq!(stack.emails().len(), 0, "{source}");
        assert!(stack.world.dead_letters().is_empty(), "{source}");
    }
}
