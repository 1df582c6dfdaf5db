//! The manifest is deleted while a tick waits for the answer to any of its calls: what is under way is ended, and then its AMIs
//! are retired as it had said.

use std::collections::BTreeSet;

use localaws::ec2::DeregistrationProtection;

use super::side_by_side::{during, rest, tick_of};
use crate::support::{REGION, TestStack, minutes};

const KEY: &str = "golden/web.image.yaml";
const NAME: &str = "/images/web";
const ACCOUNT: &str = "111122223333";

/// The manifest's version of this number: each is another AMI, is shared, is pointed to, and replaces the one before.
fn version(stack: &TestStack, number: u32) -> String {
    let manifest = stack.manifest("web-{digest}");
    let size = 8 + number;
    format!(
        "{manifest}register: {{blockDeviceMappings: [{{deviceName: /dev/sdb, ebs: {{volumeSize: {size}}}}}]}}\n\
         access: {{accounts: ['{ACCOUNT}']}}\nparameters: [{NAME}]\nprotect: true\nonDelete: deregister\n\
         replaces: {{previous: deregister}}\n"
    )
}

async fn stack() -> TestStack {
    TestStack::built(|builder| {
        builder
            .schedules(false)
            .parameter("AllowRetire", "true")
            .parameter("ShareWith", "*")
            .parameter("ParameterPrefix", "/images")
    })
    .await
}

/// Version 1 is there, and version 2 is registered by the upload: the next tick publishes it and retires version 1.
async fn replacing() -> TestStack {
    let stack = stack().await;
    stack.drop_file(KEY, version(&stack, 1)).await;
    rest(&stack).await;
    // The tick is the first to see that the AMI is available.
    let rule = "AdvanceTasksImageStateChange";
    assert!(stack.world.set_rule_enabled(rule, false));
    stack.drop_file(KEY, version(&stack, 2)).await;
    stack.world.settle().await;
    stack.world.run_for(minutes(1)).await;
    stack
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_deleted_at_any_call_leaves_only_what_is_in_use() {
    let mut ends = BTreeSet::new();
    for nth in 1.. {
        let about = format!("{nth}");
        let stack = replacing().await;
        let other = async { stack.remove(KEY).await };
        let made = Box::pin(during(&stack, nth, other)).await;
        stack.world.faults().clear();
        rest(&stack).await;
        // What was under way is ended first, and then the sweep sees that the manifest is gone.
        tick_of(&stack, "sweep").await;
        rest(&stack).await;
        let status = stack.status(KEY).await;
        let state = status["state"].as_str().unwrap();
        // A version that was not there yet is cancelled, and the one before is kept.
        let is_deleted = state == "deleted";
        ends.insert(is_deleted);
        assert!(is_deleted || state == "cancelled", "{about}: {status:#}");
        // The parameter that names it keeps it: what follows it would break.
        let image = stack.only_image();
        let held = stack.world.ssm().parameter(REGION, NAME);
        assert_eq!(held, Some(image.id.clone()), "{about}: {status:#}");
        assert_eq!(image.deprecation_time.is_some(), is_deleted, "{about}");
        let on = DeregistrationProtection::EnabledWithoutCooldown;
        assert_eq!(image.deregistration_protection, on, "{about}");
        if let Some(made) = made {
            assert!(made > 10, "{made}");
            assert_eq!(ends, BTreeSet::from([false, true]));
            return;
        }
    }
}
