//! AMIs are being retired, and then are not to be any more: the manifest goes, says so no longer, or the stack is closed; or
//! EC2 refuses, or something comes to use them. What is said of them is true, and what was done to them is taken back.

use localaws::ec2::{DeregistrationProtection, Image, SeedInstance};
use localaws::faults::Fault;

use crate::support::{REGION, TestStack, faults, minutes, refused, vmdk};

pub(super) const KEY: &str = "golden/web.image.yaml";
pub(super) const DEREGISTER: &str = "replaces: {previous: deregister, snapshots: delete}\n";
pub(super) const PROTECTED: DeregistrationProtection =
    DeregistrationProtection::EnabledWithCooldown;

/// Its buckets have no versions: a removed manifest could still be read by its version, and would be followed.
pub(super) async fn stack() -> TestStack {
    let template = TestStack::template_without_versions();
    TestStack::built(|builder| builder.template(&template).parameter("AllowRetire", "true")).await
}

/// The same with fewer ticks, for days.
pub(super) async fn slow_stack() -> TestStack {
    let template = TestStack::template_without_versions();
    TestStack::built(|builder| {
        builder
            .template(&template)
            .parameter("AllowRetire", "true")
            .parameter("AdvanceSchedule", "rate(10 minutes)")
    })
    .await
}

/// The manifest's version of this number, from a disk, whose snapshot is made for it: each is another AMI.
pub(super) fn version(number: u32, settings: &str) -> String {
    let imds = if number == 1 {
        ""
    } else {
        "register: {imdsSupport: v2.0}\n"
    };
    format!(
        "name: web-{{digest}}\nsource: {{disk: {{object: web.vmdk, format: vmdk}}}}\n{imds}{settings}"
    )
}

/// Makes the first version.
pub(super) async fn first(stack: &TestStack, settings: &str) -> Image {
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_and_rest(KEY, version(1, settings)).await;
    stack.only_image()
}

pub(super) fn find(stack: &TestStack, id: &str) -> Option<Image> {
    stack.images().into_iter().find(|image| image.id == id)
}

fn retired_emails(stack: &TestStack) -> usize {
    let emails = stack.emails();
    let is_retired = |subject: &str| {
        subject.starts_with("Previous AMIs ") || subject.starts_with("Manifest removed")
    };
    emails.iter().filter(|it| is_retired(&it.subject)).count()
}

/// Whatever comes later changes nothing more.
pub(super) async fn is_at_rest(stack: &TestStack) {
    let state = |stack: &TestStack| (stack.images(), stack.snapshots(), stack.emails().len());
    let before = state(stack);
    stack.world.run_for(minutes(61)).await;
    stack.rest().await;
    assert_eq!(state(stack), before);
}

/// What ends the retiring of an AMI that was begun.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ended {
    /// The manifest is removed.
    Removed,
    /// The manifest does not say `replaces` any more.
    NotAsked,
    /// `AllowRetire` is closed.
    Closed,
    /// EC2 refuses from now on.
    Refused,
    /// Another version is uploaded, which does not say `replaces`.
    Superseded,
}

const ALL: [Ended; 5] = [
    Ended::Removed,
    Ended::NotAsked,
    Ended::Closed,
    Ended::Refused,
    Ended::Superseded,
];

async fn end(stack: &TestStack, how: Ended) {
    stack.world.faults().clear();
    match how {
        Ended::Removed => stack.remove(KEY).await,
        Ended::NotAsked => stack.drop_file(KEY, version(2, "")).await,
        Ended::Closed => stack.update("AMIWRIGHT_ALLOW_RETIRE", "false"),
        Ended::Refused => {
            stack.expect_refusals();
            let faults = stack.world.faults();
            faults.always("ec2", "DeregisterImage", refused("UnauthorizedOperation"));
        }
        Ended::Superseded => {
            let newer = version(2, "").replace("imdsSupport: v2.0", "bootMode: uefi");
            stack.drop_file(KEY, newer).await;
        }
    }
}

