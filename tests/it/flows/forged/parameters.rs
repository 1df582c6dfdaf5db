//! Statuses that claim parameters of others. A value is overwritten only if SSM's own record proves that it was written for
//! this manifest, or if the manifest says `takeOver`.

use serde_json::json;

use super::forge;
use crate::support::{REGION, TestStack};

const KEY: &str = "golden/web.image.yaml";
const NAME: &str = "/images/web";
const OTHER: &str = "ami-0fedcba9876543210";

async fn stack() -> TestStack {
    TestStack::built(|builder| builder.parameter("ParameterPrefix", "/images")).await
}

fn parameter(stack: &TestStack) -> String {
    stack.world.ssm().parameter(REGION, NAME).unwrap()
}

/// The status of `key` says that this value of this version was its own.
async fn claim(stack: &TestStack, key: &str, value: &str, version: u64) {
    for put in [false, true] {
        let mut status = stack.status(key).await;
        status["state"] = json!("working");
        status["build"]["step"] = json!("publish");
        status["build"].as_object_mut().unwrap().remove("failure");
        let known = match put {
            false => {
                json!({"value": value, "version": version, "confirmedAt": "2026-11-21T10:00:00Z"})
            }
            true => json!({"put": {"value": value, "after": version - 1, "attempts": 1}}),
        };
        status["release"]["parameters"][format!("{REGION}:{NAME}")] = known;
        forge(stack, key, &status).await;
        stack.rest().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_only_a_status_claims_is_not_overwritten() {
    let stack = stack().await;
    let ssm = stack.world.ssm();
    ssm.seed_parameter(REGION, NAME, "String", OTHER);
    let manifest = stack.manifest("web-{digest}");
    let asked = format!("{manifest}parameters: [{NAME}]\n");
    stack.drop_and_rest(KEY, &asked).await;
    assert_eq!(stack.status(KEY).await["state"], "incomplete");

    claim(&stack, KEY, OTHER, 1).await;
    assert_eq!(parameter(&stack), OTHER);
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    assert_eq!(stack.count("PutParameter"), 0);

    let taken = format!("{manifest}parameters: [{{name: {NAME}, takeOver: true}}]\n");
    stack.drop_and_rest(KEY, taken).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(parameter(&stack), stack.only_image().id);
}

/// Both manifests are in the same bucket, and both name the parameter: that amiwright has written it is not enough.
#[tokio::test(start_paused = true)]
async fn a_parameter_of_another_manifest_is_not_overwritten() {
    let stack = stack().await;
    let asked = |name: &str| format!("{}parameters: [{NAME}]\n", stack.manifest(name));
    stack.drop_and_rest(KEY, asked("first")).await;
    let first = parameter(&stack);
    let hostile = "team/web.image.yaml";
    stack.drop_and_rest(hostile, asked("second")).await;
    assert_eq!(parameter(&stack), first);
    claim(&stack, hostile, &first, 1).await;
    assert_eq!(parameter(&stack), first);
    assert_eq!(stack.status(hostile).await["state"], "incomplete");

    // Whose it is goes on to move it, also after the AMI that it points to is gone.
    stack.deregister(&first).await;
    let newer = format!("{}register: {{imdsSupport: v2.0}}\n", asked("newer"));
    stack.drop_and_rest(KEY, newer).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(status["regions"][REGION]["image"], parameter(&stack));
}
