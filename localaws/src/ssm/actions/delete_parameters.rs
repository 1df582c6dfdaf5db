//! DeleteParameters: those that are there, and the names of the others.

use serde_json::{Value, json};

use crate::ssm::model::Service;
use crate::ssm::request::{Failure, MOST_NAMES, Members};

pub(super) fn answer(
    service: &Service,
    region: &str,
    mut members: Members,
) -> Result<Value, Failure> {
    let names = members.texts("Names", MOST_NAMES)?;
    members.finish()?;
    let (deleted, lost): (Vec<String>, Vec<String>) = names
        .into_iter()
        .partition(|name| service.delete(region, name));
    Ok(json!({"DeletedParameters": deleted, "InvalidParameters": lost}))
}
