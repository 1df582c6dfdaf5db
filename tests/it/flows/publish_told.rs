//! The email of a change says what was changed, whether or not EC2's answers have come through.

use std::time::Duration;

use localaws::faults::Fault;

use crate::support::TestStack;

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "111122223333";
const OTHER: &str = "444455556666";

async fn finished() -> TestStack {
    finished_in(include_str!("../../../template.yaml")).await
}

async fn finished_in(template: &str) -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .template(template)
            .parameter("ShareWith", "*")
            .parameter("ParameterPrefix", "/images")
    })
    .await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    stack
}

fn settings(stack: &TestStack, settings: &str) -> String {
    stack.manifest("web") + settings
}

/// Every change of which the answer is lost, or that an invocation makes and does not live to record.
#[tokio::test(start_paused = true)]
async fn a_change_is_told_whose_answer_was_lost() {
    let changes = [
        (
            "ModifyImageAttribute",
            "description: Web tier\n",
            "description: \"Web tier\"",
        ),
        ("CreateTags", "tags: {team: web}\n", "team"),
        (
            "ModifyImageAttribute",
            "access: {accounts: ['111122223333']}\n",
            "shared with 111122223333",
        ),
        (
            "EnableImageDeprecation",
            "deprecate: {after: 90d}\n",
            "deprecat",
        ),
        (
            "EnableImageDeregistrationProtection",
            "protect: true\n",
            "protect",
        ),
    ];
    for (action, change, told) in changes {
        for fault in [Fault::LoseAnswer, Fault::Crash] {
            let stack = finished().await;
            stack.world.faults().on("ec2", action, 1, fault.clone());
            stack.drop_and_rest(KEY, settings(&stack, change)).await;
            assert_eq!(stack.status(KEY).await["state"], "available");
            let email = stack.emails().pop().unwrap();
            assert!(email.subject.starts_with("Changed"), "{}", email.subject);
            let lines = changes_of(&email.text);
            assert_eq!(lines.len(), 1, "{action} {fault:?}: {lines:?}");
            assert!(lines[0].contains(told), "{action} {fault:?}: {lines:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_parameter_is_told_whose_write_was_not_answered() {
    for fault in [Fault::LoseAnswer, Fault::Crash] {
        let stack = finished().await;
        stack
            .world
            .faults()
            .on("ssm", "PutParameter", 1, fault.clone());
        let change = "parameters: [{name: /images/web}]\n";
        stack.drop_and_rest(KEY, settings(&stack, change)).await;
        let email = stack.emails().pop().unwrap();
        let lines = changes_of(&email.text);
        assert_eq!(lines.len(), 1, "{fault:?}: {lines:?}");
        assert!(lines[0].contains("/images/web"), "{fault:?}: {lines:?}");
    }
}

/// The manifest is changed once more before people were told of the first change.
#[tokio::test(start_paused = true)]
async fn what_was_changed_before_the_next_change_is_told_with_it() {
    let stack = finished().await;
    // A tag is set, and a share is refused for a while.
    let faults = stack.world.faults();
    faults.always("ec2", "ModifyImageAttribute", Fault::Throttle);
    let first = format!("tags: {{team: web}}\naccess: {{accounts: ['{PARTNER}']}}\n");
    stack.drop_file(KEY, settings(&stack, &first)).await;
    stack.minute().await;
    stack.minute().await;
    stack.world.faults().clear();
    let second = format!("tags: {{team: web}}\naccess: {{accounts: ['{OTHER}']}}\n");
    stack.drop_and_rest(KEY, settings(&stack, &second)).await;
    let email = stack.emails().pop().unwrap();
    assert!(email.subject.starts_with("Changed"), "{}", email.subject);
    let list = email.text.split("What was changed:\n").nth(1).unwrap();
    for told in ["team", OTHER] {
        assert!(list.contains(told), "{told}: {}", email.text);
    }
    // Told once: the next email has its own changes alone.
    let third = format!("access: {{accounts: ['{OTHER}']}}\n");
    stack.drop_and_rest(KEY, settings(&stack, &third)).await;
    let email = stack.emails().pop().unwrap();
    let lines = changes_of(&email.text);
    assert_eq!(lines.len(), 1, "{lines:?}");
}

/// The manifest is removed before all of a change is done: its email says what was done, and the next email does not.
#[tokio::test(start_paused = true)]
async fn what_was_changed_before_a_manifest_was_removed_is_told_once() {
    // Where versions are kept, one that is removed is read, and applied.
    let stack = finished_in(&TestStack::template_without_versions()).await;
    let first = "parameters: [{name: /images/web}]\n";
    stack.drop_file(KEY, settings(&stack, first)).await;
    // Written, and not seen yet.
    stack.world.run_for(Duration::from_secs(10)).await;
    assert_eq!(stack.count("PutParameter"), 1);
    stack.remove(KEY).await;
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete");
    assert_eq!(status.get("untold"), None);
    let email = stack.emails().pop().unwrap();
    let lines = changes_of(&email.text);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("/images/web"), "{lines:?}");

    let second = "description: Web tier\n";
    stack.drop_and_rest(KEY, settings(&stack, second)).await;
    let email = stack.emails().pop().unwrap();
    assert!(email.subject.starts_with("Changed"), "{}", email.subject);
    let lines = changes_of(&email.text);
    assert!(lines.iter().any(|it| it.contains("description")));
    assert!(!lines.iter().any(|it| it.contains("written")), "{lines:?}");
}

/// The lines of an email that say what was changed.
fn changes_of(email: &str) -> Vec<&str> {
    let list = email.split("What was changed:\n").nth(1);
    let list = list.unwrap_or_else(|| panic!("nothing was changed: {email}"));
    let lines = list.lines();
    lines.take_while(|it| it.starts_with("  - ")).collect()
}
