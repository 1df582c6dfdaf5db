//! An AMI has to go before the new one can be registered, and EC2 or somebody else keeps it: that comes to an end.

use std::time::Duration;

use http::StatusCode;
use localaws::ec2::{DeregistrationProtection, Image, ImageState};
use localaws::faults::{Call, Fault};

use super::bundles::{self, other_bundle};
use super::replace_in_place::{DEREGISTER, KEY, first, stack, told, version};
use crate::support::{REGION, TestStack, minutes};

/// EC2 finds AMIs by their tags, and says nothing of those that it is asked for by id.
fn say_nothing_of_ids(stack: &TestStack) {
    let server_error = Fault::Refuse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalError".to_owned(),
        message: "Ask again".to_owned(),
    };
    let is_by_id = |call: &Call| {
        call.action == "DescribeImages" && call.values("", "").any(|it| it == "image-id")
    };
    stack.world.faults().each(is_by_id, server_error);
}

/// EC2 finds the new AMI's tags, and does not say for hours what became of the old one.
#[tokio::test(start_paused = true)]
async fn an_overwritten_ami_of_which_ec2_says_nothing_is_not_waited_for_without_end() {
    let stack = stack().await;
    stack.drop_file("bundles/image.part.0", bundles::PART).await;
    stack.drop_and_rest(bundles::KEY, bundles::MANIFEST).await;
    let old = stack.only_image().id;
    say_nothing_of_ids(&stack);
    let (manifest, part) = other_bundle();
    stack.drop_file("bundles/image.part.0", part).await;
    stack.drop_file(bundles::KEY, &manifest).await;
    stack.world.run_for(minutes(60)).await;
    assert_eq!(stack.images().len(), 1);
    let long = stack.subjects();
    assert!(long.iter().any(|it| it.contains("waiting")), "{long:?}");

    stack.world.run_for(minutes(7 * 60)).await;
    assert_eq!(stack.images().len(), 2);
    stack.world.faults().clear();
    stack.rest().await;
    let status = stack.status(bundles::KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["retired"][0]["image"], old.as_str(), "{status:#}");
    let email = told(&stack, "Available");
    assert!(
        email.contains(&old) && email.contains("launches of it may fail"),
        "{email}"
    );
}

/// Somebody switches its protection on whenever it is switched off.
#[tokio::test(start_paused = true)]
async fn what_somebody_protects_again_stays_and_is_not_unprotected_without_end() {
    for is_bundle in [false, true] {
        let stack = stack().await;
        let protected = DeregistrationProtection::EnabledWithoutCooldown;
        let protect = |stack: &TestStack, id: &str| {
            stack.world.ec2().edit_image(REGION, id, |image| {
                image.deregistration_protection = protected;
            });
        };
        let faults = stack.world.faults();
        faults.always("ec2", "DeregisterImage", Fault::Throttle);
        let old = match is_bundle {
            false => first(&stack).await.id,
            true => {
                stack.drop_file("bundles/image.part.0", bundles::PART).await;
                stack.drop_and_rest(bundles::KEY, bundles::MANIFEST).await;
                stack.only_image().id
            }
        };
        let key = if is_bundle { bundles::KEY } else { KEY };
        stack.protect_as_ours_without_cooldown(key, &old).await;
        if is_bundle {
            let (manifest, part) = other_bundle();
            stack.drop_file("bundles/image.part.0", part).await;
            stack.drop_file(bundles::KEY, &manifest).await;
        } else {
            stack.drop_file(KEY, version(&stack, 2, DEREGISTER)).await;
        }
        for _ in 0..60 {
            stack.minute().await;
            protect(&stack, &old);
        }
        faults.clear();
        stack.rest().await;
        let off = stack.count("DisableImageDeregistrationProtection");
        assert_eq!(off, 1, "{is_bundle}");
        let images = stack.images();
        let kept = images.iter().find(|image| image.id == old).unwrap();
        assert_eq!(kept.deregistration_protection, protected);
        assert_eq!(images.len(), 1 + usize::from(is_bundle));
        let emails = stack.emails();
        let may_be_off = emails.iter().any(|it| it.text.contains("may be off"));
        assert!(!may_be_off, "{emails:#?}");
    }
}

/// For hours EC2 refuses to say what has to be known of the AMI that has the name, or goes on making it.
#[tokio::test(start_paused = true)]
async fn what_keeps_a_name_for_hours_is_told_with_its_reason() {
    let still_pending = |stack: &TestStack, old: &str| {
        let edit = |image: &mut Image| image.state = ImageState::Pending;
        assert!(stack.world.ec2().edit_image(REGION, old, edit));
    };
    type Keep = fn(&TestStack, &str);
    let cases: [(Keep, &str); 2] = [
        (|stack, _| say_nothing_of_ids(stack), "Ask again"),
        (still_pending, "pending"),
    ];
    for (keep, reason) in cases {
        let stack = stack().await;
        let old = first(&stack).await.id;
        keep(&stack, &old);
        stack.drop_file(KEY, version(&stack, 2, DEREGISTER)).await;
        stack.world.run_for(minutes(7 * 60)).await;
        stack.world.faults().clear();
        for _ in 0..2 {
            stack.rest().await;
            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "failed", "{reason} {status:#}");
            assert_eq!(
                status["build"]["failure"]["kind"], "name-taken",
                "{status:#}"
            );
            assert_eq!(stack.only_image().id, old, "{reason}");
            assert_eq!(stack.count("DeregisterImage"), 0, "{reason}");
        }
        let email = told(&stack, "Failed");
        let is_told = email.contains("not clear whether it can be deregistered");
        assert!(
            is_told && email.contains(&old) && email.contains(reason),
            "{email}"
        );
    }
}