/// Version 2 is there, EC2 was asked to deregister version 1, and `fault` has befallen the answer.
async fn asked(stack: &TestStack, fault: Fault) -> Image {
    let old = first(stack, "").await;
    stack.world.faults().always("ec2", "DeregisterImage", fault);
    stack.drop_file(KEY, version(2, DEREGISTER)).await;
    for _ in 0..30 {
        stack.world.run_for(minutes(1)).await;
        if stack.count("DeregisterImage") > 0 {
            return old;
        }
    }
    panic!("EC2 was not asked");
}

#[tokio::test(start_paused = true)]
async fn an_ami_whose_deregistration_was_not_answered_is_not_said_to_be_kept() {
    for how in ALL {
        for fault in [Fault::LoseAnswer, Fault::Crash] {
            let about = format!("{how:?} {fault:?}");
            let stack = stack().await;
            let old = asked(&stack, fault).await;
            assert_eq!(find(&stack, &old.id), None, "{about}");
            end(&stack, how).await;
            stack.world.run_for(minutes(31)).await;
            stack.rest().await;
            let email = stack.last_email();
            let told = format!("{} deregistered", old.id);
            assert!(email.contains(&told), "{about}: {email}");
            let snapshot = &old.block_device_mappings[0]
                .ebs
                .as_ref()
                .unwrap()
                .snapshot_id;
            let snapshot = snapshot.as_ref().unwrap();
            assert!(email.contains(snapshot), "{about}: {email}");
            assert_eq!(retired_emails(&stack), 1, "{about}");
            is_at_rest(&stack).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_is_there_in_spite_of_a_request_is_kept() {
    for how in ALL {
        for fault in [Fault::Throttle, Fault::CrashBefore] {
            let about = format!("{how:?} {fault:?}");
            let stack = stack().await;
            let old = asked(&stack, fault).await;
            end(&stack, how).await;
            stack.world.run_for(minutes(31)).await;
            stack.rest().await;
            assert!(find(&stack, &old.id).is_some(), "{about}");
            let email = stack.last_email();
            let told = format!("{} kept: ", old.id);
            assert!(email.contains(&told), "{about}: {email}");
            assert_eq!(retired_emails(&stack), 1, "{about}");
            is_at_rest(&stack).await;
        }
    }
}

/// The same of an image's own AMI, whose manifest was removed.
#[tokio::test(start_paused = true)]
async fn an_own_ami_whose_deregistration_was_not_answered_is_not_said_to_be_kept() {
    for how in [Ended::Closed, Ended::Refused, Ended::NotAsked] {
        let stack = stack().await;
        let old = first(&stack, "onDelete: deregister\n").await;
        let faults = stack.world.faults();
        faults.always("ec2", "DeregisterImage", Fault::LoseAnswer);
        stack.remove(KEY).await;
        stack.world.run_for(minutes(2)).await;
        assert!(stack.images().is_empty());
        // Where it is there again, it is made again.
        end(&stack, how).await;
        stack.world.run_for(minutes(31)).await;
        stack.rest().await;
        let email = stack.last_email();
        let told = format!("{} deregistered", old.id);
        assert!(email.contains(&told), "{how:?}: {email}");
        assert_eq!(retired_emails(&stack), 1, "{how:?}");
        is_at_rest(&stack).await;
        assert_eq!(stack.images().len(), usize::from(how == Ended::NotAsked));
    }
}

/// Version 2 is there, and the protection of version 1 is switched off, so that it can be deregistered a day later.
pub(super) async fn cooling_down(stack: &TestStack) -> Image {
    let old = first(stack, "").await;
    stack.protect_as_ours(KEY, &old.id).await;
    stack.drop_file(KEY, version(2, DEREGISTER)).await;
    stack.world.run_for(minutes(30)).await;
    let now = find(stack, &old.id).unwrap().deregistration_protection;
    assert!(
        matches!(now, DeregistrationProtection::CoolingDown(_)),
        "{now:?}"
    );
    old
}

#[tokio::test(start_paused = true)]
async fn a_protection_is_switched_on_again_whatever_goes_wrong_once() {
    for fault in faults() {
        let stack = slow_stack().await;
        let old = cooling_down(&stack).await;
        let call = "EnableImageDeregistrationProtection";
        stack.world.faults().on("ec2", call, 1, fault.clone());
        end(&stack, Ended::Refused).await;
        stack.world.run_for(minutes(25 * 60)).await;
        stack.rest().await;
        let kept = find(&stack, &old.id).unwrap();
        assert_eq!(kept.deregistration_protection, PROTECTED, "{fault:?}");
        let email = stack.last_email();
        assert!(!email.contains("may be off"), "{fault:?}: {email}");
        assert_eq!(retired_emails(&stack), 1, "{fault:?}");
        is_at_rest(&stack).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_is_kept_in_the_end_is_protected_as_before() {
    for how in ALL {
        let stack = slow_stack().await;
        let old = cooling_down(&stack).await;
        end(&stack, how).await;
        stack.world.run_for(minutes(25 * 60)).await;
        stack.rest().await;
        let kept = find(&stack, &old.id).unwrap_or_else(|| panic!("{how:?}"));
        assert_eq!(kept.deregistration_protection, PROTECTED, "{how:?}");
        // An email has said that another one tells how that ends.
        let email = stack.last_email();
        let told = format!("{} kept: ", old.id);
        assert!(email.contains(&told), "{how:?}: {email}");
        assert!(!email.contains("may be off"), "{how:?}: {email}");
        let is_asked = !matches!(how, Ended::NotAsked | Ended::Superseded);
        let is_tried_again = email.contains("is tried again");
        assert!(is_asked || !is_tried_again, "{how:?}: {email}");
        is_at_rest(&stack).await;
    }
}

fn use_it(stack: &TestStack, image: &Image) {
    let instance = SeedInstance {
        image_id: Some(image.id.clone()),
        ..SeedInstance::default()
    };
    stack.world.ec2().seed_instance(REGION, instance);
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_came_into_use_is_protected_as_before_whatever_goes_wrong_once() {
    for fault in [Fault::LoseAnswer, Fault::Crash] {
        for action in [
            "DisableImageDeregistrationProtection",
            "EnableImageDeregistrationProtection",
            "EnableImageDeprecation",
        ] {
            let about = format!("{action} {fault:?}");
            let stack = slow_stack().await;
            let old = first(&stack, "").await;
            stack.protect_as_ours(KEY, &old.id).await;
            stack.world.faults().on("ec2", action, 1, fault.clone());
            stack.drop_file(KEY, version(2, DEREGISTER)).await;
            stack.world.run_for(minutes(30)).await;
            use_it(&stack, &old);
            stack.world.run_for(minutes(25 * 60)).await;
            stack.rest().await;
            let kept = find(&stack, &old.id).unwrap();
            assert_eq!(kept.deregistration_protection, PROTECTED, "{about}");
            assert!(kept.deprecation_time.is_some(), "{about}");
            let email = stack.last_email();
            let told = format!("{} deprecated, not deregistered: in use by ", old.id);
            assert!(
                email.contains(&told) && !email.contains("may be off"),
                "{email}"
            );
            assert_eq!(retired_emails(&stack), 1, "{about}");
            is_at_rest(&stack).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_protection_that_cannot_be_switched_on_again_is_told() {
    let stack = slow_stack().await;
    let old = cooling_down(&stack).await;
    use_it(&stack, &old);
    stack.expect_refusals();
    let faults = stack.world.faults();
    let action = "EnableImageDeregistrationProtection";
    faults.always("ec2", action, refused("UnauthorizedOperation"));
    stack.world.run_for(minutes(25 * 60)).await;
    stack.rest().await;
    assert_eq!(stack.count(action), 1);
    assert!(find(&stack, &old.id).unwrap().deprecation_time.is_some());
    let email = stack.last_email();
    assert!(
        email.contains("in use by ") && email.contains("may be off"),
        "{email}"
    );
    assert_eq!(stack.status(KEY).await["retired"][0]["unprotected"], true);
    is_at_rest(&stack).await;
}

/// Somebody deregisters the AMI that was to replace it, while its protection runs out.
#[tokio::test(start_paused = true)]
async fn an_ami_that_nothing_replaces_any_more_is_told_to_wait_for_that() {
    let stack = slow_stack().await;
    let old = cooling_down(&stack).await;
    let status = stack.status(KEY).await;
    let current = status["regions"][REGION]["image"].as_str().unwrap();
    stack.deregister(current).await;
    stack.world.run_for(minutes(25 * 60)).await;
    let status = stack.status(KEY).await;
    let waiting = &status["build"]["waiting"];
    assert_eq!(waiting["reason"], "no-successor", "{status:#}");
    assert_eq!(waiting["image"], current, "{status:#}");
    let email = stack.last_email();
    assert!(email.starts_with("Still waiting"), "{email}");
    let since = format!("since {}.", waiting["since"].as_str().unwrap());
    let why = format!("nothing replaces the previous AMIs in {REGION}: ");
    assert!(email.contains(&why) && email.contains(&since), "{email}");
    assert!(!email.contains("shows by its tags"), "{email}");

    stack.world.run_for(minutes(7 * 60)).await;
    stack.rest().await;
    let kept = find(&stack, &old.id).unwrap();
    assert_eq!(kept.deregistration_protection, PROTECTED);
    let emails = stack.emails();
    let told = format!("{} kept: there is no AMI in its Region", old.id);
    let told = emails.iter().filter(|it| it.text.contains(&told));
    assert_eq!(told.count(), 1, "{emails:#?}");
}

/// The manifest is there again while the protection of its own AMI is off.
#[tokio::test(start_paused = true)]
async fn a_protection_that_is_off_when_the_manifest_comes_back_is_switched_on_again() {
    let stack = stack().await;
    let settings = "onDelete: deregister\nprotect: {cooldown: true}\n";
    let old = first(&stack, settings).await;
    stack.remove(KEY).await;
    stack.world.run_for(minutes(30)).await;
    let off = stack.only_image().deregistration_protection;
    assert!(
        matches!(off, DeregistrationProtection::CoolingDown(_)),
        "{off:?}"
    );
    stack.drop_and_rest(KEY, version(1, settings)).await;
    let image = stack.only_image();
    assert_eq!(image.id, old.id);
    assert_eq!(image.deregistration_protection, PROTECTED);
    let emails = stack.emails();
    let told = emails.iter().filter(|it| it.text.contains("may be off"));
    assert_eq!(told.count(), 0, "{emails:#?}");
    is_at_rest(&stack).await;
}

#[tokio::test(start_paused = true)]
async fn a_deprecation_is_told_once_and_taken_back_whatever_goes_wrong_once() {
    let deprecate = "replaces: {previous: deprecate}\n";
    for fault in faults() {
        let stack = stack().await;
        let old = first(&stack, "").await;
        let action = "EnableImageDeprecation";
        stack.world.faults().on("ec2", action, 1, fault.clone());
        stack.drop_and_rest(KEY, version(2, deprecate)).await;
        assert!(
            find(&stack, &old.id).unwrap().deprecation_time.is_some(),
            "{fault:?}"
        );
        let email = stack.last_email();
        assert!(
            email.contains(&format!("{} deprecated", old.id)),
            "{fault:?}: {email}"
        );
        assert_eq!(retired_emails(&stack), 1, "{fault:?}");
        is_at_rest(&stack).await;

        stack.drop_and_rest(KEY, version(1, deprecate)).await;
        assert_eq!(
            find(&stack, &old.id).unwrap().deprecation_time,
            None,
            "{fault:?}"
        );
    }
}
