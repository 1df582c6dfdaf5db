//! Images whose making takes a task of EC2's: from the manifest to the AMI and its email.

use std::time::Duration;

use super::tasks_ended::histories;
use crate::support::{DISK, REGION, TestStack, vmdk};
use localaws::ec2::{Era, SeedInstance, TaskKind};
use serde_json::Value;

const KEY: &str = "golden/web.image.yaml";

/// The first tag of something.
fn tag<'a>(tags: &'a localaws::ec2::Image, key: &str) -> Option<&'a str> {
    tags.tags.get(key).map(String::as_str)
}

#[tokio::test(start_paused = true)]
async fn a_disk_becomes_an_ami() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;

    let image = stack.only_image();
    assert_eq!(
        (&*image.name, &*image.state.to_string()),
        ("web-2026-11-21", "available")
    );
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let task = &status["build"]["tasks"][0];
    assert_eq!(
        (&task["kind"], &task["state"]),
        (&"import-snapshot".into(), &"completed".into())
    );
    // What was imported is ours, and says so.
    let snapshot = task["snapshots"][0].as_str().unwrap();
    let snapshots = stack.world.ec2().snapshots(REGION);
    let snapshot = snapshots.iter().find(|it| it.id == snapshot).unwrap();
    assert_eq!(snapshot.tags.get("team").map(String::as_str), Some("web"));
    assert!(snapshot.tags.contains_key("amiwright:manifest"));
    assert_eq!(
        stack.only_email().subject,
        "Available: web-2026-11-21 (us-east-1)"
    );
    assert_eq!(stack.count("ImportSnapshot"), 1);

    // Again: nothing new happens.
    stack.drop_and_rest(KEY, DISK).await;
    assert_eq!(stack.count("ImportSnapshot"), 1);
    assert_eq!(stack.only_image(), image);
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_machine_becomes_an_ami_with_its_name_in_a_tag() {
    let stack = TestStack::new().await;
    let mut ova = vec![0; 4096];
    ova[257..262].copy_from_slice(b"ustar");
    stack.drop_file("golden/app.ova", ova).await;
    stack
        .drop_and_rest(
            KEY,
            "name: app\nsource: {vm: {object: app.ova, format: ova}}\n",
        )
        .await;
    let image = stack.only_image();
    assert!(image.name.starts_with("import-ami-"), "{}", image.name);
    assert_eq!(tag(&image, "Name"), Some("app"));
    assert!(tag(&image, "amiwright:digest").is_some());
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert!(stack.only_email().text.contains(&image.id));
}

