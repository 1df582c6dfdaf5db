//! GetParametersByPath.

use serde_json::{Value, json};

use crate::ssm::filter;
use crate::ssm::model::Service;
use crate::ssm::model::name::Selector;
use crate::ssm::request::{Failure, MOST_NAMES, Members};

pub(super) fn answer(
    service: &Service,
    region: &str,
    mut members: Members,
) -> Result<Value, Failure> {
    let path = members.required("Path")?;
    let recursive = members.flag("Recursive")?;
    let decrypt = members.flag("WithDecryption")?;
    let filters = filter::read(&mut members, &["KeyId", "Label", "Type"])?;
    let (size, after) = members.page(MOST_NAMES)?;
    members.finish()?;
    filter::well_formed(&path)?;
    let prefix = format!("{}/", path.trim_end_matches('/'));
    let mut state = service.settled();
    let kept = state.region(region);
    let wanted = kept.parameters.iter().filter(|(name, parameter)| {
        let below = name.strip_prefix(&prefix);
        let level = below.is_some_and(|below| recursive || !below.contains('/'));
        let last = parameter.versions.last();
        let passes = |last| filters.iter().all(|it| it.passes(name, parameter, last));
        level && last.is_some_and(passes) && after.as_ref().is_none_or(|after| *name > after)
    });
    let names: Vec<String> = wanted
        .take(size + 1)
        .map(|(name, _)| name.clone())
        .collect();
    let next = names
        .get(size.saturating_sub(1))
        .filter(|_| names.len() > size);
    let mut found = Vec::new();
    for name in names.iter().take(size) {
        let selector = Selector {
            name: name.clone(),
            version: None,
        };
        found.push(kept.version(&selector)?.write(region, &selector, decrypt));
    }
    let mut answer = json!({"Parameters": found});
    if let Some(next) = next {
        answer["NextToken"] = next.clone().into();
    }
    Ok(answer)
}
