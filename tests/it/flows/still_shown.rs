//! EC2 shows AMIs for minutes after it has deregistered them. Neither their names nor their tags are in the way of the next
//! version for longer.

use std::time::Duration;

use crate::support::{REGION, TestStack, minutes, vmdk};

const KEY: &str = "golden/web.image.yaml";
const SHOWN: Duration = Duration::from_secs(10 * 60);
const DEREGISTER: &str = "onDelete: deregister\n";

async fn stack() -> TestStack {
    TestStack::built(|builder| builder.parameter("AllowRetire", "true")).await
}

/// Makes the AMI of this manifest, and has it deregistered. Its id.
async fn made_and_deregistered(stack: &TestStack, manifest: &str) -> String {
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let old = status["regions"][REGION]["image"].as_str().unwrap();
    stack.world.ec2().set_visibility_delay(SHOWN);
    stack.remove(KEY).await;
    let is_there = || stack.images().iter().any(|image| image.id == old);
    for _ in 0..300 {
        if !is_there() && stack.status(KEY).await["state"] != "working" {
            break;
        }
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    assert!(!is_there());
    stack.world.ec2().set_visibility_delay(Duration::ZERO);
    old.to_owned()
}

/// What is waited for.
async fn waits_for(stack: &TestStack) -> String {
    let status = stack.status(KEY).await;
    let reason = &status["build"]["waiting"]["reason"];
    reason.as_str().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_about_to_be_free_is_waited_for() {
    let sources = |stack: &TestStack, elsewhere: &str| {
        let snapshot = format!("source: {{snapshot: {{id: {}}}}}\n", stack.snapshot);
        let disk = "source: {disk: {object: web.vmdk, format: vmdk}}\n".to_owned();
        let register = "register: {imdsSupport: v2.0}\n";
        let image =
            |more| format!("source: {{image: {{id: {elsewhere}, region: us-west-2{more}}}}}\n");
        [
            [snapshot.clone(), snapshot + register],
            [disk.clone(), disk + register],
            [image(""), image(", copyTags: true")],
        ]
    };
    for source in 0..3 {
        let stack = stack().await;
        stack.drop_file("golden/web.vmdk", vmdk()).await;
        let elsewhere = stack.image_elsewhere("us-west-2").await;
        // Two versions that have the same name.
        let [first, second] = sources(&stack, &elsewhere)[source]
            .clone()
            .map(|source| format!("name: web\n{source}{DEREGISTER}"));
        let old = made_and_deregistered(&stack, &first).await;

        stack.drop_file(KEY, &second).await;
        stack.world.run_for(minutes(2)).await;
        let reason = waits_for(&stack).await;
        assert_eq!(reason, "deletion-not-visible", "{second}");
        stack.rest().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{second}{status:#}");
        let image = stack.only_image();
        assert_eq!(image.name, "web");
        assert_ne!(image.id, old);
        assert_eq!(status["regions"][REGION]["image"], image.id.as_str());
    }
}

/// It is not taken for what the cancelled version may have made.
#[tokio::test(start_paused = true)]
async fn a_version_that_is_cancelled_does_not_find_the_ami_that_it_had() {
    let stack = stack().await;
    let manifest = stack.manifest("web-{digest}") + DEREGISTER;
    let old = made_and_deregistered(&stack, &manifest).await;

    stack.drop_file(KEY, &manifest).await;
    stack.world.run_for(minutes(2)).await;
    assert_eq!(waits_for(&stack).await, "deletion-not-visible");
    stack.remove(KEY).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
    let image = &status["regions"][REGION]["image"];
    assert!(image.is_null(), "{old} {status:#}");
    assert!(stack.images().is_empty());
    assert_eq!(stack.count("RegisterImage"), 1);
}
