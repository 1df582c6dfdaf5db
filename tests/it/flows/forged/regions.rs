//! Statuses that name Regions which the stack does not open: they are not called, whatever a status says. Each call takes its time
//! until it fails, and other images wait for that.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{REGION, TestStack, minutes};

const KEY: &str = "golden/web.image.yaml";

/// A status that has the AMI in other Regions, too.
async fn elsewhere(stack: &TestStack) -> Value {
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    let mut status = stack.status(KEY).await;
    let image = status["regions"][REGION].clone();
    for region in ["eu-west-1", "xx-nowhere-1", "s3"] {
        status["regions"][region] = image.clone();
    }
    status
}

/// The Regions that were called.
fn called(stack: &TestStack) -> BTreeSet<String> {
    let calls = stack.world.calls().into_iter();
    calls.map(|call| call.region).collect()
}

#[tokio::test(start_paused = true)]
async fn no_other_region_is_called_to_publish() {
    let stack = TestStack::new().await;
    let mut status = elsewhere(&stack).await;
    status["state"] = json!("working");
    status["build"]["step"] = json!("publish");
    status["publishes"] = json!(true);
    super::forge(&stack, KEY, &status).await;
    stack.rest().await;
    assert_eq!(called(&stack), BTreeSet::from([REGION.to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn no_other_region_is_called_to_audit() {
    let stack = TestStack::new().await;
    let status = elsewhere(&stack).await;
    let key = amiwright::keys::status_key(KEY);
    let content = status.to_string().into_bytes();
    let put = stack.world.s3().put(&stack.state_bucket, &key, content);
    put.await.unwrap();
    stack.world.run_for(minutes(20)).await;
    stack.audit().await;
    assert_eq!(called(&stack), BTreeSet::from([REGION.to_owned()]));
}

/// Where an AMI that is being retired may have been deregistered is looked at although its Region is closed by now; but not what was
/// never a Region.
#[tokio::test(start_paused = true)]
async fn what_is_no_region_is_not_called_to_retire() {
    let stack = TestStack::new().await;
    let mut status = elsewhere(&stack).await;
    let mut regions = status["regions"].clone();
    regions.as_object_mut().unwrap().remove(REGION);
    for (_, it) in regions.as_object_mut().unwrap() {
        it["image"] = json!("ami-00000000000000009");
        it["retiring"] = json!({"askedAt": "2026-11-21T10:00:00Z"});
    }
    status["regions"]
        .as_object_mut()
        .unwrap()
        .retain(|region, _| region == REGION);
    status["previous"] = json!([{"digest": "00ff", "regions": regions}]);
    status["state"] = json!("working");
    status["build"]["step"] = json!("retire");
    super::forge(&stack, KEY, &status).await;
    stack.expect_refusals();
    for _ in 0..3 {
        stack.minute().await;
    }
    assert!(!called(&stack).contains("s3"), "{:?}", called(&stack));
}
