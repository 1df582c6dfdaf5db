//! An update of the stack: other values of its parameters.

use std::collections::BTreeMap;

use super::error::WorldError;
use super::running::World;
use crate::lock::lock;
use crate::template::Stack;

impl World {
    /// Updates the stack as CloudFormation would, with other values of these parameters: invocations that begin from now on have
    /// the variables that the template gives them then; those that run end with what they began with. Policies are other ones
    /// for both, at once. [`World::stack`], and what CloudFormation and Lambda say of it, stay as they were.
    ///
    /// # Errors
    /// What the template says of these values; or something else would be another one than variables and policies, which is
    /// not built.
    pub fn update(&self, parameters: &BTreeMap<String, String>) -> Result<(), WorldError> {
        let mut deployment = lock(&self.inner.deployment);
        let mut updated = deployment.clone();
        updated.parameters.extend(parameters.clone());
        let stack = updated.stack(self.region())?;
        if unconfigured(stack.clone()) != unconfigured(self.stack().clone()) {
            return Err(WorldError::Resource {
                what: "an update".to_owned(),
                problem: "localaws has built only what changes variables and policies".to_owned(),
            });
        }
        let services = &self.inner.services;
        services.iam.update(&stack, &updated.stack_name)?;
        self.inner.lambda.update(stack.functions);
        *deployment = updated;
        Ok(())
    }

    /// The variables that the invocations of a function begin with now.
    #[must_use]
    pub fn environment(&self, function_logical_id: &str) -> Option<BTreeMap<String, String>> {
        self.inner.lambda.environment(function_logical_id)
    }
}

/// A stack without what an update may change.
fn unconfigured(mut stack: Stack) -> Stack {
    for function in &mut stack.functions {
        function.environment.clear();
        function.policies.clear();
    }
    for policy in &mut stack.managed_policies {
        policy.statements.clear();
    }
    stack.parameters.clear();
    stack.displays.clear();
    stack
}
