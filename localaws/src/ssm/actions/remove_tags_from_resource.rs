//! RemoveTagsFromResource, of parameters. A key that no tag has is passed over.

use serde_json::{Value, json};

use crate::ssm::model::Service;
use crate::ssm::request::{Failure, Members, tagged};

/// Keys in one request: as many as a parameter has tags at most.
const MOST: usize = 50;

pub(super) fn answer(
    service: &Service,
    region: &str,
    mut members: Members,
) -> Result<Value, Failure> {
    let name = tagged(&mut members)?;
    let keys = members.texts("TagKeys", MOST)?;
    members.finish()?;
    service.with_tagged(region, &name, |parameter| {
        parameter.tags.retain(|key, _| !keys.contains(key));
        Ok(json!({}))
    })
}
