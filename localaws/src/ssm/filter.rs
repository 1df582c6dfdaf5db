//! Filters of parameters ("ParameterStringFilter", Systems Manager API Reference).

use crate::ssm::model::parameter::{Parameter, Version};
use crate::ssm::request::{Failure, Members, invalid, refuse};

/// Values in one filter ("Maximum number of 50 items").
const MOST_VALUES: usize = 50;

/// One filter. A parameter must pass all of a request's.
pub(super) struct Filter {
    key: String,
    option: String,
    values: Vec<String>,
}

/// The filters of a request. `Label` is of GetParametersByPath; `tag`, `DataType`, `Name`, `Path` and `Tier` are of
/// DescribeParameters; these keys are both's or the given ones.
pub(super) fn read(members: &mut Members, keys: &[&str]) -> Result<Vec<Filter>, Failure> {
    let mut filters = Vec::new();
    for mut given in members.structures("ParameterFilters")? {
        let key = given.required("Key")?;
        let kind = match key.split_once(':') {
            Some(("tag", tag)) if !tag.is_empty() => "tag",
            _ => key.as_str(),
        };
        if !keys.contains(&kind) || key == "tag" {
            let message = format!("The following filter key is not valid: {key}");
            return Err(refuse("InvalidFilterKey", message));
        }
        if key == "Label" {
            return Err(Failure::NotBuilt(
                "GetParametersByPath with the filter Label".to_owned(),
            ));
        }
        let default = if key == "Path" { "OneLevel" } else { "Equals" };
        let filter = Filter {
            option: given.text("Option")?.unwrap_or_else(|| default.to_owned()),
            values: given.texts_if_any("Values", MOST_VALUES)?,
            key,
        };
        given.finish()?;
        filter.check()?;
        if filters.iter().any(|other: &Filter| other.key == filter.key) {
            return Err(refuse(
                "InvalidFilterKey",
                format!(
                    "The following filter is duplicated in the request: {}. A request can contain only one occurrence of a specific filter.",
                    filter.key
                ),
            ));
        }
        filters.push(filter);
    }
    Ok(filters)
}

/// A path that parameters are looked for by.
fn check_path(path: &str) -> Result<(), Failure> {
    let lower = path.to_ascii_lowercase();
    if lower.starts_with("/aws") || lower.starts_with("/ssm") {
        return Err(invalid(
            "Filters for common parameters can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). When using global parameters, please specify within a global namespace.",
        ));
    }
    well_formed(path)
}

/// "The parameter name must begin with a forward slash", and so on: of a path that is asked for.
pub(super) fn well_formed(path: &str) -> Result<(), Failure> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    if path.starts_with('/') && !path.contains("//") && path.chars().all(is_allowed) {
        return Ok(());
    }
    Err(invalid(
        "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: /get/parameters2-/by1./path0_.",
    ))
}

impl Filter {
    /// "For all filters …, valid options include Equals and BeginsWith. The Name filter additionally supports the Contains
    /// option. (Exception: For filters using the key Path, valid options include Recursive and OneLevel.)"
    fn check(&self) -> Result<(), Failure> {
        let options: &[&str] = match self.key.as_str() {
            "Path" => &["Recursive", "OneLevel"],
            "Name" => &["Equals", "BeginsWith", "Contains"],
            _ => &["Equals", "BeginsWith"],
        };
        if !options.contains(&self.option.as_str()) {
            let message = format!(
                "The following filter option is not valid: {}. Valid options include: {}",
                self.option,
                options.join(", ")
            );
            return Err(refuse("InvalidFilterOption", message));
        }
        if self.key == "Path" {
            self.values.iter().try_for_each(|path| check_path(path))?;
        }
        // Only a tag may be asked for by its key alone.
        if self.values.is_empty() && !self.key.starts_with("tag:") {
            let message = format!("The filter {} has no values.", self.key);
            return Err(refuse("InvalidFilterValue", message));
        }
        Ok(())
    }

    /// Whether this version of this parameter passes.
    pub(super) fn passes(&self, name: &str, parameter: &Parameter, version: &Version) -> bool {
        let text = match self.key.as_str() {
            "Name" => Some(name),
            "Type" => Some(version.kind.as_str()),
            "DataType" => Some(version.data_type.as_str()),
            "Tier" => Some("Standard"),
            "KeyId" => version.key_id(),
            "Path" => return self.values.iter().any(|path| self.is_below(name, path)),
            key => {
                let tag = key.strip_prefix("tag:").unwrap_or_default();
                parameter.tags.get(tag).map(String::as_str)
            }
        };
        let Some(text) = text else { return false };
        let hit = |value: &String| match self.option.as_str() {
            "BeginsWith" => text.starts_with(value.as_str()),
            "Contains" => text.contains(value.as_str()),
            _ => text == value,
        };
        self.values.is_empty() || self.values.iter().any(hit)
    }

    fn is_below(&self, name: &str, path: &str) -> bool {
        let below = name.strip_prefix(&format!("{}/", path.trim_end_matches('/')));
        below.is_some_and(|below| self.option == "Recursive" || !below.contains('/'))
    }
}
