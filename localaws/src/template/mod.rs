//! Reads an AWS SAM template into the [`stack`] that it describes.
//!
//! As far as CloudFormation ("Intrinsic function reference", "Template sections") and SAM ("AWS SAM resources and
//! properties") say: parameters with their rules, conditions, mappings, globals, functions in both forms. What is not
//! built (a resource type, a function, a property that would change what runs) is an error that names it.
//! Order of reading: `yaml`, `parameters`, `globals`, `resolve`, `resources` with `function` and `triggers`.

mod conditions;
mod event_rules;
mod function;
mod function_roles;
mod globals;
mod listed;
mod names;
mod parameters;
mod policies;
mod problem;
mod properties;
mod resolve;
mod resource;
mod resources;
pub mod stack;
mod sub;
mod triggers;
mod work;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(crate) use self::names::{ROLE, RULE, partition, role_name, stack_id};
use self::problem::Problem;
pub use self::problem::TemplateError;
pub use self::stack::Stack;

/// Reads a template, with everything in it worked out.
///
/// `parameters` are the values that `aws cloudformation deploy` would be given. Resources without a name of their own
/// are called `<stack_name>-<logical id>` (buckets in lower case); AWS would add random characters.
///
/// # Errors
/// The first thing that is wrong or not built, with its line.
pub fn read(
    yaml: &str,
    parameters: &BTreeMap<String, String>,
    region: &str,
    stack_name: &str,
) -> Result<Stack, TemplateError> {
    let template = yaml::parse(yaml).map_err(|problem| problem.at("the document"))?;
    sections(&template)?;
    let values = parameters::values(template.get("Parameters"), parameters)?;
    let resources = globals::merge(&template)?;
    let scope = resolve::Scope::new(&template, &resources, values, region, stack_name);
    resources::stack(&template, &scope)
}

/// The names of the parameters that a template has, in its order.
///
/// # Errors
/// If it cannot be read.
pub fn parameter_names(yaml: &str) -> Result<Vec<String>, TemplateError> {
    let template = yaml::parse(yaml).map_err(|problem| problem.at("the document"))?;
    let parameters = template.get("Parameters").map(yaml::Node::entries);
    let names = parameters.unwrap_or_default().iter();
    Ok(names.map(|entry| entry.key.clone()).collect())
}

/// A section of a template as it is written, in its order; CloudFormation's functions are in their long form. Null if the
/// template does not have it.
///
/// # Errors
/// If it cannot be read.
pub fn section(yaml: &str, name: &str) -> Result<serde_json::Value, TemplateError> {
    let template = yaml::parse(yaml).map_err(|problem| problem.at("the document"))?;
    let section = template.get(name).map(yaml::Node::to_json);
    Ok(section.unwrap_or_default())
}

/// The sections of a template that are known here; `Rules` and `Hooks` are CloudFormation's, too.
const SECTIONS: [&str; 10] = [
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Parameters",
    "Mappings",
    "Conditions",
    "Globals",
    "Resources",
    "Outputs",
];

/// The macro that makes SAM's resource types known to CloudFormation.
const SAM: &str = "AWS::Serverless-2016-10-31";

fn sections(template: &yaml::Node) -> Result<(), TemplateError> {
    let yaml::Kind::Map(sections) = &template.kind else {
        let problem = format!("a template is a map of sections, not {}", template.what());
        return Err(Problem::new(template.line, problem).at("the document"));
    };
    for section in sections {
        if !SECTIONS.contains(&section.key.as_str()) {
            let problem = format!(
                "this section is not built here. Known: {}",
                SECTIONS.join(", ")
            );
            let place = match section.key.as_str() {
                "" => "the document",
                key => key,
            };
            return Err(Problem::new(section.line, problem).at(place));
        }
    }
    match template.get("Transform") {
        Some(transform) if transform.kind != yaml::Kind::Text(SAM.to_owned()) => {
            let problem = format!(
                "the only transform that is built here is `{SAM}`, not {}",
                transform.what()
            );
            Err(Problem::new(transform.line, problem).at("Transform"))
        }
        None if template.get("Globals").is_some() => {
            Err(Problem::new(1, format!("`Globals` needs `Transform: {SAM}`")).at("Transform"))
        }
        _ => Ok(()),
    }
}
