//! `Events` of a function: what invokes it (`EventBridgeRule`, `Schedule`; AWS SAM Developer Guide). Both are
//! rules of EventBridge; `ScheduleV2`, EventBridge Scheduler's, is not built here.

use std::time::Duration;

use super::problem::TemplateError;
use super::properties::At;
use super::stack::{Retry, Rule, Schedule};
use crate::{events, schedule};

/// The event types that are known here.
const TYPES: &str = "EventBridgeRule, Schedule";

/// The rules with a pattern and those with a schedule; `arns` has the ARN of each event's rule.
pub(super) fn read(
    function: &At<'_>,
    arns: &[(String, String)],
) -> Result<(Vec<Rule>, Vec<Schedule>), TemplateError> {
    let (mut rules, mut schedules) = (Vec::new(), Vec::new());
    let Some(events) = function.get("Events") else {
        return Ok((rules, schedules));
    };
    for (id, event) in events.entries()? {
        event.only(&["Type", "Properties"])?;
        let kind = event.required("Type")?;
        let properties = event.required("Properties")?;
        match kind.text()?.as_str() {
            "EventBridgeRule" => rules.extend(rule(id, &properties)?),
            "Schedule" => {
                let arn = arns.iter().find(|(event, _)| event == id);
                let arn = arn.map(|(_, arn)| arn.as_str()).unwrap_or_default();
                schedules.push(schedule(id, arn, &properties)?);
            }
            other => {
                return Err(kind.error(format!(
                    "the event type `{other}` is not built here. Known: {TYPES}"
                )));
            }
        }
    }
    Ok((rules, schedules))
}

/// None if the rule is disabled.
fn rule(id: &str, properties: &At<'_>) -> Result<Option<Rule>, TemplateError> {
    properties.only(&[
        "DeadLetterConfig",
        "EventBusName",
        "Input",
        "Pattern",
        "RetryPolicy",
        "RuleName",
        "State",
    ])?;
    if let Some(bus) = properties.get("EventBusName")
        && bus.text()? != "default"
    {
        return Err(bus.error("only the default event bus is built here"));
    }
    let pattern = properties.required("Pattern")?;
    let json = pattern.node.to_json();
    events::check(&json).map_err(|error| pattern.error(error.to_string()))?;
    let rule = Rule {
        logical_id: id.to_owned(),
        pattern: json,
        input: properties
            .get("Input")
            .map(|input| input.json_text())
            .transpose()?,
        retry: retry(properties)?,
        dead_letters: dead_letters(properties)?,
    };
    Ok(enabled(properties)?.then_some(rule))
}

fn schedule(id: &str, arn: &str, properties: &At<'_>) -> Result<Schedule, TemplateError> {
    properties.only(&[
        "DeadLetterConfig",
        "Description",
        "Enabled",
        "Input",
        "Name",
        "RetryPolicy",
        "Schedule",
        "State",
    ])?;
    let expression = properties.required("Schedule")?;
    let schedule = Schedule {
        logical_id: id.to_owned(),
        arn: arn.to_owned(),
        expression: expression.text()?,
        enabled: enabled(properties)?,
        input: properties
            .get("Input")
            .map(|input| input.json_text())
            .transpose()?,
        retry: retry(properties)?,
        dead_letters: dead_letters(properties)?,
    };
    schedule::Expression::parse(&schedule.expression)
        .map_err(|error| expression.error(error.to_string()))?;
    Ok(schedule)
}

/// `State`, or `Enabled` of a schedule; SAM refuses both together.
fn enabled(properties: &At<'_>) -> Result<bool, TemplateError> {
    let (state, enabled) = (properties.get("State"), properties.get("Enabled"));
    match (state, enabled) {
        (None, None) => Ok(true),
        (None, Some(enabled)) => enabled.boolean(),
        (Some(_), Some(enabled)) => Err(enabled.error("give State or Enabled, not both")),
        (Some(state), None) => match state.text()?.as_str() {
            "ENABLED" => Ok(true),
            "DISABLED" => Ok(false),
            other => Err(state.error(format!("State is ENABLED or DISABLED, not `{other}`"))),
        },
    }
}

/// The queue of `DeadLetterConfig`. SAM would make one where there is only a `Type`.
fn dead_letters(properties: &At<'_>) -> Result<Option<String>, TemplateError> {
    let Some(config) = properties.get("DeadLetterConfig") else {
        return Ok(None);
    };
    config.only(&["Arn"])?;
    config.required("Arn")?.text().map(Some)
}

/// `RetryPolicy` (EventBridge API Reference).
fn retry(properties: &At<'_>) -> Result<Retry, TemplateError> {
    let mut retry = Retry::default();
    let Some(policy) = properties.get("RetryPolicy") else {
        return Ok(retry);
    };
    policy.only(&["MaximumEventAgeInSeconds", "MaximumRetryAttempts"])?;
    if let Some(attempts) = policy.get("MaximumRetryAttempts") {
        retry.attempts = attempts.integer(0..=185)?;
    }
    if let Some(age) = policy.get("MaximumEventAgeInSeconds") {
        retry.maximum_event_age = Duration::from_secs(age.integer(60..=86400)?.into());
    }
    Ok(retry)
}
