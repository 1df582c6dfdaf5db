//! Policies: those that functions can have, and those of buckets, topics and queues.

use serde_json::Value;

use super::problem::TemplateError;
use super::properties::At;
use super::resource::Resource;
use super::stack::{ManagedPolicy, ResourcePolicy};

/// The version of the policy language that has policy variables, and the only one that is built here.
const VERSION: &str = "2012-10-17";

/// The stack's managed policies. One that is attached by itself to roles, users or groups is not built here.
pub(super) fn managed(resources: &[Resource]) -> Result<Vec<ManagedPolicy>, TemplateError> {
    let managed = resources
        .iter()
        .filter(|resource| resource.kind == "AWS::IAM::ManagedPolicy");
    let read = |resource: &Resource| {
        let properties = resource.properties();
        properties.only(&["Description", "ManagedPolicyName", "PolicyDocument"])?;
        Ok(ManagedPolicy {
            logical_id: resource.id.clone(),
            arn: resource.attribute("PolicyArn"),
            statements: statements(&properties.required("PolicyDocument")?)?,
        })
    };
    managed.map(read).collect()
}

/// The policy of a bucket, of topics or of queues, if the resource is one.
pub(super) fn of_resource(
    resource: &Resource,
    partition: &str,
) -> Result<Option<ResourcePolicy>, TemplateError> {
    let properties = resource.properties();
    let of = match resource.kind {
        "AWS::S3::BucketPolicy" => "Bucket",
        "AWS::SNS::TopicPolicy" => "Topics",
        "AWS::SQS::QueuePolicy" => "Queues",
        _ => return Ok(None),
    };
    properties.only(&[of, "PolicyDocument"])?;
    let of = properties.required(of)?;
    let resources = match resource.kind {
        "AWS::S3::BucketPolicy" => vec![format!("arn:{partition}:s3:::{}", of.text()?)],
        _ => {
            let items = of.items()?;
            items.iter().map(At::text).collect::<Result<_, _>>()?
        }
    };
    Ok(Some(ResourcePolicy {
        logical_id: resource.id.clone(),
        resources,
        statements: statements(&properties.required("PolicyDocument")?)?,
    }))
}

/// The statements of a policy document.
pub(super) fn statements(document: &At<'_>) -> Result<Vec<Value>, TemplateError> {
    document.only(&["Version", "Id", "Statement"])?;
    let version = document.required("Version")?;
    if version.text()? != VERSION {
        return Err(version.error(format!("only the version {VERSION} is built here")));
    }
    let statement = document.required("Statement")?;
    match statement.node.to_json() {
        Value::Array(statements) => Ok(statements),
        one @ Value::Object(_) => Ok(vec![one]),
        _ => Err(statement.error("a policy has a statement or a list of statements")),
    }
}
