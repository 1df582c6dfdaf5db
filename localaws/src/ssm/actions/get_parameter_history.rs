//! GetParameterHistory, oldest version first.

use serde_json::{Value, json};

use crate::ssm::model::{Service, name};
use crate::ssm::request::{Failure, Members, invalid};

/// Versions on a page ("1-50").
const MOST: usize = 50;

pub(super) fn answer(
    service: &Service,
    region: &str,
    mut members: Members,
) -> Result<Value, Failure> {
    let selector = name::select(region, &members.required("Name")?);
    let decrypt = members.flag("WithDecryption")?;
    let (size, after) = members.page(MOST)?;
    members.finish()?;
    let after = after.map(|token| token.parse::<u64>()).transpose();
    let after = after.map_err(|_| invalid("The specified token isn't valid."))?;
    let mut state = service.settled();
    let kept = state.region(region);
    let name = kept.among(selector).name;
    let parameter = kept.parameter_mut(&name)?;
    let versions = parameter.versions.iter();
    let versions: Vec<_> = versions
        .filter(|version| after.is_none_or(|after| version.number > after))
        .take(size + 1)
        .collect();
    let page = versions.iter().take(size);
    let page: Vec<Value> = page.map(|it| it.write_history(&name, decrypt)).collect();
    let mut answer = json!({"Parameters": page});
    if versions.len() > size
        && let Some(last) = versions.get(size - 1)
    {
        answer["NextToken"] = last.number.to_string().into();
    }
    Ok(answer)
}
