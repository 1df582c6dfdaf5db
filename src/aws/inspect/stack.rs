//! CloudFormation: the stack that is deployed.

use std::collections::BTreeMap;

use crate::aws::connect::Aws;
use crate::aws::error::{AwsError, classify};

/// A deployed stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployedStack {
    /// Its name.
    pub name: String,
    /// CloudFormation's word for its state, as `UPDATE_COMPLETE`.
    pub status: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// What it is made of.
    pub resources: Vec<StackResource>,
}

/// A resource of a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackResource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name, ARN or URL in its service; none as long as it does not exist.
    pub physical_id: Option<String>,
    /// Its type, as `AWS::Lambda::Function`.
    pub kind: String,
}

impl Aws {
    /// A stack by its name; none if there is none in this Region.
    ///
    /// # Errors
    /// If CloudFormation does not answer, or refuses.
    pub async fn deployed_stack(&self, name: &str) -> Result<Option<DeployedStack>, AwsError> {
        let cloudformation = aws_sdk_cloudformation::Client::new(self.sdk_config());
        let request = cloudformation.describe_stacks().stack_name(name);
        let doing = format!("describing the stack {name}");
        let answer = classify("DescribeStacks", doing, Box::pin(request.send()).await);
        let stacks = match answer {
            // "If the stack doesn't exist, a ValidationError is returned" (DescribeStacks). A name that no stack can
            // have is one, too.
            Err(error) if error.has_code("ValidationError") => return Ok(None),
            answer => answer?.stacks.unwrap_or_default(),
        };
        let Some(stack) = stacks.into_iter().next() else {
            return Ok(None);
        };
        let request = cloudformation.describe_stack_resources().stack_name(name);
        let doing = format!("listing the resources of the stack {name}");
        let answer = Box::pin(request.send()).await;
        let answer = classify("DescribeStackResources", doing, answer)?;
        let resources = answer.stack_resources.unwrap_or_default().into_iter();
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        Ok(Some(DeployedStack {
            name: stack.stack_name.unwrap_or_default(),
            status: stack
                .stack_status
                .map(|status| status.as_str().to_owned())
                .unwrap_or_default(),
            parameters: parameters
                .filter_map(|it| Some((it.parameter_key?, it.parameter_value.unwrap_or_default())))
                .collect(),
            outputs: outputs
                .filter_map(|it| Some((it.output_key?, it.output_value.unwrap_or_default())))
                .collect(),
            resources: resources
                .map(|it| StackResource {
                    logical_id: it.logical_resource_id.unwrap_or_default(),
                    physical_id: it.physical_resource_id,
                    kind: it.resource_type.unwrap_or_default(),
                })
                .collect(),
        }))
    }
}
