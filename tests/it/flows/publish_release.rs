//! SSM parameters that point to the AMI of their Region.

use std::time::Duration;

use localaws::ec2::TaskKind;
use serde_json::Value;

use crate::support::{TestStack, changes_by_name, minutes};

pub(super) const KEY: &str = "golden/web.image.yaml";
pub(super) const HOME: &str = "us-east-1";
const OREGON: &str = "us-west-2";
const CAPE_TOWN: &str = "af-south-1";
pub(super) const NAME: &str = "/images/web";
pub(super) const OTHER: &str = "ami-0fedcba9876543210";

pub(super) async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("CopyRegions", "af-south-1,us-west-2")
            .parameter("ParameterPrefix", "/images")
            .parameter("AllowRetire", "true")
    })
    .await
}

/// A manifest of the seeded snapshot with these lines.
pub(super) fn manifest(stack: &TestStack, settings: &str) -> String {
    format!("{}{settings}", stack.manifest("web-{digest}"))
}

/// A manifest that names the parameter.
pub(super) fn released(stack: &TestStack) -> String {
    manifest(stack, &format!("parameters: [{NAME}]\n"))
}

/// The same, of another version.
pub(super) fn next_version(stack: &TestStack) -> String {
    released(stack) + "register: {imdsSupport: v2.0}\n"
}

pub(super) fn parameter(stack: &TestStack, region: &str) -> Option<String> {
    stack.world.ssm().parameter(region, NAME)
}

/// The AMI of a Region, as the status has it.
pub(super) fn image(status: &Value, region: &str) -> Option<String> {
    let image = status["regions"][region]["image"].as_str();
    image.map(str::to_owned)
}

/// The status of a parameter.
pub(super) fn known<'a>(status: &'a Value, region: &str) -> &'a Value {
    &status["release"]["parameters"][format!("{region}:{NAME}")]
}

/// Whether a condition is so; none if nothing is said of it.
pub(super) fn condition(status: &Value, kind: &str) -> Option<(String, String)> {
    let all = status["conditions"].as_array().unwrap();
    let found = all.iter().find(|it| it["type"] == kind)?;
    let text = |field: &str| found[field].as_str().unwrap().to_owned();
    Some((text("status"), text("reason")))
}

/// What functions changed so far, in its order.
fn changes(stack: &TestStack) -> Vec<String> {
    changes_by_name(stack, 0)
}

pub(super) fn puts(stack: &TestStack) -> usize {
    let changes = changes(stack);
    changes
        .iter()
        .filter(|it| it.ends_with("PutParameter"))
        .count()
}