#[tokio::test(start_paused = true)]
async fn an_instance_becomes_a_bundle_and_then_an_ami() {
    let (stack, instance) = TestStack::classic().await;
    let manifest = format!("name: win\nsource: {{instance: {{id: {instance}}}}}\n");
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let image = stack.only_image();
    assert_eq!(image.name, "win");
    let bundle = stack.state_keys(&format!("bundles/{KEY}/")).await;
    assert!(
        bundle.iter().any(|key| key.ends_with(".manifest.xml")),
        "{bundle:?}"
    );
    // The bundle's own manifest was not uploaded by a user.
    assert_eq!(stack.state_keys("status/").await.len(), 1);
    assert_eq!(stack.count("BundleInstance"), 1);
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_bundle_instance_fails_the_image_with_awss_message_and_an_alternative() {
    let stack = TestStack::new().await;
    stack.keep_bundle_key("AKIDEXAMPLE");
    let id = stack
        .world
        .ec2()
        .seed_instance(REGION, SeedInstance::default());
    assert_eq!(Era::default(), Era::Today);
    stack
        .drop_and_rest(
            KEY,
            format!("name: win\nsource: {{instance: {{id: {id}}}}}\n"),
        )
        .await;
    let email = stack.only_email();
    assert_eq!(
        email.subject,
        "Failed: win (us-east-1): UnsupportedOperation"
    );
    for text in ["no longer supported", "CreateImage", "`disk`"] {
        assert!(email.text.contains(text), "{text}: {}", email.text);
    }
}

#[tokio::test(start_paused = true)]
async fn temporary_keys_sign_no_upload_policy() {
    let (stack, instance) = TestStack::classic().await;
    stack.keep_bundle_key("ASIADEXAMPLE");
    stack
        .drop_and_rest(
            KEY,
            format!("name: win\nsource: {{instance: {{id: {instance}}}}}\n"),
        )
        .await;
    assert_eq!(stack.count("BundleInstance"), 0);
    assert!(
        stack.only_email().text.contains("temporary"),
        "{}",
        stack.only_email().text
    );
}

#[tokio::test(start_paused = true)]
async fn an_ami_of_another_region_is_copied() {
    let stack = TestStack::new().await;
    let source = stack.image_elsewhere("us-west-2").await;
    let manifest = format!(
        "name: web\nsource: {{image: {{id: {source}, region: us-west-2}}}}\ntags: {{team: web}}\n"
    );
    stack.drop_and_rest(KEY, manifest).await;
    let image = stack.only_image();
    assert_eq!((&*image.name, tag(&image, "team")), ("web", Some("web")));
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.count("CopyImage"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_ami_is_stored_and_restored() {
    let stack = TestStack::new().await;
    let manifest = stack.manifest("web") + &format!("store: {{bucket: {}}}\n", stack.bucket);
    stack.drop_and_rest(KEY, manifest).await;
    let stored = stack.only_image();
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let object = format!("{}.bin", stored.id);
    assert!(
        stack.only_email().text.contains(&object),
        "{}",
        stack.only_email().text
    );

    let manifest = format!(
        "name: web-again\nsource: {{stored: {{object: s3://{}/{object}}}}}\n",
        stack.bucket
    );
    stack.drop_and_rest("again.image.yaml", manifest).await;
    assert_eq!(stack.images().len(), 2);
    let again = stack
        .images()
        .into_iter()
        .find(|image| image.name == "web-again")
        .unwrap();
    assert_eq!(
        tag(&again, "amiwright:manifest"),
        Some(&*format!("s3://{}/again.image.yaml", stack.bucket))
    );
    assert_eq!(stack.status("again.image.yaml").await["state"], "available");
    assert_eq!(stack.count("CreateRestoreImageTask"), 1);
    assert_eq!(stack.count("CreateStoreImageTask"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_not_there_yet_is_waited_for() {
    let stack = TestStack::new().await;
    stack.drop_file(KEY, DISK).await;
    stack.minute().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["build"]["step"], "check-object");
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_a_disk_is_refused_before_anything_is_started() {
    let stack = TestStack::new().await;
    let mut qcow2 = b"QFI\xfb".to_vec();
    qcow2.resize(4096, 0);
    stack.drop_file("golden/web.vmdk", qcow2).await;
    stack.drop_and_rest(KEY, DISK).await;
    assert_eq!(stack.status(KEY).await["state"], "rejected");
    assert_eq!(stack.count("ImportSnapshot"), 0);
    assert!(
        stack.only_email().text.contains("qcow2"),
        "{}",
        stack.only_email().text
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_disk_that_is_fixed_is_accepted_with_the_same_manifest() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", "not a disk").await;
    stack.drop_and_rest(KEY, DISK).await;
    let email = stack.only_email();
    assert!(
        email.text.contains("Upload the right object"),
        "{}",
        email.text
    );
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn a_new_version_of_a_disk_starts_right_after_the_running_import() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let disk = DISK.replace("{date}", "{digest}");
    stack.drop_file(KEY, &disk).await;
    stack.world.run_for(Duration::from_secs(10)).await;
    stack
        .drop_file(KEY, format!("{disk}register: {{imdsSupport: v2.0}}\n"))
        .await;
    stack.world.run_for(Duration::from_secs(10 * 60)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert!(histories(&status).contains("a new version replaces"));
    // The first was finished from the version of the manifest that it began with: nothing is left over.
    assert_eq!(stack.images().len() + 1, stack.snapshots().len());
}

#[tokio::test(start_paused = true)]
async fn two_manifests_of_one_instance_come_one_after_the_other() {
    let (stack, instance) = TestStack::classic().await;
    let manifest = |name: &str| format!("name: {name}\nsource: {{instance: {{id: {instance}}}}}\n");
    stack.drop_file("one.image.yaml", manifest("one")).await;
    stack.world.run_for(Duration::from_secs(1)).await;
    stack.drop_file("two.image.yaml", manifest("two")).await;
    stack.world.run_for(Duration::from_secs(1)).await;
    let status = stack.status("two.image.yaml").await;
    let waiting = &status["build"]["waiting"];
    assert_eq!(waiting["reason"], "instance-busy");
    assert!(waiting["task"].as_str().unwrap().starts_with("bun-"));
    stack.rest().await;
    let mut names: Vec<_> = stack.images().into_iter().map(|image| image.name).collect();
    names.sort();
    assert_eq!(names, ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_bundle_that_is_deleted_is_named_where_it_was() {
    let (stack, instance) = TestStack::classic().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::BundleInstance, Duration::from_secs(60));
    ec2.fail_next_registration(localaws::ec2::StateReason {
        code: "Client.InvalidManifest".to_owned(),
        message: "The bundle is broken".to_owned(),
    });
    let manifest = format!("name: win\nsource: {{instance: {{id: {instance}}}}}\n");
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    let bundles = format!("s3://{}/bundles/{KEY}/", stack.state_bucket);
    let deleted = status["build"]["deleted"].as_array().unwrap();
    let is_bundle = |it: &&Value| it.as_str().unwrap().starts_with(&bundles);
    assert_eq!(deleted.iter().filter(is_bundle).count(), 1, "{status:#}");
    assert_eq!(stack.state_keys("bundles/").await, [""; 0]);
    assert_eq!(stack.count("BundleInstance"), 1);
}
