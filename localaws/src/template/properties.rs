//! Reads values out of resolved properties; every complaint names the place and the line.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::problem::{Problem, TemplateError};
use super::yaml::{Kind, Node};

/// A resolved value and its place in the template.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    pub(super) place: String,
}

impl<'a> At<'a> {
    pub(super) fn new(node: &'a Node, place: impl Into<String>) -> Self {
        Self {
            node,
            place: place.into(),
        }
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> TemplateError {
        Problem::new(self.node.line, problem).at(&self.place)
    }

    pub(super) fn get(&self, key: &str) -> Option<At<'a>> {
        self.node
            .get(key)
            .map(|node| At::new(node, format!("{}.{key}", self.place)))
    }

    pub(super) fn required(&self, key: &str) -> Result<At<'a>, TemplateError> {
        self.get(key)
            .ok_or_else(|| self.error(format!("`{key}` is missing")))
    }

    /// Every key with its value. Fails for what is not a map.
    pub(super) fn entries(&self) -> Result<Vec<(&'a str, At<'a>)>, TemplateError> {
        let Kind::Map(entries) = &self.node.kind else {
            return Err(self.error(format!("a map is needed here, not {}", self.node.what())));
        };
        let place = |key: &str| format!("{}.{key}", self.place);
        Ok(entries
            .iter()
            .map(|entry| (entry.key.as_str(), At::new(&entry.value, place(&entry.key))))
            .collect())
    }

    /// Every item. Fails for what is not a list.
    pub(super) fn items(&self) -> Result<Vec<At<'a>>, TemplateError> {
        let Kind::List(items) = &self.node.kind else {
            return Err(self.error(format!("a list is needed here, not {}", self.node.what())));
        };
        Ok(items
            .iter()
            .enumerate()
            .map(|(i, item)| At::new(item, format!("{}[{i}]", self.place)))
            .collect())
    }

    /// Fails if there is a key that is not among these: it might change what runs.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), TemplateError> {
        for (key, value) in self.entries()? {
            if !known.contains(&key) {
                return Err(value.error(format!("not built here. Known: {}", known.join(", "))));
            }
        }
        Ok(())
    }

    /// A plain value as text: CloudFormation turns numbers and booleans into it.
    pub(super) fn text(&self) -> Result<String, TemplateError> {
        match &self.node.kind {
            Kind::Text(text) => Ok(text.clone()),
            Kind::Number(number) => Ok(number.to_string()),
            Kind::Bool(value) => Ok(value.to_string()),
            _ => Err(self.error(format!("a text is needed here, not {}", self.node.what()))),
        }
    }

    /// A whole number within the service's limits.
    pub(super) fn integer(&self, range: RangeInclusive<u32>) -> Result<u32, TemplateError> {
        let text = self.text()?;
        text.parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                self.error(format!(
                    "a whole number from {} to {} is needed, not `{text}`",
                    range.start(),
                    range.end()
                ))
            })
    }

    /// True or false, also written as text.
    pub(super) fn boolean(&self) -> Result<bool, TemplateError> {
        let text = self.text()?;
        text.parse()
            .map_err(|_| self.error(format!("true or false is needed, not `{text}`")))
    }

    /// A text that holds JSON.
    pub(super) fn json_text(&self) -> Result<Value, TemplateError> {
        serde_json::from_str(&self.text()?)
            .map_err(|error| self.error(format!("the text is not JSON: {error}")))
    }
}
