//! The roles that SAM makes for functions ("Generated CloudFormation resources for AWS::Serverless::Function", AWS SAM
//! Developer Guide): each an `AWS::IAM::Role` whose logical id is the function's, followed by `Role`.

use super::names::{Location, Names, ROLE, role_id, role_name};
use super::problem::Problem;
use super::resolve::Scope;
use super::yaml::{Entry, Kind};

impl Scope<'_> {
    /// The names of the role with this logical id; none if no function that is created has one.
    pub(super) fn role(&self, logical_id: &str) -> Result<Option<Names>, Problem> {
        let mut entries = self.resources().iter();
        let function = entries.find(|entry| role_id(&entry.key) == logical_id);
        let Some(function) = function else {
            return Ok(None);
        };
        if !is_function(function) || !self.is_created(function)? {
            return Ok(None);
        }
        let location = Location {
            partition: self.partition(),
            region: self.region,
            suffix: self.url_suffix(),
        };
        let name = role_name(self.stack_name, &function.key);
        Ok(Some(Names::of(&location, ROLE, name)))
    }
}

/// A function with a role of one's own (`Role`) is not built here.
fn is_function(entry: &Entry) -> bool {
    let kind = entry.value.get("Type");
    kind.is_some_and(
        |kind| matches!(&kind.kind, Kind::Text(own) if own == "AWS::Serverless::Function"),
    )
}
