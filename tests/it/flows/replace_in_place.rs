//! An AMI of an earlier version that has to go before the new one can be registered: it has the name, or its bundle was
//! overwritten.

use std::time::Duration;

use localaws::ec2::{Image, SeedInstance};
use localaws::faults::Fault;
use serde_json::Value;

use super::bundles::{self, other_bundle};
use crate::support::{REGION, TestStack, faults, minutes, refused};

pub(super) const KEY: &str = "golden/web.image.yaml";
pub(super) const DEREGISTER: &str = "replaces: {previous: deregister}\n";

pub(super) async fn stack() -> TestStack {
    TestStack::built(|builder| builder.parameter("AllowRetire", "true")).await
}

/// The manifest's version of this number: all have the same name.
pub(super) fn version(stack: &TestStack, number: u32, settings: &str) -> String {
    let manifest = stack.manifest("web");
    let size = 8 + number;
    format!(
        "{manifest}register: {{blockDeviceMappings: [{{deviceName: /dev/sdb, ebs: {{volumeSize: {size}}}}}]}}\n{settings}"
    )
}

pub(super) async fn first(stack: &TestStack) -> Image {
    stack
        .drop_and_rest(KEY, version(stack, 1, DEREGISTER))
        .await;
    stack.only_image()
}

async fn second(stack: &TestStack) -> Value {
    stack
        .drop_and_rest(KEY, version(stack, 2, DEREGISTER))
        .await;
    stack.status(KEY).await
}

/// What the functions did to AMIs, in its order. A name is free only a while after its AMI is deregistered, and what EC2
/// may not read is tried again: the same once more is not told apart.
fn changes(stack: &TestStack) -> Vec<String> {
    let actions = [
        "RegisterImage",
        "DeregisterImage",
        "DisableImageDeregistrationProtection",
        "EnableImageDeprecation",
    ];
    let calls = stack.world.calls();
    let calls = calls.iter().filter(|call| call.function.is_some());
    let calls = calls.filter(|call| actions.contains(&call.action.as_str()));
    let mut changes: Vec<String> = calls.map(|call| call.action.clone()).collect();
    changes.dedup();
    changes
}

