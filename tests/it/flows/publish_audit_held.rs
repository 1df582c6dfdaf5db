//! Audits of parameters that could not be written now, because something about an AMI is not as it should be: what others do to
//! them is told all the same, once, and is set back only after that.

use localaws::ec2::{ImageState, TaskKind};
use localaws::faults::Fault;
use serde_json::Value;

use super::publish_release::{HOME, KEY, NAME, OTHER, image, parameter, state};
use crate::support::{TestStack, changes_by_name, refused};

const OREGON: &str = "us-west-2";

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .parameter("CopyRegions", OREGON)
            .parameter("ParameterPrefix", "/images")
            // The tests say when.
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await
}

/// A manifest with a copy, which is required, a parameter in both Regions, and these lines.
fn manifest(stack: &TestStack, settings: &str) -> String {
    let manifest = stack.manifest("web-{digest}");
    format!(
        "{manifest}regions: {{{OREGON}: {{}}}}\nparameters: [{NAME}]\ntags: {{team: web}}\n{settings}"
    )
}

/// A finished image like that.
async fn finished(settings: &str) -> TestStack {
    let stack = stack().await;
    stack.drop_and_rest(KEY, manifest(&stack, settings)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    for region in [HOME, OREGON] {
        assert_eq!(parameter(&stack, region), image(&status, region));
    }
    assert_eq!(stack.emails().len(), 1);
    stack
}

/// The AMI in a Region.
async fn id(stack: &TestStack, region: &str) -> String {
    image(&stack.status(KEY).await, region).unwrap()
}

async fn deregister_copy(stack: &TestStack) {
    let copy = id(stack, OREGON).await;
    let aws = stack.aws().in_region(OREGON);
    aws.deregister_image(&copy).await.unwrap();
}

/// Somebody deletes the parameter in the stack's Region.
async fn delete_parameter(stack: &TestStack) {
    let ssm = aws_sdk_ssm::Client::new(&stack.sdk());
    let request = ssm.delete_parameter().name(NAME);
    request.send().await.unwrap();
    assert_eq!(parameter(stack, HOME), None);
}

/// How many emails of this kind there are, by the word that their subjects begin with.
fn told(stack: &TestStack, word: &str) -> usize {
    let subjects = stack.subjects();
    subjects.iter().filter(|it| it.starts_with(word)).count()
}

/// What the status says of how the image differs: the Regions, each with the kind of difference.
async fn drift(stack: &TestStack) -> Vec<(String, String)> {
    let status = stack.status(KEY).await;
    let found = status["drift"]["found"].as_array();
    let text = |it: &Value, field: &str| it[field].as_str().unwrap().to_owned();
    let each = found.into_iter().flatten();
    each.map(|it| (text(it, "region"), text(it, "difference")))
        .collect()
}

/// What happens to an AMI while others move a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Meanwhile {
    Deregistered,
    Disabled,
    Retagged,
}

impl Meanwhile {
    async fn happen(self, stack: &TestStack) {
        match self {
            Self::Deregistered => deregister_copy(stack).await,
            Self::Disabled => {
                let copy = id(stack, OREGON).await;
                let disable = |it: &mut localaws::ec2::Image| it.state = ImageState::Disabled;
                assert!(stack.world.ec2().edit_image(OREGON, &copy, disable));
            }
            Self::Retagged => {
                let tags = [("team".to_owned(), "sales".to_owned())].into();
                let own = id(stack, HOME).await;
                stack.aws().create_tags(&[own], &tags).await.unwrap();
            }
        }
    }

