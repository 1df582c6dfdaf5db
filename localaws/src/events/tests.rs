use serde_json::{Value, json};

use super::{check, matches};

/// The pattern `{"f": [test]}` against `{"f": value}`.
fn takes(test: &Value, value: &Value) -> bool {
    matches(&json!({"f": [test]}), &json!({"f": value})).unwrap()
}

/// One operator a line: the test, values that it takes, values that it leaves.
const OPERATORS: &str = r#"
"a" => ["a", ["b", "a"], [["a"]]] ! ["A", "", {"a": 1}]
"" => [""] ! [null, "a"]
300 => [300] ! [300.0, "300", 301]
true => [true] ! [false, "true"]
null => [null] ! ["", 0, []]
{"prefix": "web-"} => ["web-1", "web-"] ! ["Web-1", "a web-", 1]
{"prefix": ""} => ["", "a"] ! [1]
{"prefix": {"equals-ignore-case": "Web"}} => ["WEB-1", "web"] ! ["we"]
{"suffix": ".yaml"} => ["a.yaml", ".yaml"] ! ["a.YAML", "yaml"]
{"suffix": {"equals-ignore-case": ".Yaml"}} => ["a.YAML"] ! ["a.yml"]
{"equals-ignore-case": "Alice"} => ["aLICE"] ! ["alices", 1]
{"wildcard": "dir/*.png"} => ["dir/.png", "dir/a/b.png"] ! ["dir.png"]
{"wildcard": "*a*a*"} => ["aa", "xaxax"] ! ["a", "b"]
{"wildcard": "aba*ba"} => ["ababa", "abaxba"] ! ["aba", "abba"]
{"wildcard": "2\\*2\\\\*"} => ["2*2\\", "2*2\\x"] ! ["2x2\\"]
{"wildcard": "plain"} => ["plain"] ! ["plainer"]
{"anything-but": "a"} => ["b", 1, null, ["a", "b"]] ! ["a", []]
{"anything-but": ["a", "b"]} => ["c"] ! ["a", "b"]
{"anything-but": [100, 200]} => [300, "100"] ! [100, 200.0]
{"anything-but": {"prefix": "us-"}} => ["eu-1", 1] ! ["us-1"]
{"anything-but": {"suffix": [".png", ".jpg"]}} => ["a.gif"] ! ["a.png", "a.jpg"]
{"anything-but": {"wildcard": "*/lib/*"}} => ["a/bin/b"] ! ["a/lib/b"]
{"anything-but": {"equals-ignore-case": ["a", "B"]}} => ["c"] ! ["A", "b"]
{"exists": true} => [null, ""] ! [{"a": 1}, []]
{"exists": false} => [{"a": 1}, []] ! [null, 0]
{"numeric": ["=", 5]} => [5, 5.0] ! [5.1, "5"]
{"numeric": ["<", 5]} => [4.9, -1] ! [5]
{"numeric": ["<=", 5]} => [5] ! [5.1]
{"numeric": [">", 0, "<=", 5]} => [1, 5] ! [0, 6]
{"numeric": [">=", 0, "<", 5]} => [0] ! [5]
{"cidr": "10.0.0.0/24"} => ["10.0.0.255"] ! ["10.0.1.0", "::1", "x"]
{"cidr": "0.0.0.0/0"} => ["255.1.2.3"] ! ["::1"]
{"cidr": "2001:db8::/32"} => ["2001:db8:1::"] ! ["2001:db9::", "1.2.3.4"]
"#;

#[test]
fn each_pattern_operator_matches_its_values_only() {
    let json = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let lines = OPERATORS.lines().filter(|line| !line.is_empty());
    for line in lines {
        let (test, values) = line.split_once(" => ").unwrap();
        let (taken, left) = values.split_once(" ! ").unwrap();
        let test = json(test);
        for value in json(taken).as_array().unwrap() {
            assert!(takes(&test, value), "{test} takes {value}");
        }
        for value in json(left).as_array().unwrap() {
            assert!(!takes(&test, value), "{test} leaves {value}");
        }
    }
}

#[test]
fn fields_add_up_and_values_are_alternatives() {
    let pattern = json!({"source": ["aws.s3", "aws.ec2"], "detail": {"bucket": {"name": ["b"]}}});
    let event = |source: &str, bucket: &str| json!({"source": source, "x": 1, "detail": {"bucket": {"name": bucket}}});
    assert!(matches(&pattern, &event("aws.s3", "b")).unwrap());
    assert!(matches(&pattern, &event("aws.ec2", "b")).unwrap());
    assert!(!matches(&pattern, &event("aws.sns", "b")).unwrap());
    assert!(!matches(&pattern, &event("aws.s3", "c")).unwrap());
    assert!(!matches(&pattern, &json!({"source": "aws.s3"})).unwrap());
    assert!(!matches(&pattern, &json!({"source": "aws.s3", "detail": "b"})).unwrap());
}

