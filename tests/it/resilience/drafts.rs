//! An invocation dies between starting an image and writing its first status: what it may have made is known by the
//! draft in its open marker, whatever happens to the manifest meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use localaws::ec2::TaskKind;
use localaws::faults::Fault;
use serde_json::{Value, json};

use crate::support::{Before, TestStack, making, minutes};

pub(super) const KEY: &str = "golden/web.image.yaml";
pub(super) const MARKER: &str = "open/golden/web.image.yaml.open";

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
async fn overtaken(stack: &TestStack) {
    let slow = Fault::Slow(Duration::from_secs(5));
    stack.world.faults().on("s3", "GetObject", 2, slow);
    stack.drop_file(KEY, stack.manifest("slow")).await;
    stack.world.run_for(Duration::from_secs(1)).await;
    stack.drop_file(KEY, "name: fast\n").await;
    stack.world.run_for(Duration::from_secs(3)).await;
    assert_eq!(stack.status(KEY).await["state"], "rejected");
    assert!(stack.open().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_start_of_a_replaced_version_made_is_recorded_and_reported() {
    let stack = TestStack::new().await;
    overtaken(&stack).await;
    assert_eq!(stack.images(), []);
    stack.rest().await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(stack.only_image().name, "slow");
    assert_eq!(known(&status), BTreeSet::from([stack.only_image().id]));
    assert_eq!(status["state"], "rejected");
    let subjects = stack.subjects();
    let available = subjects.iter().filter(|it| it.starts_with("Available"));
    assert_eq!(available.count(), 1, "{subjects:?}");
}

/// The same, where the slow invocation dies after it has registered its AMI, which EC2 does not show yet, and S3 keeps no
/// version of its manifest.
#[tokio::test(start_paused = true)]
async fn a_draft_that_nothing_shows_yet_is_kept_beside_a_version_that_has_ended() {
    let template = TestStack::template_without_versions();
    let stack = TestStack::built(|builder| builder.template(&template)).await;
    stack.world.ec2().set_visibility_delay(minutes(10));
    stack
        .world
        .faults()
        .on("ec2", "RegisterImage", 1, Fault::Crash);
    overtaken(&stack).await;
    stack.world.run_for(minutes(8)).await;
    assert_eq!(stack.open().await, [MARKER]);
    stack.rest().await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(stack.only_image().name, "slow");
    assert_eq!(
        known(&status),
        BTreeSet::from([stack.only_image().id]),
        "{status:#}"
    );
    assert_eq!(status["state"], "rejected");
    let subjects = stack.subjects();
    let available = subjects.iter().filter(|it| it.starts_with("Available"));
    assert_eq!(available.count(), 1, "{subjects:?}");
}

/// The same as the first, where the overtaken invocation dies after it has registered its AMI, and the other version has an AMI,
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
