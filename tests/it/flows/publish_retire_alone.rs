//! AMIs that are to be retired, and whose successor is gone by then: they stay, and people are told of that in time.

use localaws::faults::Fault;

use super::publish_retire_ended::{KEY, cooling_down, slow_stack};
use crate::support::{REGION, minutes};

/// Each failure to protect it meanwhile would be another reason to wait.
#[tokio::test(start_paused = true)]
async fn an_ami_that_nothing_replaces_and_that_cannot_be_protected_is_given_up_all_the_same() {
    let stack = slow_stack().await;
    let old = cooling_down(&stack).await;
    let status = stack.status(KEY).await;
    let current = status["regions"][REGION]["image"].as_str().unwrap();
    stack.deregister(current).await;
    let faults = stack.world.faults();
    let action = "EnableImageDeregistrationProtection";
    faults.always("ec2", action, Fault::Throttle);
    stack.world.run_for(minutes(25 * 60)).await;
    let status = stack.status(KEY).await;
    let waiting = &status["build"]["waiting"];
    assert_eq!(waiting["reason"], "no-successor", "{status:#}");
    let email = stack.last_email();
    assert!(email.starts_with("Still waiting"), "{email}");
    let asked = stack.count(action);

    stack.world.run_for(minutes(7 * 60)).await;
    stack.rest().await;
    assert!(stack.count(action) > asked, "it is tried until then");
    let email = stack.last_email();
    let told = format!("{} kept: there is no AMI in its Region", old.id);
    assert!(email.contains(&told), "{email}");
    assert!(email.contains("may be off: check it"), "{email}");
    assert_eq!(stack.status(KEY).await["state"], "available");
}
