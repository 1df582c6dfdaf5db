//! The protection of an AMI is switched off, so that it can be deregistered, and its manifest is uploaded again without `protect`:
//! the AMI is the current one again. Where that version ends before it is published, the protection does not stay off without a word.

use http::StatusCode;
use localaws::ec2::{DeregistrationProtection, Image, ImageState};
use localaws::faults::{Call, Fault};

use super::publish_retire_ended::{KEY, PROTECTED, find, first, is_at_rest, stack, version};
use crate::support::{REGION, TestStack, minutes};

/// How the version ends that has the AMI again.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ended {
    /// The manifest is removed once more before the AMI is published.
    Cancelled,
    /// Somebody has disabled the AMI.
    Failed,
    /// Another version is uploaded.
    Overtaken,
}

/// The AMI is the current one again, and EC2 does not say yet that it is available.
async fn came_back(stack: &TestStack, settings_again: &str) -> Image {
    let settings = "onDelete: deregister\nprotect: {cooldown: true}\n";
    let old = first(stack, settings).await;
    stack.remove(KEY).await;
    stack.world.run_for(minutes(30)).await;
    let off = stack.only_image().deregistration_protection;
    let is_off = matches!(off, DeregistrationProtection::CoolingDown(_));
    assert!(is_off, "{off:?}");

    let server_error = Fault::Refuse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalError".to_owned(),
        message: "Ask again".to_owned(),
    };
    let is_by_id = |call: &Call| {
        call.action == "DescribeImages" && call.values("", "").any(|it| it == "image-id")
    };
    stack.world.faults().each(is_by_id, server_error);
    stack.drop_file(KEY, version(1, settings_again)).await;
    stack.world.run_for(minutes(3)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["build"]["step"], "await-image", "{status:#}");
    assert_eq!(status["regions"][REGION]["image"], old.id.as_str());
    old
}

fn set_state(stack: &TestStack, image: &Image, state: ImageState) {
    let ec2 = stack.world.ec2();
    assert!(ec2.edit_image(REGION, &image.id, |it| it.state = state));
}

async fn end(stack: &TestStack, old: &Image, how: Ended) {
    match how {
        Ended::Cancelled => stack.remove(KEY).await,
        Ended::Failed => set_state(stack, old, ImageState::Disabled),
        Ended::Overtaken => stack.drop_file(KEY, version(2, "")).await,
    }
    stack.world.run_for(minutes(3)).await;
    stack.world.faults().clear();
    stack.rest().await;
}

#[tokio::test(start_paused = true)]
async fn a_protection_that_is_off_is_told_where_the_version_ends_and_set_by_the_next_one() {
    for how in [Ended::Cancelled, Ended::Failed, Ended::Overtaken] {
        let stack = stack().await;
        let old = came_back(&stack, "").await;
        end(&stack, &old, how).await;
        let told = format!("{} was to be deregistered, and is kept", old.id);
        let emails = stack.emails();
        let mut lines = emails.iter().flat_map(|it| it.text.lines());
        let is_told = lines.any(|it| it.contains(&told) && it.contains("may be off"));
        assert!(is_told, "{how:?} {emails:#?}");
        if how != Ended::Overtaken {
            is_at_rest(&stack).await;
            set_state(&stack, &old, ImageState::Available);
            stack.drop_and_rest(KEY, version(2, "")).await;
        }

        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{how:?} {status:#}");
        assert_eq!(stack.images().len(), 2, "{how:?}");
        let kept = find(&stack, &old.id).unwrap();
        assert_eq!(kept.deregistration_protection, PROTECTED, "{how:?}");
        let email = stack.last_email();
        assert!(!email.contains("may be off"), "{how:?}: {email}");
        let ended = format!("{} kept: the manifest does not ask for it any more", old.id);
        assert!(email.contains(&ended), "{how:?}: {email}");
        is_at_rest(&stack).await;
    }
}

/// Whatever its manifest had said: the version that has the AMI again did not become available.
#[tokio::test(start_paused = true)]
async fn an_ami_of_a_version_that_has_failed_is_told_to_stay_when_its_manifest_goes() {
    let stack = stack().await;
    let old = came_back(&stack, "onDelete: deregister\n").await;
    end(&stack, &old, Ended::Failed).await;
    stack.remove(KEY).await;
    stack.world.run_for(minutes(61)).await;
    let email = stack.last_email();
    assert!(email.starts_with("Manifest removed: "), "{email}");
    let kept = format!(
        "{} kept: the version that was uploaded last did not become available; the AMI was not looked at again",
        old.id
    );
    assert!(
        email.contains(&kept) && email.contains("may be off"),
        "{email}"
    );
    is_at_rest(&stack).await;
}

/// The version that has the AMI again is published in the end: then the AMI is as its manifest says.
#[tokio::test(start_paused = true)]
async fn a_protection_that_nobody_asks_for_any_more_stays_off_once_that_was_seen() {
    let stack = stack().await;
    let old = came_back(&stack, "").await;
    stack.world.faults().clear();
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    stack.drop_and_rest(KEY, version(2, "")).await;
    let kept = find(&stack, &old.id).unwrap();
    assert_ne!(kept.deregistration_protection, PROTECTED);
    let emails = stack.emails();
    let is_told = emails.iter().any(|it| it.text.contains("may be off"));
    assert!(!is_told, "{emails:#?}");
    is_at_rest(&stack).await;
}