/// The text of the only email that begins so.
pub(super) fn told(stack: &TestStack, subject: &str) -> String {
    let emails = stack.emails();
    let emails = emails.iter().filter(|it| it.subject.starts_with(subject));
    let texts: Vec<String> = emails.map(|it| it.text.clone()).collect();
    texts.last().cloned().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn an_ami_of_the_same_name_goes_first_and_the_email_names_the_gap() {
    let stack = stack().await;
    let old = first(&stack).await;
    let status = second(&stack).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let new = stack.only_image();
    assert_eq!((&new.name, new.id == old.id), (&old.name, false));
    let order = ["RegisterImage", "DeregisterImage", "RegisterImage"];
    assert_eq!(changes(&stack), order);
    assert_eq!(status["previous"], Value::Null);
    let gap = &status["replaced"][0];
    assert_eq!(gap["image"], old.id.as_str());
    let email = told(&stack, "Available");
    for words in [
        format!(
            "{} in {REGION}, was deregistered at {}",
            old.id,
            gap["at"].as_str().unwrap()
        ),
        format!("until {} there was no AMI", gap["until"].as_str().unwrap()),
    ] {
        assert!(email.contains(&words), "{words}: {email}");
    }
    let retired = told(&stack, "Previous AMIs retired");
    assert!(
        retired.contains(&format!("{} deregistered", old.id)),
        "{retired}"
    );

    // Uploaded once more, nothing is replaced.
    let emails = stack.emails().len();
    second(&stack).await;
    assert_eq!(changes(&stack), order);
    assert_eq!(stack.emails().len(), emails);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_unless_the_manifest_asks_to_deregister() {
    for settings in ["", "replaces: {previous: deprecate}\n"] {
        let stack = stack().await;
        stack.drop_and_rest(KEY, version(&stack, 1, settings)).await;
        let old = stack.only_image();
        stack.drop_and_rest(KEY, version(&stack, 2, settings)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "failed", "{status:#}");
        assert_eq!(stack.only_image(), old);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_use_keeps_its_name() {
    let stack = stack().await;
    let old = first(&stack).await;
    let instance = SeedInstance {
        image_id: Some(old.id.clone()),
        ..SeedInstance::default()
    };
    let ec2 = stack.world.ec2();
    let instance = ec2.seed_instance(REGION, instance);
    let status = second(&stack).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    assert_eq!(stack.only_image(), old);
    let email = told(&stack, "Failed");
    assert!(
        email.contains("which is not deregistered: in use by") && email.contains(&instance),
        "{email}"
    );
}

#[tokio::test(start_paused = true)]
async fn another_manifests_ami_keeps_its_name() {
    let stack = stack().await;
    stack
        .drop_and_rest("other.image.yaml", stack.manifest("web"))
        .await;
    let other = stack.only_image();
    stack
        .drop_and_rest(KEY, version(&stack, 1, DEREGISTER))
        .await;
    assert_eq!(stack.status(KEY).await["state"], "failed");
    assert_eq!(stack.only_image(), other);
}

#[tokio::test(start_paused = true)]
async fn what_its_tags_do_not_prove_keeps_its_name() {
    let stack = stack().await;
    let old = first(&stack).await;
    stack.world.ec2().edit_image(REGION, &old.id, |image| {
        image.tags.remove("amiwright:digest");
    });
    let status = second(&stack).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    assert_eq!(stack.only_image().id, old.id);
    assert!(!changes(&stack).contains(&"DeregisterImage".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_protection_with_cooldown_is_waited_for_with_its_date() {
    let stack = stack().await;
    let old = first(&stack).await;
    stack.protect_as_ours(KEY, &old.id).await;
    stack.drop_file(KEY, version(&stack, 2, DEREGISTER)).await;
    stack.world.run_for(Duration::from_secs(23 * 3600)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["build"]["step"], "register-image");
    assert_eq!(status["build"]["waiting"]["reason"], "protection-cooldown");
    assert_eq!(stack.only_image().id, old.id);
    stack.world.run_for(Duration::from_secs(2 * 3600)).await;
    stack.rest().await;
    assert_ne!(stack.only_image().id, old.id);
    assert_eq!(
        changes(&stack),
        [
            "RegisterImage",
            "DisableImageDeregistrationProtection",
            "DeregisterImage",
            "RegisterImage"
        ]
    );
}

/// Nothing is lost without a word: the failure says that there is no AMI any more.
#[tokio::test(start_paused = true)]
async fn a_registration_that_fails_afterwards_says_that_the_old_one_is_gone() {
    let stack = stack().await;
    let old = first(&stack).await;
    let faults = stack.world.faults();
    faults.always("ec2", "RegisterImage", refused("InvalidParameterValue"));
    let status = second(&stack).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    assert!(stack.images().is_empty());
    let email = told(&stack, "Failed");
    assert!(
        email.contains(&format!("{} in {REGION}, was deregistered", old.id))
            && email.contains("Since then there is no AMI in its place"),
        "{email}"
    );
    assert!(!email.contains("is kept"), "{email}");
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_once_the_old_one_goes_once_and_there_is_one_new_one() {
    let calls = [
        ("s3", "PutObject", 4),
        ("ec2", "DescribeImages", 2),
        ("ec2", "DescribeImageReferences", 1),
        ("ec2", "DeregisterImage", 1),
        // The first is refused: the name is taken.
        ("ec2", "RegisterImage", 2),
    ];
    for fault in faults() {
        for (service, action, times) in calls {
            for nth in 1..=times {
                replaced_in_spite_of(service, action, nth, fault.clone()).await;
            }
        }
    }
}

async fn replaced_in_spite_of(service: &str, action: &str, nth: u64, fault: Fault) {
    let about = format!("{action} {nth} {fault:?}");
    let stack = stack().await;
    let old = first(&stack).await;
    stack.world.faults().on(service, action, nth, fault);
    stack.drop_file(KEY, version(&stack, 2, DEREGISTER)).await;
    stack.world.run_for(minutes(31)).await;
    assert_eq!(stack.world.faults().pending(), 0, "{about} did not come");
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{about} {status:#}");
    assert_ne!(stack.only_image().id, old.id, "{about}");
    assert_eq!(status["previous"], Value::Null, "{about} {status:#}");
    let email = told(&stack, "Available");
    assert!(email.contains(&old.id), "{about} {email}");
}

async fn overwritten(stack: &TestStack) -> (String, Value) {
    stack.drop_file("bundles/image.part.0", bundles::PART).await;
    stack.drop_and_rest(bundles::KEY, bundles::MANIFEST).await;
    let old = stack.only_image().id;
    stack.minute().await;
    let (manifest, part) = other_bundle();
    stack.drop_file("bundles/image.part.0", part).await;
    for _ in 0..2 {
        stack.drop_and_rest(bundles::KEY, &manifest).await;
    }
    (old, stack.status(bundles::KEY).await)
}

#[tokio::test(start_paused = true)]
async fn an_ami_whose_bundle_was_overwritten_goes_first() {
    let stack = stack().await;
    let (old, status) = overwritten(&stack).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_ne!(stack.only_image().id, old);
    assert_eq!(
        changes(&stack),
        ["RegisterImage", "DeregisterImage", "RegisterImage"]
    );
    assert_eq!(status["previous"], Value::Null);
    assert_eq!(status["replaced"][0]["image"], old.as_str());
    let email = told(&stack, "Available");
    assert!(
        email.contains(", because its bundle was overwritten.")
            && email.contains("there was no AMI in its place"),
        "{email}"
    );
    assert_eq!(stack.emails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn it_stays_where_the_stack_retires_nothing_and_the_email_says_what_may_break() {
    let stack = TestStack::new().await;
    let (old, _) = overwritten(&stack).await;
    assert_eq!(stack.images().len(), 2);
    let email = told(&stack, "Available");
    assert!(
        email.contains(&old) && email.contains("launches of it may fail"),
        "{email}"
    );
    assert!(email.contains("AllowRetire"), "{email}");
}

/// EC2 refuses: the new one is registered all the same, because it has a name of its own.
#[tokio::test(start_paused = true)]
async fn an_overwritten_ami_that_ec2_keeps_does_not_keep_the_new_one_away() {
    let stack = stack().await;
    let faults = stack.world.faults();
    faults.always("ec2", "DeregisterImage", refused("OperationNotPermitted"));
    let (old, status) = overwritten(&stack).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.images().len(), 2);
    let email = told(&stack, "Available");
    assert!(email.contains(&old), "{email}");
}

/// AWS Backup protects its AMIs, and organizations deny: the answer stays the same.
#[tokio::test(start_paused = true)]
async fn what_ec2_refuses_to_deregister_keeps_its_name_and_is_asked_once() {
    let stack = stack().await;
    let old = first(&stack).await;
    let faults = stack.world.faults();
    faults.always("ec2", "DeregisterImage", refused("OperationNotPermitted"));
    let status = second(&stack).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    assert_eq!(stack.count("DeregisterImage"), 1);
    assert_eq!(stack.only_image().id, old.id);
    // The reason has passed.
    faults.clear();
    stack.retry(KEY).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_ne!(stack.only_image().id, old.id);
}
