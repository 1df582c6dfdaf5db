//! One reader for each resource type, and the outputs.

use std::collections::BTreeMap;

use super::function;
use super::listed;
use super::names::{resource_type, role_id};
use super::parameters;
use super::policies;
use super::problem::{Problem, TemplateError};
use super::properties::At;
use super::resolve::Scope;
use super::resource::Resource;
use super::stack::{Bucket, Display, Queue, Stack, Topic};
use super::yaml::{Entry, Kind, Node};

/// The attributes of a resource beside its properties. Those that say in which order or whether something is
/// deleted mean nothing here.
const ATTRIBUTES: [&str; 9] = [
    "Type",
    "Properties",
    "Condition",
    "DependsOn",
    "Metadata",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "CreationPolicy",
    "UpdatePolicy",
];

/// Everything that the template creates.
pub(super) fn stack(template: &Node, scope: &Scope<'_>) -> Result<Stack, TemplateError> {
    let mut resources = Vec::new();
    for entry in scope.resources() {
        resources.extend(resource(entry, scope)?);
    }
    let mut stack = Stack {
        outputs: outputs(template, scope)?,
        ..Stack::default()
    };
    stack.parameters = parameters::shown(template.get("Parameters"), scope.parameters());
    stack.resources = listed::all(&resources);
    stack.managed_policies = policies::managed(&resources)?;
    for resource in &resources {
        let policy = policies::of_resource(resource, scope.partition())?;
        stack.resource_policies.extend(policy);
        match resource.kind {
            "AWS::S3::Bucket" => {
                stack.buckets.push(bucket(resource)?);
                if blocks_public_acls(resource)? {
                    stack.block_public_acls.push(resource.names.name.clone());
                }
            }
            "AWS::SNS::Topic" => stack.topics.push(topic(resource, &resources)?),
            "AWS::SQS::Queue" => stack.queues.push(queue(resource)?),
            "AWS::Serverless::Function" => {
                let function = function::function(resource, &stack.managed_policies)?;
                stack.functions.push(function);
            }
            "AWS::CloudWatch::Alarm"
            | "AWS::CloudWatch::Dashboard"
            | "AWS::Logs::QueryDefinition" => stack.displays.push(display(resource)?),
            // Subscriptions are read with their topic, policies above. The rest (log groups) changes nothing that runs
            // here, but had to resolve.
            _ => {}
        }
    }
    Ok(stack)
}

/// What nobody acts on here: no alarm goes on, and no dashboard is shown. A dashboard's body has to be JSON all the same, as
/// CloudWatch takes no other.
fn display(resource: &Resource) -> Result<Display, TemplateError> {
    if let Some(body) = resource.properties().get("DashboardBody") {
        body.json_text()?;
    }
    Ok(Display {
        logical_id: resource.id.clone(),
        kind: resource.kind,
        properties: resource.properties.to_json(),
    })
}

fn resource(entry: &Entry, scope: &Scope<'_>) -> Result<Option<Resource>, TemplateError> {
    let place = format!("Resources.{}", entry.key);
    let fail = |problem: Problem| problem.at(&place);
    At::new(&entry.value, &place).only(&ATTRIBUTES)?;
    let kind = resource_type(entry).map_err(fail)?;
    if !scope.is_created(entry).map_err(fail)? {
        return Ok(None);
    }
    let names = scope.names(entry).map_err(fail)?;
    let empty = Node {
        line: entry.line,
        kind: Kind::Map(Vec::new()),
    };
    let properties = entry.value.get("Properties").unwrap_or(&empty);
    let properties = scope
        .resolve(properties)
        .map_err(fail)?
        .unwrap_or(empty.clone());
    let metadata = entry
        .value
        .get("Metadata")
        .map(|node| scope.resolve(node))
        .transpose()
        .map_err(fail)?
        .flatten();
    Ok(Some(Resource {
        id: entry.key.clone(),
        kind,
        names,
        metadata,
        properties,
        role_name: scope
            .role(&role_id(&entry.key))
            .map_err(fail)?
            .map(|names| names.name),
        rule_arns: scope.rule_arns(entry).map_err(fail)?,
    }))
}

/// Fails if it has properties that would change what runs here. Encryption with SQS's own keys, tags, and when a message is
/// deleted that nobody reads would not.
fn queue(resource: &Resource) -> Result<Queue, TemplateError> {
    resource.properties().only(&[
        "QueueName",
        "MessageRetentionPeriod",
        "SqsManagedSseEnabled",
        "Tags",
    ])?;
    Ok(Queue {
        logical_id: resource.id.clone(),
        name: resource.names.name.clone(),
        arn: resource.attribute("Arn"),
    })
}

