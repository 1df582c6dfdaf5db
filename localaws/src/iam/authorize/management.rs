//! CloudFormation, EventBridge, IAM, KMS and Lambda, as far as a stack is asked about ("Actions, resources, and condition
//! keys" of each, Service Authorization Reference).

use serde_json::Value;

use super::check::{Check, Needs, Scene};
use crate::ACCOUNT;
use crate::template::stack_id;
use crate::wire::{Request, query_fields};

pub(super) fn needs(
    scene: &Scene<'_>,
    (service, region): (&str, &str),
    action: &str,
    request: &Request,
) -> Needs {
    let fields = query_fields(request);
    let field = |name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    };
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let resource = match (service, action) {
        ("cloudformation", "DescribeStacks" | "DescribeStackResources") => {
            match field("StackName") {
                None => "*".to_owned(),
                Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
                Some(name) => stack_id(scene.partition, region, name),
            }
        }
        ("events", "DescribeRule") => rule(scene, region, &body["Name"]),
        ("events", "ListTargetsByRule") => rule(scene, region, &body["Rule"]),
        ("iam", "GetRole") => {
            let name = field("RoleName").unwrap_or_default();
            format!("arn:{}:iam::{ACCOUNT}:role/{name}", scene.partition)
        }
        ("kms", "DescribeKey") => {
            let name = body["KeyId"].as_str().unwrap_or_default();
            let key = scene.ec2.key(region, name);
            key.map_or_else(|| scene.arn("kms", region, "key/unknown"), |key| key.arn)
        }
        ("lambda", "GetFunctionConfiguration") => {
            let name = request.uri().path().split('/').nth(3).unwrap_or_default();
            scene.arn("lambda", region, &format!("function:{name}"))
        }
        _ => return None,
    };
    Some(vec![Check::new(format!("{service}:{action}"), resource)])
}

fn rule(scene: &Scene<'_>, region: &str, name: &Value) -> String {
    let name = name.as_str().unwrap_or_default();
    scene.arn("events", region, &format!("rule/{name}"))
}
