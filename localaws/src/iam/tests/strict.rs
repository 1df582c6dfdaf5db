//! What is not known is refused when a stack starts, never ignored.

use serde_json::{Value, json};

use super::super::document::Kind;
use super::read;
use crate::world::World;

/// A statement with these elements in place of its own; `null` takes one out.
fn statement(more: &Value) -> Value {
    let mut statement =
        json!({"Sid": "It", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
    let fields = statement.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    fields.retain(|_, value| !value.is_null());
    json!([statement])
}

fn check_refused(more: &Value, problem: &str) {
    let error = read(Kind::Identity, &statement(more)).unwrap_err();
    assert!(error.starts_with("statement It: "), "{error}");
    assert!(error.contains(problem), "{error}, not {problem}");
}

#[test]
fn an_element_that_is_not_known_is_an_error() {
    for (more, problem) in [
        (
            json!({"NotPrincipal": "*"}),
            "the element NotPrincipal is not built",
        ),
        (json!({"Effect": "allow"}), "Effect is Allow or Deny"),
        (
            json!({"Principal": "*"}),
            "a policy of a role or user has no Principal",
        ),
        (
            json!({"Action": null}),
            "either Action or NotAction is needed",
        ),
        (
            json!({"NotAction": "*"}),
            "either Action or NotAction is needed",
        ),
        (
            json!({"Action": "GetObject"}),
            "`GetObject` is not an action",
        ),
        (
            json!({"Resource": "arn:aws:s3"}),
            "is neither an ARN nor `*`",
        ),
        (json!({"Resource": []}), "Resource is empty"),
    ] {
        check_refused(&more, problem);
    }
    let principal =
        |principal: Value| read(Kind::Resource, &statement(&json!({"Principal": principal})));
    principal(json!("*")).unwrap();
    principal(json!(null)).unwrap_err();
    principal(json!({"Federated": "x"})).unwrap_err();
    principal(json!({"AWS": "arn:aws:iam::000000000000:role/*"})).unwrap_err();
}

#[test]
fn a_condition_that_is_not_known_is_an_error() {
    for (condition, problem) in [
        (
            r#"{"IpAddress": {"aws:SourceIp": "x"}}"#,
            "operator IpAddress",
        ),
        (
            r#"{"DateEquals": {"s3:prefix": "x"}}"#,
            "operator DateEquals",
        ),
        (
            r#"{"StringEqual": {"s3:prefix": "x"}}"#,
            "operator StringEqual",
        ),
        (
            r#"{"ForSome:Bool": {"s3:prefix": "x"}}"#,
            "operator ForSome",
        ),
        (r#"{"StringEquals": {"s3:x": "x"}}"#, "key s3:x is"),
        (r#"{"StringLike": {"aws:ResourceTag/": "x"}}"#, "key aws:"),
        (r#"{"StringLike": {"aws:TagKeys": "x"}}"#, "ForAllValues"),
        (r#"{"Bool": {"aws:SecureTransport": "x"}}"#, "true or false"),
        (r#"{"NumericEquals": {"s3:max-keys": "x"}}"#, "a number is"),
        (r#"{"Null": {"s3:prefix": [true, false]}}"#, "wrong number"),
        (r#"{"StringLike": {"s3:prefix": {"x": 1}}}"#, "not a text"),
        (
            r#"{"StringLike": {"s3:prefix": "${aws:x}"}}"#,
            "${aws:x} is not",
        ),
        (
            r#"{"StringLike": {"s3:prefix": "${aws:x"}}"#,
            "is not closed",
        ),
    ] {
        let condition: Value = serde_json::from_str(condition).unwrap();
        check_refused(&json!({"Condition": condition}), problem);
    }
}

#[tokio::test]
async fn a_stack_with_a_policy_that_cannot_be_enforced_does_not_start() {
    let policy = |statement: &str, version: &str| {
        format!(
            "Resources:\n  Bucket: {{Type: AWS::S3::Bucket}}\n  Policy:\n    Type: AWS::S3::BucketPolicy\n    \
             Properties:\n      Bucket: !Ref Bucket\n      PolicyDocument: {{Version: '{version}', Statement: [{statement}]}}\n"
        )
    };
    let start = async |template: String| World::builder().template(&template).start().await;
    let good = "{Effect: Deny, Principal: '*', Action: 's3:*', Resource: '*'}";
    start(policy(good, "2012-10-17")).await.unwrap();
    let error = start(policy(good, "2008-10-17")).await.unwrap_err();
    assert!(
        format!("{error:?}").contains("only the version 2012-10-17"),
        "{error:?}"
    );
    let odd = "{Effect: Deny, Principal: '*', Action: 's3:*', Resource: '*', Condition: {IpAddress: {'aws:SourceIp': x}}}";
    let error = start(policy(odd, "2012-10-17")).await.unwrap_err();
    assert_eq!(
        error.to_string().split(';').next().unwrap(),
        "the policy of Policy: statement #1: the condition operator IpAddress is not built here"
    );
}
