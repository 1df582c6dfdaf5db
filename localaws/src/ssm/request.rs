//! What only SSM's requests have, beside what all of the JSON protocol do.

pub(super) use crate::json_protocol::{Failure, Members, invalid, refuse};

/// The most names in one request, and parameters on a page of a path ("1-10").
pub(super) const MOST_NAMES: usize = 10;

/// `ParameterNotFound`. The live service's message is often empty; this one is moto's.
pub(super) fn not_found(name: &str) -> Failure {
    refuse("ParameterNotFound", format!("Parameter {name} not found."))
}

/// The parameter that a request about tags names. Other things than parameters have no tags here.
pub(super) fn tagged(members: &mut Members) -> Result<String, Failure> {
    let kind = members.required("ResourceType")?;
    let id = members.required("ResourceId")?;
    match kind.as_str() {
        "Parameter" => Ok(id),
        other => Err(Failure::NotBuilt(format!(
            "tags of a resource of type {other}"
        ))),
    }
}
