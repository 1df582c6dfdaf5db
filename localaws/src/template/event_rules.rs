//! The rules that SAM makes of a function's events ("Generated CloudFormation resources for
//! AWS::Serverless::Function", AWS SAM Developer Guide): each an `AWS::Events::Rule` whose logical id is the function's,
//! followed by the event's.

use super::names::{Location, Names, RULE};
use super::problem::Problem;
use super::resolve::Scope;
use super::yaml::{Entry, Kind, Node};

/// The event types that become rules, each with the property that names its rule.
const RULES: [(&str, &str); 2] = [("EventBridgeRule", "RuleName"), ("Schedule", "Name")];

/// A rule that SAM makes.
struct EventRule<'a> {
    logical_id: String,
    event: &'a Entry,
    /// The property that names it.
    name_property: &'static str,
}

impl Scope<'_> {
    /// The ARN of each rule of a function's events, with the event's id.
    pub(super) fn rule_arns(&self, function: &Entry) -> Result<Vec<(String, String)>, Problem> {
        rules(function)
            .map(|rule| {
                let names = self.rule_names(&rule)?;
                Ok((rule.event.key.clone(), names.attribute("Arn")))
            })
            .collect()
    }

    /// The names of the rule with this logical id; none if no function that is created has one.
    pub(super) fn rule(&self, logical_id: &str) -> Result<Option<Names>, Problem> {
        for function in self.resources() {
            let found = rules(function).find(|rule| rule.logical_id == logical_id);
            if let Some(rule) = found
                && self.is_created(function)?
            {
                return self.rule_names(&rule).map(Some);
            }
        }
        Ok(None)
    }

    fn rule_names(&self, rule: &EventRule<'_>) -> Result<Names, Problem> {
        let properties = rule.event.value.get("Properties");
        let own = properties.and_then(|properties| properties.get(rule.name_property));
        let name = match own {
            Some(own) => self.scalar(own)?,
            None => format!("{}-{}", self.stack_name, rule.logical_id),
        };
        let location = Location {
            partition: self.partition(),
            region: self.region,
            suffix: self.url_suffix(),
        };
        Ok(Names::of(&location, RULE, name))
    }
}

fn rules(function: &Entry) -> impl Iterator<Item = EventRule<'_>> {
    let text = |node: &Node, text: &str| matches!(&node.kind, Kind::Text(own) if own == text);
    let is_function = function
        .value
        .get("Type")
        .is_some_and(|kind| text(kind, "AWS::Serverless::Function"));
    let events = function.value.get("Properties").filter(|_| is_function);
    let events = events.and_then(|properties| properties.get("Events"));
    let events = events.map(Node::entries).unwrap_or_default().iter();
    events.filter_map(move |event| {
        let kind = event.value.get("Type")?;
        let (_, name_property) = RULES.into_iter().find(|(known, _)| text(kind, known))?;
        Some(EventRule {
            logical_id: format!("{}{}", function.key, event.key),
            event,
            name_property,
        })
    })
}
