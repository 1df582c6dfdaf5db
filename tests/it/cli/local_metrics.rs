//! The metrics of real processes: what `amiwright local` keeps of them, and what else is in their logs.

use std::collections::BTreeSet;
use std::path::Path;

use localaws::logs::Datum;
use serde_json::Value;

use super::local_activity::Stack;
use super::programs::example;
use crate::metrics::queries;

/// A stack in which an example became an AMI, after it ended: the metrics, and the lines of all logs.
fn made(more: &[&str]) -> (Vec<Datum>, Vec<Value>) {
    let mut stack = Stack::start(more);
    stack.until("What happens:");
    stack.drop_file("disk.raw", vec![0; 4096]);
    // What is said of the first is in the files when the second one is done, which takes ticks.
    for key in ["web.image.yaml", "disk.image.yaml"] {
        stack.drop_file(key, example(key));
        stack.until("Available: ");
    }
    let (_, directory) = stack.end_keeping();
    let world = directory.path().join("a world");
    let metrics = std::fs::read_to_string(world.join("metrics.jsonl")).unwrap();
    let metrics = metrics
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    (metrics.collect(), logs(&world.join("logs")))
}

fn logs(directory: &Path) -> Vec<Value> {
    let mut lines = Vec::new();
    for file in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        lines.extend(text.lines().map(|line| serde_json::from_str(line).unwrap()));
    }
    lines
}

/// The members of a line, as Logs Insights names them.
fn names(line: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    for (name, value) in line.as_object().into_iter().flatten() {
        let name = format!("{prefix}{name}");
        names(value, &format!("{name}."), found);
        found.insert(name);
    }
}

#[test]
fn metrics_are_kept_beside_the_logs_that_they_are_made_of() {
    let (metrics, logs) = made(&[]);
    let of = |metric: &str| {
        let found = metrics.iter().find(|it| it.metric == metric);
        found.unwrap_or_else(|| panic!("no {metric}: {metrics:#?}"))
    };
    let completed = of("ImagesCompleted");
    assert_eq!(
        (&*completed.namespace, &completed.values[..]),
        ("amiwright", &[1.0][..])
    );
    assert_eq!(completed.dimensions["Source"], "snapshot");
    assert_eq!(of("TickDuration").dimensions["Stack"], "amiwright");
    let documents = logs.iter().filter(|line| !line["_aws"].is_null()).count();
    assert!(documents > 0 && documents <= metrics.len());
    assert!(
        metrics.iter().all(|it| it.namespace == "amiwright"),
        "all are valid"
    );

    // What the saved queries ask for is in the logs.
    let mut found = BTreeSet::new();
    logs.iter().for_each(|line| names(line, "", &mut found));
    let asked: BTreeSet<String> = queries().iter().flat_map(|it| fields(it)).collect();
    assert!(asked.len() > 10, "{asked:?}");
    let missing: Vec<&String> = asked.difference(&found).collect();
    // Only errors have the first two, and the third is not measured here.
    assert_eq!(
        missing,
        [
            "fields.about",
            "fields.error",
            "record.metrics.maxMemoryUsedMB"
        ]
    );
}

/// The members that a query of Logs Insights names.
fn fields(query: &str) -> Vec<String> {
    let name = regex_lite::Regex::new(r"\b(?:fields\.\w+|record\.[\w.]+|level|type)\b").unwrap();
    let found = name.find_iter(query);
    found.map(|it| it.as_str().to_owned()).collect()
}

#[test]
fn the_functions_say_no_more_than_their_level_and_measure_all_the_same() {
    let (metrics, logs) = made(&["--parameter", "LogLevel=ERROR"]);
    assert!(metrics.iter().any(|it| it.metric == "ImagesStarted"));
    let levels: BTreeSet<&str> = logs.iter().filter_map(|it| it["level"].as_str()).collect();
    assert_eq!(levels, BTreeSet::new());
}
