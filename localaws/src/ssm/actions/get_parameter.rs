//! GetParameter.

use serde_json::{Value, json};

use crate::ssm::model::{Service, name};
use crate::ssm::request::{Failure, Members};

pub(super) fn answer(
    service: &Service,
    region: &str,
    mut members: Members,
) -> Result<Value, Failure> {
    let selector = name::select(region, &members.required("Name")?);
    let decrypt = members.flag("WithDecryption")?;
    members.finish()?;
    let mut state = service.settled();
    let kept = state.region(region);
    let selector = kept.among(selector);
    let version = kept.version(&selector)?;
    Ok(json!({"Parameter": version.write(region, &selector, decrypt)}))
}
