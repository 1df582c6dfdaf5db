//! The answer to a call that makes something is lost with the process, and before EC2 shows what it made, something comes up
//! that would end the image. What was made is looked for first.

use std::time::Duration;

use localaws::ec2::TaskKind;
use localaws::faults::Fault;
use serde_json::Value;

use crate::support::{DISK, REGION, TestStack, minutes, vmdk};

const KEY: &str = "golden/web.image.yaml";
const OTHER: &str = "team/web.image.yaml";

/// Every AMI and snapshot of the account is named by a status or an email, or was there before.
async fn is_nothing_lost(stack: &TestStack, before: &[String], manifests: &[&str]) {
    let mut known = String::new();
    for key in manifests {
        known += &stack.status(key).await.to_string();
    }
    for email in stack.emails() {
        known += &email.text;
    }
    let images = stack.world.ec2().images(REGION);
    let snapshots = stack.world.ec2().snapshots(REGION);
    let ids = images.iter().map(|it| &it.id);
    for id in ids.chain(snapshots.iter().map(|it| &it.id)) {
        assert!(before.contains(id) || known.contains(id), "{id}: {known}");
    }
}

/// What is in the account now.
fn there(stack: &TestStack) -> Vec<String> {
    let images = stack.world.ec2().images(REGION).into_iter();
    let snapshots = stack.world.ec2().snapshots(REGION).into_iter();
    let ids = images.map(|it| it.id);
    ids.chain(snapshots.map(|it| it.id)).collect()
}

/// A manifest comes, and the process dies with EC2's answer to this call. What it made is shown this much later.
async fn lose(stack: &TestStack, action: &str, manifest: &str, shown_after: Duration) {
    stack.world.faults().on("ec2", action, 1, Fault::Crash);
    stack.world.ec2().set_visibility_delay(shown_after);
    stack.drop_file(KEY, manifest).await;
    stack.world.run_for(Duration::from_secs(10)).await;
    assert_eq!(stack.count(action), 1, "{action}");
    stack.world.ec2().set_visibility_delay(Duration::ZERO);
}

async fn is_at_rest(stack: &TestStack) {
    let (known, told) = (there(stack), stack.emails().len());
    stack.world.run_for(minutes(60)).await;
    assert_eq!(there(stack), known);
    assert_eq!(stack.emails().len(), told);
}

#[tokio::test(start_paused = true)]
async fn an_import_whose_name_another_takes_is_cleaned_up() {
    for hidden in [0, 5] {
        let stack = TestStack::new().await;
        let before = there(&stack);
        stack.drop_file("golden/web.vmdk", vmdk()).await;
        let manifest = DISK.replace("web-{date}", "web");
        lose(&stack, "ImportSnapshot", &manifest, minutes(hidden)).await;
        stack.drop_and_rest(OTHER, stack.manifest("web")).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "failed", "{status:#}");
        assert_eq!(status["build"]["failure"]["kind"], "name-taken");
        assert_eq!(stack.only_image().name, "web");
        is_nothing_lost(&stack, &before, &[KEY, OTHER]).await;
        assert_eq!(stack.snapshots().len(), 1, "{status:#}");
        is_at_rest(&stack).await;
    }
}

/// CopyImage does not mind that a name is taken.
#[tokio::test(start_paused = true)]
async fn a_copied_image_whose_name_another_takes_is_found() {
    let stack = TestStack::new().await;
    let source = stack.image_elsewhere("us-west-2").await;
    let before = there(&stack);
    let manifest = format!("name: web\nsource: {{image: {{id: {source}, region: us-west-2}}}}\n");
    lose(&stack, "CopyImage", &manifest, minutes(10)).await;
    stack.drop_and_rest(OTHER, &manifest).await;
    stack.rest().await;
    is_nothing_lost(&stack, &before, &[KEY, OTHER]).await;
    let images = [KEY, OTHER].map(async |key| stack.status(key).await["regions"][REGION].clone());
    for image in images {
        assert_ne!(image.await, Value::Null);
    }
    assert_eq!(stack.images().len(), 2);
    is_at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn an_import_whose_disk_is_replaced_is_taken_up() {
    let stack = TestStack::new().await;
    let before = there(&stack);
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    lose(&stack, "ImportSnapshot", DISK, minutes(5)).await;
    let mut other = vmdk();
    other.extend_from_slice(b"another disk");
    stack.drop_file("golden/web.vmdk", other).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    is_nothing_lost(&stack, &before, &[KEY]).await;
    assert_eq!(stack.count("ImportSnapshot"), 1);
    is_at_rest(&stack).await;
}

/// EC2 bundles an instance once at a time, and has said so at first. What was asked for later may have been heard.
#[tokio::test(start_paused = true)]
async fn a_bundling_that_had_to_wait_for_another_is_ended_with_its_image() {
    let (stack, instance) = TestStack::classic().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::BundleInstance, minutes(10));
    let manifest = |name: &str| format!("name: {name}\nsource: {{instance: {{id: {instance}}}}}\n");
    stack.drop_file(OTHER, manifest("other")).await;
    stack.world.run_for(Duration::from_secs(1)).await;
    stack.drop_file(KEY, manifest("web")).await;
    stack.world.run_for(Duration::from_secs(1)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["build"]["waiting"]["reason"], "instance-busy");

    let faults = stack.world.faults();
    faults.always("ec2", "BundleInstance", Fault::Crash);
    ec2.set_task_time(TaskKind::BundleInstance, minutes(60));
    ec2.set_visibility_delay(minutes(5));
    let begun = || {
        let calls = stack.world.calls().into_iter();
        let bundled = calls.filter(|it| it.action == "BundleInstance" && it.done);
        bundled.count()
    };
    for _ in 0..20 {
        if begun() == 2 {
            break;
        }
        stack.minute().await;
    }
    assert_eq!(begun(), 2, "nothing was begun");
    faults.clear();
    ec2.set_visibility_delay(Duration::ZERO);
    let status = stack.status(KEY).await;
    assert_eq!(status["build"]["waiting"]["reason"], "instance-busy");
    stack.remove(KEY).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
    assert_eq!(stack.count("CancelBundleTask"), 1);
    assert_eq!(stack.status(OTHER).await["state"], "available");
    is_at_rest(&stack).await;
    let left = stack.state_keys(&format!("bundles/{KEY}/")).await;
    assert_eq!(left, [""; 0]);
}