/// Fails if a bucket has properties that would change what runs here. Encryption with S3's own keys, tags, and clearing up
/// after the times of a test would not.
fn check_bucket(properties: &At<'_>) -> Result<(), TemplateError> {
    properties.only(&[
        "BucketName",
        "VersioningConfiguration",
        "OwnershipControls",
        "PublicAccessBlockConfiguration",
        "NotificationConfiguration",
        "BucketEncryption",
        "LifecycleConfiguration",
        "Tags",
    ])?;
    let each = |outer: &str, list: &str| {
        let list = properties.get(outer).and_then(|it| it.get(list));
        list.map_or(Ok(Vec::new()), |list| list.items())
    };
    for rule in each("BucketEncryption", "ServerSideEncryptionConfiguration")? {
        rule.only(&["ServerSideEncryptionByDefault"])?;
        let default = rule.required("ServerSideEncryptionByDefault")?;
        default.only(&["SSEAlgorithm"])?;
        let algorithm = default.required("SSEAlgorithm")?;
        if algorithm.text()? != "AES256" {
            return Err(algorithm.error("not built here. Known: AES256"));
        }
    }
    for rule in each("LifecycleConfiguration", "Rules")? {
        rule.only(&[
            "Id",
            "Status",
            "Prefix",
            "AbortIncompleteMultipartUpload",
            "ExpiredObjectDeleteMarker",
            "NoncurrentVersionExpiration",
        ])?;
    }
    for rule in each("OwnershipControls", "Rules")? {
        rule.only(&["ObjectOwnership"])?;
    }
    match properties.get("PublicAccessBlockConfiguration") {
        Some(block) => block.only(&[
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        ]),
        None => Ok(()),
    }
}

fn bucket(resource: &Resource) -> Result<Bucket, TemplateError> {
    check_bucket(&resource.properties())?;
    let mut event_bridge = false;
    if let Some(notifications) = resource.properties().get("NotificationConfiguration") {
        notifications.only(&["EventBridgeConfiguration"])?;
        if let Some(configuration) = notifications.get("EventBridgeConfiguration") {
            event_bridge = configuration
                .get("EventBridgeEnabled")
                .map_or(Ok(true), |enabled| enabled.boolean())?;
        }
    }
    Ok(Bucket {
        versioning: versioning(resource)?,
        object_ownership: object_ownership(resource)?,
        logical_id: resource.id.clone(),
        name: resource.names.name.clone(),
        event_bridge,
    })
}

/// Whether the bucket keeps versions.
fn versioning(resource: &Resource) -> Result<Option<String>, TemplateError> {
    let properties = resource.properties();
    let Some(configuration) = properties.get("VersioningConfiguration") else {
        return Ok(None);
    };
    configuration.only(&["Status"])?;
    let status = configuration.required("Status")?.text()?;
    Ok(Some(status))
}

/// `OwnershipControls` has one rule.
fn object_ownership(resource: &Resource) -> Result<Option<String>, TemplateError> {
    let properties = resource.properties();
    let controls = properties.get("OwnershipControls");
    let rules = controls.and_then(|controls| controls.get("Rules"));
    let rules = rules.map(|rules| rules.items()).transpose()?;
    let first = rules.and_then(|rules| rules.into_iter().next());
    let ownership = first.and_then(|rule| rule.get("ObjectOwnership"));
    ownership.map(|ownership| ownership.text()).transpose()
}

fn blocks_public_acls(resource: &Resource) -> Result<bool, TemplateError> {
    let properties = resource.properties();
    let block = properties.get("PublicAccessBlockConfiguration");
    let acls = block.and_then(|block| block.get("BlockPublicAcls"));
    acls.map_or(Ok(false), |acls| acls.boolean())
}

/// A topic with what is subscribed to it, by itself or by `AWS::SNS::Subscription`.
fn topic(resource: &Resource, resources: &[Resource]) -> Result<Topic, TemplateError> {
    resource
        .properties()
        .only(&["TopicName", "DisplayName", "Subscription", "Tags"])?;
    let arn = resource.attribute("TopicArn");
    let mut subscriptions = Vec::new();
    if let Some(own) = resource.properties().get("Subscription") {
        for subscription in own.items()? {
            subscription.only(&["Protocol", "Endpoint"])?;
            subscriptions.push(protocol_and_endpoint(&subscription)?);
        }
    }
    for other in resources
        .iter()
        .filter(|other| other.kind == "AWS::SNS::Subscription")
    {
        let properties = other.properties();
        properties.only(&["TopicArn", "Protocol", "Endpoint"])?;
        if properties.required("TopicArn")?.text()? == arn {
            subscriptions.push(protocol_and_endpoint(&properties)?);
        }
    }
    let properties = resource.properties();
    let name = properties.get("DisplayName");
    Ok(Topic {
        logical_id: resource.id.clone(),
        name: resource.names.name.clone(),
        arn,
        display_name: name.map(|name| name.text()).transpose()?,
        subscriptions,
    })
}

fn protocol_and_endpoint(subscription: &At<'_>) -> Result<(String, String), TemplateError> {
    Ok((
        subscription.required("Protocol")?.text()?,
        subscription.required("Endpoint")?.text()?,
    ))
}

fn outputs(template: &Node, scope: &Scope<'_>) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut outputs = BTreeMap::new();
    for entry in template
        .get("Outputs")
        .map(Node::entries)
        .unwrap_or_default()
    {
        let place = format!("Outputs.{}", entry.key);
        let at = At::new(&entry.value, &place);
        at.only(&["Description", "Value", "Export", "Condition"])?;
        if scope
            .is_created(entry)
            .map_err(|problem| problem.at(&place))?
        {
            let value = scope
                .scalar(at.required("Value")?.node)
                .map_err(|problem| problem.at(&place))?;
            outputs.insert(entry.key.clone(), value);
        }
    }
    Ok(outputs)
}
