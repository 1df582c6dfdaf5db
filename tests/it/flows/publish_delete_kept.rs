//! The manifest of an AMI is removed, and the AMI stays, or stays for a while: it is in use, protected, not ours, or EC2 and
//! the stack's owner refuse.

use std::time::Duration;

use localaws::ec2::SeedInstance;
use serde_json::json;

use super::publish_delete::{
    DEPRECATE, DEREGISTER, KEY, changes, count, is_at_rest, made, remove, remove_silently, stack,
};
use crate::support::{REGION, TestStack, minutes, refused};

#[tokio::test(start_paused = true)]
async fn what_is_in_use_is_deprecated_instead() {
    let stack = stack().await;
    let image = made(&stack, DEREGISTER).await;
    let instance = SeedInstance {
        image_id: Some(image.id.clone()),
        ..SeedInstance::default()
    };
    let instance = stack.world.ec2().seed_instance(REGION, instance);
    remove(&stack).await;
    let status = is_at_rest(&stack).await;
    assert!(stack.only_image().deprecation_time.is_some());
    assert_eq!(status["retired"][0]["why"]["reason"], "in-use");
    let email = stack.last_email();
    let expected = format!("{} deprecated, not deregistered: in use by ", image.id);
    assert!(
        email.contains(&expected) && email.contains(&instance),
        "{email}"
    );
    assert!(email.contains("is not tried again"), "{email}");
}

/// A parameter goes on to name it: who follows it would launch nothing any more.
#[tokio::test(start_paused = true)]
async fn what_a_parameter_names_is_deprecated_instead() {
    let stack = stack().await;
    let image = made(&stack, DEREGISTER).await;
    let ssm = stack.world.ssm();
    ssm.seed_image_parameter(REGION, "/images/web", &image.id);
    remove(&stack).await;
    is_at_rest(&stack).await;
    assert!(stack.only_image().deprecation_time.is_some());
    assert!(stack.last_email().contains("/images/web"));
}

async fn protect(stack: &TestStack) {
    let id = stack.only_image().id;
    stack.protect_as_ours(KEY, &id).await;
}

