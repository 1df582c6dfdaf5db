//! What SNS or EC2 refuses for hours keeps nothing else from being done, or told.

use localaws::ec2::StateReason;
use localaws::faults::Fault;

use crate::support::{TestStack, minutes, refused};

const KEY: &str = "web.image.yaml";

#[tokio::test(start_paused = true)]
async fn an_upload_that_nobody_heard_of_is_begun_although_no_email_can_be_sent() {
    let stack = TestStack::new().await;
    let faults = stack.world.faults();
    faults.always("sns", "Publish", Fault::Throttle);
    stack.drop_file(KEY, "name: [").await;
    stack.world.run_for(minutes(1)).await;
    assert_eq!(stack.status(KEY).await["state"], "rejected");

    stack.drop_silently(KEY, stack.manifest("web"));
    stack.world.run_for(minutes(40)).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.only_image().name, "web");
    assert_eq!(stack.emails(), []);

    stack.world.faults().clear();
    stack.rest().await;
    assert_eq!(stack.subjects().len(), 2, "{:?}", stack.subjects());
}

#[tokio::test(start_paused = true)]
async fn what_keeps_an_image_from_going_on_is_told_although_it_lasts() {
    let stack = TestStack::new().await;
    let faults = stack.world.faults();
    stack.expect_refusals();
    faults.always("ec2", "DescribeImages", refused("UnauthorizedOperation"));
    // Its events are lost: only the schedule is left to send it.
    assert!(stack.world.set_rule_enabled("NotifyDue", false));
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(minutes(60)).await;
    let told = stack.subjects();
    assert!(
        told.iter().any(|it| it.starts_with("Still waiting")),
        "{told:?} {:#}",
        stack.status(KEY).await
    );
}

/// An AMI that failed, and could not be deregistered, is in the way of no later attempt.
#[tokio::test(start_paused = true)]
async fn a_failed_ami_that_could_not_be_deregistered_is_made_anew_once_that_is_allowed() {
    let stack = TestStack::new().await;
    let (ec2, faults) = (stack.world.ec2(), stack.world.faults());
    stack.expect_refusals();
    ec2.fail_next_registration(StateReason {
        code: "Client.InternalError".to_owned(),
        message: "it broke".to_owned(),
    });
    let denied = refused("UnauthorizedOperation");
    faults.always("ec2", "DeregisterImage", denied);
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let failed = stack.only_image().id;
    let told = stack.emails().pop().unwrap();
    assert!(told.text.contains(&failed), "{}", told.text);

    stack.world.faults().clear();
    stack.retry(KEY).await;
    assert_eq!(stack.status(KEY).await["state"], "failed");
    assert!(stack.images().is_empty(), "{:?}", stack.images());
    stack.retry(KEY).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_ne!(stack.only_image().id, failed);
}
