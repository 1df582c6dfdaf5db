//! EventBridge: DescribeRule and ListTargetsByRule (EventBridge API Reference), of the rules that SAM makes of functions'
//! events.

use http::StatusCode;
use serde_json::{Value, json};

use super::model::{Answer, Failure, Management, only};
use crate::template::RULE;
use crate::template::stack::{Function, StackResource};
use crate::wire::Request;

impl Management {
    pub(super) fn rule(
        &self,
        region: &str,
        action: &str,
        request: &Request,
    ) -> Result<Answer, Failure> {
        let name = match action {
            "DescribeRule" => only(action, request, "Name")?,
            "ListTargetsByRule" => only(action, request, "Rule")?,
            _ => return Err(Failure::NotBuilt(action.to_owned())),
        };
        let mut resources = self.inner.stack.resources.iter();
        let rule = resources.find(|it| it.kind == RULE && it.physical_id == name);
        let rule = rule.filter(|_| self.is_here(region));
        let functions = &self.inner.stack.functions;
        let function = rule.and_then(|rule| functions.iter().find(|it| is_of(rule, it)));
        let (Some(rule), Some(function)) = (rule, function) else {
            let message = format!("Rule {name} does not exist on EventBus default.");
            return Err(Failure::Refused(
                StatusCode::BAD_REQUEST,
                "ResourceNotFoundException",
                message,
            ));
        };
        let event = rule.logical_id.strip_prefix(&function.logical_id);
        let event = event.unwrap_or_default();
        Ok(Answer::Json(match action {
            "DescribeRule" => self.describe(rule, function, event),
            _ => targets(function, event),
        }))
    }

    fn describe(&self, rule: &StackResource, function: &Function, event: &str) -> Value {
        let name = &rule.physical_id;
        let mut answer = json!({
            "Arn": self.arn("events", &format!("rule/{name}")),
            "EventBusName": "default",
            "Name": name,
        });
        // A rule that the template itself switches off is not among the function's.
        let mut enabled = false;
        if let Some(found) = function.rules.iter().find(|it| it.logical_id == event) {
            answer["EventPattern"] = found.pattern.to_string().into();
            enabled = true;
        }
        if let Some(found) = function.schedules.iter().find(|it| it.logical_id == event) {
            answer["ScheduleExpression"] = found.expression.as_str().into();
            enabled = found.enabled;
        }
        enabled = enabled && self.is_rule_enabled(&function.logical_id, event);
        answer["State"] = if enabled { "ENABLED" } else { "DISABLED" }.into();
        answer
    }
}

fn targets(function: &Function, event: &str) -> Value {
    let rule = function.rules.iter().find(|it| it.logical_id == event);
    let schedule = function.schedules.iter().find(|it| it.logical_id == event);
    let queue = rule.map(|it| &it.dead_letters);
    let queue = queue.or_else(|| schedule.map(|it| &it.dead_letters));
    let id = format!("{}{event}LambdaTarget", function.logical_id);
    let mut target = json!({"Id": id, "Arn": function.arn});
    if let Some(Some(queue)) = queue {
        target["DeadLetterConfig"] = json!({"Arn": queue});
    }
    json!({"Targets": [target]})
}

fn is_of(rule: &StackResource, function: &Function) -> bool {
    rule.of_function.as_ref() == Some(&function.logical_id)
}