/// Somebody has taken amiwright's tags from the AMI that has the name: nothing proves any more that it is an earlier version's.
#[tokio::test(start_paused = true)]
async fn what_has_lost_its_tags_keeps_its_name_and_the_email_says_which_it_is() {
    let stack = stack().await;
    let old = first(&stack).await.id;
    let untag = |image: &mut Image| image.tags.clear();
    assert!(stack.world.ec2().edit_image(REGION, &old, untag));
    stack.drop_file(KEY, version(&stack, 2, DEREGISTER)).await;
    for _ in 0..2 {
        stack.rest().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "failed", "{status:#}");
        let failure = &status["build"]["failure"];
        assert_eq!(failure["kind"], "name-taken", "{status:#}");
        assert_eq!(failure["image"], old.as_str(), "{status:#}");
        assert_eq!(stack.only_image().id, old);
        assert_eq!(stack.count("DeregisterImage"), 0);
    }
    let email = told(&stack, "Failed");
    assert!(email.contains(&old), "{email}");
    assert!(!email.contains("cannot see"), "{email}");
}

/// EC2 deregisters the AMI that has the name, the invocation dies, and the manifest is deleted before the next one.
#[tokio::test(start_paused = true)]
async fn an_ami_that_went_unnoticed_is_not_said_to_be_kept() {
    let stack = stack().await;
    let old = first(&stack).await.id;
    let faults = stack.world.faults();
    faults.on("ec2", "DeregisterImage", 1, Fault::Crash);
    stack.drop_file(KEY, version(&stack, 2, DEREGISTER)).await;
    for _ in 0..600 {
        if stack.count("DeregisterImage") > 0 {
            break;
        }
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    assert_eq!(stack.count("DeregisterImage"), 1);
    stack.remove(KEY).await;
    stack.world.run_for(minutes(31)).await;
    stack.rest().await;
    assert_eq!(stack.images(), []);
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "cancelled", "{status:#}");
    let emails = stack.emails();
    let says = |words: &str| emails.iter().any(|it| it.text.contains(words));
    assert!(!says("previous AMI is kept"), "{emails:#?}");
    assert!(says(&format!("{old} may be gone")), "{emails:#?}");
}

/// The manifest is deleted while the protection of the only AMI is off, so that it can be deregistered a day later.
#[tokio::test(start_paused = true)]
async fn a_protection_that_is_left_off_by_a_cancelled_version_is_told() {
    let stack = stack().await;
    let old = first(&stack).await.id;
    stack.protect_as_ours(KEY, &old).await;
    stack.drop_file(KEY, version(&stack, 2, DEREGISTER)).await;
    stack.world.run_for(minutes(30)).await;
    stack.remove(KEY).await;
    stack.world.run_for(minutes(26 * 60)).await;
    stack.rest().await;
    assert_eq!(stack.only_image().id, old);
    let emails = stack.emails();
    let is_told = emails.iter().any(|it| it.text.contains("may be off"));
    assert!(is_told || is_protected(&stack), "{emails:#?}");
}

fn is_protected(stack: &TestStack) -> bool {
    stack.only_image().deregistration_protection == DeregistrationProtection::EnabledWithCooldown
}

/// Once the cooldown is over, EC2 does not say whether the AMI is in use: it stays, and is protected as before.
#[tokio::test(start_paused = true)]
async fn what_keeps_a_name_because_nothing_is_known_is_protected_again() {
    let stack = stack().await;
    let old = first(&stack).await.id;
    stack.protect_as_ours(KEY, &old).await;
    stack.drop_file(KEY, version(&stack, 2, DEREGISTER)).await;
    stack.world.run_for(minutes(30)).await;
    assert!(!is_protected(&stack));
    let server_error = Fault::Refuse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalError".to_owned(),
        message: "Ask again".to_owned(),
    };
    let faults = stack.world.faults();
    faults.always("ec2", "DescribeImageReferences", server_error);
    stack.world.run_for(minutes(38 * 60)).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "failed", "{status:#}");
    assert_eq!(stack.only_image().id, old);
    assert!(is_protected(&stack), "{status:#}");
    let email = told(&stack, "Failed");
    assert!(
        email.contains("Ask again") && !email.contains("may be off"),
        "{email}"
    );
}
