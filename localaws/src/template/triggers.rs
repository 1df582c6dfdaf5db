//! `Events` of a function: what invokes it (`EventBridgeRule`, `ScheduleV2`; AWS SAM Developer Guide).

use std::time::Duration;

use super::problem::TemplateError;
use super::properties::At;
use super::stack::{Retry, Rule, Schedule};
use crate::{events, schedule};

/// The event types that are known here.
const TYPES: &str = "EventBridgeRule, ScheduleV2";

pub(super) fn read(function: &At<'_>) -> Result<(Vec<Rule>, Vec<Schedule>), TemplateError> {
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
            "ScheduleV2" => schedules.push(schedule(id, &properties)?),
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
    };
    Ok(enabled(properties)?.then_some(rule))
}

fn schedule(id: &str, properties: &At<'_>) -> Result<Schedule, TemplateError> {
    properties.only(&[
        "DeadLetterConfig",
        "Description",
        "FlexibleTimeWindow",
        "GroupName",
        "Input",
        "Name",
        "OmitName",
        "PermissionsBoundary",
        "RetryPolicy",
        "RoleArn",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "State",
    ])?;
    if let Some(window) = properties.get("FlexibleTimeWindow") {
        let mode = window.required("Mode")?;
        if mode.text()? != "OFF" {
            return Err(mode.error("flexible time windows are not built here; only OFF is"));
        }
    }
    let expression = properties.required("ScheduleExpression")?;
    let zone = properties
        .get("ScheduleExpressionTimezone")
        .map(|zone| zone.text())
        .transpose()?;
    let schedule = Schedule {
        logical_id: id.to_owned(),
        expression: expression.text()?,
        time_zone: zone.unwrap_or_else(|| "UTC".to_owned()),
        enabled: enabled(properties)?,
        input: properties
            .get("Input")
            .map(|input| input.json_text())
            .transpose()?,
        retry: retry(properties)?,
    };
    schedule::Expression::parse(&schedule.expression, &schedule.time_zone)
        .map_err(|error| expression.error(error.to_string()))?;
    Ok(schedule)
}

fn enabled(properties: &At<'_>) -> Result<bool, TemplateError> {
    let Some(state) = properties.get("State") else {
        return Ok(true);
    };
    match state.text()?.as_str() {
        "ENABLED" => Ok(true),
        "DISABLED" => Ok(false),
        other => Err(state.error(format!("State is ENABLED or DISABLED, not `{other}`"))),
    }
}

/// `RetryPolicy`: the same limits for rules and for schedules (EventBridge and EventBridge Scheduler API References).
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
