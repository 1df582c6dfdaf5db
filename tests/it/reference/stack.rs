//! The stack's parameters and outputs, as template.yaml describes them.

use localaws::template::section;
use serde_json::Value;

use super::{hold, table};

const TEMPLATE: &str = include_str!("../../../template.yaml");

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A default, or another value, as it is written.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

fn parameter(name: &str, parameter: &Value) -> Vec<String> {
    let allowed = parameter["AllowedValues"].as_array();
    let allowed: Option<Vec<String>> = allowed.map(|values| values.iter().map(written).collect());
    let values = match allowed {
        Some(values) => values.join(", "),
        None => match (&parameter["MinValue"], &parameter["MaxValue"]) {
            (Value::Null, _) => text(parameter, "ConstraintDescription").to_owned(),
            (least, Value::Null) => format!("at least {}", written(least)),
            (least, most) => format!("{} to {}", written(least), written(most)),
        },
    };
    let description = text(parameter, "Description").to_owned();
    vec![
        format!("`{name}`"),
        written(&parameter["Default"]),
        values,
        description,
    ]
}

#[test]
fn every_parameter_and_output_of_the_stack() {
    let parameters = section(TEMPLATE, "Parameters").unwrap();
    let parameters = parameters.as_object().unwrap().iter();
    let rows: Vec<_> = parameters.map(|(name, it)| parameter(name, it)).collect();
    assert!(rows.iter().all(|row| !row[3].is_empty()), "{rows:#?}");
    let outputs = section(TEMPLATE, "Outputs").unwrap();
    let outputs = outputs.as_object().unwrap().iter();
    let named = |(name, it): (&String, &Value)| {
        let only = match it["Condition"].as_str() {
            Some("BundleInstances") => ". Only with `BundleKeyParameter`",
            Some("HasDashboard") => ". Only with `Dashboard=true`",
            Some(other) => panic!("the page does not say what {other} is"),
            None => "",
        };
        vec![
            format!("`{name}`"),
            text(it, "Description").to_owned() + only,
        ]
    };
    let outputs: Vec<_> = outputs.map(named).collect();
    let content = format!(
        "## Parameters\n\n{}\n## Outputs\n\n{}",
        table(&["parameter", "default", "values", "meaning"], &rows),
        table(&["output", "is"], &outputs)
    );
    let introduction = "From [template.yaml](../../template.yaml). What opens what: \
        [guardrails](../operating.md#guardrails).";
    hold(
        "stack",
        "The stack's parameters and outputs",
        introduction,
        &content,
    );
}
