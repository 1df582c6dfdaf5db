//! A manifest is uploaded.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{EMAIL, TestStack};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_snapshot_manifest_becomes_an_ami_and_an_email() {
    let stack = TestStack::new().await;
    let manifest = format!(
        "name: web-{{date}}-{{digest}}\n\
         description: Web tier, hardened\n\
         source: {{snapshot: {{id: {}}}}}\n\
         register:\n  \
           architecture: arm64\n  \
           bootMode: uefi\n  \
           tpmSupport: v2.0\n  \
           imdsSupport: v2.0\n  \
           enaSupport: true\n  \
           rootDeviceName: /dev/xvda\n  \
           blockDeviceMappings:\n    \
             - {{deviceName: /dev/xvda, ebs: {{volumeSize: 20, volumeType: gp3, iops: 3000, throughput: 125, deleteOnTermination: true}}}}\n    \
             - {{deviceName: /dev/sdb, virtualName: ephemeral0}}\n    \
             - {{deviceName: /dev/sdf, ebs: {{snapshotId: {}}}}}\n\
         tags: {{team: web}}\n",
        stack.snapshot, stack.snapshot
    );
    stack.drop_and_rest("golden/web.image.yaml", manifest).await;

    let image = stack.only_image();
    assert_eq!(image.state.to_string(), "available");
    assert!(image.name.starts_with("web-2026-11-21-"), "{}", image.name);
    assert_eq!(image.description.as_deref(), Some("Web tier, hardened"));
    assert_eq!(image.architecture, "arm64");
    assert_eq!(image.virtualization_type, "hvm");
    assert_eq!(image.tags.get("team").map(String::as_str), Some("web"));
    let uri = format!("s3://{}/golden/web.image.yaml", stack.bucket);
    assert_eq!(image.tags.get("amiwright:manifest"), Some(&uri));

    let status = stack.status("golden/web.image.yaml").await;
    assert_eq!(status["state"], "available");
    assert_eq!(status["regions"]["us-east-1"]["image"], json!(image.id));
    assert_eq!(
        status["regions"]["us-east-1"]["snapshots"],
        json!([stack.snapshot])
    );
    assert!(status["notices"][0]["messageId"].is_string());

    let email = stack.only_email();
    assert_eq!(email.to, EMAIL);
    assert_eq!(
        email.subject,
        format!("Available: {} (us-east-1)", image.name)
    );
    for fact in [
        &image.id,
        &image.name,
        &uri,
        "us-east-1",
        "snapshot",
        "Took",
    ] {
        assert!(
            email.text.contains(fact),
            "{fact} is missing in\n{}",
            email.text
        );
    }
    assert!(stack.world.dead_letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_json_manifest_is_as_good() {
    let stack = TestStack::new().await;
    let manifest = json!({"name": "web", "source": {"snapshot": {"id": stack.snapshot}}});
    stack
        .drop_and_rest("web.image.json", manifest.to_string())
        .await;
    assert_eq!(stack.only_image().name, "web");
}

/// A key that XML cannot hold makes a list unreadable that is not asked for URL-encoded: no tick would ever come
/// through.
#[tokio::test(start_paused = true)]
async fn a_key_that_no_tag_can_hold_is_rejected_and_stops_nothing_else() {
    let stack = TestStack::new().await;
    let manifest = stack.manifest("web");
    stack
        .drop_and_rest("new\nline/esc\u{1b}[31m.image.yaml", &manifest)
        .await;
    stack
        .drop_and_rest("a b+c%41/ü.image.yaml", &manifest)
        .await;

    assert_eq!(stack.only_image().state.to_string(), "available");
    assert!(stack.open().await.is_empty());
    let emails = stack.emails();
    assert_eq!(emails.len(), 2);
    let rejected = &emails[0];
    assert!(rejected.subject.ends_with(" (us-east-1): 1 problem"));
    assert!(rejected.text.contains("control character"));
    assert!(!rejected.text.contains('\u{1b}') && !rejected.text.contains("\nline/"));

    let keys = amiwright::status_store::list_status_keys(&stack.aws(), &stack.config())
        .await
        .unwrap();
    assert_eq!(
        keys,
        [
            "a b+c%41/ü.image.yaml",
            "new\nline/esc\u{1b}[31m.image.yaml"
        ]
    );
}

/// EC2 refuses a filter with a character that XML does not have, and so the look for the tag: nothing would ever
/// answer.
#[tokio::test(start_paused = true)]
async fn a_key_with_a_character_that_is_invisible_or_refused_by_ec2_is_rejected_without_a_call() {
    for c in [
        '\u{fffe}', '\u{ffff}', '\u{7f}', '\u{85}', '\u{200b}', '\u{202e}', '\u{feff}',
    ] {
        let stack = TestStack::new().await;
        let key = format!("we{c}b.image.yaml");
        stack.drop_and_rest(&key, stack.manifest("web")).await;
        assert_eq!(stack.status(&key).await["state"], "rejected", "{c:?}");
        let email = stack.only_email();
        let named = format!("character U+{:04X}", u32::from(c));
        assert!(email.text.contains(&named), "{c:?}: {}", email.text);
        for action in ["DescribeImages", "RegisterImage"] {
            assert_eq!(stack.count(action), 0, "{c:?} {action}");
        }
        assert!(stack.world.dead_letters().is_empty(), "{c:?}");
    }
}

/// S3's console makes a folder of an object without bytes, whose key ends with a slash.
#[tokio::test(start_paused = true)]
async fn a_folder_that_was_made_in_the_console_is_not_a_manifest() {
    let stack = TestStack::new().await;
    for folder in ["golden/", "golden/v1.image.yaml/"] {
        stack.drop_and_rest(folder, "").await;
    }
    // A sweep lists the bucket.
    for _ in 0..32 {
        stack.minute().await;
    }
    assert_eq!(stack.state_keys("").await, Vec::<String>::new());
    assert!(stack.emails().is_empty());
    assert!(stack.world.dead_letters().is_empty());
    let key = "golden/web.image.yaml";
    stack.drop_and_rest(key, stack.manifest("web")).await;
    assert_eq!(stack.status(key).await["state"], "available");
}

/// S3 refuses the key of its status: such a manifest is ignored, and neither its event nor a sweep fails.
#[tokio::test(start_paused = true)]
async fn a_key_too_long_for_a_status_is_ignored_and_fails_nothing() {
    for ending in [".image.yaml", ".manifest.xml"] {
        for length in [1013, 1014, 1016, 1024] {
            let stack = TestStack::new().await;
            let folders = format!("{}/", "d".repeat(200)).repeat(4);
            let name = "k".repeat(length - folders.len() - ending.len());
            let key = format!("{folders}{name}{ending}");
            assert_eq!(key.len(), length);
            stack.drop_file(&key, stack.manifest("web")).await;
            let event = stack.object_created(&key);
            let done = stack.world.invoke("RegisterImage", event).await.unwrap();
            assert_eq!(
                (&done["ignored"], &done["reconciled"]),
                (&json!(1), &json!(0))
            );
            for _ in 0..32 {
                stack.minute().await;
            }
            assert!(stack.world.dead_letters().is_empty(), "{length} {ending}");
            assert_eq!(stack.state_keys("").await, Vec::<String>::new());
            assert_eq!(stack.images(), []);
        }
    }
}

/// One byte less has a status: it says that the address does not fit into a tag.
#[tokio::test(start_paused = true)]
async fn the_longest_key_with_a_status_is_rejected_as_too_long_for_a_tag() {
    let stack = TestStack::new().await;
    let folders = format!("{}/", "d".repeat(200)).repeat(4);
    let name = "k".repeat(amiwright::keys::MANIFEST_KEY_MAX - folders.len() - ".image.yaml".len());
    let key = format!("{folders}{name}.image.yaml");
    stack.drop_and_rest(&key, stack.manifest("web")).await;
    assert_eq!(stack.status(&key).await["state"], "rejected");
    assert!(stack.only_email().text.contains("shorter key"));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_manifest_is_rejected_with_all_its_problems() {
    let stack = TestStack::new().await;
    let manifest = format!(
        "nmae: web\nsource: {{snapshot: {{id: {}}}}}\nregister: {{bootMode: bios}}\n",
        stack.snapshot
    );
    stack.drop_and_rest("web.image.yaml", manifest).await;

    assert_eq!(stack.images(), []);
    assert_eq!(stack.count("RegisterImage"), 0);
    let status = stack.status("web.image.yaml").await;
    assert_eq!(status["state"], "rejected");
    let email = stack.only_email();
    assert!(email.subject.starts_with("Rejected"), "{}", email.subject);
    for text in [
        "1:1 ",
        "nmae",
        "name",
        "3:",
        "register.bootMode",
        "legacy-bios",
        "Nothing was changed in AWS",
    ] {
        assert!(
            email.text.contains(text),
            "{text} is missing in\n{}",
            email.text
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_too_large_is_not_read() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest("web.image.yaml", vec![b'#'; 1024 * 1024 + 1])
        .await;
    let status = stack.status("web.image.yaml").await;
    assert_eq!(status["state"], "rejected");
    assert!(
        stack.only_email().text.contains("at most 1048576 bytes"),
        "{}",
        stack.only_email().text
    );

    // Another one is another version.
    stack
        .drop_and_rest("web.image.yaml", vec![b'+'; 1024 * 1024 + 2])
        .await;
    assert_eq!(stack.emails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_too_long_for_the_ownership_tag_is_refused() {
    let stack = TestStack::new().await;
    let key = format!("{}/web.image.yaml", ["folder"; 40].join("/"));
    stack.drop_and_rest(&key, stack.manifest("web")).await;
    assert_eq!(stack.images(), []);
    assert!(
        stack.only_email().text.contains("shorter key"),
        "{}",
        stack.only_email().text
    );
}

/// The AMI is found among those that use its snapshot, without a look by its tag.
#[tokio::test(start_paused = true)]
async fn an_ami_whose_status_was_deleted_is_found_again() {
    let stack = TestStack::new().await;
    let (key, manifest) = ("web.image.yaml", stack.manifest("web"));
    stack.drop_and_rest(key, &manifest).await;
    stack.remove_state("status/web.image.yaml.json").await;
    let before = stack.count("DescribeImages");
    stack.drop_file(key, &manifest).await;
    stack.world.settle().await;
    assert_eq!(stack.count("DescribeImages"), before + 1);
    stack.rest().await;
    assert_eq!(stack.status(key).await["state"], "available");
    assert_eq!(stack.count("RegisterImage"), 1);
    assert_eq!(stack.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn few_calls_do_it() {
    let stack = TestStack::with_every_tick().await;
    stack
        .drop_and_rest("web.image.yaml", stack.manifest("web"))
        .await;
    let calls: usize = stack.calls_of("RegisterImage").values().sum();
    assert!(
        (1..=7).contains(&calls),
        "{calls} calls: {:#?}",
        stack.calls_of("RegisterImage")
    );

    let before = stack.calls_of("AdvanceTasks");
    stack
        .world
        .invoke("AdvanceTasks", json!({"task": "advance"}))
        .await
        .unwrap();
    let mut expected = before;
    *expected.entry("s3:ListObjectsV2".to_owned()).or_default() += 1;
    assert_eq!(
        stack.calls_of("AdvanceTasks"),
        expected,
        "an idle tick is one call: a list of what is open"
    );
}

#[tokio::test(start_paused = true)]
async fn many_images_are_described_with_one_call() {
    let stack = TestStack::built(|builder| builder.schedules(false)).await;
    stack
        .world
        .ec2()
        .set_pending_time(Duration::from_secs(3600));
    for number in 0..30 {
        stack
            .drop_file(
                &format!("{number}.image.yaml"),
                stack.manifest(&format!("web-{number}")),
            )
            .await;
    }
    stack.world.settle().await;
    let before = stack.count("DescribeImages");
    let report = stack.world.invoke("AdvanceTasks", json!({})).await.unwrap();
    assert_eq!(report["found"], 30);
    assert_eq!(stack.count("DescribeImages") - before, 1);

    // EC2 sends an event for every AMI that becomes available, and each event makes a tick.
    stack.world.run_for(Duration::from_secs(3600)).await;
    stack.world.settle().await;
    stack.world.invoke("AdvanceTasks", json!({})).await.unwrap();
    assert_eq!(stack.open().await, Vec::<String>::new());
    let states: BTreeMap<String, usize> =
        stack
            .images()
            .into_iter()
            .fold(BTreeMap::new(), |mut states, image| {
                *states.entry(image.state.to_string()).or_default() += 1;
                states
            });
    assert_eq!(states, BTreeMap::from([("available".to_owned(), 30)]));
    assert_eq!(stack.emails().len(), 30);
}
