//! The dashboard: each graph has data, and each metric has a graph.

use std::collections::BTreeSet;

use amiwright::metrics::{Metric, NAMESPACE};
use localaws::logs::Datum;
use serde_json::Value;

use super::eventful;
use super::template::{Asked, alarms, asked, displays, widgets};
use crate::support::TestStack;

fn is_of(datum: &Datum, asked: &Asked) -> bool {
    let is_same = |(name, value): (&String, &String)| match asked.dimensions.get(name) {
        Some(fixed) => fixed.as_ref().is_none_or(|fixed| fixed == value),
        None => false,
    };
    datum.metric == asked.metric
        && datum.dimensions.len() == asked.dimensions.len()
        && datum.dimensions.iter().all(is_same)
}

#[tokio::test(start_paused = true)]
async fn no_graph_is_without_data_and_no_metric_without_use() {
    let stack = eventful::stack().await;
    let measured = stack.measured();
    let asked = asked(stack.world.stack());
    let ours = || asked.iter().filter(|it| it.namespace == NAMESPACE);
    let without_data: Vec<&Asked> = ours()
        .filter(|asked| !measured.iter().any(|datum| is_of(datum, asked)))
        .collect();
    assert!(without_data.is_empty(), "{without_data:#?}");
    let used: BTreeSet<String> = ours().map(|it| it.metric.clone()).collect();
    let all: BTreeSet<String> = Metric::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(used, all);
    let series: BTreeSet<_> = measured
        .iter()
        .map(|it| (&it.metric, &it.dimensions))
        .collect();
    // Each is charged for: 10 of the stack, and of each source at most 8.
    assert!(series.len() <= 10 + 8 * 2, "{series:#?}");
}

#[tokio::test]
async fn metrics_of_aws_are_of_what_is_in_the_stack() {
    let stack = TestStack::new().await;
    let stack = stack.world.stack();
    let of_aws: Vec<Asked> = asked(stack)
        .into_iter()
        .filter(|it| it.namespace != NAMESPACE)
        .collect();
    let mut functions = BTreeSet::new();
    for asked in &of_aws {
        let dimensions: Vec<_> = asked.dimensions.iter().collect();
        let [(name, Some(value))] = dimensions[..] else {
            panic!("{asked:?}");
        };
        match (asked.namespace.as_str(), name.as_str()) {
            ("AWS/Lambda", "FunctionName") => {
                let known = ["Errors", "Invocations", "Throttles"];
                assert!(known.contains(&asked.metric.as_str()), "{asked:?}");
                assert!(stack.functions.iter().any(|it| it.name == *value));
                functions.insert(value.clone());
            }
            ("AWS/SQS", "QueueName") => {
                assert_eq!(asked.metric, "NumberOfMessagesSent");
                assert!(stack.queues.iter().any(|it| it.name == *value));
            }
            _ => panic!("{asked:?}"),
        }
    }
    assert_eq!(functions.len(), 3);
}

/// Where a widget is: columns and rows.
fn place(widget: &Value) -> [std::ops::Range<u64>; 2] {
    let number = |name: &str| widget[name].as_u64().unwrap();
    [("x", "width"), ("y", "height")].map(|(at, size)| number(at)..number(at) + number(size))
}

#[tokio::test]
async fn widgets_are_as_cloudwatch_takes_them_and_do_not_overlap() {
    let stack = TestStack::new().await;
    let stack = stack.world.stack();
    let widgets = widgets(stack);
    let cells = |widget: &Value| -> Vec<(u64, u64)> {
        let [columns, rows] = place(widget);
        assert!(columns.end <= 24, "{widget:#}");
        rows.flat_map(|row| columns.clone().map(move |column| (column, row)))
            .collect()
    };
    let all: Vec<(u64, u64)> = widgets.iter().flat_map(cells).collect();
    let different: BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    for widget in &widgets {
        let properties = &widget["properties"];
        let has = |names: &[&str]| {
            for name in names {
                assert!(!properties[*name].is_null(), "{name}: {widget:#}");
            }
        };
        match widget["type"].as_str().unwrap() {
            "text" => has(&["markdown"]),
            "log" => has(&["query", "region", "title", "view"]),
            "alarm" => {
                let shown = properties["alarms"].as_array().unwrap();
                assert_eq!(shown.len(), alarms(stack).len(), "each alarm is shown");
            }
            "metric" => {
                has(&["metrics", "region", "title", "view", "period"]);
                let lines = properties["metrics"].as_array().unwrap().iter();
                let options = lines.map(|line| line.as_array().unwrap().last().unwrap());
                let ids: Vec<&str> = options.clone().filter_map(|it| it["id"].as_str()).collect();
                let different: BTreeSet<_> = ids.iter().collect();
                assert_eq!(different.len(), ids.len(), "{widget:#}");
                assert!(options.clone().all(|it| it["label"].is_string()));
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn the_dashboard_can_be_left_out() {
    let stack = TestStack::built(|builder| builder.parameter("Dashboard", "false")).await;
    let stack = stack.world.stack();
    let dashboards = displays(stack, "AWS::CloudWatch::Dashboard");
    assert!(dashboards.is_empty());
    assert!(!alarms(stack).is_empty());
    assert!(!stack.outputs.contains_key("DashboardName"));
}

#[tokio::test]
async fn saved_queries_search_the_functions_logs() {
    let stack = TestStack::new().await;
    let stack = stack.world.stack();
    let queries = displays(stack, "AWS::Logs::QueryDefinition");
    assert_eq!(queries.len(), 5);
    let known: BTreeSet<&str> = stack.functions.iter().map(|it| &*it.log_group).collect();
    for query in queries {
        let name = query.properties["Name"].as_str().unwrap();
        assert!(name.starts_with("local/"), "{name}");
        let groups = query.properties["LogGroupNames"].as_array().unwrap();
        let groups: BTreeSet<&str> = groups.iter().map(|it| it.as_str().unwrap()).collect();
        assert!(!groups.is_empty() && groups.is_subset(&known), "{groups:?}");
    }
}
