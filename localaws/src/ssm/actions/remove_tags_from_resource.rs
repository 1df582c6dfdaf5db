//! RemoveTagsFromResource, of parameters. A key that no tag has is passed over.

use serde_json::{Value, json};

use crate::ssm::model::Service;
use crate::ssm::request::{Failure, Members, refuse, tagged};

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
    let mut state = service.settled();
    let parameter = state.region(region).parameters.get_mut(&name);
    let parameter = parameter.ok_or_else(|| refuse("InvalidResourceId", ""))?;
    parameter.tags.retain(|key, _| !keys.contains(key));
    Ok(json!({}))
}
