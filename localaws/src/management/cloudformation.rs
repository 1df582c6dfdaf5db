//! CloudFormation: DescribeStacks and DescribeStackResources (CloudFormation API Reference).
//!
//! Of the resources that SAM makes, a function's role and rules are listed; its permissions and its event invoke
//! configuration are not known here.

use http::StatusCode;

use super::model::{Answer, Failure, Management, only_field};
use crate::query::{Dialect, Fields, element};
use crate::template::stack::StackResource;
use crate::template::stack_id;

const DIALECT: Dialect = Dialect("http://cloudformation.amazonaws.com/doc/2010-05-15/");

impl Management {
    pub(super) fn cloudformation(
        &self,
        region: &str,
        action: &str,
        fields: &Fields,
    ) -> Result<Answer, Failure> {
        let xml = match action {
            "DescribeStacks" => {
                let name = only_field(action, fields, "StackName")?;
                self.check_name(region, name)?;
                let found = self.is_here(region) && !self.inner.stack.resources.is_empty();
                let member = match found {
                    true => self.stack_member(),
                    false => String::new(),
                };
                format!("<Stacks>{member}</Stacks>")
            }
            "DescribeStackResources" => {
                let name = only_field(action, fields, "StackName")?;
                let name = name.ok_or_else(|| {
                    // The other way to name a stack is not built.
                    Failure::NotBuilt(format!("{action} without StackName"))
                })?;
                self.check_name(region, Some(name))?;
                let members: String = self
                    .inner
                    .stack
                    .resources
                    .iter()
                    .map(|resource| self.resource_member(resource))
                    .collect();
                format!("<StackResources>{members}</StackResources>")
            }
            _ => return Err(Failure::NotBuilt(action.to_owned())),
        };
        Ok(Answer::Xml(DIALECT, xml))
    }

    fn stack_id(&self) -> String {
        let place = &self.inner.place;
        stack_id(place.partition, &place.region, &place.stack_name)
    }

    /// The name or the id of the stack, or nothing, which means all.
    fn check_name(&self, region: &str, name: Option<&str>) -> Result<(), Failure> {
        let Some(name) = name else {
            return Ok(());
        };
        let is_own = name == self.inner.place.stack_name || name == self.stack_id();
        if is_own && self.is_here(region) && !self.inner.stack.resources.is_empty() {
            return Ok(());
        }
        Err(Failure::Refused(
            StatusCode::BAD_REQUEST,
            "ValidationError",
            format!("Stack with id {name} does not exist"),
        ))
    }

    fn stack_member(&self) -> String {
        let stack = &self.inner.stack;
        let parameters: String = stack
            .parameters
            .iter()
            .map(|(key, value)| {
                let pair = element("ParameterKey", key) + &element("ParameterValue", value);
                format!("<member>{pair}</member>")
            })
            .collect();
        let outputs: String = stack
            .outputs
            .iter()
            .map(|(key, value)| {
                let pair = element("OutputKey", key) + &element("OutputValue", value);
                format!("<member>{pair}</member>")
            })
            .collect();
        let place = &self.inner.place;
        let texts = element("StackName", &place.stack_name)
            + &element("StackId", &self.stack_id())
            + &element("CreationTime", &place.created_at.to_string())
            + &element("StackStatus", "CREATE_COMPLETE");
        format!(
            "<member>{texts}<Parameters>{parameters}</Parameters><Outputs>{outputs}</Outputs></member>"
        )
    }

    fn resource_member(&self, resource: &StackResource) -> String {
        let place = &self.inner.place;
        let texts = element("StackName", &place.stack_name)
            + &element("StackId", &self.stack_id())
            + &element("LogicalResourceId", &resource.logical_id)
            + &element("PhysicalResourceId", &resource.physical_id)
            + &element("ResourceType", resource.kind)
            + &element("Timestamp", &place.created_at.to_string())
            + &element("ResourceStatus", "CREATE_COMPLETE");
        format!("<member>{texts}</member>")
    }
}
