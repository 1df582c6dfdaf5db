//! Objects that look like manifests and are not named as such.

use std::time::Duration;

use localaws::faults::Call;
use serde_json::json;

use crate::support::TestStack;

/// A sweep, and all that it begins.
async fn sweep(stack: &TestStack) {
    stack.world.run_for(Duration::from_secs(120)).await;
    stack
        .world
        .invoke_later("AdvanceTasks", json!({"task": "sweep"}));
    stack.rest().await;
}

/// How often objects with this key were read.
fn reads(stack: &TestStack, key: &str) -> usize {
    let calls = stack.world.faults().calls();
    let is_read = |call: &&Call| call.action == "GetObject" && call.key.as_deref() == Some(key);
    calls.iter().filter(is_read).count()
}

#[tokio::test(start_paused = true)]
async fn a_manifest_under_another_name_is_told_of_once_for_each_upload() {
    let stack = TestStack::new().await;
    let manifest = stack.manifest("web");
    for key in ["golden/web.yaml", "Web.Image.YAML"] {
        stack.drop_file(key, &manifest).await;
    }
    let json = format!(
        "{{\"source\": {{\"snapshot\": {{\"id\": \"{}\"}}}}}}",
        stack.snapshot
    );
    stack.drop_file("db.json", &json).await;
    // None of these.
    let large = format!("{manifest}# {}\n", "x".repeat(20_000));
    for (key, content) in [
        ("config.yaml", "source: upstream\n"),
        ("package.json", "{\"source\": {\"type\": \"git\"}}"),
        ("broken.yml", "\"source: {"),
        ("large.yaml", &large),
        ("web.raw", "\0\0"),
        ("notes.txt", &manifest),
    ] {
        stack.drop_file(key, content).await;
    }
    for _ in 0..3 {
        sweep(&stack).await;
    }
    let mut subjects = stack.subjects();
    subjects.sort();
    let ignored = |name: &str| format!("Ignored: {name} (us-east-1)");
    // What mail programs could take for a domain is written so that they do not.
    let names = ["Web[.]Image[.]YAML", "db.json", "web.yaml"];
    assert_eq!(subjects, names.map(ignored));
    assert!(stack.images().is_empty());
    let status = stack.status("golden/web.yaml").await;
    assert_eq!(status["state"], "rejected");
    assert_eq!(
        status["problems"][0]["hint"],
        "upload it as golden/web.image.yaml"
    );
    let email = stack.emails().pop().unwrap();
    assert!(email.text.contains("NotifyIgnored"), "{}", email.text);
    // What is too large, or not named so, is not read at all, and all others once.
    for (key, most) in [
        ("large.yaml", 0),
        ("web.raw", 0),
        ("notes.txt", 0),
        ("config.yaml", 1),
        ("broken.yml", 1),
    ] {
        assert_eq!(reads(&stack, key), most, "{key}");
    }

    // Another content is another upload.
    stack
        .drop_file("golden/web.yaml", stack.manifest("web-2"))
        .await;
    for _ in 0..2 {
        sweep(&stack).await;
    }
    assert_eq!(stack.subjects().len(), 4);
    // Under its right name it makes an AMI; the other stays told.
    stack.remove("golden/web.yaml").await;
    stack
        .drop_and_rest("golden/web.image.yaml", stack.manifest("web-2"))
        .await;
    sweep(&stack).await;
    assert_eq!(stack.only_image().state.to_string(), "available");
    assert_eq!(stack.subjects().len(), 5);
}

/// Also of the same content: whoever uploads it again waits for an AMI.
#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_uploaded_under_another_name_again_is_told_of_again() {
    let stack = TestStack::new().await;
    for times in 1..=2 {
        stack.drop_file("web.yaml", stack.manifest("web")).await;
        for _ in 0..2 {
            sweep(&stack).await;
        }
        assert_eq!(stack.subjects().len(), times);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_or_told_where_that_is_switched_off() {
    let off = |builder: localaws::world::Builder| builder.parameter("NotifyIgnored", "false");
    let stack = TestStack::built(off).await;
    stack.drop_file("web.yaml", stack.manifest("web")).await;
    sweep(&stack).await;
    assert_eq!(stack.subjects(), [""; 0]);
    assert_eq!(reads(&stack, "web.yaml"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_schedule_finds_what_is_new_and_reads_a_few_at_a_time() {
    let stack = TestStack::new().await;
    stack.drop_silently("old.yaml", stack.manifest("old"));
    stack.world.run_for(Duration::from_secs(3600)).await;
    assert_eq!(stack.subjects(), ["Ignored: old.yaml (us-east-1)"]);

    let seldom = |builder: localaws::world::Builder| {
        builder
            .parameter("AdvanceSchedule", "rate(1 hour)")
            .parameter("SweepSchedule", "rate(7 days)")
    };
    let stack = TestStack::built(seldom).await;
    stack.drop_silently("old.yaml", stack.manifest("old"));
    stack.world.run_for(Duration::from_secs(25 * 3600)).await;
    for number in 0..50 {
        stack.drop_silently(&format!("{number}.json"), "{}");
    }
    sweep(&stack).await;
    assert_eq!(stack.subjects(), [""; 0]);
    let read = (0..50).filter(|number| reads(&stack, &format!("{number}.json")) > 0);
    assert_eq!(read.count(), 20);
}
