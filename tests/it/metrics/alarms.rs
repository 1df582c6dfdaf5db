//! The alarms: when they go on, and that each says what to do.

use jiff::{SignedDuration, Timestamp};
use localaws::faults::Fault;
use localaws::template::stack::Display;
use serde_json::{Value, json};

use super::template::{alarms, of_alarm};
use crate::support::{TestStack, minutes};

const KEY: &str = "golden/web.image.yaml";

/// What CloudFormation takes as a number.
fn number(properties: &Value, name: &str) -> f64 {
    let value = &properties[name];
    let text = value.as_str().and_then(|text| text.parse().ok());
    value.as_f64().or(text).unwrap()
}

/// Whether an alarm on one of our metrics is on at this time: as CloudWatch evaluates it, each period by itself and what is
/// missing as it says.
fn is_on(stack: &TestStack, alarm: &Display) -> bool {
    let properties = &alarm.properties;
    let asked = of_alarm(alarm);
    let period = number(properties, "Period") as i64;
    let periods = number(properties, "EvaluationPeriods") as i64;
    let threshold = number(properties, "Threshold");
    let end = stack.world.clock().now();
    let measured = stack.measured();
    let value = |from: Timestamp| -> Option<f64> {
        let is_in = |at: Timestamp| (0..period).contains(&at.duration_since(from).as_secs());
        let values: Vec<f64> = measured
            .iter()
            .filter(|it| it.metric == asked.metric && is_in(it.at))
            .flat_map(|it| it.values.clone())
            .collect();
        match properties["Statistic"].as_str().unwrap() {
            _ if values.is_empty() => None,
            "SampleCount" => Some(values.len() as f64),
            "Maximum" => values.into_iter().reduce(f64::max),
            other => panic!("{other}"),
        }
    };
    let is_breaching = |value: Option<f64>| match value {
        None => properties["TreatMissingData"] == "breaching",
        Some(value) => match properties["ComparisonOperator"].as_str().unwrap() {
            "GreaterThanThreshold" => value > threshold,
            "LessThanThreshold" => value < threshold,
            other => panic!("{other}"),
        },
    };
    (1..=periods).all(|number| {
        let from = end.checked_sub(SignedDuration::from_secs(number * period));
        is_breaching(value(from.unwrap()))
    })
}

/// The alarms on our metrics that are on.
fn on(stack: &TestStack) -> Vec<&str> {
    let all = alarms(stack.world.stack()).into_iter();
    all.filter(|it| it.properties["Namespace"] == "amiwright" && is_on(stack, it))
        .map(|it| &*it.logical_id)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn no_alarm_is_on_while_all_is_well() {
    let stack = TestStack::with_every_tick().await;
    stack.drop_and_rest(KEY, stack.manifest("web")).await;
    stack.world.run_for(minutes(15)).await;
    assert_eq!(on(&stack), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_goes_on_when_no_tick_comes_for_ten_minutes() {
    let stack = TestStack::with_every_tick().await;
    stack.world.run_for(minutes(15)).await;
    assert!(stack.world.set_rule_enabled("AdvanceTasksAdvance", false));
    stack.world.run_for(minutes(8)).await;
    assert_eq!(on(&stack), [""; 0]);
    stack.world.run_for(minutes(4)).await;
    assert_eq!(on(&stack), ["TickAlarm"]);
    assert!(stack.world.set_rule_enabled("AdvanceTasksAdvance", true));
    stack.world.run_for(minutes(2)).await;
    assert_eq!(on(&stack), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn ticks_that_cannot_list_the_open_images_are_none() {
    let stack = TestStack::with_every_tick().await;
    let faults = stack.world.faults();
    faults.always("s3", "ListObjectsV2", Fault::Throttle);
    stack.world.run_for(minutes(12)).await;
    faults.clear();
    assert_eq!(on(&stack), ["TickAlarm"]);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_goes_on_when_a_notice_is_not_sent_for_a_quarter_of_an_hour() {
    let stack = TestStack::with_every_tick().await;
    let faults = stack.world.faults();
    faults.always("sns", "Publish", Fault::Throttle);
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(minutes(12)).await;
    assert_eq!(on(&stack), [""; 0]);
    stack.world.run_for(minutes(8)).await;
    faults.clear();
    assert_eq!(on(&stack), ["OldestNoticeAlarm"]);
    stack.rest().await;
    stack.world.run_for(minutes(6)).await;
    assert_eq!(on(&stack), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_alarm_goes_on_when_an_image_is_open_for_longer_than_the_parameter_says() {
    let stack = TestStack::built(|builder| builder.parameter("OpenImageAgeMax", "1800")).await;
    stack.world.ec2().set_pending_time(minutes(120));
    stack.drop_file(KEY, stack.manifest("web")).await;
    stack.world.run_for(minutes(25)).await;
    assert_eq!(on(&stack), [""; 0]);
    stack.world.run_for(minutes(10)).await;
    assert_eq!(on(&stack), ["OldestImageAlarm"]);
}

#[tokio::test]
async fn each_alarm_is_sent_to_the_topic_and_says_what_to_do() {
    let stack = TestStack::with_every_tick().await;
    let stack = stack.world.stack();
    let topic = json!([stack.topics[0].arn]);
    let alarms = alarms(stack);
    let names: Vec<&str> = alarms.iter().map(|it| &*it.logical_id).collect();
    assert_eq!(
        names,
        [
            "FailedEventsAlarm",
            "TickAlarm",
            "RegisterImageErrorsAlarm",
            "AdvanceTasksErrorsAlarm",
            "NotifyErrorsAlarm",
            "OldestImageAlarm",
            "OldestNoticeAlarm",
        ]
    );
    for alarm in alarms {
        let properties = &alarm.properties;
        assert_eq!(properties["AlarmActions"], topic, "{}", alarm.logical_id);
        let text = properties["AlarmDescription"].as_str().unwrap();
        assert!(text.starts_with("amiwright (local): "), "{text}");
        // CloudWatch takes no more ("PutMetricAlarm").
        assert!(text.len() <= 1024 && !text.contains('\n'), "{text}");
        let commands = [
            "amiwright status",
            "amiwright doctor",
            "amiwright logs",
            "aws sqs ",
        ];
        assert!(commands.iter().any(|it| text.contains(it)), "{text}");
    }
}
