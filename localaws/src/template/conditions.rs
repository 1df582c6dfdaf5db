//! `Conditions`: which resources there are and which branch an `Fn::If` takes ("Condition functions").

use super::problem::Problem;
use super::resolve::Scope;
use super::yaml::{Entry, Kind, Node};

/// Functions that give true or false, in `Conditions` only.
const CONDITIONS: &str = "Fn::Equals, Fn::Not, Fn::And, Fn::Or, Condition";

impl Scope<'_> {
    /// Whether the condition of that name holds.
    pub(super) fn holds(&self, name: &str, line: usize) -> Result<bool, Problem> {
        let condition = self
            .conditions
            .iter()
            .find(|entry| entry.key == name)
            .ok_or_else(|| {
                let known = self
                    .conditions
                    .iter()
                    .map(|entry| entry.key.as_str())
                    .collect::<Vec<_>>()
                    .join(", ");
                Problem::new(
                    line,
                    format!("there is no condition `{name}`. Known: {known}"),
                )
            })?;
        self.deeper(line, || self.truth(&condition.value))
    }

    /// Whether the resource's (or output's) condition, if any, holds.
    pub(super) fn is_created(&self, resource: &Entry) -> Result<bool, Problem> {
        match resource.value.get("Condition") {
            Some(condition) => self.holds(&self.name(condition)?, condition.line),
            None => Ok(true),
        }
    }

    fn truth(&self, node: &Node) -> Result<bool, Problem> {
        let Kind::Call(function, argument) = &node.kind else {
            let problem = format!("a condition is one of {CONDITIONS}, not {}", node.what());
            return Err(Problem::new(node.line, problem));
        };
        match function.as_str() {
            "Condition" => self.holds(&self.name(argument)?, node.line),
            "Fn::Equals" => {
                let [left, right] = self.arguments(function, argument)?;
                Ok(self.scalar(left)? == self.scalar(right)?)
            }
            "Fn::Not" => {
                let [only] = self.arguments(function, argument)?;
                Ok(!self.truth(only)?)
            }
            "Fn::And" | "Fn::Or" => {
                let Kind::List(items) = &argument.kind else {
                    return Err(Problem::new(
                        argument.line,
                        format!("{function} takes a list of conditions"),
                    ));
                };
                if !(2..=10).contains(&items.len()) {
                    return Err(Problem::new(
                        argument.line,
                        format!("{function} takes 2 to 10 conditions"),
                    ));
                }
                let truths: Result<Vec<bool>, _> =
                    items.iter().map(|item| self.truth(item)).collect();
                let truths = truths?;
                Ok(if function == "Fn::And" {
                    truths.iter().all(|t| *t)
                } else {
                    truths.iter().any(|t| *t)
                })
            }
            other => Err(Problem::new(
                node.line,
                format!("{other} gives no condition that is built here: {CONDITIONS}"),
            )),
        }
    }
}
