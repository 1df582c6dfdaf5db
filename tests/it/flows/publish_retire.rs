//! An AMI that a newer one replaces is deprecated or deregistered, once the newer one is finished, and only if nothing
//! uses it.

use std::time::Duration;

use http::StatusCode;
use localaws::ec2::{DeregistrationProtection, Image};
use localaws::faults::Fault;
use localaws::world::Builder;

use crate::support::{REGION, TestStack, faults, minutes, vmdk};

pub(super) const KEY: &str = "golden/web.image.yaml";
pub(super) const DEREGISTER: &str = "replaces: {previous: deregister}\n";

pub(super) async fn stack() -> TestStack {
    TestStack::built(allowed).await
}

async fn stack_without_versions() -> TestStack {
    let template = TestStack::template_without_versions();
    TestStack::built(|builder| allowed(builder.template(&template))).await
}

pub(super) fn allowed(builder: Builder) -> Builder {
    builder
        .parameter("AllowRetire", "true")
        .parameter("ShareWith", "*")
}

/// The manifest's version of this number: each is another AMI.
pub(super) fn version(stack: &TestStack, number: u32, settings: &str) -> String {
    let manifest = stack.manifest("web-{digest}");
    let size = 8 + number;
    format!(
        "{manifest}register: {{blockDeviceMappings: [{{deviceName: /dev/sdb, ebs: {{volumeSize: {size}}}}}]}}\n{settings}"
    )
}

pub(super) fn ids(stack: &TestStack) -> Vec<String> {
    stack.images().into_iter().map(|image| image.id).collect()
}

pub(super) fn image(stack: &TestStack, id: &str) -> Image {
    let images = stack.images();
    images.into_iter().find(|image| image.id == id).unwrap()
}

/// Makes the first version; its AMI.
pub(super) async fn first(stack: &TestStack) -> String {
    stack.drop_and_rest(KEY, version(stack, 1, "")).await;
    stack.only_image().id
}

