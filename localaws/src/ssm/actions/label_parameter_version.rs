//! LabelParameterVersion: a label moves from the version that has it.

use serde_json::{Value, json};

use crate::ssm::model::Service;
use crate::ssm::request::{Failure, Members, refuse};

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
    let (labels, invalid): (Vec<String>, Vec<String>) =
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
    Ok(json!({"InvalidLabels": invalid, "ParameterVersion": number}))
}

/// "Labels can contain letters, numbers, periods, hyphens and underscores, can't begin with a number, aws or ssm."
fn is_label(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=LONGEST).contains(&label.len())
        && label.chars().all(allowed)
        && !label.starts_with(|c: char| c.is_ascii_digit())
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
}