#[tokio::test(start_paused = true)]
async fn a_protection_with_cooldown_is_waited_for_with_its_date() {
    let stack = stack().await;
    made(&stack, DEREGISTER).await;
    protect(&stack).await;
    stack.remove(KEY).await;
    stack.world.run_for(Duration::from_secs(23 * 3600)).await;
    let status = stack.status(KEY).await;
    let waiting = &status["build"]["waiting"];
    assert_eq!(waiting["reason"], "protection-cooldown", "{status:#}");
    assert!(waiting["until"].is_string());
    assert_eq!(stack.emails().len(), 1);
    stack.world.run_for(Duration::from_secs(2 * 3600)).await;
    stack.rest().await;
    is_at_rest(&stack).await;
    assert!(stack.images().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_comes_back_during_the_cooldown_keeps_its_ami() {
    let stack = stack().await;
    let image = made(&stack, DEREGISTER).await;
    protect(&stack).await;
    stack.remove(KEY).await;
    stack.world.run_for(Duration::from_secs(3600)).await;
    let again = made(&stack, DEREGISTER).await;
    assert_eq!(again.id, image.id);
    stack.world.run_for(Duration::from_secs(24 * 3600)).await;
    assert_eq!(stack.only_image().id, image.id);
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(count(&stack, "DeregisterImage"), 0);
}

/// Somebody leaves an empty object where the manifest was: that asks for nothing.
#[tokio::test(start_paused = true)]
async fn an_empty_object_at_the_key_of_a_removed_manifest_keeps_no_ami() {
    let stack = stack().await;
    made(&stack, DEREGISTER).await;
    protect(&stack).await;
    stack.remove(KEY).await;
    stack.world.run_for(Duration::from_secs(3600)).await;
    stack.drop_file(KEY, "").await;
    stack.world.run_for(Duration::from_secs(30 * 3600)).await;
    let emails = stack.emails();
    assert_eq!(stack.images(), [], "{emails:#?}");
    let asked = stack.count("DescribeImageReferences");
    stack.world.run_for(Duration::from_secs(3600)).await;
    assert_eq!(stack.count("DescribeImageReferences"), asked);
    is_at_rest(&stack).await;
}

/// Whoever has just put an empty object may be about to write it.
#[tokio::test(start_paused = true)]
async fn a_manifest_that_comes_back_empty_at_first_is_waited_for() {
    for is_written in [false, true] {
        let stack = stack().await;
        let image = made(&stack, DEREGISTER).await;
        protect(&stack).await;
        stack.remove(KEY).await;
        stack.world.run_for(minutes(24 * 60 - 5)).await;
        stack.drop_file(KEY, "").await;
        stack.world.run_for(minutes(12)).await;
        assert_eq!(stack.only_image().id, image.id);
        let status = stack.status(KEY).await;
        let waiting = &status["build"]["waiting"];
        assert_eq!(waiting["reason"], "object-empty", "{status:#}");
        if is_written {
            let again = made(&stack, DEREGISTER).await;
            assert_eq!(again.id, image.id);
            assert_eq!(stack.status(KEY).await["state"], "available");
            assert_eq!(count(&stack, "DeregisterImage"), 0);
        } else {
            stack.rest().await;
            is_at_rest(&stack).await;
            assert_eq!(stack.images(), []);
        }
    }
}

/// Its AMI is there without its protection, and no version of the manifest is that switches it on again.
#[tokio::test(start_paused = true)]
async fn a_manifest_that_comes_back_with_a_mistake_says_that_the_protection_may_be_off() {
    let stack = stack().await;
    let image = made(&stack, DEREGISTER).await;
    protect(&stack).await;
    stack.remove(KEY).await;
    stack.world.run_for(Duration::from_secs(3600)).await;
    stack.drop_file(KEY, "name: [").await;
    stack.rest().await;
    assert_eq!(stack.only_image().id, image.id);
    assert_eq!(stack.status(KEY).await["state"], "rejected");
    let email = stack.last_email();
    assert!(
        email.contains(&image.id) && email.contains("may be off"),
        "{email}"
    );
}

/// A version that comes to nothing: it is rejected, or EC2 refuses it.
async fn come_to_nothing(stack: &TestStack, on_delete: &str, state: &str) {
    let next = stack.manifest("web-{digest}") + on_delete;
    let faults = stack.world.faults();
    faults.always("ec2", "RegisterImage", refused("UnauthorizedOperation"));
    let next = match state {
        "rejected" => next + "acess: {}\n",
        _ => next + "register: {imdsSupport: v2.0}\n",
    };
    stack.drop_and_rest(KEY, next).await;
    faults.clear();
    assert_eq!(stack.status(KEY).await["state"], state);
}

/// No AMI is that of the manifest which is removed.
#[tokio::test(start_paused = true)]
async fn that_an_ami_of_the_version_before_is_kept_is_told_once_if_its_manifest_had_said_otherwise()
{
    for (on_delete, told) in [("", 0), (DEPRECATE, 1), (DEREGISTER, 1)] {
        for state in ["rejected", "failed"] {
            let stack = stack().await;
            let image = made(&stack, on_delete).await;
            come_to_nothing(&stack, on_delete, state).await;
            let (before, emails) = (changes(&stack), stack.emails().len());
            remove(&stack).await;
            stack.world.run_for(minutes(61)).await;
            stack.audit().await;
            assert_eq!(stack.status(KEY).await["state"], state);
            assert_eq!(stack.only_image(), image);
            assert_eq!(changes(&stack), before);
            assert_eq!(stack.open().await, [""; 0]);
            assert_eq!(stack.emails().len(), emails + told, "{on_delete}{state}");
        }
    }
}

/// An email has said that it is gone.
#[tokio::test(start_paused = true)]
async fn what_somebody_has_deregistered_is_not_told_to_be_kept() {
    let stack = stack().await;
    let image = made(&stack, DEREGISTER).await;
    stack.deregister(&image.id).await;
    let tagged = stack.manifest("web-{digest}") + DEREGISTER + "tags: {team: web}\n";
    stack.drop_and_rest(KEY, tagged).await;
    assert_eq!(stack.status(KEY).await["state"], "incomplete");
    come_to_nothing(&stack, DEREGISTER, "rejected").await;
    let emails = stack.emails().len();
    remove(&stack).await;
    assert_eq!(stack.emails().len(), emails, "{}", stack.last_email());
}

#[tokio::test(start_paused = true)]
async fn what_was_kept_for_a_mistake_goes_once_its_manifest_was_right_again() {
    let stack = stack().await;
    let image = made(&stack, DEREGISTER).await;
    come_to_nothing(&stack, DEREGISTER, "rejected").await;
    remove(&stack).await;
    let email = stack.last_email();
    assert!(email.starts_with("Manifest removed: "), "{email}");
    let kept = format!(
        "{} kept: the version that was uploaded last did not",
        image.id
    );
    assert!(email.contains(&kept), "{email}");
    assert!(!email.contains("deregistered then"), "{email}");

    assert_eq!(made(&stack, DEREGISTER).await.id, image.id);
    remove(&stack).await;
    is_at_rest(&stack).await;
    assert!(stack.images().is_empty());
}

/// The guardrail holds when it is done, too: what a status says of a stack that was open, or was forged, is not enough.
#[tokio::test(start_paused = true)]
async fn a_guardrail_that_was_closed_meanwhile_keeps_the_ami() {
    let stack = TestStack::new().await;
    let image = made(&stack, DEPRECATE).await;
    let mut status = stack.status(KEY).await;
    status["onDelete"] = json!({"deregister": true, "deleteSnapshots": true});
    let key = amiwright::keys::status_key(KEY);
    stack.write_state(&key, status.to_string());
    remove_silently(&stack);
    stack.world.run_for(minutes(31)).await;
    stack.rest().await;
    is_at_rest(&stack).await;
    assert_eq!(stack.only_image(), image);
    let email = stack.last_email();
    assert!(
        email.contains("kept: \"this stack deregisters no AMI"),
        "{email}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_its_tags_do_not_prove_stays() {
    let stack = stack().await;
    let image = made(&stack, DEREGISTER).await;
    stack.world.ec2().edit_image(REGION, &image.id, |image| {
        image.tags.clear();
    });
    let before = changes(&stack);
    remove(&stack).await;
    is_at_rest(&stack).await;
    assert_eq!(stack.only_image().id, image.id);
    assert_eq!(changes(&stack), before);
    let email = stack.last_email();
    assert!(email.contains("its tags do not show"), "{email}");
}

/// EC2 refuses for good: the AMI is kept, and the email says why.
#[tokio::test(start_paused = true)]
async fn what_ec2_refuses_is_kept_and_reported() {
    let stack = stack().await;
    let image = made(&stack, DEREGISTER).await;
    let faults = stack.world.faults();
    faults.always("ec2", "DeregisterImage", refused("UnauthorizedOperation"));
    remove(&stack).await;
    is_at_rest(&stack).await;
    let email = stack.last_email();
    assert!(
        email.contains(&format!(
            "{} kept: EC2 refused: UnauthorizedOperation",
            image.id
        )),
        "{email}"
    );
}
