//! ListTagsForResource, of parameters.

use serde_json::{Value, json};

use crate::ssm::model::Service;
use crate::ssm::request::{Failure, Members, tagged};

pub(super) fn answer(
    service: &Service,
    region: &str,
    mut members: Members,
) -> Result<Value, Failure> {
    let name = tagged(&mut members)?;
    members.finish()?;
    service.with_tagged(region, &name, |parameter| {
        let tags = parameter.tags.iter();
        let tags: Vec<Value> = tags
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        Ok(json!({"TagList": tags}))
    })
}
