//! A resource of the template.

use super::names::Names;
use super::properties::At;
use super::yaml::Node;

/// A resource that is created, with its properties worked out.
pub(super) struct Resource {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) names: Names,
    pub(super) metadata: Option<Node>,
    pub(super) properties: Node,
    /// The role that SAM makes for a function.
    pub(super) role_name: Option<String>,
    /// The rules of a function's events: the event's id and the rule's ARN.
    pub(super) rule_arns: Vec<(String, String)>,
}

impl Resource {
    pub(super) fn properties(&self) -> At<'_> {
        At::new(
            &self.properties,
            format!("Resources.{}.Properties", self.id),
        )
    }

    /// An attribute that [`Names`] gives for every resource of this type.
    pub(super) fn attribute(&self, name: &str) -> String {
        self.names.attribute(name)
    }
}
