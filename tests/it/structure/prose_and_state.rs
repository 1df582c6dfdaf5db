//! Nothing is decided by a sentence, and nothing is known that S3 does not have.

use std::collections::BTreeSet;

use super::{NOTHING, lines_with};

#[test]
fn sentences_are_read_only_to_advise_people_and_where_ec2_has_no_code() {
    let questions = [
        "contains",
        "starts_with",
        "ends_with",
        "to_lowercase",
        "split",
    ];
    let texts = ["message", "reason", "why", "text"];
    let words: Vec<String> = texts
        .iter()
        .flat_map(|text| questions.map(|question| format!("{text}.{question}")))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // The faults of a bundle, which have one code; the ids in a refusal; what people are told; what people type.
    let except = [
        "src/aws/error.rs",
        "src/aws/error",
        "src/aws/stored.rs",
        "src/image/message",
        "src/image/tests",
        "src/cli",
    ];
    assert_eq!(lines_with(&words, &["src"], &except), NOTHING);
    let known = lines_with(&words, &["src/aws/error.rs", "src/aws/stored.rs"], &[]);
    assert_eq!(known.len(), 4, "the search finds what there is: {known:#?}");
}

#[test]
fn state_is_only_in_s3() {
    let writes = [
        "fs::write",
        "File::create",
        "OpenOptions",
        "create_dir",
        "fs::rename",
    ];
    // People's files; and what tests compare, where it is written anew.
    let except = ["src/cli", "src/image/tests"];
    assert_eq!(lines_with(&writes, &["src"], &except), NOTHING);
    let template = include_str!("../../../template.yaml");
    let types = template
        .lines()
        .filter_map(|line| line.strip_prefix("    Type: AWS::"));
    let found: BTreeSet<&str> = types.collect();
    // The queue has the events that failed, for people; no function reads it.
    let known = BTreeSet::from([
        "CloudWatch::Alarm",
        "CloudWatch::Dashboard",
        "IAM::ManagedPolicy",
        "Logs::LogGroup",
        "Logs::QueryDefinition",
        "S3::Bucket",
        "S3::BucketPolicy",
        "SNS::Subscription",
        "SNS::Topic",
        "SNS::TopicPolicy",
        "SQS::Queue",
        "SQS::QueuePolicy",
        "Serverless::Function",
    ]);
    assert_eq!(found, known);
}
