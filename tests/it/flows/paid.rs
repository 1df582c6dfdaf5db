//! What an AMI of a snapshot loses of the license of its source, and which product codes it gets.

use crate::support::{DISK, REGION, TestStack, vmdk};
use localaws::ec2::{Billing, ProductCode, SeedImage, SeedSnapshot};
use serde_json::json;

const KEY: &str = "golden/web.image.yaml";
const RED_HAT: (&str, &str) = ("Red Hat Enterprise Linux", "RunInstances:0010");

/// An AMI of the stack's snapshot, billed like this.
fn sold(stack: &TestStack, snapshot: &str, (details, operation): (&str, &str)) -> String {
    let ec2 = stack.world.ec2();
    let image = SeedImage {
        id: None,
        name: format!("source of {snapshot}"),
        snapshot_id: snapshot.to_owned(),
        volume_size: 8,
        owner_id: None,
        owner_alias: None,
    };
    let id = ec2.seed_image(REGION, image);
    ec2.edit_image(REGION, &id, |image| {
        image.billing = Some(billing(details, operation));
        if details.starts_with("Windows") {
            image.platform = Some("windows".to_owned());
        }
    });
    id
}

fn billing(details: &str, operation: &str) -> Billing {
    Billing {
        platform_details: details.to_owned(),
        usage_operation: operation.to_owned(),
    }
}

/// Drops the manifest twice, and checks that the second time nothing is made, changed or told.
async fn drop_twice(stack: &TestStack, manifest: &str) -> serde_json::Value {
    stack.drop_and_rest(KEY, manifest).await;
    let (images, emails) = (stack.images(), stack.emails().len());
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!((stack.images(), stack.emails().len()), (images, emails));
    stack.status(KEY).await
}

/// Drops a manifest that is to be rejected twice: each time that is told, and nothing is registered.
async fn rejected(stack: &TestStack, manifest: &str) -> serde_json::Value {
    for times in 1..=2 {
        stack.drop_and_rest(KEY, manifest).await;
        assert_eq!(stack.emails().len(), times);
        assert_eq!(stack.count("RegisterImage"), 0);
    }
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "rejected", "{status:#}");
    status
}

