//! LabelParameterVersion: a label moves from the version that has it.

use serde_json::{Value, json};

use crate::ssm::model::Service;
use crate::ssm::request::{Failure, Members, invalid, refuse};

/// "A version can have a maximum of 10 labels."
const MOST: usize = 10;
/// "A label can have a maximum of 100 characters."
const LONGEST: usize = 100;

pub(super) fn answer(
    service: &Service,
    region: &str,
    mut members: Members,
) -> Result<Value, Failure> {
    let name = members.required("Name")?;
    let wanted = members.number("ParameterVersion")?;
    let labels = members.texts("Labels", MOST)?;
    members.finish()?;
    if let Some(label) = labels
        .iter()
        .find(|label| !(1..=LONGEST).contains(&label.len()))
    {
        return Err(invalid(format!(
            "1 validation error detected: Value '[{label}]' at 'labels' failed to satisfy constraint: Member must satisfy \
             constraint: [Member must have length less than or equal to {LONGEST}, Member must have length greater than or \
             equal to 1]"
        )));
    }
    let (labels, refused): (Vec<String>, Vec<String>) =
        labels.into_iter().partition(|label| is_label(label));
    let mut state = service.settled();
    let versions = &mut state.region(region).parameter_mut(&name)?.versions;
    let last = versions.last().map(|last| last.number);
    let number = wanted.or(last).unwrap_or_default();
    let Some(at) = versions.iter().position(|it| it.number == number) else {
        let message = format!("Systems Manager could not find version {number} of {name}.");
        return Err(refuse("ParameterVersionNotFound", message));
    };
    for version in versions.iter_mut() {
        version.labels.retain(|label| !labels.contains(label));
    }
    if let Some(version) = versions.get_mut(at) {
        if version.labels.len() + labels.len() > MOST {
            let message = format!("A parameter version can have a maximum of {MOST} labels.");
            return Err(refuse("ParameterVersionLabelLimitExceeded", message));
        }
        version.labels.extend(labels);
    }
    Ok(json!({"InvalidLabels": refused, "ParameterVersion": number}))
}

/// "Labels can contain letters, numbers, periods, hyphens and underscores, can't begin with a number, aws or ssm."
fn is_label(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    label.chars().all(allowed)
        && !label.starts_with(|c: char| c.is_ascii_digit())
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
}
