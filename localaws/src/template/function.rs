//! `AWS::Serverless::Function` (AWS SAM Developer Guide), with the limits of Lambda's `CreateFunction` and
//! `PutFunctionEventInvokeConfig`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::policies::statements;
use super::problem::{Problem, TemplateError};
use super::properties::At;
use super::resource::Resource;
use super::stack::{Function, ManagedPolicy};
use super::triggers;

/// The properties that are known. Those that only matter on AWS (how the code gets there and where it runs) are not read.
const PROPERTIES: [&str; 19] = [
    "Architectures",
    "CodeUri",
    "Description",
    "Environment",
    "EphemeralStorage",
    "EventInvokeConfig",
    "Events",
    "FunctionName",
    "Handler",
    "LoggingConfig",
    "MemorySize",
    "Policies",
    "PropagateTags",
    "ReservedConcurrentExecutions",
    "RolePath",
    "Runtime",
    "Tags",
    "Timeout",
    "Tracing",
];

pub(super) fn function(
    resource: &Resource,
    managed: &[ManagedPolicy],
) -> Result<Function, TemplateError> {
    let properties = resource.properties();
    properties.only(&PROPERTIES)?;
    let number = |key: &str, range, default| {
        properties
            .get(key)
            .map_or(Ok(default), |at| at.integer(range))
    };
    let timeout = number("Timeout", 1..=900, 3)?;
    let memory = number("MemorySize", 128..=10240, 128)?;
    let reserved_concurrency = properties
        .get("ReservedConcurrentExecutions")
        .map(|at| at.integer(0..=u32::MAX))
        .transpose()?;
    let invoke = asynchronous(&properties)?;
    let (rules, schedules) = triggers::read(&properties, &resource.rule_arns)?;
    Ok(Function {
        logical_id: resource.id.clone(),
        name: resource.names.name.clone(),
        arn: resource.attribute("Arn"),
        binary: binary(resource)?,
        log_group: log_group(&properties, &resource.names.name)?,
        environment: environment(&properties)?,
        timeout: Duration::from_secs(timeout.into()),
        memory,
        reserved_concurrency,
        maximum_retries: invoke.retries,
        maximum_event_age: Duration::from_secs(invoke.age.into()),
        on_failure: invoke.on_failure,
        rules,
        schedules,
        policies: policies(&properties, managed)?,
    })
}

/// The cargo binary: functions are started from it, so no other way of building is possible here.
fn binary(resource: &Resource) -> Result<String, TemplateError> {
    let place = format!("Resources.{}.Metadata", resource.id);
    let Some(metadata) = &resource.metadata else {
        let problem = "a function needs `BuildMethod: rust-cargolambda` and `BuildProperties: {Binary: …}` to run here";
        return Err(Problem::new(resource.properties().node.line, problem).at(place));
    };
    let metadata = At::new(metadata, place);
    let method = metadata.required("BuildMethod")?;
    if method.text()? != "rust-cargolambda" {
        return Err(method.error(format!(
            "only rust-cargolambda is built here, not {}",
            method.node.what()
        )));
    }
    metadata
        .required("BuildProperties")?
        .required("Binary")?
        .text()
}

/// The variables, with those that Lambda derives from `LoggingConfig`
/// ("Configuring advanced logging controls", Lambda Developer Guide).
fn environment(properties: &At<'_>) -> Result<BTreeMap<String, String>, TemplateError> {
    let mut variables = BTreeMap::new();
    if let Some(logging) = properties.get("LoggingConfig") {
        logging.only(&["ApplicationLogLevel", "LogFormat", "LogGroup"])?;
        let settings = [
            ("LogFormat", "AWS_LAMBDA_LOG_FORMAT"),
            ("ApplicationLogLevel", "AWS_LAMBDA_LOG_LEVEL"),
        ];
        for (setting, variable) in settings {
            if let Some(value) = logging.get(setting) {
                variables.insert(variable.to_owned(), value.text()?);
            }
        }
    }
    let Some(environment) = properties.get("Environment") else {
        return Ok(variables);
    };
    environment.only(&["Variables"])?;
    if let Some(own) = environment.get("Variables") {
        for (name, value) in own.entries()? {
            variables.insert(name.to_owned(), value.text()?);
        }
    }
    Ok(variables)
}

/// "By default, this is `/aws/lambda/` and the function's name" (LoggingConfig, Lambda API Reference).
fn log_group(properties: &At<'_>, name: &str) -> Result<String, TemplateError> {
    let logging = properties.get("LoggingConfig");
    let group = logging.and_then(|logging| logging.get("LogGroup"));
    group.map_or_else(|| Ok(format!("/aws/lambda/{name}")), |group| group.text())
}

/// `EventInvokeConfig`.
struct Asynchronous {
    retries: u32,
    age: u32,
    on_failure: Option<String>,
}

fn asynchronous(properties: &At<'_>) -> Result<Asynchronous, TemplateError> {
    let mut result = Asynchronous {
        retries: 2,
        age: 6 * 60 * 60,
        on_failure: None,
    };
    let Some(config) = properties.get("EventInvokeConfig") else {
        return Ok(result);
    };
    config.only(&[
        "MaximumRetryAttempts",
        "MaximumEventAgeInSeconds",
        "DestinationConfig",
    ])?;
    if let Some(retries) = config.get("MaximumRetryAttempts") {
        result.retries = retries.integer(0..=2)?;
    }
    if let Some(age) = config.get("MaximumEventAgeInSeconds") {
        result.age = age.integer(60..=21600)?;
    }
    let Some(destinations) = config.get("DestinationConfig") else {
        return Ok(result);
    };
    destinations.only(&["OnFailure"])?;
    if let Some(on_failure) = destinations.get("OnFailure") {
        on_failure.only(&["Type", "Destination"])?;
        // SAM would create a queue or topic of its own where no destination is given.
        result.on_failure = Some(on_failure.required("Destination")?.text()?);
    }
    Ok(result)
}

/// The statements of the function's own policies and of the stack's managed policies that it has.
fn policies(properties: &At<'_>, managed: &[ManagedPolicy]) -> Result<Vec<Value>, TemplateError> {
    let mut all = Vec::new();
    let Some(policies) = properties.get("Policies") else {
        return Ok(all);
    };
    for policy in policies.items()? {
        if policy.node.get("Statement").is_some() {
            all.extend(statements(&policy)?);
            continue;
        }
        let arn = policy.text().ok();
        let known = managed
            .iter()
            .find(|known| Some(&known.arn) == arn.as_ref());
        all.extend_from_slice(
            &known
                .ok_or_else(|| {
                    let what = policy.node.what();
                    policy.error(format!(
                "a policy document or a managed policy of this stack is needed here, not {what}"
            ))
                })?
                .statements,
        );
    }
    Ok(all)
}