#[tokio::test(start_paused = true)]
async fn a_lost_license_is_told_with_what_to_do() {
    let stack = TestStack::new().await;
    let source = sold(&stack, &stack.snapshot, RED_HAT);
    let status = drop_twice(&stack, &stack.manifest("web")).await;
    assert_eq!(status["state"], "available");
    let image = &status["regions"][REGION];
    let linux = json!({"platformDetails": "Linux/UNIX", "usageOperation": "RunInstances"});
    assert_eq!(image["billing"], linux);
    assert_eq!(image["licensedSource"]["image"], source.as_str());
    let email = stack.only_email();
    for words in [
        "Platform   Linux/UNIX (RunInstances)".to_owned(),
        format!("License    lost: {source} is \"Red Hat Enterprise Linux\" (RunInstances:0010)"),
        format!("--image-id {}", image["image"].as_str().unwrap()),
        format!("launch an instance of {source}"),
        "CreateImage".to_owned(),
        "register.acceptLostBilling".to_owned(),
    ] {
        assert!(email.text.contains(&words), "{words}: {}", email.text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_license_that_is_accepted_is_not_told() {
    let stack = TestStack::new().await;
    sold(&stack, &stack.snapshot, RED_HAT);
    let manifest = stack.manifest("web") + "register: {acceptLostBilling: true}\n";
    let status = drop_twice(&stack, &manifest).await;
    assert_eq!(status["state"], "available");
    assert_eq!(status["regions"][REGION]["licensedSource"], json!(null));
    let email = stack.only_email();
    assert!(
        email.text.contains("Linux/UNIX (RunInstances)"),
        "{}",
        email.text
    );
    assert!(!email.text.contains("License"), "{}", email.text);
}

#[tokio::test(start_paused = true)]
async fn a_license_that_ec2_finds_with_the_snapshot_is_not_lost() {
    let stack = TestStack::new().await;
    sold(&stack, &stack.snapshot, RED_HAT);
    let (details, operation) = RED_HAT;
    let ec2 = stack.world.ec2();
    ec2.edit_snapshot(REGION, &stack.snapshot, |snapshot| {
        snapshot.billing = Some(billing(details, operation));
    });
    let status = drop_twice(&stack, &stack.manifest("web")).await;
    let seen = &status["regions"][REGION]["billing"];
    assert_eq!(seen["usageOperation"], operation);
    let email = stack.only_email();
    let platform = "Platform   \"Red Hat Enterprise Linux\" (RunInstances:0010)";
    assert!(email.text.contains(platform), "{}", email.text);
    assert!(!email.text.contains("lost"), "{}", email.text);
}

#[tokio::test(start_paused = true)]
async fn a_lost_license_is_told_of_an_ami_that_was_found_after_a_lost_answer() {
    let stack = TestStack::new().await;
    let source = sold(&stack, &stack.snapshot, RED_HAT);
    let lost = localaws::faults::Fault::LoseAnswer;
    stack.world.faults().on("ec2", "RegisterImage", 1, lost);
    let status = drop_twice(&stack, &stack.manifest("web")).await;
    assert_eq!(status["state"], "available");
    assert_eq!(stack.count("RegisterImage"), 1);
    assert_eq!(
        status["regions"][REGION]["licensedSource"]["image"],
        source.as_str()
    );
    assert!(stack.only_email().text.contains("License    lost"));
}

#[tokio::test(start_paused = true)]
async fn windows_is_refused_before_anything_is_registered() {
    let stack = TestStack::new().await;
    let source = sold(&stack, &stack.snapshot, ("Windows", "RunInstances:0002"));
    let manifest = stack.manifest("web") + "register: {acceptLostBilling: true}\n";
    let status = rejected(&stack, &manifest).await;
    let problem = &status["problems"][0];
    assert_eq!(problem["path"], "source.snapshot.id");
    assert_eq!(problem["line"], 3);
    let email = stack.emails().remove(0);
    for words in [&*source, "Windows", "CreateImage"] {
        assert!(email.text.contains(words), "{words}: {}", email.text);
    }
}

#[tokio::test(start_paused = true)]
async fn the_marketplace_code_of_the_root_goes_along_and_is_shown() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    ec2.edit_snapshot(REGION, &stack.snapshot, |snapshot| {
        snapshot.product_codes = vec!["abc123".to_owned()];
    });
    let status = drop_twice(&stack, &stack.manifest("web")).await;
    let billing = &status["regions"][REGION]["billing"];
    assert_eq!(billing["productCodes"], json!(["abc123"]));
    let email = stack.only_email();
    assert!(email.text.contains("Codes      abc123"), "{}", email.text);
}

#[tokio::test(start_paused = true)]
async fn a_secondary_snapshot_with_a_marketplace_code_is_refused_before_the_call() {
    let stack = TestStack::new().await;
    let ec2 = stack.world.ec2();
    let data = SeedSnapshot {
        product_codes: vec!["abc123".to_owned()],
        ..SeedSnapshot::default()
    };
    let data = ec2.seed_snapshot(REGION, data);
    let source = sold(&stack, &data, ("Linux/UNIX", "RunInstances"));
    ec2.edit_image(REGION, &source, |image| {
        image.product_codes = vec![ProductCode {
            id: "abc123".to_owned(),
            kind: "marketplace".to_owned(),
        }];
    });
    let manifest = stack.manifest("web")
        + &format!(
            "register:\n  blockDeviceMappings:\n    - {{deviceName: /dev/sdf, ebs: {{snapshotId: {data}}}}}\n"
        );
    let status = rejected(&stack, &manifest).await;
    let path = "register.blockDeviceMappings[0].ebs.snapshotId";
    assert_eq!(status["problems"][0]["path"], path);
    let email = stack.emails().remove(0);
    assert!(email.text.contains("abc123"), "{}", email.text);
}

#[tokio::test(start_paused = true)]
async fn the_look_is_made_for_snapshots_only() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, DISK).await;
    // Before importing it is looked for by its tags and by its name, and before registering by its tags; one polls it.
    let of_disk = stack.count("DescribeImages");
    assert_eq!(of_disk, 4);
    stack
        .drop_and_rest("db.image.yaml", stack.manifest("db-1"))
        .await;
    // The AMIs of the snapshot are looked at, and it would be among them; one polls it.
    assert_eq!(stack.count("DescribeImages") - of_disk, 2);
}
