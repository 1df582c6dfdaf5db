//! The roles that SAM makes for functions ("Generated CloudFormation resources for AWS::Serverless::Function", AWS SAM
//! Developer Guide): each an `AWS::IAM::Role` whose logical id is the function's, followed by `Role`.

use super::names::{Location, Names, ROLE};
use super::problem::Problem;
use super::resolve::Scope;
use super::yaml::{Entry, Kind};

/// How the logical ids of these roles end.
const SUFFIX: &str = "Role";

impl Scope<'_> {
    /// The names of the role with this logical id; none if no function that is created has one.
    pub(super) fn role(&self, logical_id: &str) -> Result<Option<Names>, Problem> {
        let function = logical_id
            .strip_suffix(SUFFIX)
            .and_then(|id| self.resources().iter().find(|entry| entry.key == id));
        match function {
            Some(function) if is_function(function) && self.is_created(function)? => {}
            _ => return Ok(None),
        }
        let location = Location {
            partition: self.partition(),
            region: self.region,
            suffix: self.url_suffix(),
        };
        let name = format!("{}-{logical_id}", self.stack_name);
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
