//! What the stack was deployed with.

use std::collections::BTreeMap;

use crate::template::{self, Stack, TemplateError};

/// What a stack is made of.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) template: String,
    pub(super) stack_name: String,
    pub(super) parameters: BTreeMap<String, String>,
}

impl Deployment {
    pub(super) fn stack(&self, region: &str) -> Result<Stack, TemplateError> {
        template::read(&self.template, &self.parameters, region, &self.stack_name)
    }
}
