//! The email of a change says what was changed, whether or not EC2's answers have come through.

use localaws::faults::Fault;

use crate::support::TestStack;

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "111122223333";
const OTHER: &str = "444455556666";

async fn finished() -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
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
            let list = email.text.split("What was changed:\n").nth(1);
            let list = list.unwrap_or_else(|| panic!("{action} {fault:?}: {}", email.text));
            let lines: Vec<&str> = list
                .lines()
                .take_while(|it| it.starts_with("  - "))
                .collect();
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
        let list = email.text.split("What was changed:\n").nth(1);
        let list = list.unwrap_or_else(|| panic!("{fault:?}: {}", email.text));
        let lines: Vec<&str> = list
            .lines()
            .take_while(|it| it.starts_with("  - "))
            .collect();
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
    let list = email.text.split("What was changed:\n").nth(1).unwrap();
    let lines: Vec<&str> = list
        .lines()
        .take_while(|it| it.starts_with("  - "))
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
}
