//! One file per action of the API.

mod add_tags_to_resource;
mod delete_parameter;
mod delete_parameters;
mod describe_parameters;
mod get_parameter;
mod get_parameter_history;
mod get_parameters;
mod get_parameters_by_path;
mod label_parameter_version;
mod list_tags_for_resource;
mod put_parameter;
mod remove_tags_from_resource;

use serde_json::Value;

use super::model::Service;
use super::request::{Failure, Members};

/// The answer to a request to this Region.
pub(super) fn answer(
    service: &Service,
    region: &str,
    action: &str,
    members: Members,
) -> Result<Value, Failure> {
    service.check_enabled(region)?;
    if service.settings().limited {
        let now = service.clock.now();
        service.limits().take(region, action, now)?;
    }
    match action {
        "AddTagsToResource" => add_tags_to_resource::answer(service, region, members),
        "DeleteParameter" => delete_parameter::answer(service, region, members),
        "DeleteParameters" => delete_parameters::answer(service, region, members),
        "DescribeParameters" => describe_parameters::answer(service, region, members),
        "GetParameter" => get_parameter::answer(service, region, members),
        "GetParameterHistory" => get_parameter_history::answer(service, region, members),
        "GetParameters" => get_parameters::answer(service, region, members),
        "GetParametersByPath" => get_parameters_by_path::answer(service, region, members),
        "LabelParameterVersion" => label_parameter_version::answer(service, region, members),
        "ListTagsForResource" => list_tags_for_resource::answer(service, region, members),
        "PutParameter" => put_parameter::answer(service, region, members),
        "RemoveTagsFromResource" => remove_tags_from_resource::answer(service, region, members),
        other => Err(Failure::NotBuilt(other.to_owned())),
    }
}
