//! A topic, and what its emails have of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(super) const DISPLAY_NAME: &str = "DisplayName";

/// A topic as it is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Topic {
    /// `DisplayName`, `KmsMasterKeyId`: as they were given.
    pub(super) attributes: BTreeMap<String, String>,
    /// How many of its subscriptions were deleted.
    pub(super) deleted: u64,
}

impl Topic {
    /// The name that its emails have as their sender's.
    pub(super) fn display_name(&self) -> Option<&str> {
        let name = self.attributes.get(DISPLAY_NAME)?;
        Some(name.as_str()).filter(|name| !name.is_empty())
    }

    pub(super) fn begin_display_name(&mut self, name: &str) {
        let name = name.to_owned();
        self.attributes
            .entry(DISPLAY_NAME.to_owned())
            .or_insert(name);
    }

    /// Whether it has an attribute with this value.
    pub(super) fn is(&self, (name, value): (&String, &String)) -> bool {
        self.attributes.get(name).map_or("", String::as_str) == value
    }
}
