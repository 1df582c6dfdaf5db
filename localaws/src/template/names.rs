//! What resources are called: the value of `Ref` and the attributes of `Fn::GetAtt`
//! ("Return values" of each resource type, CloudFormation Template Reference).

use super::problem::Problem;
use super::yaml::{Entry, Kind};
use crate::ACCOUNT;

/// The resource types that are known here.
pub(super) const TYPES: [&str; 13] = [
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::ManagedPolicy",
    "AWS::Logs::LogGroup",
    "AWS::Logs::QueryDefinition",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::Serverless::Function",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
];

/// The partition of a Region ("Regions", AWS General Reference).
pub(crate) fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// The ARN of a stack, which is its id. AWS ends it in a UUID of the stack.
pub(crate) fn stack_id(partition: &str, region: &str, stack_name: &str) -> String {
    format!(
        "arn:{partition}:cloudformation:{region}:{ACCOUNT}:stack/{stack_name}/00000000-0000-0000-0000-000000000000"
    )
}

/// The logical id of the role that SAM makes for a function.
pub(super) fn role_id(function: &str) -> String {
    format!("{function}Role")
}

/// The name of the role that SAM makes for a function.
pub(crate) fn role_name(stack_name: &str, function: &str) -> String {
    format!("{stack_name}-{}", role_id(function))
}

/// The type of the rules that SAM makes of a function's events.
pub(crate) const RULE: &str = "AWS::Events::Rule";

/// The type of the roles that SAM makes for functions.
pub(crate) const ROLE: &str = "AWS::IAM::Role";

/// Where the stack is.
pub(super) struct Location<'a> {
    pub(super) partition: &'a str,
    pub(super) region: &'a str,
    pub(super) suffix: &'a str,
}

/// The names of one resource.
#[derive(Debug)]
pub(super) struct Names {
    /// Its own name.
    pub(super) name: String,
    /// What `Ref` gives; none where it is not known here.
    pub(super) reference: Option<String>,
    /// What `Fn::GetAtt` gives.
    pub(super) attributes: Vec<(&'static str, String)>,
}

impl Names {
    /// The names of a resource whose type has no name of its own.
    pub(super) fn unnamed(logical_id: &str) -> Self {
        Self {
            name: logical_id.to_owned(),
            reference: None,
            attributes: Vec::new(),
        }
    }

    /// The names of a resource of this type and name.
    pub(super) fn of(location: &Location<'_>, kind: &str, name: String) -> Self {
        let Location {
            partition,
            region,
            suffix,
        } = location;
        let arn = |service: &str, rest: &str| {
            format!("arn:{partition}:{service}:{region}:{ACCOUNT}:{rest}")
        };
        let (reference, attributes) = match kind {
            "AWS::S3::Bucket" => return Self::of_bucket(location, &name.to_lowercase()),
            "AWS::SNS::Topic" => {
                let arn = arn("sns", &name);
                (
                    arn.clone(),
                    vec![("TopicArn", arn), ("TopicName", name.clone())],
                )
            }
            "AWS::SQS::Queue" => {
                let url = format!("https://sqs.{region}.{suffix}/{ACCOUNT}/{name}");
                let (arn, own) = (arn("sqs", &name), name.clone());
                (
                    url.clone(),
                    vec![("Arn", arn), ("QueueName", own), ("QueueUrl", url)],
                )
            }
            "AWS::Logs::LogGroup" => (
                name.clone(),
                vec![("Arn", arn("logs", &format!("log-group:{name}:*")))],
            ),
            "AWS::CloudWatch::Alarm" => (
                name.clone(),
                vec![("Arn", arn("cloudwatch", &format!("alarm:{name}")))],
            ),
            "AWS::CloudWatch::Dashboard" => (name.clone(), Vec::new()),
            "AWS::IAM::ManagedPolicy" => {
                let arn = format!("arn:{partition}:iam::{ACCOUNT}:policy/{name}");
                (arn.clone(), vec![("PolicyArn", arn)])
            }
            ROLE => {
                let arn = format!("arn:{partition}:iam::{ACCOUNT}:role/{name}");
                (name.clone(), vec![("Arn", arn)])
            }
            RULE => (
                name.clone(),
                vec![("Arn", arn("events", &format!("rule/{name}")))],
            ),
            _ => (
                name.clone(),
                vec![("Arn", arn("lambda", &format!("function:{name}")))],
            ),
        };
        Self {
            name,
            reference: Some(reference),
            attributes,
        }
    }

    /// An attribute that is known for every resource of this type.
    pub(super) fn attribute(&self, name: &str) -> String {
        let mut known = self.attributes.iter();
        let found = known.find(|(known, _)| *known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    fn of_bucket(location: &Location<'_>, name: &str) -> Self {
        let Location {
            partition,
            region,
            suffix,
        } = location;
        let attributes = vec![
            ("Arn", format!("arn:{partition}:s3:::{name}")),
            ("DomainName", format!("{name}.s3.{suffix}")),
            ("RegionalDomainName", format!("{name}.s3.{region}.{suffix}")),
        ];
        Self {
            name: name.to_owned(),
            reference: Some(name.to_owned()),
            attributes,
        }
    }
}

/// The property that names a resource of this type; none if it has no name of its own.
pub(super) fn name_property(kind: &str) -> Option<&'static str> {
    match kind {
        "AWS::CloudWatch::Alarm" => Some("AlarmName"),
        "AWS::CloudWatch::Dashboard" => Some("DashboardName"),
        "AWS::IAM::ManagedPolicy" => Some("ManagedPolicyName"),
        "AWS::Logs::LogGroup" => Some("LogGroupName"),
        "AWS::S3::Bucket" => Some("BucketName"),
        "AWS::SNS::Topic" => Some("TopicName"),
        "AWS::SQS::Queue" => Some("QueueName"),
        "AWS::Serverless::Function" => Some("FunctionName"),
        _ => None,
    }
}

/// The type of a resource, if it is one of [`TYPES`].
pub(super) fn resource_type(resource: &Entry) -> Result<&'static str, Problem> {
    let Some(node) = resource.value.get("Type") else {
        return Err(Problem::new(resource.line, "the resource has no Type"));
    };
    let known = match &node.kind {
        Kind::Text(given) => TYPES.into_iter().find(|known| known == given),
        _ => None,
    };
    known.ok_or_else(|| {
        let problem = format!(
            "the resource type {} is not built here. Known: {}",
            node.what(),
            TYPES.join(", ")
        );
        Problem::new(node.line, problem)
    })
}