pub(super) async fn state(stack: &TestStack) -> String {
    let status = stack.status(KEY).await;
    status["state"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn parameters_point_to_the_ami_of_their_region_and_nothing_happens_twice() {
    let stack = stack().await;
    let asked = released(&stack) + &format!("regions: {{{OREGON}: {{}}}}\n");
    stack.drop_and_rest(KEY, &asked).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let email = stack.only_email();
    assert!(email.subject.starts_with("Available"), "{}", email.subject);
    for region in [HOME, OREGON] {
        let image = image(&status, region);
        assert_eq!(parameter(&stack, region), image, "{region}");
        assert_eq!(known(&status, region)["version"], 1, "{status:#}");
        let line = format!("{NAME} in {region}: {} (version 1)", image.unwrap());
        assert!(
            email.text.replace("\n  ", " ").contains(&line),
            "{}",
            email.text
        );
    }
    assert!(status["release"]["releasedAt"].is_string(), "{status:#}");
    let so = ("true".to_owned(), "AsInManifest".to_owned());
    assert_eq!(condition(&status, "Released"), Some(so));
    let before = changes(&stack);
    assert_eq!(puts(&stack), 2, "{before:?}");
    stack.drop_and_rest(KEY, &asked).await;
    assert_eq!(changes(&stack), before);
    assert_eq!(stack.emails().len(), 1);
}

/// Whoever launches from a parameter does so at once, in whichever Region.
#[tokio::test(start_paused = true)]
async fn no_parameter_is_set_before_every_region_that_is_required_is_verified() {
    let stack = stack().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::CopyImage, minutes(20));
    let asked = released(&stack) + &format!("protect: true\nregions: {{{OREGON}: {{}}}}\n");
    stack.drop_file(KEY, &asked).await;
    stack.world.run_for(minutes(15)).await;
    assert_eq!(parameter(&stack, HOME), None);
    let waits = ("unknown".to_owned(), "InProgress".to_owned());
    assert_eq!(condition(&stack.status(KEY).await, "Released"), Some(waits));
    stack.rest().await;
    assert_eq!(state(&stack).await, "available");
    let changes = changes(&stack);
    let first = changes.iter().position(|it| it.ends_with("PutParameter"));
    let is_of_image = |it: &String| !it.ends_with("PutParameter");
    let last = changes.iter().rposition(is_of_image);
    assert!(first > last, "{changes:?}");
    assert_eq!(puts(&stack), 2, "{changes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_region_that_fails_keeps_all_parameters_unless_it_is_not_required() {
    for required in [true, false] {
        let stack = stack().await;
        let regions =
            format!("regions: {{{CAPE_TOWN}: {{required: {required}}}, {OREGON}: {{}}}}\n");
        stack.drop_and_rest(KEY, released(&stack) + &regions).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "incomplete", "{status:#}");
        let is_set = |region: &str| parameter(&stack, region).is_some();
        assert_eq!(is_set(HOME), !required, "{status:#}");
        assert_eq!(is_set(OREGON), !required, "{status:#}");
        assert_eq!(parameter(&stack, CAPE_TOWN), None);
        let (so, reason) = condition(&status, "Released").unwrap();
        let expected = match required {
            true => ("false", "HeldBack"),
            false => ("true", "AsInManifest"),
        };
        assert_eq!((so.as_str(), reason.as_str()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_version_moves_the_parameter_before_the_old_ami_is_retired() {
    let stack = stack().await;
    let retires = "replaces: {previous: deregister}\n";
    stack.drop_and_rest(KEY, released(&stack) + retires).await;
    let first = parameter(&stack, HOME).unwrap();
    stack
        .drop_and_rest(KEY, next_version(&stack) + retires)
        .await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let second = parameter(&stack, HOME).unwrap();
    assert_ne!(first, second);
    assert_eq!(known(&status, HOME)["version"], 2, "{status:#}");
    assert_eq!(stack.only_image().id, second);
    let changes = changes(&stack);
    let put = changes.iter().rposition(|it| it.ends_with("PutParameter"));
    let gone = changes
        .iter()
        .position(|it| it.ends_with("DeregisterImage"));
    assert!(put < gone, "{changes:?}");
}

/// The old AMI is in use by whoever follows the parameter.
#[tokio::test(start_paused = true)]
async fn nothing_is_retired_while_the_parameter_is_somebody_elses() {
    let stack = stack().await;
    let retires = "replaces: {previous: deregister}\n";
    stack.drop_and_rest(KEY, released(&stack) + retires).await;
    stack.world.ssm().seed_image_parameter(HOME, NAME, OTHER);
    stack
        .drop_and_rest(KEY, next_version(&stack) + retires)
        .await;
    assert_eq!(state(&stack).await, "incomplete");
    assert_eq!(parameter(&stack, HOME).as_deref(), Some(OTHER));
    assert_eq!(stack.images().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn parameters_are_added_changed_and_removed_later() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, manifest(&stack, "")).await;
    assert_eq!(condition(&stack.status(KEY).await, "Released"), None);
    stack.drop_and_rest(KEY, released(&stack)).await;
    let first = parameter(&stack, HOME);
    assert_eq!(first, Some(stack.only_image().id));
    // Changed: the other one is set, this one is left where it is.
    let other = manifest(&stack, "parameters: [/images/other]\n");
    stack.drop_and_rest(KEY, &other).await;
    let ssm = stack.world.ssm();
    assert_eq!(ssm.parameter(HOME, "/images/other"), first);
    assert_eq!(parameter(&stack, HOME), first);
    let text = &stack.emails()[2].text;
    assert!(text.contains("no longer names, left as it is"), "{text}");
    let next = other.clone() + "register: {imdsSupport: v2.0}\n";
    stack.drop_and_rest(KEY, next).await;
    assert_eq!(parameter(&stack, HOME), first);
    // Set back, with the AMI of then: both are amiwright's still.
    let both = manifest(&stack, &format!("parameters: [{NAME}, /images/other]\n"));
    stack.drop_and_rest(KEY, both).await;
    assert_eq!(state(&stack).await, "available");
    assert_eq!(ssm.parameter(HOME, "/images/other"), first);
    assert_eq!(parameter(&stack, HOME), first);
    // Removed.
    let before = puts(&stack);
    stack.drop_and_rest(KEY, manifest(&stack, "")).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(condition(&status, "Released"), None);
    assert_eq!(parameter(&stack, HOME), first);
    assert_eq!(puts(&stack), before);
    let emails = stack.emails();
    let text = &emails.last().unwrap().text;
    assert!(text.contains("no longer names, left as it is"), "{text}");
}

/// Twenty in one Region are more than SSM takes in a second.
#[tokio::test(start_paused = true)]
async fn many_parameters_are_written_within_ssms_limit() {
    let stack = stack().await;
    stack.world.ssm().set_request_limits(true);
    let names: Vec<String> = (0..20).map(|n| format!("/images/{n}")).collect();
    let settings = format!("parameters: [{}]\n", names.join(", "));
    stack.drop_and_rest(KEY, manifest(&stack, &settings)).await;
    assert_eq!(state(&stack).await, "available");
    let image = Some(stack.only_image().id);
    for name in &names {
        assert_eq!(stack.world.ssm().parameter(HOME, name), image, "{name}");
    }
    assert_eq!(puts(&stack), 20);
}

/// A new version comes while the value of the one before is being validated: SSM takes no other until then.
#[tokio::test(start_paused = true)]
async fn a_new_version_waits_until_the_value_of_the_one_before_is_validated() {
    let stack = stack().await;
    stack.world.ssm().set_validation_time(minutes(3));
    stack.drop_file(KEY, released(&stack)).await;
    while puts(&stack) == 0 {
        stack.world.run_for(Duration::from_secs(10)).await;
    }
    stack.drop_and_rest(KEY, next_version(&stack)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(parameter(&stack, HOME), image(&status, HOME));
    assert_eq!(puts(&stack), 2);
}

/// A Region that is not asked for any more keeps its copy, and its parameter still points to it.
#[tokio::test(start_paused = true)]
async fn a_copy_that_a_parameter_was_left_with_is_not_deregistered() {
    let stack = stack().await;
    let both = format!("parameters: [{NAME}]\nregions: {{{OREGON}: {{}}}}\n");
    stack.drop_and_rest(KEY, manifest(&stack, &both)).await;
    let copy = parameter(&stack, OREGON).unwrap();
    let next = next_version(&stack) + "replaces: {previous: deregister}\n";
    stack.drop_and_rest(KEY, next).await;
    assert_eq!(parameter(&stack, OREGON), Some(copy.clone()));
    let left = stack.world.ec2().images(OREGON);
    assert!(left.iter().any(|image| image.id == copy), "{left:?}");
    assert_eq!(stack.images().len(), 1);
}
