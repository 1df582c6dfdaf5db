//! `amiwright plan` of parameters that point to the AMI: what they hold, and what they would.

use serde_json::Value;

use super::plan::{KEY, json};
use crate::support::{REGION, TestStack};

const NAME: &str = "/images/web";
const OTHER: &str = "ami-0fedcba9876543210";

async fn stack() -> TestStack {
    TestStack::built(|builder| builder.parameter("ParameterPrefix", "/images")).await
}

fn manifest(stack: &TestStack, lines: &str) -> String {
    let parameters = format!("parameters: [{NAME}]\n{lines}");
    stack.manifest("web-{digest}") + &parameters
}

/// The lines about the parameter: sign, value before, value then.
fn lines(plan: &Value) -> Vec<(String, Value, Value)> {
    let lines = plan["changes"].as_array().unwrap().iter();
    let about = lines.filter(|line| line["what"] == format!("parameter {NAME}").as_str());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    about
        .map(|line| {
            (
                text(&line["change"]),
                line["from"].clone(),
                line["to"].clone(),
            )
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_parameter_is_created_kept_moved_and_never_taken_from_others() {
    let stack = stack().await;
    let first = manifest(&stack, "");
    let to_create = json(&stack, &first).await;
    assert_eq!(
        lines(&to_create),
        [("create".to_owned(), Value::Null, "the new AMI".into())]
    );
    assert_eq!(to_create["calls"]["byName"]["PutParameter"], 1);
    stack.drop_and_rest(KEY, &first).await;
    let image = stack.only_image().id;
    assert_eq!(
        stack.world.ssm().parameter(REGION, NAME),
        Some(image.clone())
    );

    assert_eq!(lines(&json(&stack, &first).await), []);
    let next = manifest(&stack, "register: {imdsSupport: v2.0}\n");
    assert_eq!(
        lines(&json(&stack, &next).await),
        [("change".to_owned(), image.into(), "the new AMI".into())]
    );

    stack.world.ssm().seed_image_parameter(REGION, NAME, OTHER);
    assert_eq!(
        lines(&json(&stack, &next).await),
        [("conflict".to_owned(), OTHER.into(), Value::Null)]
    );
}
