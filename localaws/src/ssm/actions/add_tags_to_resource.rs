//! AddTagsToResource, of parameters.

use serde_json::{Value, json};

use crate::ssm::model::Service;
use crate::ssm::request::{Failure, Members, invalid, refuse, tagged};

/// "50 tags per parameter".
const MOST: usize = 50;

pub(super) fn answer(
    service: &Service,
    region: &str,
    mut members: Members,
) -> Result<Value, Failure> {
    let name = tagged(&mut members)?;
    let tags = members.tags("Tags")?;
    members.finish()?;
    if tags.is_empty() {
        return Err(invalid("The parameter Tags is missing or empty."));
    }
    service.with_tagged(region, &name, |parameter| {
        let mut all = parameter.tags.clone();
        all.extend(tags);
        if all.len() > MOST {
            let message = format!("The parameter {name} cannot have more than {MOST} tags.");
            return Err(refuse("TooManyTagsError", message));
        }
        parameter.tags = all;
        Ok(json!({}))
    })
}
