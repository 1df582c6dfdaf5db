//! `Globals`: what SAM gives to every function ("Globals section of the AWS SAM template").

use super::problem::{Problem, TemplateError};
use super::yaml::{Entry, Kind, Node};

/// The properties that `Globals.Function` may have and that are known here.
const FUNCTION: [&str; 17] = [
    "Handler",
    "Runtime",
    "CodeUri",
    "Description",
    "MemorySize",
    "Timeout",
    "Environment",
    "Tags",
    "PropagateTags",
    "Tracing",
    "RolePath",
    "PermissionsBoundary",
    "ReservedConcurrentExecutions",
    "EventInvokeConfig",
    "Architectures",
    "EphemeralStorage",
    "LoggingConfig",
];

/// The `Resources` section with `Globals.Function` merged into every `AWS::Serverless::Function`.
pub(super) fn merge(template: &Node) -> Result<Vec<Entry>, TemplateError> {
    let Some(Node {
        kind: Kind::Map(resources),
        ..
    }) = template.get("Resources")
    else {
        return Err(
            Problem::new(template.line, "a template has a map of resources").at("Resources"),
        );
    };
    let mut resources = resources.clone();
    let Some(globals) = template.get("Globals") else {
        return Ok(resources);
    };
    if let Some(unknown) = globals
        .entries()
        .iter()
        .find(|entry| entry.key != "Function")
    {
        let problem = "not built here. Known: Function";
        return Err(Problem::new(unknown.line, problem).at(format!("Globals.{}", unknown.key)));
    }
    let Some(function) = globals.get("Function") else {
        return Ok(resources);
    };
    if let Some(unknown) = function
        .entries()
        .iter()
        .find(|entry| !FUNCTION.contains(&entry.key.as_str()))
    {
        let problem = format!(
            "not a global property that is built here. Known: {}",
            FUNCTION.join(", ")
        );
        return Err(
            Problem::new(unknown.line, problem).at(format!("Globals.Function.{}", unknown.key))
        );
    }
    for resource in &mut resources {
        let serverless = Kind::Text("AWS::Serverless::Function".to_owned());
        if resource
            .value
            .get("Type")
            .is_none_or(|kind| kind.kind != serverless)
        {
            continue;
        }
        if let Kind::Map(attributes) = &mut resource.value.kind {
            match attributes
                .iter_mut()
                .find(|entry| entry.key == "Properties")
            {
                Some(own) => own.value = merged(function, &own.value, "Properties"),
                None => attributes.push(Entry {
                    key: "Properties".to_owned(),
                    line: function.line,
                    value: function.clone(),
                }),
            }
        }
    }
    Ok(resources)
}

/// Maps are merged key by key, lists are joined with the global one first, anything else is the function's own.
fn merged(global: &Node, own: &Node, key: &str) -> Node {
    let kind = match (&global.kind, &own.kind) {
        (Kind::Map(global), Kind::Map(own)) => {
            let mut entries = global.clone();
            for entry in own {
                match entries.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => {
                        let value = merged(&known.value, &entry.value, &entry.key);
                        *known = Entry {
                            value,
                            ..entry.clone()
                        };
                    }
                    None => entries.push(entry.clone()),
                }
            }
            Kind::Map(entries)
        }
        (Kind::List(global), Kind::List(own)) if key != "Architectures" => {
            Kind::List(global.iter().chain(own).cloned().collect())
        }
        _ => own.kind.clone(),
    };
    Node {
        line: own.line,
        kind,
    }
}
