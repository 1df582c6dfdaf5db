//! The stack's owner closes what a manifest asks for while its AMI is being published, just after a call that was not answered.
//! Nothing more is begun, and what that call has made is looked for before the image ends.

use std::time::Duration;

use localaws::faults::Fault;
use serde_json::Value;

use super::publish_unanswered::{COPIED, OREGON, UNSEEN, copies, hide, outlast};
use crate::support::{REGION, TestStack, changes_since, minutes};

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "222222222222";
const SHARED: &str = "access: {accounts: ['222222222222']}\n";
const NAME: &str = "/images/web";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("ShareWith", PARTNER)
            .parameter("CopyRegions", OREGON)
            .parameter("ParameterPrefix", "/images")
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await
}

/// As if the stack was updated: manifests may share with these accounts from now on.
fn share_with(stack: &TestStack, accounts: &str) {
    stack.update("AMIWRIGHT_SHARE_WITH", accounts);
}

/// A manifest is uploaded, and this befalls the first call of this action, once its intent, which `asked` finds in the status, is
/// written down. What it makes is shown so much later.
async fn ask(
    stack: &TestStack,
    manifest: &str,
    (service, action, fault): (&str, &str, Fault),
    asked: fn(&Value) -> &Value,
    hidden: Duration,
) {
    let ec2 = stack.world.ec2();
    stack.world.faults().on(service, action, 1, fault);
    stack.drop_file(KEY, manifest).await;
    stack.world.settle().await;
    assert_eq!(stack.images().len(), 1, "it is registered");
    ec2.set_visibility_delay(hidden);
    for _ in 0..600 {
        stack.world.run_for(Duration::from_secs(1)).await;
        if !asked(&stack.status(KEY).await).is_null() {
            stack.world.settle().await;
            assert_eq!(stack.world.faults().pending(), 0, "it was not asked");
            ec2.set_visibility_delay(Duration::ZERO);
            return;
        }
    }
    panic!("{action} was not about to be called");
}

fn copy_asked(status: &Value) -> &Value {
    &status["copies"][OREGON]["askedAt"]
}

fn put(status: &Value) -> &Value {
    &status["release"]["parameters"][format!("{REGION}:{NAME}")]["put"]
}

/// The image has ended, because its manifest is not allowed any more, and nothing happens after that.
async fn has_ended(stack: &TestStack) -> Value {
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    let failure = &status["build"]["failure"];
    assert_eq!(failure["kind"], "manifest-not-allowed", "{status:#}");
    let (calls, told) = (stack.world.faults().count(), stack.subjects());
    stack.world.run_for(minutes(60)).await;
    assert_eq!(changes_since(stack, calls), []);
    assert_eq!(stack.subjects(), told);
    status
}

