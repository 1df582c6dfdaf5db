//! CloudWatch Logs, SNS and SSM ("Actions, resources, and condition keys" of each, Service Authorization Reference).

use serde_json::Value;

use super::check::{Check, Needs, Scene};
use super::kms;
use crate::iam::context::Context;
use crate::wire::{Request, query_fields};

/// A log group's ARN goes on with that of its streams, of which a request to filter names none: so policies need the `:*`
/// at its end ("Resources", Identity and access management for CloudWatch Logs).
pub(super) fn logs(scene: &Scene<'_>, region: &str, action: &str, request: &Request) -> Needs {
    if action != "FilterLogEvents" {
        return None;
    }
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let group = body["logGroupName"].as_str().unwrap_or_default();
    let arn = scene.arn("logs", region, &format!("log-group:{group}:log-stream:"));
    Some(vec![Check::new("logs:FilterLogEvents", arn)])
}

pub(super) fn sns(action: &str, request: &Request) -> Needs {
    let fields = query_fields(request);
    let get = |name: &str| {
        let found = fields.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.clone())
    };
    let resource = match action {
        "Publish" => get("TopicArn").or_else(|| get("TargetArn"))?,
        "GetTopicAttributes" | "ListSubscriptionsByTopic" | "SetTopicAttributes" | "Subscribe" => {
            get("TopicArn")?
        }
        "ListSubscriptions" | "ListTopics" | "Unsubscribe" => "*".to_owned(),
        _ => return None,
    };
    Some(vec![Check::new(format!("sns:{action}"), resource)])
}

pub(super) fn ssm(scene: &Scene<'_>, region: &str, action: &str, request: &Request) -> Needs {
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let asked = body["Name"].as_str().unwrap_or_default();
    let all = scene.arn("ssm", region, "parameter");
    // A name may be an ARN, and end with a version.
    let name_of = |asked: &str| {
        let name = asked.strip_prefix(&all).unwrap_or(asked);
        name.split(':').next().unwrap_or_default().to_owned()
    };
    let arn_of = |asked: &str| format!("{all}/{}", name_of(asked).trim_start_matches('/'));
    let (name, arn) = (name_of(asked), arn_of(asked));
    match action {
        "GetParameter" => {
            let mut checks = vec![Check::new("ssm:GetParameter", &arn)];
            let decrypted = body["WithDecryption"].as_bool() == Some(true);
            let stored = asked.starts_with('/').then_some(name.as_str());
            let stored = stored.unwrap_or_else(|| name.trim_start_matches('/'));
            if decrypted && scene.ssm.is_secret(region, stored) {
                checks.push(kms::through_ssm(scene, region, &arn));
            }
            Some(checks)
        }
        "GetParameters" => {
            let names = body["Names"].as_array()?;
            let names = names.iter().filter_map(Value::as_str);
            let check = |name: &str| Check::new("ssm:GetParameters", arn_of(name));
            Some(names.map(check).collect())
        }
        "GetParameterHistory" if body["WithDecryption"].as_bool() != Some(true) => {
            Some(vec![Check::new("ssm:GetParameterHistory", arn)])
        }
        "PutParameter" => {
            let overwrite = body["Overwrite"].as_bool().unwrap_or(false);
            let context = Context::default().with("ssm:Overwrite", overwrite.to_string());
            let mut checks = vec![Check::new("ssm:PutParameter", arn).with(context)];
            // SSM looks whether there is such an AMI, with its caller's permission ("Using native parameter support in
            // Parameter Store for Amazon Machine Image IDs", Systems Manager User Guide).
            if body["DataType"].as_str() == Some("aws:ec2:image") {
                let region = Context::default().with("ec2:Region", region);
                checks.push(Check::new("ec2:DescribeImages", "*").with(region));
            }
            Some(checks)
        }
        _ => None,
    }
}
