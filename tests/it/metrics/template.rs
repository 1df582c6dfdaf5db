//! What the template shows to people: alarms, the dashboard, and saved queries.

use std::collections::{BTreeMap, BTreeSet};

use localaws::template::Stack;
use localaws::template::stack::Display;
use serde_json::Value;

/// A metric that something asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    pub(super) namespace: String,
    pub(super) metric: String,
    /// By name; none where any value is asked for.
    pub(super) dimensions: BTreeMap<String, Option<String>>,
}

/// What there is of a type.
pub(super) fn displays<'a>(stack: &'a Stack, kind: &str) -> Vec<&'a Display> {
    let all = stack.displays.iter();
    all.filter(|it| it.kind == kind).collect()
}

pub(super) fn alarms(stack: &Stack) -> Vec<&Display> {
    displays(stack, "AWS::CloudWatch::Alarm")
}

/// The widgets of the dashboard.
pub(super) fn widgets(stack: &Stack) -> Vec<Value> {
    let dashboards = displays(stack, "AWS::CloudWatch::Dashboard");
    assert_eq!(dashboards.len(), 1);
    let body = dashboards[0].properties["DashboardBody"].as_str().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    body["widgets"].as_array().unwrap().clone()
}

/// The metric of an alarm.
pub(super) fn of_alarm(alarm: &Display) -> Asked {
    let properties = &alarm.properties;
    let text = |of: &Value| of.as_str().unwrap().to_owned();
    let dimensions = properties["Dimensions"].as_array().unwrap().iter();
    Asked {
        namespace: text(&properties["Namespace"]),
        metric: text(&properties["MetricName"]),
        dimensions: dimensions
            .map(|it| (text(&it["Name"]), Some(text(&it["Value"]))))
            .collect(),
    }
}

/// The metrics of a widget.
pub(super) fn of_widget(widget: &Value) -> Vec<Asked> {
    let metrics = widget["properties"]["metrics"].as_array();
    let metrics = metrics.into_iter().flatten();
    metrics.map(|it| of_line(it.as_array().unwrap())).collect()
}

/// One line of a graph: a metric with its dimensions, or an expression that searches for one ("Dashboard Body Structure and
/// Syntax", Amazon CloudWatch API Reference).
fn of_line(line: &[Value]) -> Asked {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    if let [Value::Object(options)] = line {
        return of_search(options["expression"].as_str().unwrap());
    }
    let [namespace, metric, dimensions @ .., Value::Object(_)] = line else {
        panic!("{line:?}");
    };
    let (pairs, rest) = dimensions.as_chunks::<2>();
    assert!(rest.is_empty(), "{line:?}");
    Asked {
        namespace: text(namespace),
        metric: text(metric),
        dimensions: pairs
            .iter()
            .map(|[name, value]| (text(name), Some(text(value))))
            .collect(),
    }
}

/// `SEARCH('{Namespace,Dimension,…} MetricName="…" Dimension="…"', '…', …)`, also summed up ("CloudWatch search expression
/// syntax", Amazon CloudWatch User Guide).
fn of_search(expression: &str) -> Asked {
    let form = r#"^(?:SUM\()?SEARCH\('\{([^}]*)\} MetricName="(\w+)"((?: \w+="[^"]*")*)', '\w+', \d+\)\)?$"#;
    let found = regex_lite::Regex::new(form).unwrap();
    let found = found.captures(expression);
    let found = found.unwrap_or_else(|| panic!("{expression}"));
    let mut schema = found[1].split(',').map(str::to_owned);
    let namespace = schema.next().unwrap();
    let mut dimensions: BTreeMap<String, Option<String>> = schema.map(|it| (it, None)).collect();
    for fixed in found[3].split_whitespace() {
        let (name, value) = fixed.split_once('=').unwrap();
        let known = dimensions.get_mut(name).unwrap();
        *known = Some(value.trim_matches('"').to_owned());
    }
    Asked {
        namespace,
        metric: found[2].to_owned(),
        dimensions,
    }
}

/// The texts of the saved queries, and of those of the dashboard.
pub(crate) fn queries() -> Vec<String> {
    let template = include_str!("../../../template.yaml");
    let parameters = BTreeMap::new();
    let stack = localaws::template::read(template, &parameters, "us-east-1", "local").unwrap();
    let saved = displays(&stack, "AWS::Logs::QueryDefinition").into_iter();
    let saved = saved.map(|it| it.properties["QueryString"].clone());
    let widgets = widgets(&stack);
    let shown = widgets.iter().map(|it| it["properties"]["query"].clone());
    let texts = saved.chain(shown.filter(Value::is_string));
    texts.map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// All that dashboard and alarms ask for.
pub(super) fn asked(stack: &Stack) -> BTreeSet<Asked> {
    let of_alarms = alarms(stack).into_iter().map(of_alarm);
    let widgets = widgets(stack);
    let of_widgets = widgets.iter().flat_map(of_widget);
    of_alarms.chain(of_widgets).collect()
}
