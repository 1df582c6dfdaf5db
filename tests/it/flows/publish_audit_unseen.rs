//! An audit repairs while a Region cannot be seen: nothing is changed there, and nothing is released on half knowledge.

use localaws::faults::Fault;
use serde_json::json;

use crate::support::{REGION, TestStack, changes_since, minutes, refused};

const KEY: &str = "golden/web.image.yaml";
/// One that accounts have to enable.
const MILAN: &str = "eu-south-1";
const NAME: &str = "/images/web";
const OTHER: &str = "ami-0fedcba9876543210";

/// Why the other Region cannot be seen.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unseen {
    Unanswered,
    Refused,
    Off,
}

fn hide(stack: &TestStack, how: Unseen) {
    let fault = match how {
        Unseen::Unanswered => Fault::LoseAnswer,
        Unseen::Refused => refused("UnauthorizedOperation"),
        Unseen::Off => return stack.world.ec2().set_opted_in(MILAN, false),
    };
    let faults = stack.world.faults();
    faults.each(
        |call| call.region == MILAN && call.action == "DescribeImages",
        fault,
    );
}

fn show(stack: &TestStack) {
    stack.world.faults().clear();
    stack.world.ec2().set_opted_in(MILAN, true);
}

/// A finished image with a copy, whose AMIs and parameters in both Regions others have changed.
async fn changed() -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("CopyRegions", MILAN)
            .parameter("ParameterPrefix", "/images")
            // The tests say when.
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await;
    stack.world.ec2().set_opted_in(MILAN, true);
    let settings = format!(
        "description: Web tier\nregions: {{{MILAN}: {{}}}}\nrepair: true\nparameters: [{{name: {NAME}, takeOver: true}}]\n"
    );
    let manifest = format!("{}{settings}", stack.manifest("web-{digest}"));
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    for region in [REGION, MILAN] {
        let ec2 = stack.world.ec2();
        let id = ec2.images(region).remove(0).id;
        ec2.edit_image(region, &id, |it| it.description = Some("Mine".to_owned()));
        stack.world.ssm().seed_image_parameter(region, NAME, OTHER);
    }
    stack
}

/// Lets an audit come by, long enough after the last change.
async fn begin_audit(stack: &TestStack) {
    stack.world.run_for(minutes(20)).await;
    let tick = json!({"task": "audit"});
    stack.world.invoke_later("AdvanceTasks", tick);
}

fn description(stack: &TestStack, region: &str) -> Option<String> {
    stack.world.ec2().images(region).remove(0).description
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_not_seen_is_not_repaired_and_holds_the_release() {
    for how in [Unseen::Unanswered, Unseen::Refused] {
        let stack = changed().await;
        stack.expect_refusals();
        let before = stack.world.faults().count();
        hide(&stack, how);
        begin_audit(&stack).await;
        stack.world.run_for(minutes(10)).await;
        let web = Some("Web tier".to_owned());
        assert_eq!(description(&stack, REGION), web, "{how:?}");
        let calls: Vec<String> = changes_since(&stack, before)
            .iter()
            .map(|call| format!("{} {}", call.region, call.action))
            .collect();
        assert_eq!(calls, [format!("{REGION} ModifyImageAttribute")], "{how:?}");
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "working", "{how:?}: {status:#}");

        show(&stack);
        stack.rest().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{how:?}: {status:#}");
        for region in [REGION, MILAN] {
            assert_eq!(description(&stack, region), web, "{how:?}");
            let image = stack.world.ec2().images(region).remove(0).id;
            let held = stack.world.ssm().parameter(region, NAME);
            assert_eq!(held, Some(image), "{how:?}");
        }
    }
}

/// It is disabled: the image is incomplete, what was not seen is not touched, and no parameter is moved.
#[tokio::test(start_paused = true)]
async fn a_region_that_is_disabled_meanwhile_is_told_at_once() {
    let stack = changed().await;
    stack.expect_refusals();
    let before = stack.world.faults().count();
    hide(&stack, Unseen::Off);
    begin_audit(&stack).await;
    stack.world.run_for(minutes(10)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    let of_parameters = |name: &str| name == "PutParameter";
    let calls = changes_since(&stack, before);
    assert!(calls.iter().all(|call| call.region == REGION));
    assert!(!calls.iter().any(|call| of_parameters(&call.action)));
    let held = stack.world.ssm().parameter(REGION, NAME);
    assert_eq!(held.as_deref(), Some(OTHER));
    let email = stack.last_email();
    assert!(email.contains(MILAN), "{email}");
}
