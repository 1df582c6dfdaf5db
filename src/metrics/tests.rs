use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn lines(meter: &Meter) -> String {
    let lines = meter.take_lines("images", at("2026-11-21T10:00:00Z"));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_metric_has_one_name_and_is_in_the_list() {
    let names: BTreeSet<String> = Metric::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), Metric::ALL.len());
    // The last one of the type: none is left out.
    let last = Metric::TimeToReleased as usize;
    assert_eq!(last + 1, Metric::ALL.len());
}

#[test]
fn one_line_has_what_was_measured_of_the_stack_and_one_what_of_each_source() {
    let meter = Meter::default();
    meter.level(Metric::ImagesOpen, 0);
    meter.age(Metric::OldestImageAge, SignedDuration::from_mins(2));
    meter.age(Metric::OldestImageAge, SignedDuration::from_mins(1));
    meter.took(Metric::TickDuration, Duration::from_millis(250));
    meter.count(Metric::NoticesSent, 1);
    meter.count(Metric::NoticesSent, 2);
    meter.count(Metric::ImagesSkipped, 0);
    for seconds in [60, 90] {
        let took = SignedDuration::from_secs(seconds);
        meter.image_took(Metric::TimeToAvailable, Some(SourceKind::Disk), took);
        meter.count_image(Metric::ImagesCompleted, Some(SourceKind::Disk));
    }
    meter.count_image(Metric::ImagesRejected, None);
    insta::assert_snapshot!(lines(&meter), @r#"
    {"_aws":{"Timestamp":1795255200000,"CloudWatchMetrics":[{"Namespace":"amiwright","Dimensions":[["Stack"]],"Metrics":[{"Name":"ImagesOpen","Unit":"Count"},{"Name":"OldestImageAge","Unit":"Seconds"},{"Name":"TickDuration","Unit":"Milliseconds"},{"Name":"NoticesSent","Unit":"Count"}]}]},"Stack":"images","ImagesOpen":0,"OldestImageAge":120,"TickDuration":250,"NoticesSent":3}
    {"_aws":{"Timestamp":1795255200000,"CloudWatchMetrics":[{"Namespace":"amiwright","Dimensions":[["Stack","Source"]],"Metrics":[{"Name":"ImagesCompleted","Unit":"Count"},{"Name":"TimeToAvailable","Unit":"Seconds"}]}]},"Stack":"images","Source":"disk","ImagesCompleted":2,"TimeToAvailable":[60,90]}
    {"_aws":{"Timestamp":1795255200000,"CloudWatchMetrics":[{"Namespace":"amiwright","Dimensions":[["Stack","Source"]],"Metrics":[{"Name":"ImagesRejected","Unit":"Count"}]}]},"Stack":"images","Source":"unknown","ImagesRejected":1}
    "#);
    assert_eq!(lines(&meter), "", "each is said once");
}

#[test]
fn no_value_is_lost_where_a_document_takes_no_more() {
    let meter = Meter::default();
    for milliseconds in 0..250 {
        let took = Duration::from_millis(milliseconds);
        meter.took(Metric::TickDuration, took);
    }
    meter.level(Metric::ImagesOpen, 1);
    let lines = lines(&meter);
    let documents: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let counts = documents
        .iter()
        .map(|it| it["TickDuration"].as_array().unwrap().len());
    assert_eq!(counts.collect::<Vec<_>>(), [100, 100, 50]);
    let open = documents.iter().map(|it| it["ImagesOpen"].as_u64());
    assert_eq!(open.collect::<Vec<_>>(), [Some(1), None, None]);
    let of_last = &documents[2]["_aws"]["CloudWatchMetrics"][0]["Metrics"];
    assert_eq!(of_last.as_array().unwrap().len(), 1, "{of_last}");
}

#[test]
fn an_age_is_never_negative() {
    let meter = Meter::default();
    meter.age(Metric::OldestNoticeAge, SignedDuration::from_secs(-3));
    assert!(lines(&meter).contains("\"OldestNoticeAge\":0"));
}
