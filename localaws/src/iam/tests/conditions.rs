//! Condition operators ("IAM JSON policy elements: Condition operators", "Multivalued context keys").

use serde_json::json;

use super::super::context::Context;
use super::holds;

/// A request with these values of `s3:prefix`.
fn prefix(value: &str) -> Context {
    Context::default().with("s3:prefix", value)
}

#[test]
fn operators_compare() {
    for (operator, wanted, value, expected) in [
        ("StringEquals", "a*", "a*", true),
        ("StringEquals", "a*", "ab", false),
        ("StringEquals", "a", "A", false),
        ("StringNotEquals", "a", "b", true),
        ("StringNotEquals", "a", "a", false),
        ("StringEqualsIgnoreCase", "Ab", "aB", true),
        ("StringNotEqualsIgnoreCase", "Ab", "aB", false),
        ("StringLike", "s3://mine/*", "s3://mine/a:b/c", true),
        ("StringLike", "s3://mine/?", "s3://mine/ab", false),
        ("StringNotLike", "a*", "ab", false),
        ("StringNotLike", "a*", "b", true),
        ("NumericLessThan", "10", "9.5", true),
        ("NumericLessThan", "10", "10", false),
        ("NumericLessThanEquals", "10", "10", true),
        ("NumericGreaterThan", "2", "10", true),
        ("NumericGreaterThanEquals", "11", "10", false),
        ("NumericEquals", "1.0", "1", true),
        ("NumericNotEquals", "1", "1", false),
        ("NumericEquals", "1", "one", false),
    ] {
        let condition = json!({operator: {"s3:prefix": wanted}});
        assert_eq!(
            holds(&condition, &prefix(value)),
            expected,
            "{operator} {wanted} {value}"
        );
    }
}

#[test]
fn arns_are_compared_field_by_field() {
    let from = |arn: &str| Context::default().with("aws:SourceArn", arn);
    let rule = from("arn:aws:events:us-east-1:000000000000:rule/stack-Rule-1");
    // "ArnEquals and ArnLike behave identically."
    for operator in ["ArnLike", "ArnEquals"] {
        for (pattern, expected) in [
            ("arn:aws:events:us-east-1:000000000000:rule/stack-*", true),
            ("arn:aws:events:*:*:rule/stack-?ule-1", true),
            ("arn:aws:events:*:rule/stack-*", false),
            ("arn:aws:events:*:rule:x:y", false),
            ("arn:aws:sns:*:*:*", false),
        ] {
            let condition = json!({operator: {"aws:SourceArn": pattern}});
            assert_eq!(holds(&condition, &rule), expected, "{operator} {pattern}");
        }
    }
    let not = json!({"ArnNotLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}});
    assert!(holds(&not, &rule));
}

#[test]
fn values_are_or_and_keys_and_operators_are_and() {
    let either = json!({"StringEquals": {"s3:prefix": ["a", "b"]}});
    assert!(holds(&either, &prefix("b")));
    assert!(!holds(&either, &prefix("c")));
    // Negated: none of the values.
    let neither = json!({"StringNotEquals": {"s3:prefix": ["a", "b"]}});
    assert!(!holds(&neither, &prefix("b")));
    assert!(holds(&neither, &prefix("c")));
    let both = json!({"StringEquals": {"s3:prefix": "a", "s3:delimiter": "/"}});
    assert!(!holds(&both, &prefix("a")));
    assert!(holds(&both, &prefix("a").with("s3:delimiter", "/")));
    let two = json!({"StringLike": {"s3:prefix": "a*"}, "StringNotEquals": {"s3:prefix": "ab"}});
    assert!(holds(&two, &prefix("ac")));
    assert!(!holds(&two, &prefix("ab")));
}

#[test]
fn a_missing_key_meets_only_what_says_so() {
    let nothing = Context::default();
    for (operator, value, expected) in [
        ("StringEquals", "a", false),
        ("StringLike", "*", false),
        ("StringNotEquals", "a", true),
        ("StringNotLike", "*", true),
        ("ArnLike", "*", false),
        ("ArnNotLike", "*", true),
        ("Bool", "true", false),
        ("Bool", "false", false),
        ("NumericLessThan", "1", false),
        ("NumericNotEquals", "1", true),
        ("StringEqualsIfExists", "a", true),
        ("StringLikeIfExists", "a", true),
        ("StringNotEqualsIfExists", "a", true),
        ("BoolIfExists", "true", true),
        ("Null", "true", true),
        ("Null", "false", false),
        ("ForAllValues:StringEquals", "a", true),
        ("ForAnyValue:StringEquals", "a", false),
        ("ForAnyValue:StringNotEquals", "a", false),
    ] {
        let condition = json!({operator: {"s3:prefix": value}});
        assert_eq!(holds(&condition, &nothing), expected, "{operator} {value}");
    }
    // …IfExists of a key that is there compares.
    let condition = json!({"StringEqualsIfExists": {"s3:prefix": "a"}});
    assert!(!holds(&condition, &prefix("b")));
    assert!(holds(&json!({"Null": {"s3:prefix": "false"}}), &prefix("")));
    assert!(!holds(&json!({"Null": {"s3:prefix": true}}), &prefix("")));
}

#[test]
fn booleans_are_texts_too() {
    let tls = Context::default().with("aws:SecureTransport", "true");
    for value in [json!("true"), json!(true), json!("True")] {
        assert!(holds(
            &json!({"Bool": {"aws:SecureTransport": value}}),
            &tls
        ));
    }
    for value in [json!("false"), json!(false)] {
        assert!(!holds(
            &json!({"Bool": {"aws:SecureTransport": value}}),
            &tls
        ));
    }
}

#[test]
fn sets_are_compared_value_by_value() {
    let tags = |keys: &[&str]| Context::default().with_many("aws:TagKeys", keys.to_vec());
    for (operator, keys, expected) in [
        ("ForAllValues:StringEquals", vec!["a", "b"], true),
        ("ForAllValues:StringEquals", vec!["a"], true),
        ("ForAllValues:StringEquals", vec!["a", "c"], false),
        ("ForAllValues:StringEquals", vec![], true),
        ("ForAnyValue:StringEquals", vec!["a", "c"], true),
        ("ForAnyValue:StringEquals", vec!["c"], false),
        ("ForAnyValue:StringEquals", vec![], false),
        ("ForAllValues:StringNotEquals", vec!["c", "d"], true),
        ("ForAllValues:StringNotEquals", vec!["c", "a"], false),
        ("ForAnyValue:StringNotEquals", vec!["c", "a"], true),
        ("ForAnyValue:StringNotEquals", vec!["b", "a"], false),
    ] {
        let condition = json!({operator: {"aws:TagKeys": ["a", "b"]}});
        assert_eq!(
            holds(&condition, &tags(&keys)),
            expected,
            "{operator} {keys:?}"
        );
    }
}

#[test]
fn keys_have_no_case_and_values_may_be_variables() {
    let tagged = Context::default()
        .with("aws:ResourceTag/Owner", "ann")
        .with("aws:username", "ann");
    let mine = json!({"StringEquals": {"AWS:resourceTag/owner": "${aws:username}"}});
    assert!(holds(&mine, &tagged));
    let other = tagged.with("aws:ResourceTag/owner", "bob");
    assert!(!holds(&mine, &other));
}
