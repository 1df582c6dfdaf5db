//! A day on which everything happens that is measured.

use std::time::Duration;

use http::StatusCode;
use localaws::faults::Fault;

use crate::support::{REGION, TestStack, minutes};

const SETTINGS: &str = "description: Web tier\nparameters: [/images/web]\n";

/// A stack to which all of it has happened.
pub(super) async fn stack() -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("CopyRegions", "af-south-1")
            .parameter("ParameterPrefix", "/images")
            // The audit is asked for here.
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await;
    finished(&stack).await;
    drifted(&stack).await;
    unsent(&stack).await;
    stalled_and_failing(&stack).await;
    too_many_at_once(&stack).await;
    too_slow(&stack).await;
    stack
}

/// One that is available and released, one with a Region that is not enabled, one that fails, and one that is rejected.
async fn finished(stack: &TestStack) {
    let web = stack.manifest("web") + SETTINGS;
    stack.drop_and_rest("web.image.yaml", web).await;
    let partly = stack.manifest("partly") + "regions: {af-south-1: {}}\n";
    stack.drop_and_rest("partly.image.yaml", partly).await;
    let missing = "name: missing\nsource: {snapshot: {id: snap-0fedcba9876543210}}\n";
    stack.drop_and_rest("missing.image.yaml", missing).await;
    let wrong = stack.manifest("wrong") + "descripton: Web tier\n";
    stack.drop_and_rest("wrong.image.yaml", wrong).await;
}

/// Somebody changes a finished AMI.
async fn drifted(stack: &TestStack) {
    let status = stack.status("web.image.yaml").await;
    let image = status["regions"][REGION]["image"].as_str().unwrap();
    let changed = stack.aws().set_image_description(image, "Mine").await;
    changed.unwrap();
    stack.audit().await;
}

/// SNS takes nothing for a while.
async fn unsent(stack: &TestStack) {
    let faults = stack.world.faults();
    faults.always("sns", "Publish", Fault::Throttle);
    let manifest = stack.manifest("late");
    stack.drop_file("late.image.yaml", manifest).await;
    stack.world.run_for(minutes(10)).await;
    faults.clear();
    stack.rest().await;
}

/// An AMI stays pending, and S3 fails for a minute.
async fn stalled_and_failing(stack: &TestStack) {
    let ec2 = stack.world.ec2();
    ec2.set_pending_time(minutes(60));
    let manifest = stack.manifest("pending");
    stack.drop_file("pending.image.yaml", manifest).await;
    stack.world.run_for(minutes(30)).await;
    let down = Fault::Refuse {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        code: "InternalError".to_owned(),
        message: "We are down".to_owned(),
    };
    let faults = stack.world.faults();
    faults.always("s3", "GetObject", down);
    stack.world.run_for(minutes(2)).await;
    faults.clear();
    ec2.set_pending_time(Duration::from_secs(10));
    stack.rest().await;
}

/// More uploads than EC2's request rate takes.
async fn too_many_at_once(stack: &TestStack) {
    for number in 0..40 {
        let name = format!("many-{number}");
        let key = format!("{name}.image.yaml");
        stack.drop_file(&key, stack.manifest(&name)).await;
    }
    stack.rest().await;
}

/// S3 answers so slowly that a tick does not get to all of the images that wait for their disks.
async fn too_slow(stack: &TestStack) {
    for number in 0..100 {
        let key = format!("waits-{number}.image.yaml");
        let disk = format!("disk: {{object: {number}.vmdk, format: vmdk}}");
        let manifest = format!("name: waits-{number}\nsource:\n  {disk}\n");
        stack.drop_file(&key, manifest).await;
    }
    stack.world.settle().await;
    let faults = stack.world.faults();
    faults.always("s3", "GetObject", Fault::Slow(Duration::from_secs(9)));
    stack.world.run_for(minutes(2)).await;
    faults.clear();
}
