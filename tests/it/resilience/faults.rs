//! Every call of an image's life fails once, in every way; then the world settles, and its state is the expected one.

use std::time::Duration;

use crate::support::{TestStack, faults};
use localaws::faults::Fault;

const KEY: &str = "golden/web.image.yaml";

/// How many calls a world makes from the drop until it is at rest.
async fn calls_of_a_run_without_faults() -> u64 {
    let stack = TestStack::new().await;
    stack.drop_and_rest(KEY, stack.manifest("web-{date}")).await;
    stack.world.faults().count()
}

#[tokio::test(start_paused = true)]
async fn one_ami_and_one_email_whichever_call_fails() {
    let calls = calls_of_a_run_without_faults().await;
    assert!(calls > 10, "{calls}");
    for number in 1..=calls {
        for fault in faults() {
            let stack = TestStack::new().await;
            stack.world.faults().at(number, fault.clone());
            stack.drop_and_rest(KEY, stack.manifest("web-{date}")).await;
            let case = format!(
                "call {number}: {fault:?}, {:?}",
                stack.world.calls().get(number as usize - 1)
            );

            let images = stack.images();
            assert_eq!(images.len(), 1, "{case}: {images:#?}");
            assert_eq!(stack.status(KEY).await["state"], "available", "{case}");
            // Between publishing a notice and marking it as sent, it may be repeated; nowhere else, and none is ever
            // lost.
            let emails = stack.emails();
            let calls = stack.world.calls();
            let sender_wrote =
                ["Publish", "PutObject"].contains(&calls[number as usize - 1].action.as_str());
            let unmarked = sender_wrote
                && calls[..number as usize]
                    .iter()
                    .any(|call| call.action == "Publish");
            assert!(
                emails.len() == 1 || (unmarked && emails.len() == 2),
                "{case}: {emails:#?}"
            );
            assert!(
                emails.iter().all(|email| email == &emails[0]),
                "{case}: {emails:#?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_event_twice_at_once_makes_one_ami_and_one_email() {
    let stack = TestStack::new().await;
    let event = stack.object_created(KEY);
    stack.drop_silently(KEY, stack.manifest("web"));
    for _ in 0..5 {
        stack.world.invoke_later("RegisterImage", event.clone());
    }
    stack.rest().await;
    assert_eq!(stack.images().len(), 1, "{:#?}", stack.images());
    assert_eq!(stack.emails().len(), 1);

    // And later, out of order, again.
    stack.world.invoke("RegisterImage", event).await.unwrap();
    stack.rest().await;
    assert_eq!(stack.images().len(), 1);
    assert_eq!(stack.emails().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_registrations_at_once_meet_in_one_ami() {
    // Both have looked it up before either creates: EC2 answers slowly.
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_visibility_delay(Duration::from_secs(90));
    stack.drop_silently(KEY, stack.manifest("web"));
    stack.world.faults().on(
        "ec2",
        "RegisterImage",
        1,
        Fault::Slow(Duration::from_secs(5)),
    );
    for _ in 0..2 {
        stack
            .world
            .invoke_later("RegisterImage", stack.object_created(KEY));
    }
    stack.rest().await;
    assert_eq!(stack.images().len(), 1, "{:#?}", stack.images());
    assert_eq!(stack.emails().len(), 1);
    assert_eq!(stack.status(KEY).await["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_of_register_image_is_resolved_by_a_lookup() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_visibility_delay(Duration::from_secs(150));
    stack
        .world
        .faults()
        .on("ec2", "RegisterImage", 1, Fault::LoseAnswer);
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    assert_eq!(stack.images().len(), 1, "{:#?}", stack.images());
    let status = stack.status(KEY).await;
    let adopted = status["history"].as_array().unwrap().iter().any(|change| {
        change["why"]
            .as_str()
            .unwrap()
            .ends_with("registered by an earlier request")
    });
    assert!(adopted, "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_after_a_long_wait_is_resolved_by_a_lookup_too() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_visibility_delay(Duration::from_secs(150));
    stack
        .world
        .faults()
        .always("ec2", "RegisterImage", Fault::Throttle);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(20 * 60)).await;
    stack.world.faults().clear();
    stack
        .world
        .faults()
        .on("ec2", "RegisterImage", 1, Fault::LoseAnswer);
    stack.rest().await;
    assert_eq!(stack.images().len(), 1, "{:#?}", stack.images());
    assert_eq!(stack.status(KEY).await["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn an_ami_whose_manifest_was_removed_is_still_looked_up() {
    // The answer was lost, after a long wait, and the AMI cannot be seen yet.
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_visibility_delay(Duration::from_secs(300));
    stack
        .world
        .faults()
        .always("ec2", "RegisterImage", Fault::Throttle);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(Duration::from_secs(20 * 60)).await;
    stack.world.faults().clear();
    stack
        .world
        .faults()
        .on("ec2", "RegisterImage", 1, Fault::LoseAnswer);
    while stack.images().is_empty() {
        stack.world.run_for(Duration::from_secs(5)).await;
    }
    stack.world.settle().await;
    let path = stack.world.directory().join("s3").join(&stack.bucket);
    std::fs::remove_file(path.join(KEY)).unwrap();
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
}

/// Changed settings are notified once, though nothing is open and no tick would visit the image.
#[tokio::test(start_paused = true)]
async fn changed_settings_are_notified_once_whichever_call_fails() {
    let changed = |stack: &TestStack| stack.manifest("web-{digest}") + "description: other\n";
    let prepared = async || {
        let stack = TestStack::new().await;
        let manifest = stack.manifest("web-{digest}");
        stack.drop_and_rest(KEY, manifest).await;
        stack
    };
    let quiet = prepared().await;
    let first = quiet.world.faults().count();
    quiet.drop_and_rest(KEY, changed(&quiet)).await;
    let last = quiet.world.faults().count();
    assert!(last > first + 8, "{first} to {last}");
    for number in first + 1..=last {
        for fault in faults() {
            let stack = prepared().await;
            stack.world.faults().at(number, fault.clone());
            stack.drop_and_rest(KEY, changed(&stack)).await;
            // The event may be lost: then the sweep finds the manifest.
            stack.world.run_for(Duration::from_secs(20 * 60)).await;
            stack.rest().await;
            let calls = stack.world.calls();
            let call = calls.get(number as usize - 1);
            let case = format!("call {number}: {fault:?}, {call:?}");
            let is_changed = |email: &&crate::support::Email| email.subject.contains("Changed");
            let emails = stack.emails();
            let count = emails.iter().filter(is_changed).count();
            let may_repeat = calls[first as usize..number as usize]
                .iter()
                .any(|call| call.action == "Publish");
            assert!(
                count == 1 || may_repeat && count == 2,
                "{case}: {emails:#?}"
            );
        }
    }
}