/// What is allowed again is made once an operator asks for it.
async fn is_made_with(stack: &TestStack, copies_asked: usize) {
    share_with(stack, PARTNER);
    stack.retry(KEY).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let known = status["regions"][OREGON]["image"].as_str().unwrap();
    assert_eq!(copies(stack), [known]);
    let calls = stack.world.calls().into_iter();
    let asked = calls.filter(|it| it.action == "CopyImage" && it.done);
    assert_eq!(asked.count(), copies_asked);
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_answer_was_lost_is_found() {
    for hidden in [0, 5] {
        let stack = stack().await;
        let manifest = stack.manifest("web") + SHARED + COPIED;
        let lost = ("ec2", "CopyImage", Fault::Crash);
        ask(&stack, &manifest, lost, copy_asked, minutes(hidden)).await;
        share_with(&stack, "");
        stack.rest().await;
        let status = has_ended(&stack).await;
        let copy = copies(&stack).pop().unwrap();
        let known = &status["regions"][OREGON]["image"];
        assert_eq!(known, copy.as_str(), "{hidden} {status:#}");
        assert!(stack.last_email().contains(&copy), "{hidden}");
        is_made_with(&stack, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_was_never_begun_is_waited_for_and_not_begun() {
    let stack = stack().await;
    let manifest = stack.manifest("web") + SHARED + COPIED;
    let lost = ("ec2", "CopyImage", Fault::CrashBefore);
    ask(&stack, &manifest, lost, copy_asked, Duration::ZERO).await;
    share_with(&stack, "");
    stack.world.run_for(minutes(10)).await;
    assert_eq!(stack.status(KEY).await["state"], "working");
    stack.rest().await;
    has_ended(&stack).await;
    assert_eq!(copies(&stack), [""; 0]);
    is_made_with(&stack, 1).await;
}

/// The Region does not answer for most of an hour, or for longer than it is waited for: then the email names the copy.
#[tokio::test(start_paused = true)]
async fn a_copy_in_a_region_that_does_not_answer_is_waited_for() {
    for answers in [true, false] {
        let stack = stack().await;
        let manifest = stack.manifest("web") + SHARED + COPIED;
        let lost = ("ec2", "CopyImage", Fault::Crash);
        hide(&stack);
        ask(&stack, &manifest, lost, copy_asked, Duration::ZERO).await;
        share_with(&stack, "");
        stack.world.run_for(minutes(45)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "working");
        assert_eq!(status["build"]["waiting"]["reason"], "retrying");
        if answers {
            stack.world.faults().clear();
        } else {
            stack.world.run_for(minutes(10)).await;
            assert_eq!(stack.status(KEY).await["state"], "working");
        }
        stack.rest().await;
        let status = has_ended(&stack).await;
        let known = status["regions"][OREGON]["image"].is_string();
        let is_told = stack.last_email().contains(UNSEEN);
        assert_eq!((known, is_told), (answers, !answers), "{status:#}");
        stack.world.faults().clear();
        is_made_with(&stack, 1).await;
    }
}

/// What the owner closes is the Region of the copy: nothing may look there any more.
#[tokio::test(start_paused = true)]
async fn a_copy_in_a_region_that_was_closed_is_told() {
    let stack = stack().await;
    let manifest = stack.manifest("web") + COPIED;
    let lost = ("ec2", "CopyImage", Fault::Crash);
    ask(&stack, &manifest, lost, copy_asked, Duration::ZERO).await;
    stack.update("AMIWRIGHT_COPY_REGIONS", "");
    stack.rest().await;
    let status = has_ended(&stack).await;
    assert_eq!(status["regions"][OREGON], Value::Null, "{status:#}");
    let email = stack.last_email();
    assert!(email.contains(UNSEEN), "{email}");

    stack.update("AMIWRIGHT_COPY_REGIONS", OREGON);
    is_made_with(&stack, 1).await;
    let email = stack.last_email();
    assert!(!email.contains(UNSEEN), "{email}");
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_an_earlier_version_is_found() {
    let stack = stack().await;
    let first = stack.manifest("web-{digest}");
    let faults = stack.world.faults();
    faults.always("ec2", "CopyImage", Fault::LoseAnswer);
    hide(&stack);
    stack.drop_file(KEY, format!("{first}{COPIED}")).await;
    stack.world.run_for(minutes(2)).await;
    outlast(&stack, &first).await;
    assert!(copy_asked(&stack.status(KEY).await).is_string());

    let second = format!("{first}register: {{imdsSupport: v2.0}}\n{SHARED}");
    stack.drop_file(KEY, second).await;
    stack.world.settle().await;
    assert_eq!(stack.images().len(), 2, "it is registered");
    faults.clear();
    share_with(&stack, "");
    stack.rest().await;
    let status = has_ended(&stack).await;
    let copy = copies(&stack).pop().unwrap();
    let before = &status["previous"][0];
    assert_eq!(before["regions"][OREGON]["image"], copy.as_str());
    assert_eq!(before["copies"], Value::Null, "{status:#}");
    assert!(stack.last_email().contains(&copy));
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_was_written_is_told() {
    let stack = stack().await;
    let manifest = stack.manifest("web") + SHARED + &format!("parameters: [{NAME}]\n");
    let lost = ("ssm", "PutParameter", Fault::Crash);
    ask(&stack, &manifest, lost, put, Duration::ZERO).await;
    share_with(&stack, "");
    stack.rest().await;
    let status = has_ended(&stack).await;
    let image = stack.only_image().id;
    assert_eq!(
        stack.world.ssm().parameter(REGION, NAME).as_ref(),
        Some(&image)
    );
    let known = &status["release"]["parameters"][format!("{REGION}:{NAME}")];
    assert_eq!(known["value"], image.as_str(), "{status:#}");
    let email = stack.last_email().replace("\n  ", " ");
    let line = format!("{NAME} in {REGION}: {image} (version 1)");
    assert!(email.contains(&line), "{email}");
}