    /// What the status says of it.
    fn differs(self) -> (String, String) {
        let (region, difference) = match self {
            Self::Deregistered => (OREGON, "deregistered"),
            Self::Disabled => (OREGON, "not-available"),
            Self::Retagged => (HOME, "setting"),
        };
        (region.to_owned(), difference.to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn a_moved_parameter_is_told_together_with_whatever_else_differs() {
    for meanwhile in [
        Meanwhile::Deregistered,
        Meanwhile::Disabled,
        Meanwhile::Retagged,
    ] {
        let stack = finished("").await;
        meanwhile.happen(&stack).await;
        stack.world.ssm().seed_image_parameter(HOME, NAME, OTHER);
        let before = stack.world.faults().count();
        // That an AMI is not listed once proves nothing.
        for _ in 0..2 {
            stack.audit().await;
        }
        let parameter = (HOME.to_owned(), "parameter".to_owned());
        let both = [meanwhile.differs(), parameter];
        let email = stack.last_email();
        let holds = format!("{HOME}: the parameter {NAME} holds \"{OTHER}\"");
        assert!(email.starts_with("Drifted"), "{meanwhile:?}: {email}");
        assert!(email.contains(&holds), "{meanwhile:?}: {email}");
        let of_image = format!("  - {}: ", both[0].0);
        assert!(email.contains(&of_image), "{meanwhile:?}: {email}");

        for _ in 0..2 {
            let reads = stack.count("GetParameters");
            stack.audit().await;
            assert_eq!(drift(&stack).await, both, "{meanwhile:?}");
            assert_eq!(stack.count("GetParameters"), reads + 2, "{meanwhile:?}");
        }
        assert_eq!(stack.subjects().len(), 2, "{:?}", stack.subjects());
        assert_eq!(changes_by_name(&stack, before), [""; 0], "{meanwhile:?}");

        // Whoever moved it sets it back: only the AMI still differs.
        let own = id(&stack, HOME).await;
        stack.world.ssm().seed_image_parameter(HOME, NAME, &own);
        for _ in 0..2 {
            stack.audit().await;
            assert_eq!(drift(&stack).await, both[..1], "{meanwhile:?}");
        }
        assert_eq!(stack.emails().len(), 2, "{meanwhile:?}");
        assert_eq!(changes_by_name(&stack, before), [""; 0], "{meanwhile:?}");
    }
}

/// Its parameters hold the AMIs of the version before, or nothing: nobody has moved them.
#[tokio::test(start_paused = true)]
async fn the_parameters_of_a_version_that_was_never_released_have_not_drifted() {
    for is_first in [true, false] {
        for repair in ["", "repair: true\n"] {
            let stack = stack().await;
            if !is_first {
                stack.drop_and_rest(KEY, manifest(&stack, repair)).await;
                assert_eq!(state(&stack).await, "available");
            }
            let held = [HOME, OREGON].map(|region| parameter(&stack, region));
            assert!(held.iter().all(|it| it.is_none() == is_first), "{held:?}");
            for _ in 0..2 {
                stack.world.ec2().fail_next_task(
                    TaskKind::CopyImage,
                    "Client.InternalError: Copy image failed",
                );
            }
            let next = manifest(&stack, repair) + "register: {imdsSupport: v2.0}\n";
            stack.drop_and_rest(KEY, next).await;
            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "incomplete", "{status:#}");
            assert_eq!(told(&stack, "Incomplete"), 1);

            let before = stack.world.faults().count();
            let (copies, emails) = (stack.count("CopyImage"), stack.subjects());
            for _ in 0..3 {
                stack.audit().await;
                assert_eq!(drift(&stack).await, [], "{is_first} {repair:?}");
            }
            assert_eq!(stack.subjects(), emails, "{is_first} {repair:?}");
            assert_eq!(stack.count("CopyImage"), copies, "{is_first} {repair:?}");
            assert_eq!(changes_by_name(&stack, before), [""; 0]);
            assert_eq!(state(&stack).await, "incomplete");
            let holds = [HOME, OREGON].map(|region| parameter(&stack, region));
            assert_eq!(holds, held, "{is_first} {repair:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_parameter_is_not_set_again_before_the_ami_of_another_region_is_back() {
    let stack = finished("repair: true\n").await;
    deregister_copy(&stack).await;
    delete_parameter(&stack).await;
    let before = stack.world.faults().count();
    for _ in 0..2 {
        stack.audit().await;
    }
    let email = stack.last_email();
    let gone = format!("{HOME}: the parameter {NAME} is gone");
    assert!(email.starts_with("Drifted"), "{email}");
    assert!(email.contains(&gone), "{email}");
    let history = stack.status(KEY).await["history"].clone();
    for _ in 0..3 {
        stack.audit().await;
        assert_eq!(stack.status(KEY).await["history"], history);
    }
    assert_eq!(stack.subjects().len(), 2, "{:?}", stack.subjects());
    assert_eq!(changes_by_name(&stack, before), [""; 0]);
    assert_eq!(parameter(&stack, HOME), None);
    assert_eq!(state(&stack).await, "available");

    stack.retry(KEY).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    for region in [HOME, OREGON] {
        assert_eq!(parameter(&stack, region), image(&status, region));
    }
    let before = stack.world.faults().count();
    let emails = stack.subjects();
    stack.audit().await;
    assert_eq!(stack.in_sync(KEY).await, "true");
    assert_eq!(stack.subjects(), emails);
    assert_eq!(changes_by_name(&stack, before), [""; 0]);
}

/// Nothing is said of the Region that does not answer, and its parameter is not read; what is seen in the other one is told, and
/// repaired once both can be seen.
#[tokio::test(start_paused = true)]
async fn a_deleted_parameter_is_told_while_another_region_does_not_answer() {
    for fault in [Fault::LoseAnswer, refused("UnauthorizedOperation")] {
        let stack = finished("repair: true\n").await;
        delete_parameter(&stack).await;
        let of_region = |call: &localaws::faults::Call| call.region == OREGON;
        let is_meant =
            move |call: &localaws::faults::Call| of_region(call) && call.action == "DescribeImages";
        stack.world.faults().each(is_meant, fault.clone());
        let before = stack.world.faults().count();
        let gone = [(HOME.to_owned(), "parameter".to_owned())];
        for _ in 0..3 {
            stack.audit().await;
            assert_eq!(drift(&stack).await, gone, "{fault:?}");
            let subjects = stack.subjects();
            assert_eq!(subjects.len(), 2, "{fault:?}: {subjects:?}");
            assert!(subjects[1].starts_with("Drifted"), "{subjects:?}");
        }
        assert_eq!(changes_by_name(&stack, before), [""; 0], "{fault:?}");
        assert_eq!(state(&stack).await, "available");
        let mut calls = stack.world.calls();
        calls.retain(|it| it.number > before && of_region(it) && it.service == "ssm");
        assert_eq!(calls, [], "{fault:?}");

        stack.world.faults().clear();
        stack.audit().await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(parameter(&stack, HOME), image(&status, HOME), "{fault:?}");
        assert_eq!(told(&stack, "Repaired"), 1, "{:?}", stack.subjects());
        let before = stack.world.faults().count();
        stack.audit().await;
        assert_eq!(stack.in_sync(KEY).await, "true");
        assert_eq!(stack.emails().len(), 3, "{:?}", stack.subjects());
        assert_eq!(changes_by_name(&stack, before), [""; 0]);
    }
}

/// Parameters are written last: the rest is set back before one is found to be somebody else's.
#[tokio::test(start_paused = true)]
async fn a_parameter_in_conflict_keeps_no_setting_from_being_set_back() {
    let stack = finished("repair: true\n").await;
    Meanwhile::Retagged.happen(&stack).await;
    stack.world.ssm().seed_image_parameter(HOME, NAME, OTHER);
    stack.audit().await;
    assert_eq!(stack.only_image().tags["team"], "web");
    assert_eq!(parameter(&stack, HOME).as_deref(), Some(OTHER));
    assert_eq!(state(&stack).await, "incomplete");
    let email = stack.last_email();
    assert!(email.contains(NAME) && email.contains(OTHER), "{email}");

    let before = stack.world.faults().count();
    for _ in 0..3 {
        stack.audit().await;
    }
    let subjects = stack.subjects();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects[1].starts_with("Incomplete"), "{subjects:?}");
    assert_eq!(changes_by_name(&stack, before), [""; 0]);
}
