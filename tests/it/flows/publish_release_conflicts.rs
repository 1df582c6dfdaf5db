//! SSM parameters that are somebody else's, that SSM does not take, and that others write meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use localaws::faults::Fault;

use super::publish_release::{
    HOME, KEY, NAME, OTHER, condition, image, known, manifest, next_version, parameter, puts,
    released, stack, state,
};
use crate::support::faults;

#[tokio::test(start_paused = true)]
async fn a_parameter_that_amiwright_did_not_write_is_taken_over_only_if_the_manifest_says_so() {
    let stack = stack().await;
    stack.world.ssm().seed_image_parameter(HOME, NAME, OTHER);
    stack.drop_and_rest(KEY, released(&stack)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    assert_eq!(parameter(&stack, HOME).as_deref(), Some(OTHER));
    assert_eq!(puts(&stack), 0);
    let so = ("false".to_owned(), "ParameterConflict".to_owned());
    assert_eq!(condition(&status, "Released"), Some(so));
    let text = stack.only_email().text;
    for part in [NAME, HOME, OTHER, "takeOver: true"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    let taken = manifest(
        &stack,
        &format!("parameters: [{{name: {NAME}, takeOver: true}}]\n"),
    );
    stack.drop_and_rest(KEY, taken).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(parameter(&stack, HOME), image(&status, HOME));
    assert_eq!(known(&status, HOME)["version"], 2, "{status:#}");
}

/// What somebody has set by hand, to go back to an older AMI, is not undone by the next version.
#[tokio::test(start_paused = true)]
async fn a_parameter_that_somebody_else_changed_since_is_a_conflict_until_it_is_set_back() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, released(&stack)).await;
    let first = parameter(&stack, HOME).unwrap();
    stack.world.ssm().seed_image_parameter(HOME, NAME, OTHER);
    stack.drop_and_rest(KEY, next_version(&stack)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    assert_eq!(parameter(&stack, HOME).as_deref(), Some(OTHER));
    let text = &stack.emails()[1].text;
    assert!(text.contains(&first) && text.contains(OTHER), "{text}");
    stack
        .world
        .ssm()
        .seed_image_parameter(HOME, NAME, &image(&status, HOME).unwrap());
    stack.retry(KEY).await;
    assert_eq!(state(&stack).await, "available");
    assert_eq!(puts(&stack), 1);
}

/// SSM does not change the data type of a parameter.
#[tokio::test(start_paused = true)]
async fn a_text_parameter_stays_text() {
    let stack = stack().await;
    stack
        .world
        .ssm()
        .seed_parameter(HOME, NAME, "String", OTHER);
    let taken = format!("parameters: [{{name: {NAME}, takeOver: true}}]\n");
    stack.drop_and_rest(KEY, manifest(&stack, &taken)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(parameter(&stack, HOME), image(&status, HOME));
    assert_eq!(known(&status, HOME)["isText"], true);
    assert!(
        stack.only_email().text.contains("is text"),
        "{}",
        stack.only_email().text
    );
}

/// A parameter of another type is not written, whatever the manifest says.
#[tokio::test(start_paused = true)]
async fn a_secret_is_never_overwritten_and_never_shown() {
    let stack = stack().await;
    let ssm = stack.world.ssm();
    ssm.seed_parameter(HOME, NAME, "SecureString", "hunter2");
    let taken = format!("parameters: [{{name: {NAME}, takeOver: true}}]\n");
    stack.drop_and_rest(KEY, manifest(&stack, &taken)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    assert_eq!(parameter(&stack, HOME).as_deref(), Some("hunter2"));
    assert!(!status.to_string().contains("hunter2"), "{status:#}");
}

/// A put that is answered with a version proves nothing: the value is validated later.
#[tokio::test(start_paused = true)]
async fn a_value_that_is_never_shown_is_written_three_times_and_reported() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, released(&stack)).await;
    let first = parameter(&stack, HOME);
    let is_valid = Arc::new(AtomicBool::new(false));
    let check = Arc::clone(&is_valid);
    stack
        .world
        .ssm()
        .set_image_check(move |_, _| check.load(Ordering::Relaxed));
    stack.drop_and_rest(KEY, next_version(&stack)).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    assert_eq!(parameter(&stack, HOME), first);
    assert_eq!(puts(&stack), 4);
    let so = ("false".to_owned(), "ParameterNotValidated".to_owned());
    assert_eq!(condition(&status, "Released"), Some(so));
    let emails = stack.emails();
    let text = &emails.last().unwrap().text;
    assert!(text.contains("ec2:DescribeImages"), "{text}");
    is_valid.store(true, Ordering::Relaxed);
    stack.retry(KEY).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(parameter(&stack, HOME), image(&status, HOME));
}

#[tokio::test(start_paused = true)]
async fn one_value_and_one_email_whatever_goes_wrong_once() {
    for call in ["GetParameters", "PutParameter"] {
        for fault in faults() {
            let stack = stack().await;
            stack.world.faults().on("ssm", call, 1, fault.clone());
            stack.drop_and_rest(KEY, released(&stack)).await;
            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "available", "{call} {fault:?}: {status:#}");
            assert_eq!(
                parameter(&stack, HOME),
                image(&status, HOME),
                "{call} {fault:?}"
            );
            assert_eq!(known(&status, HOME)["version"], 1, "{call} {fault:?}");
            assert_eq!(stack.emails().len(), 1, "{call} {fault:?}");
        }
    }
}

/// The same where there is a parameter already.
#[tokio::test(start_paused = true)]
async fn one_more_version_whatever_goes_wrong_once() {
    for call in ["GetParameterHistory", "PutParameter"] {
        for fault in faults() {
            let stack = stack().await;
            stack.drop_and_rest(KEY, released(&stack)).await;
            stack.world.faults().on("ssm", call, 1, fault.clone());
            stack.drop_and_rest(KEY, next_version(&stack)).await;
            let status = stack.status(KEY).await;
            let about = format!("{call} {fault:?}");
            assert_eq!(status["state"], "available", "{about}: {status:#}");
            assert_eq!(parameter(&stack, HOME), image(&status, HOME), "{about}");
            assert_eq!(known(&status, HOME)["version"], 2, "{about}");
            assert!(known(&status, HOME)["overwritten"].is_null(), "{about}");
        }
    }
}

/// SSM has no conditional write: what is overwritten by that is said.
#[tokio::test(start_paused = true)]
async fn a_value_that_somebody_writes_between_read_and_write_is_reported() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, released(&stack)).await;
    let reads = || {
        let calls = stack.world.calls();
        let reads = calls.iter().filter(|call| call.action == "GetParameters");
        reads.count()
    };
    let before = reads();
    let slow = Fault::Slow(Duration::from_secs(4));
    stack.world.faults().on("ssm", "GetParameters", 1, slow);
    stack.drop_file(KEY, next_version(&stack)).await;
    while reads() == before {
        stack.world.run_for(Duration::from_secs(1)).await;
    }
    stack.world.ssm().seed_image_parameter(HOME, NAME, OTHER);
    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(parameter(&stack, HOME), image(&status, HOME));
    assert_eq!(known(&status, HOME)["version"], 3, "{status:#}");
    assert_eq!(known(&status, HOME)["overwritten"], 2, "{status:#}");
    let text = &stack.emails()[1].text;
    assert!(
        text.contains("version 2, which somebody else wrote"),
        "{text}"
    );
}
