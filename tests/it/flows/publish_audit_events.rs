//! Events of EC2 about a finished AMI, or about a copy that is on its way: hints, from the Regions that get copies.

use std::time::Duration;

use localaws::ec2::{ImageState, TaskKind};
use localaws::faults::Fault;
use serde_json::{Value, json};

use super::publish_audit::{KEY, OREGON, edit, finished, id};
use crate::support::{REGION, TestStack, minutes};

/// EC2's event of a Region, as it is forwarded to the bus of the stack's.
fn forwarded(region: &str, image: &str, state: &str) -> Value {
    json!({
        "version": "0", "id": "e", "detail-type": "EC2 AMI State Change", "source": "aws.ec2",
        "account": "000000000000", "time": "2026-11-21T10:00:00Z", "region": region,
        "resources": [format!("arn:aws:ec2:{region}::image/{image}")],
        "detail": {"RequestId": "r", "ImageId": image, "State": state, "ErrorMessage": ""}
    })
}

#[tokio::test(start_paused = true)]
async fn an_event_is_a_hint_from_any_region_that_gets_copies() {
    for region in [REGION, OREGON] {
        let stack = finished("regions: {us-west-2: {}}\n").await;
        let image = id(&stack, region).await;
        stack.world.run_for(minutes(20)).await;
        edit(&stack, region, &image, |it| {
            it.state = ImageState::Disabled;
        });
        let event = forwarded(region, &image, "disabled");
        for _ in 0..2 {
            let world = &stack.world;
            world.invoke("AdvanceTasks", event.clone()).await.unwrap();
            world.settle().await;
            assert_eq!(stack.emails().len(), 2, "{region}");
        }
        // Of no other Region is anything asked, whatever is on the bus.
        let before = stack.world.faults().count();
        let event = forwarded("eu-west-1", &image, "disabled");
        stack.world.invoke("AdvanceTasks", event).await.unwrap();
        assert_eq!(stack.world.faults().count(), before);
    }
}

/// The event of a copy moves it on before its poll is due.
#[tokio::test(start_paused = true)]
async fn a_forwarded_event_of_a_copy_moves_it_on() {
    let stack = TestStack::built(|builder| builder.parameter("CopyRegions", OREGON)).await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::CopyImage, minutes(62));
    let manifest = stack.manifest("web") + "regions: {us-west-2: {}}\n";
    stack.drop_file(KEY, manifest).await;
    while ec2_state(&stack).await != Some(ImageState::Available) {
        stack.world.run_for(Duration::from_secs(10)).await;
    }
    assert_eq!(stack.status(KEY).await["state"], "working");
    let event = forwarded(OREGON, &id(&stack, OREGON).await, "available");
    stack.world.invoke("AdvanceTasks", event).await.unwrap();
    assert_eq!(stack.status(KEY).await["state"], "available");
}

async fn ec2_state(stack: &TestStack) -> Option<ImageState> {
    let images = stack.world.ec2().images(OREGON);
    images.into_iter().next().map(|image| image.state)
}

/// Events come of anybody's AMIs, and of many at once: one that cannot be followed now is left to the schedule.
#[tokio::test(start_paused = true)]
async fn an_event_that_cannot_be_followed_now_is_no_failure() {
    for (service, action) in [("ec2", "DescribeImages"), ("s3", "GetObject")] {
        let stack = finished("regions: {us-west-2: {}}\n").await;
        for region in [REGION, OREGON] {
            let image = id(&stack, region).await;
            stack.world.run_for(minutes(20)).await;
            stack
                .world
                .faults()
                .always(service, action, Fault::Throttle);
            let before = stack.count(action);
            for image in [image.as_str(), "ami-0123456789abcdef0"] {
                let event = forwarded(region, image, "disabled");
                let report = stack.world.invoke("AdvanceTasks", event.clone()).await;
                report.unwrap_or_else(|error| panic!("{action} {region}: {error:?}"));
                stack.world.invoke_later("AdvanceTasks", event);
            }
            stack.world.settle().await;
            assert!(stack.count(action) > before, "{action} {region}");
            stack.world.faults().clear();
            stack.rest().await;
            assert_eq!(stack.world.dead_letters(), []);
        }
    }
}

/// An event of EC2 about an AMI that is being stored says nothing about the task that stores it.
#[tokio::test(start_paused = true)]
async fn an_event_does_not_end_what_it_is_not_about() {
    let stack = TestStack::new().await;
    stack
        .world
        .ec2()
        .set_task_time(TaskKind::StoreImage, minutes(90));
    let store = format!("store: {{bucket: {}}}\n", stack.bucket);
    stack.drop_file(KEY, stack.manifest("web") + &store).await;
    stack.world.settle().await;
    while stack.status(KEY).await["build"]["step"] != "await-store" {
        stack.minute().await;
    }
    let event = forwarded(REGION, &id(&stack, REGION).await, "available");
    stack.world.invoke("AdvanceTasks", event).await.unwrap();
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "working");
    assert_eq!(status["build"]["step"], "await-store");
    assert_eq!(stack.emails().len(), 0);

    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    let email = stack.only_email();
    let stored = format!("s3://{}/", stack.bucket);
    assert!(email.text.contains(&stored), "{}", email.text);
}
