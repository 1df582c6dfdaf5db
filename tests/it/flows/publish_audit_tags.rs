//! A finished AMI loses the tags that prove whose it is: that is told once, and nothing about the AMI is changed.

use std::collections::BTreeMap;

use localaws::ec2::Image;
use serde_json::{Value, json};

use crate::support::{REGION, TestStack, minutes};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";
const SETTINGS: &str = "description: Web tier\nrepair: true\nregions: {us-west-2: {}}\n";

async fn finished() -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("CopyRegions", OREGON)
            // The tests say when.
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await;
    let manifest = format!("{}{SETTINGS}", stack.manifest("web-{digest}"));
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(stack.emails().len(), 1);
    stack
}

async fn audit(stack: &TestStack) {
    stack.world.run_for(minutes(20)).await;
    let tick = json!({"task": "audit"});
    stack.world.invoke_later("AdvanceTasks", tick);
    stack.rest().await;
}

async fn in_sync(stack: &TestStack) -> Value {
    let status = stack.status(KEY).await;
    let conditions = status["conditions"].as_array().unwrap().iter();
    let mut conditions = conditions.filter(|it| it["type"] == "InSync");
    conditions.next().unwrap()["status"].clone()
}

fn image(stack: &TestStack, region: &str) -> Image {
    let images = stack.world.ec2().images(region);
    assert_eq!(images.len(), 1, "{images:#?}");
    images.into_iter().next().unwrap()
}

fn edit(stack: &TestStack, region: &str, change: impl FnOnce(&mut Image)) {
    let id = image(stack, region).id;
    stack.world.ec2().edit_image(region, &id, change);
}

fn changes(stack: &TestStack) -> usize {
    let reads = ["Describe", "Get", "List"];
    let calls = stack.world.calls();
    let calls = calls.iter().filter(|call| call.function.is_some());
    let calls = calls.filter(|call| call.service == "ec2");
    calls
        .filter(|call| !reads.iter().any(|word| call.action.starts_with(word)))
        .count()
}

#[tokio::test(start_paused = true)]
async fn lost_tags_are_told_once_and_nothing_is_changed_until_they_are_back() {
    type Loss = fn(&mut BTreeMap<String, String>);
    let losses: [Loss; 3] = [
        |tags| tags.clear(),
        |tags| drop(tags.remove("amiwright:manifest")),
        |tags| drop(tags.insert("amiwright:digest".to_owned(), "00ff".to_owned())),
    ];
    for region in [REGION, OREGON] {
        for lose in losses {
            let stack = finished().await;
            let before = image(&stack, region);
            edit(&stack, region, |image| {
                lose(&mut image.tags);
                // Whose it is comes first.
                image.description = Some("Mine".to_owned());
            });
            let changed = changes(&stack);
            for _ in 0..2 {
                audit(&stack).await;
                assert_eq!(in_sync(&stack).await, "false", "{region}");
            }
            let emails = stack.emails();
            assert_eq!(emails.len(), 2, "{emails:#?}");
            let text = &emails[1].text;
            let told = format!("{region}: {} has lost amiwright's tags", before.id);
            assert!(text.contains(&told), "{text}");
            assert!(text.contains("amiwright:manifest = s3://"), "{text}");
            assert_eq!(changes(&stack), changed);

            // Its tags are back: the rest is repaired, as the manifest says.
            edit(&stack, region, |image| image.tags.clone_from(&before.tags));
            audit(&stack).await;
            audit(&stack).await;
            assert_eq!(in_sync(&stack).await, "true", "{region}");
            let now = image(&stack, region);
            assert_eq!(now.description, before.description);
        }
    }
}

/// Whoever may write a status can name any AMI in it: nothing is said of one that has another name.
#[tokio::test(start_paused = true)]
async fn an_ami_that_only_a_status_names_is_neither_told_of_nor_changed() {
    let stack = finished().await;
    let own = image(&stack, REGION).id;
    let foreign = stack.image_elsewhere(REGION).await;
    let changed = changes(&stack);
    let key = amiwright::keys::status_key(KEY);
    let status = stack.status(KEY).await.to_string();
    stack.write_state(&key, status.replace(&own, &foreign));
    audit(&stack).await;
    audit(&stack).await;
    assert_eq!(changes(&stack), changed);
    let emails = stack.emails();
    assert!(
        emails.iter().all(|it| !it.text.contains(&foreign)),
        "{emails:#?}"
    );
}
