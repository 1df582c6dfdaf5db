//! What functions print: what of it gets into their log, and what metrics are made of it.

use crate::world::tests::{TEMPLATE, handler, start};

const METRICS: &str = r#"{"_aws":{"Timestamp":1795255200000,"CloudWatchMetrics":[{"Namespace":"images","Dimensions":[[]],"Metrics":[{"Name":"Made","Unit":"Count"}]}]},"Made":2}"#;

const LINES: [&str; 6] = [
    r#"{"level":"debug","fields":{"message":"a detail"}}"#,
    r#"{"level":"INFO","fields":{"message":"done"}}"#,
    r#"{"level":"LOUD","fields":{"message":"of no level"}}"#,
    r#"{"level":"ERROR","fields":{"message":"failed"}}"#,
    METRICS,
    "thread 'main' panicked",
];

/// The lines that are in the log of a function of this level, and how many metrics there are.
async fn printed(logging: &str) -> (Vec<String>, usize) {
    let template = TEMPLATE.replace(
        "      MemorySize: 128\n",
        &format!("      MemorySize: 128\n{logging}"),
    );
    let functions = handler(|invocation| async move {
        for line in LINES {
            invocation.print(line).unwrap();
        }
        Ok(serde_json::Value::Null)
    });
    let world = start(&template, functions).await;
    world.s3().put("images", "a.txt", "x").await.unwrap();
    world.settle().await;
    let name = &world.stack().functions[0].name;
    let log = world.directory().join("logs").join(format!("{name}.log"));
    let log = std::fs::read_to_string(log).unwrap();
    let metrics = world.logs().metrics().unwrap();
    let made = metrics.iter().filter(|it| it.metric == "Made");
    assert!(made.clone().all(|it| it.values == [2.0]), "{metrics:?}");
    (log.lines().map(str::to_owned).collect(), made.count())
}

#[tokio::test(start_paused = true)]
async fn lambda_leaves_out_lines_below_the_level_and_takes_those_without_one_for_info() {
    let json = "      LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: INFO}\n";
    assert_eq!(printed(json).await, (LINES[1..].map_owned(), 1));
    let warn = "      LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: WARN}\n";
    assert_eq!(printed(warn).await, ([LINES[3], LINES[5]].map_owned(), 0));
    assert_eq!(printed("").await, (LINES.map_owned(), 1), "plain text");
}

trait Owned {
    fn map_owned(&self) -> Vec<String>;
}

impl Owned for [&str] {
    fn map_owned(&self) -> Vec<String> {
        self.iter().map(|line| (*line).to_owned()).collect()
    }
}