#[test]
fn one_object_of_a_list_must_match_in_full() {
    let pattern = json!({"tags": {"key": ["team"], "value": ["web"]}});
    assert!(
        matches(
            &pattern,
            &json!({"tags": [{"key": "a", "value": "b"}, {"key": "team", "value": "web"}]})
        )
        .unwrap()
    );
    assert!(
        !matches(
            &pattern,
            &json!({"tags": [{"key": "team", "value": "db"}, {"key": "a", "value": "web"}]})
        )
        .unwrap()
    );
}

#[test]
fn a_missing_object_has_no_fields() {
    let pattern = json!({"detail": {"error": [{"exists": false}]}});
    assert!(matches(&pattern, &json!({"detail": {}})).unwrap());
    assert!(matches(&pattern, &json!({})).unwrap());
    assert!(!matches(&pattern, &json!({"detail": {"error": "x"}})).unwrap());
}

#[test]
fn or_takes_either_and_nests() {
    let pattern = json!({"source": ["a"], "$or": [
        {"count": [{"numeric": [">", 10]}]},
        {"detail": {"$or": [{"x": [1]}, {"y": [2]}]}},
    ]});
    assert!(matches(&pattern, &json!({"source": "a", "count": 11})).unwrap());
    assert!(matches(&pattern, &json!({"source": "a", "detail": {"y": 2}})).unwrap());
    assert!(
        !matches(
            &pattern,
            &json!({"source": "a", "count": 1, "detail": {"y": 1}})
        )
        .unwrap()
    );
    assert!(!matches(&pattern, &json!({"source": "b", "count": 11})).unwrap());
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_eventbridge_refuses_is_refused() {
    let table = [
        (json!([]), "an event pattern is an object"),
        (json!({}), "empty objects"),
        (json!({"detail": {}}), "empty objects"),
        (
            json!({"source": "aws.s3"}),
            "source: it must be an object or an array",
        ),
        (json!({"source": []}), "empty arrays"),
        (json!({"source": [["a"]]}), "a match value must be"),
        (json!({"f": [{}]}), "name not found"),
        (
            json!({"f": [{"prefix": "a", "suffix": "b"}]}),
            "only one key",
        ),
        (
            json!({"d": {"f": [{"regex": "a"}]}}),
            "event pattern, d.f: unrecognized match type `regex`. Known: prefix,",
        ),
        (json!({"f": [{"prefix": 1}]}), "`prefix` takes a text"),
        (
            json!({"f": [{"prefix": {"wildcard": "a"}}]}),
            "equals-ignore-case",
        ),
        (json!({"f": [{"wildcard": "a**"}]}), "consecutive stars"),
        (json!({"f": [{"wildcard": "a\\b"}]}), "a backslash"),
        (json!({"f": [{"exists": "yes"}]}), "true or false"),
        (json!({"f": [{"anything-but": []}]}), "empty arrays"),
        (json!({"f": [{"anything-but": ["a", 1]}]}), "not both"),
        (json!({"f": [{"anything-but": true}]}), "texts or numbers"),
        (
            json!({"f": [{"anything-but": {"numeric": ["=", 1]}}]}),
            "unsupported `anything-but` pattern: `numeric`",
        ),
        (
            json!({"f": [{"anything-but": {"prefix": ""}}]}),
            "of nothing",
        ),
        (
            json!({"f": [{"anything-but": {"prefix": [1]}}]}),
            "a list of texts",
        ),
        (json!({"f": [{"numeric": 5}]}), "takes a list"),
        (json!({"f": [{"numeric": []}]}), "one comparison"),
        (json!({"f": [{"numeric": [">"]}]}), "one comparison"),
        (
            json!({"f": [{"numeric": ["<", 5, ">", 0]}]}),
            "a lower bound and then an upper one",
        ),
        (
            json!({"f": [{"numeric": [">", 5, "<", 5]}]}),
            "must be less than",
        ),
        (json!({"f": [{"numeric": ["!=", 5]}]}), "knows ="),
        (json!({"f": [{"numeric": ["=", "5"]}]}), "with a number"),
        (
            json!({"f": [{"numeric": ["=", 5_000_000_001_i64]}]}),
            "5.0e9",
        ),
        (json!({"f": [{"cidr": "10.0.0.0"}]}), "10.0.0.0/24"),
        (json!({"f": [{"cidr": "10.0.0.0/33"}]}), "10.0.0.0/24"),
        (json!({"$or": [{"a": [1]}]}), "two or more"),
        (json!({"$or": {"a": [1]}}), "two or more"),
        (
            json!({"a": [1], "$or": [{"a": [2]}, {"b": [1]}]}),
            "beside $or and in it",
        ),
    ];
    for (pattern, message) in table {
        let error = check(&pattern).unwrap_err().to_string();
        assert!(error.contains(message), "{pattern}: {error}");
    }
}
