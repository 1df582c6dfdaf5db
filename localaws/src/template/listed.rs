//! The stack's resources as CloudFormation lists them: after SAM made its own of functions.

use super::names::{ROLE, RULE, role_id};
use super::resource::Resource;
use super::stack::StackResource;

/// SAM's type of a function, and the one that it becomes.
const FUNCTION: (&str, &str) = ("AWS::Serverless::Function", "AWS::Lambda::Function");

pub(super) fn all(resources: &[Resource]) -> Vec<StackResource> {
    resources.iter().flat_map(of).collect()
}

fn of(resource: &Resource) -> Vec<StackResource> {
    let names = &resource.names;
    let is_function = resource.kind == FUNCTION.0;
    let mut listed = vec![StackResource {
        logical_id: resource.id.clone(),
        kind: if is_function {
            FUNCTION.1
        } else {
            resource.kind
        },
        physical_id: names.reference.as_ref().unwrap_or(&names.name).clone(),
        of_function: None,
    }];
    let of_function = is_function.then(|| resource.id.clone());
    listed.extend(resource.role_name.iter().map(|name| StackResource {
        logical_id: role_id(&resource.id),
        kind: ROLE,
        physical_id: name.clone(),
        of_function: of_function.clone(),
    }));
    listed.extend(resource.rule_arns.iter().map(|(event, arn)| StackResource {
        logical_id: format!("{}{event}", resource.id),
        kind: RULE,
        physical_id: arn.rsplit('/').next().unwrap_or_default().to_owned(),
        of_function: of_function.clone(),
    }));
    listed
}
