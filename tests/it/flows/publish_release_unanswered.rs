//! SSM fails while it writes a parameter: it may have taken the value all the same.

use std::time::Duration;

use amiwright::image::status::ParameterType;
use http::StatusCode;
use localaws::faults::Fault;

use super::publish_release::{HOME, KEY, NAME, manifest, parameter, puts, released, stack, state};
use crate::support::{TestStack, changes_since, minutes};

fn failed() -> Fault {
    Fault::Refuse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalServerError".to_owned(),
        message: "An error occurred on the server side.".to_owned(),
    }
}

/// The same manifest once more changes nothing, and nobody is told anything.
async fn nothing_happens_twice(stack: &TestStack, manifest: &str) {
    let (before, told) = (stack.world.faults().count(), stack.subjects());
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(changes_since(stack, before), []);
    assert_eq!(stack.subjects(), told);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_ssm_took_while_it_failed_is_told() {
    let stack = stack().await;
    stack.drop_and_rest(KEY, manifest(&stack, "")).await;
    stack.world.faults().on("ssm", "PutParameter", 1, failed());
    let asked = released(&stack);
    stack.drop_file(KEY, &asked).await;
    stack.world.run_for(Duration::from_secs(10)).await;
    assert_eq!(puts(&stack), 1);
    // SSM has done it before it failed.
    let image = stack.only_image().id;
    let description = format!("amiwright: {image} of s3://{}/{KEY}", stack.bucket);
    let value = (image.as_str(), description.as_str());
    let put = stack
        .aws()
        .put_image_parameter(NAME, value, ParameterType::Image, false)
        .await;
    put.unwrap();
    stack.rest().await;
    assert_eq!(state(&stack).await, "available");
    assert_eq!(parameter(&stack, HOME), Some(image));
    assert_eq!(puts(&stack), 1);
    let email = stack.last_email();
    assert!(email.starts_with("Changed"), "{email}");
    let told = email.split("What was changed:\n").nth(1);
    assert!(told.is_some_and(|told| told.contains(NAME)), "{email}");
    nothing_happens_twice(&stack, &asked).await;
}

/// However often SSM fails, that says nothing about the value.
#[tokio::test(start_paused = true)]
async fn a_value_is_written_once_ssm_no_longer_fails() {
    let stack = stack().await;
    stack.world.faults().always("ssm", "PutParameter", failed());
    let asked = released(&stack);
    stack.drop_file(KEY, &asked).await;
    stack.world.run_for(minutes(40)).await;
    assert!(puts(&stack) > 3, "{}", puts(&stack));
    assert_eq!(state(&stack).await, "working");
    stack.world.faults().clear();
    stack.rest().await;
    assert_eq!(state(&stack).await, "available");
    assert_eq!(parameter(&stack, HOME), Some(stack.only_image().id));
    nothing_happens_twice(&stack, &asked).await;
}
