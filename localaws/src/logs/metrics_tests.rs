use jiff::Timestamp;
use serde_json::{Value, json};

use super::metrics::{Datum, of_line};

fn now() -> Timestamp {
    "2026-11-21T10:00:05Z".parse().unwrap()
}

fn extracted(document: &Value) -> Vec<Datum> {
    of_line(&document.to_string(), "/logs", now())
}

fn document() -> Value {
    json!({
        "_aws": {
            "Timestamp": 1_795_255_200_000_i64,
            "CloudWatchMetrics": [{
                "Namespace": "images",
                "Dimensions": [["Stack"], ["Stack", "Kind"], []],
                "Metrics": [{"Name": "Time", "Unit": "Milliseconds", "StorageResolution": 60}, {"Name": "Count"}],
            }],
        },
        "Stack": "one",
        "Kind": "disk",
        "Time": [1, 2.5],
        "Count": 3,
        "requestId": "989ffbf8-9ace-4817-a57c-e4dd734019ee",
    })
}

#[test]
fn each_set_of_dimensions_makes_a_metric_of_each_definition() {
    let found = extracted(&document());
    let shown = found.iter().map(|it| {
        let dimensions: Vec<String> = it
            .dimensions
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let (at, values) = (it.at, &it.values);
        let what = format!("{}/{} {}", it.namespace, it.metric, it.unit);
        format!("{at} {what} {} {values:?}", dimensions.join(","))
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            "2026-11-21T10:00:00Z images/Time Milliseconds Stack=one [1.0, 2.5]",
            "2026-11-21T10:00:00Z images/Time Milliseconds Kind=disk,Stack=one [1.0, 2.5]",
            "2026-11-21T10:00:00Z images/Time Milliseconds  [1.0, 2.5]",
            "2026-11-21T10:00:00Z images/Count None Stack=one [3.0]",
            "2026-11-21T10:00:00Z images/Count None Kind=disk,Stack=one [3.0]",
            "2026-11-21T10:00:00Z images/Count None  [3.0]",
        ]
    );
}

#[test]
fn other_lines_are_no_metrics() {
    for line in [
        "started",
        "{\"level\":\"INFO\"}",
        "about \"CloudWatchMetrics\"",
        "{\"fields\":{\"CloudWatchMetrics\":[]}}",
    ] {
        assert_eq!(of_line(line, "/logs", now()), [], "{line}");
    }
}

/// The rules of the specification and of its schema, each broken once.
#[test]
fn a_document_that_is_not_as_the_specification_says_makes_none() {
    let many = |count: usize| Value::from(vec![1; count]);
    let names = |count: usize| Value::from(vec!["Stack"; count]);
    let definitions = vec![json!({"Name": "Count"}); 101];
    let directive = "/_aws/CloudWatchMetrics/0";
    for (place, value) in [
        ("/_aws/Timestamp".to_owned(), json!("now")),
        ("/_aws/Timestamp".to_owned(), json!(1.5)),
        ("/_aws/CloudWatchMetrics".to_owned(), json!({})),
        (format!("{directive}/Namespace"), json!("")),
        (format!("{directive}/Namespace"), json!("n".repeat(1025))),
        (format!("{directive}/Dimensions"), json!([])),
        (format!("{directive}/Dimensions/0"), json!("Stack")),
        (format!("{directive}/Dimensions/0"), names(31)),
        (format!("{directive}/Dimensions/0/0"), json!("Missing")),
        (format!("{directive}/Dimensions/0/0"), json!("Count")),
        (format!("{directive}/Metrics"), json!({})),
        (format!("{directive}/Metrics"), definitions.into()),
        (format!("{directive}/Metrics/0/Name"), json!("")),
        (format!("{directive}/Metrics/0/Name"), json!("Missing")),
        (format!("{directive}/Metrics/0/Unit"), json!("Hours")),
        (
            format!("{directive}/Metrics/0/Unit"),
            json!("Seconds/Second"),
        ),
        (format!("{directive}/Metrics/0/StorageResolution"), json!(5)),
        ("/Stack".to_owned(), json!("s".repeat(1025))),
        ("/Time".to_owned(), json!("1")),
        ("/Time".to_owned(), json!([1, "2"])),
        ("/Time".to_owned(), many(101)),
    ] {
        let mut document = document();
        *document.pointer_mut(&place).unwrap() = value.clone();
        let found = extracted(&document);
        let names: Vec<_> = found
            .iter()
            .map(|it| (it.namespace.as_str(), it.metric.as_str(), it.at))
            .collect();
        let invalid = ("AWS/Logs", "EMFValidationErrors", now());
        assert_eq!(names, [invalid], "{place}: {value}");
        assert_eq!(found[0].dimensions["LogGroupName"], "/logs");
    }
    let mut document = document();
    *document.pointer_mut("/Time").unwrap() = many(100);
    *document
        .pointer_mut(&format!("{directive}/Metrics/0/Unit"))
        .unwrap() = json!("Count/Second");
    assert_eq!(extracted(&document).len(), 6);
}