pub(super) fn retiring_calls(stack: &TestStack) -> Vec<String> {
    let actions = [
        "EnableImageDeprecation",
        "DisableImageDeprecation",
        "DisableImageDeregistrationProtection",
        "DeregisterImage",
        "DeleteSnapshot",
    ];
    let calls = stack.world.calls();
    let calls = calls.iter().filter(|call| call.function.is_some());
    let calls = calls.filter(|call| actions.contains(&call.action.as_str()));
    calls.map(|call| call.action.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_previous_ami_is_deregistered_once_the_new_one_is_finished() {
    let stack = stack().await;
    let old = first(&stack).await;
    stack
        .drop_and_rest(KEY, version(&stack, 2, DEREGISTER))
        .await;

    let new = stack.only_image().id;
    assert_ne!(new, old);
    assert_eq!(retiring_calls(&stack), ["DeregisterImage"]);
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available");
    assert_eq!(status["previous"].as_array(), None, "{status:#}");
    let subjects: Vec<String> = stack.emails().into_iter().map(|it| it.subject).collect();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert!(subjects[1].starts_with("Available"), "{subjects:?}");
    assert!(
        subjects[2].starts_with("Previous AMIs retired"),
        "{subjects:?}"
    );
    let email = stack.last_email();
    assert!(email.contains(&format!("{old} deregistered")), "{email}");
    assert!(
        email.contains(&format!(
            "{} kept: the manifest does not ask",
            stack.snapshot
        )),
        "{email}"
    );

    stack
        .drop_and_rest(KEY, version(&stack, 2, DEREGISTER))
        .await;
    assert_eq!(retiring_calls(&stack).len(), 1);
    assert_eq!(stack.emails().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_previous_ami_is_deprecated_and_becomes_the_current_one_again() {
    let stack = stack().await;
    let old = first(&stack).await;
    let deprecate = "replaces: {previous: deprecate}\n";
    stack
        .drop_and_rest(KEY, version(&stack, 2, deprecate))
        .await;
    assert_eq!(ids(&stack).len(), 2);
    assert!(image(&stack, &old).deprecation_time.is_some());
    let email = stack.last_email();
    assert!(email.contains(&format!("{old} deprecated")), "{email}");

    stack
        .drop_and_rest(KEY, version(&stack, 1, deprecate))
        .await;
    assert_eq!(ids(&stack).len(), 2);
    assert_eq!(image(&stack, &old).deprecation_time, None);
    let status = stack.status(KEY).await;
    assert_eq!(status["regions"][REGION]["image"], old);
}

#[tokio::test(start_paused = true)]
async fn replaces_that_is_added_later_retires_what_is_there() {
    let stack = stack().await;
    let old = first(&stack).await;
    stack.drop_and_rest(KEY, version(&stack, 2, "")).await;
    assert_eq!(ids(&stack).len(), 2);
    stack
        .drop_and_rest(KEY, version(&stack, 2, DEREGISTER))
        .await;
    assert!(!ids(&stack).contains(&old));
    assert_eq!(ids(&stack).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_snapshots_that_were_made_for_it_go_with_it() {
    let stack = stack().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let manifest = "name: web-{digest}\nsource: {disk: {object: web.vmdk, format: vmdk}}\n\
                    replaces: {previous: deregister, snapshots: delete}\n";
    stack.drop_and_rest(KEY, manifest).await;
    let before = stack.snapshots();
    let newer = format!("{manifest}register: {{imdsSupport: v2.0}}\n");
    stack.drop_and_rest(KEY, newer).await;
    let after = stack.snapshots();
    assert_eq!(ids(&stack).len(), 1);
    let deleted: Vec<&String> = before.iter().filter(|id| !after.contains(id)).collect();
    assert_eq!(deleted.len(), 1, "{before:?} {after:?}");
    assert!(after.contains(&stack.snapshot));
    // Once each, though `notify` writes the status at the same time.
    assert_eq!(
        retiring_calls(&stack),
        ["DeregisterImage", "DeleteSnapshot"]
    );
    let email = stack.last_email();
    assert!(
        email.contains(&format!("{} deleted", deleted[0])),
        "{email}"
    );
}

/// Whoever has switched it on wants to keep the AMI.
#[tokio::test(start_paused = true)]
async fn what_a_person_has_protected_stays() {
    let stack = stack().await;
    let old = first(&stack).await;
    stack.world.ec2().edit_image(REGION, &old, |image| {
        image.deregistration_protection = DeregistrationProtection::EnabledWithoutCooldown;
    });
    stack
        .drop_and_rest(KEY, version(&stack, 2, DEREGISTER))
        .await;
    assert!(ids(&stack).contains(&old));
    assert_eq!(retiring_calls(&stack), ["EnableImageDeprecation"]);
    let email = stack.last_email();
    assert!(email.contains("somebody has protected it"), "{email}");
}

#[tokio::test(start_paused = true)]
async fn a_protection_with_cooldown_is_waited_for() {
    let stack = stack().await;
    let old = first(&stack).await;
    stack.protect_as_ours(KEY, &old).await;
    stack.drop_file(KEY, version(&stack, 2, DEREGISTER)).await;
    stack.world.run_for(Duration::from_secs(23 * 3600)).await;
    assert!(ids(&stack).contains(&old));
    let status = stack.status(KEY).await;
    let waiting = &status["build"]["waiting"];
    assert_eq!(waiting["reason"], "protection-cooldown", "{status:#}");
    let email = stack.last_email();
    assert!(email.starts_with("Available"), "{email}");
    assert_eq!(stack.emails().len(), 2);

    stack.world.run_for(Duration::from_secs(2 * 3600)).await;
    stack.rest().await;
    assert_eq!(ids(&stack).len(), 1);
    assert_eq!(
        retiring_calls(&stack),
        ["DisableImageDeregistrationProtection", "DeregisterImage"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_closed_guardrail_refuses_the_manifest() {
    let stack = TestStack::new().await;
    let old = first(&stack).await;
    stack
        .drop_and_rest(KEY, version(&stack, 2, DEREGISTER))
        .await;
    assert_eq!(stack.only_image().id, old);
    assert_eq!(stack.status(KEY).await["state"], "rejected");
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_a_forged_status_names_stays() {
    let stack = stack().await;
    let old = first(&stack).await;
    // As if somebody else had made it: no tag says that it is this manifest's.
    stack.world.ec2().edit_image(REGION, &old, |image| {
        image.tags.clear();
    });
    stack
        .drop_and_rest(KEY, version(&stack, 2, DEREGISTER))
        .await;
    assert!(ids(&stack).contains(&old));
    assert_eq!(retiring_calls(&stack), [""; 0]);
    let email = stack.last_email();
    assert!(email.contains("its tags do not show"), "{email}");
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_once_the_previous_ami_goes_once() {
    for fault in faults() {
        for action in [
            "DescribeImages",
            "DescribeImageReferences",
            "DeregisterImage",
        ] {
            replaced_in_spite_of(action, fault.clone()).await;
        }
    }
}

async fn replaced_in_spite_of(action: &str, fault: Fault) {
    let stack = stack().await;
    let old = first(&stack).await;
    stack.drop_file(KEY, version(&stack, 2, "")).await;
    stack.rest().await;
    stack.world.faults().on("ec2", action, 1, fault.clone());
    stack
        .drop_and_rest(KEY, version(&stack, 2, DEREGISTER))
        .await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{action} {fault:?}");
    assert!(
        !ids(&stack).contains(&old),
        "{action} {fault:?}: {status:#}"
    );
    assert_eq!(ids(&stack).len(), 1, "{action} {fault:?}");
    let retired = stack.emails();
    let retired = retired
        .iter()
        .filter(|it| it.subject.starts_with("Previous AMIs retired"));
    assert_eq!(retired.count(), 1, "{action} {fault:?}");
}

/// In every Region that has one: the guard needs what EC2 asks of its caller there, too.
#[tokio::test(start_paused = true)]
async fn the_copies_of_a_replaced_ami_are_retired_as_well() {
    const OREGON: &str = "us-west-2";
    let stack = TestStack::built(|builder| {
        builder
            .parameter("AllowRetire", "true")
            .parameter("CopyRegions", OREGON)
    })
    .await;
    let regions = format!("regions: {{{OREGON}: {{}}}}\n");
    stack.drop_and_rest(KEY, version(&stack, 1, &regions)).await;
    let settings = format!("{regions}replaces: {{previous: deregister, snapshots: delete}}\n");
    stack
        .drop_and_rest(KEY, version(&stack, 2, &settings))
        .await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["previous"].as_array(), None, "{status:#}");
    let copies = stack.world.ec2().images(OREGON);
    assert_eq!(copies.len(), 1);
    assert_eq!(status["regions"][OREGON]["image"], copies[0].id.as_str());
    assert_eq!(ids(&stack).len(), 1);
    // That of the copy was made for it, and goes; that of the source is not ours.
    assert_eq!(stack.world.ec2().snapshots(OREGON).len(), 1);
    assert!(stack.snapshots().contains(&stack.snapshot));
}

/// Nothing may be retired any more once the manifest is gone, or says so no longer; what is deregistered already is not said
/// to be kept.
#[tokio::test(start_paused = true)]
async fn what_is_deregistered_already_is_reported_so_with_its_snapshots() {
    for is_removed in [true, false] {
        // What had asked for it can still be read where there are versions.
        let why = match is_removed {
            true => "EC2 refused: InvalidSnapshot.InUse",
            false => "it was not deleted",
        };
        Box::pin(deregistered_already(stack().await, is_removed, why)).await;
        let stack = stack_without_versions().await;
        Box::pin(deregistered_already(
            stack,
            is_removed,
            "it was not deleted",
        ))
        .await;
    }
}

async fn deregistered_already(stack: TestStack, is_removed: bool, why: &str) {
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let disk = "name: web-{digest}\nsource: {disk: {object: web.vmdk, format: vmdk}}\n";
    stack.drop_and_rest(KEY, disk).await;
    let old = stack.only_image();
    let in_use = Fault::Refuse {
        status: StatusCode::BAD_REQUEST,
        code: "InvalidSnapshot.InUse".to_owned(),
        message: "It is in use".to_owned(),
    };
    let faults = stack.world.faults();
    faults.always("ec2", "DeleteSnapshot", in_use);
    let settings = "replaces: {previous: deregister, snapshots: delete}\n";
    let newer = format!("{disk}register: {{imdsSupport: v2.0}}\n");
    stack.drop_file(KEY, format!("{newer}{settings}")).await;
    stack.world.run_for(minutes(10)).await;
    assert!(!ids(&stack).contains(&old.id));
    match is_removed {
        true => stack.remove(KEY).await,
        false => stack.drop_file(KEY, newer).await,
    }
    stack.rest().await;
    let email = stack.last_email();
    assert!(
        email.contains(&format!("{} deregistered", old.id)),
        "{email}"
    );
    let is_named = |id: &String| email.contains(&format!("{id} kept: {why}"));
    assert_eq!(
        stack.snapshots().iter().filter(|id| is_named(id)).count(),
        1,
        "{email}"
    );
}
