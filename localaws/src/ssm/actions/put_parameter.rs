//! PutParameter.

use serde_json::{Value, json};

use crate::ssm::model::{IMAGE, Put, Region, Service, name};
use crate::ssm::request::{Failure, Members, invalid, refuse};

/// Characters in the value of a standard parameter.
const LONGEST_VALUE: usize = 4096;
/// Characters in a description.
const LONGEST_DESCRIPTION: usize = 1024;
/// "50 tags per parameter".
const MOST_TAGS: usize = 50;
/// "10,000 standard parameters per account and Region".
const MOST_PARAMETERS: usize = 10_000;

struct Request {
    name: String,
    value: String,
    kind: Option<String>,
    data_type: Option<String>,
    description: Option<String>,
    allowed_pattern: Option<String>,
    overwrite: bool,
    tags: Vec<(String, String)>,
}

pub(super) fn answer(service: &Service, region: &str, members: Members) -> Result<Value, Failure> {
    let mut request = Request::read(members)?;
    request.check()?;
    let mut state = service.settled();
    let kept = state.region(region);
    request.name = kept.name_of(&request.name);
    if !kept.parameters.contains_key(&request.name) {
        name::check(region, &request.name)?;
    }
    // "another Put meanwhile says that validation is in process": code and words are not documented.
    if kept.pending.contains_key(&request.name) {
        let message = format!(
            "The validation of parameter {} is in process.",
            request.name
        );
        return Err(invalid(message));
    }
    let put = request.resolve(kept)?;
    let version = service.put(region, kept, put);
    Ok(json!({"Version": version, "Tier": "Standard"}))
}

impl Request {
    fn read(mut members: Members) -> Result<Self, Failure> {
        let request = Self {
            name: members.required("Name")?,
            value: members.required("Value")?,
            kind: members.text("Type")?,
            data_type: members.text("DataType")?,
            description: members.text("Description")?,
            allowed_pattern: members.text("AllowedPattern")?,
            overwrite: members.flag("Overwrite")?,
            tags: members.tags("Tags")?,
        };
        match members.text("Tier")?.as_deref() {
            None | Some("Standard") => {}
            Some(other) => {
                return Err(Failure::NotBuilt(format!("PutParameter with Tier {other}")));
            }
        }
        members.finish()?;
        Ok(request)
    }

    /// Checks what the request says by itself.
    fn check(&self) -> Result<(), Failure> {
        if self.overwrite && !self.tags.is_empty() {
            return Err(invalid(
                "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please \
                 remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
                 RemoveTagsFromResource.",
            ));
        }
        if self.tags.len() > MOST_TAGS {
            let message = format!("A parameter cannot have more than {MOST_TAGS} tags.");
            return Err(invalid(message));
        }
        if self.value.chars().count() > LONGEST_VALUE {
            return Err(invalid(format!(
                "Standard tier parameters support a maximum parameter value of {LONGEST_VALUE} characters."
            )));
        }
        // "You can't include values wrapped in double brackets {{}}" ("Working with Parameter Store").
        if self.value.contains("{{") && self.value.contains("}}") {
            return Err(invalid(
                "Parameter value can't nest another parameter. Do not use \"{{}}\" in the value.",
            ));
        }
        let description = self.description.as_deref().unwrap_or_default();
        if description.chars().count() > LONGEST_DESCRIPTION {
            let message = format!(
                "The description must not have more than {LONGEST_DESCRIPTION} characters."
            );
            return Err(invalid(message));
        }
        match self.data_type.as_deref() {
            None | Some("text" | IMAGE) => Ok(()),
            Some("aws:ssm:integration") => Err(Failure::NotBuilt(
                "PutParameter with the data type aws:ssm:integration".to_owned(),
            )),
            Some(other) => Err(invalid(format!(
                "The following data type is not supported: {other} (Data type names are all lowercase.)"
            ))),
        }
    }

    /// What is to be put, with what is there already where the request says nothing.
    fn resolve(self, kept: &Region) -> Result<Put, Failure> {
        let parameter = kept.parameters.get(&self.name);
        let current = parameter.and_then(|parameter| parameter.versions.last());
        if current.is_some() && !self.overwrite {
            return Err(refuse(
                "ParameterAlreadyExists",
                "The parameter already exists. To overwrite this value, set the overwrite option in the request to \
                 true.",
            ));
        }
        if let Some(parameter) = parameter {
            parameter.check_room(&self.name)?;
        } else if kept.parameters.len() >= MOST_PARAMETERS {
            let message = "You have exceeded the number of parameters for this AWS account.";
            return Err(refuse("ParameterLimitExceeded", message));
        }
        let kind = self.kind.or_else(|| current.map(|it| it.kind.clone()));
        let kind = kind
            .ok_or_else(|| invalid("A parameter type is required when you create a parameter."))?;
        if !["String", "StringList", "SecureString"].contains(&kind.as_str()) {
            return Err(invalid(format!(
                "1 validation error detected: Value '{kind}' at 'type' failed to satisfy constraint: Member must satisfy \
                 enum value set: [SecureString, StringList, String]"
            )));
        }
        // Whether an overwrite without a data type keeps the old one is not documented; here it does.
        let had = current.map(|it| it.data_type.as_str());
        let data_type = self
            .data_type
            .as_deref()
            .or(had)
            .unwrap_or("text")
            .to_owned();
        check_data_type(had, &data_type, &kind)?;
        let pattern = self.allowed_pattern;
        let pattern = pattern.or_else(|| current.and_then(|it| it.allowed_pattern.clone()));
        check_pattern(pattern.as_deref(), &self.value)?;
        let description = self.description;
        Ok(Put {
            name: self.name,
            kind,
            value: self.value,
            data_type,
            description: description.or_else(|| current.and_then(|it| it.description.clone())),
            allowed_pattern: pattern,
            tags: self.tags.into_iter().collect(),
        })
    }
}

/// The rules are documented, code and words are not.
fn check_data_type(had: Option<&str>, data_type: &str, kind: &str) -> Result<(), Failure> {
    if data_type == IMAGE && kind != "String" {
        let message = format!("The data type {IMAGE} requires the parameter type String.");
        return Err(invalid(message));
    }
    match had {
        Some(had) if had != data_type => Err(invalid(format!(
            "The data type of a parameter cannot be changed from {had} to {data_type}."
        ))),
        _ => Ok(()),
    }
}

fn check_pattern(pattern: Option<&str>, value: &str) -> Result<(), Failure> {
    let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty()) else {
        return Ok(());
    };
    let anchored = regex_lite::Regex::new(&format!("^(?:{pattern})$"));
    let regex = anchored.map_err(|_| {
        let message = format!("The allowed pattern {pattern} is not a valid regular expression.");
        refuse("InvalidAllowedPatternException", message)
    })?;
    if regex.is_match(value) {
        return Ok(());
    }
    Err(refuse(
        "ParameterPatternMismatchException",
        format!("Parameter value, cannot be validated against allowedPattern: {pattern}"),
    ))
}
