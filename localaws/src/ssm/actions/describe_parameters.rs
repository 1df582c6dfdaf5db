//! DescribeParameters: all that is known of parameters but their values.

use serde_json::{Value, json};

use crate::ssm::filter;
use crate::ssm::model::Service;
use crate::ssm::request::{Failure, Members};

/// Parameters on a page ("1-50").
const MOST: usize = 50;

const KEYS: [&str; 7] = ["DataType", "KeyId", "Name", "Path", "Tier", "Type", "tag"];

pub(super) fn answer(
    service: &Service,
    region: &str,
    mut members: Members,
) -> Result<Value, Failure> {
    let filters = filter::read(&mut members, &KEYS)?;
    let (size, after) = members.page(MOST)?;
    members.finish()?;
    let mut state = service.settled();
    let kept = state.region(region);
    let found = kept.parameters.iter().filter_map(|(name, parameter)| {
        let last = parameter.versions.last()?;
        let passes = filters
            .iter()
            .all(|filter| filter.passes(name, parameter, last));
        let is_next = after.as_ref().is_none_or(|after| name > after);
        (passes && is_next).then_some((name, last))
    });
    let found: Vec<_> = found.take(size + 1).collect();
    let page = found.iter().take(size);
    let page: Vec<Value> = page
        .map(|(name, last)| last.write_metadata(region, name))
        .collect();
    let mut answer = json!({"Parameters": page});
    if found.len() > size
        && let Some((last, _)) = found.get(size - 1)
    {
        answer["NextToken"] = last.as_str().into();
    }
    Ok(answer)
}
