//! AMIs of earlier versions that were to be retired, and that a status has no room for any more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::retiring::Retirement;
use crate::image::words::is_zero;

/// AMIs that are named at most: those of several versions in all Regions. The oldest go first, and are counted.
const NAMED_MAX: usize = 50;

/// AMIs of earlier versions that were to be retired and are kept: too many versions came before they could be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Forgotten {
    /// The last of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<Retirement>,
    /// How many more there were before these.
    #[serde(skip_serializing_if = "is_zero")]
    pub omitted: u32,
    /// Whether a notice names them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
}

impl Forgotten {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.images.is_empty() && self.omitted == 0
    }

    /// What the next version has still to tell of.
    pub(super) fn for_next(&self) -> Self {
        match self.told {
            true => Self::default(),
            false => self.clone(),
        }
    }

    /// These were to be retired, too.
    pub(super) fn add(&mut self, images: Vec<Retirement>) {
        self.images.extend(images);
        let surplus = self.images.len().saturating_sub(NAMED_MAX);
        self.images.drain(..surplus);
        let surplus = u32::try_from(surplus).unwrap_or(u32::MAX);
        self.omitted = self.omitted.saturating_add(surplus);
    }
}
