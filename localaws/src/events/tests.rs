use serde_json::{Value, json};

use super::{check, matches};

/// The pattern `{"f": [test]}` against `{"f": value}`.
fn takes(test: &Value, value: &Value) -> bool {
    matches(&json!({"f": [test]}), &json!({"f": value})).unwrap()
}

#[test]
fn each_pattern_operator_matches_its_values_only() {
    let table = [
        (
            json!("a"),
            vec![json!("a"), json!(["b", "a"]), json!([["a"]])],
            vec![json!("A"), json!(""), json!({"a": 1})],
        ),
        (json!(""), vec![json!("")], vec![json!(null), json!("a")]),
        (
            json!(300),
            vec![json!(300)],
            vec![json!(300.0), json!("300"), json!(301)],
        ),
        (
            json!(true),
            vec![json!(true)],
            vec![json!(false), json!("true")],
        ),
        (
            json!(null),
            vec![json!(null)],
            vec![json!(""), json!(0), json!([])],
        ),
        (
            json!({"prefix": "web-"}),
            vec![json!("web-1"), json!("web-")],
            vec![json!("Web-1"), json!("a web-"), json!(1)],
        ),
        (
            json!({"prefix": ""}),
            vec![json!(""), json!("a")],
            vec![json!(1)],
        ),
        (
            json!({"prefix": {"equals-ignore-case": "Web"}}),
            vec![json!("WEB-1"), json!("web")],
            vec![json!("we")],
        ),
        (
            json!({"suffix": ".yaml"}),
            vec![json!("a.yaml"), json!(".yaml")],
            vec![json!("a.YAML"), json!("yaml")],
        ),
        (
            json!({"suffix": {"equals-ignore-case": ".Yaml"}}),
            vec![json!("a.YAML")],
            vec![json!("a.yml")],
        ),
        (
            json!({"equals-ignore-case": "Alice"}),
            vec![json!("aLICE")],
            vec![json!("alices"), json!(1)],
        ),
        (
            json!({"wildcard": "dir/*.png"}),
            vec![json!("dir/.png"), json!("dir/a/b.png")],
            vec![json!("dir.png")],
        ),
        (
            json!({"wildcard": "*a*a*"}),
            vec![json!("aa"), json!("xaxax")],
            vec![json!("a"), json!("b")],
        ),
        (
            json!({"wildcard": "aba*ba"}),
            vec![json!("ababa"), json!("abaxba")],
            vec![json!("aba"), json!("abba")],
        ),
        (
            json!({"wildcard": r"2\*2\\*"}),
            vec![json!(r"2*2\"), json!(r"2*2\x")],
            vec![json!(r"2x2\")],
        ),
        (
            json!({"wildcard": "plain"}),
            vec![json!("plain")],
            vec![json!("plainer")],
        ),
        (
            json!({"anything-but": "a"}),
            vec![json!("b"), json!(1), json!(null), json!(["a", "b"])],
            vec![json!("a"), json!([])],
        ),
        (
            json!({"anything-but": ["a", "b"]}),
            vec![json!("c")],
            vec![json!("a"), json!("b")],
        ),
        (
            json!({"anything-but": [100, 200]}),
            vec![json!(300), json!("100")],
            vec![json!(100), json!(200.0)],
        ),
        (
            json!({"anything-but": {"prefix": "us-"}}),
            vec![json!("eu-1"), json!(1)],
            vec![json!("us-1")],
        ),
        (
            json!({"anything-but": {"suffix": [".png", ".jpg"]}}),
            vec![json!("a.gif")],
            vec![json!("a.png"), json!("a.jpg")],
        ),
        (
            json!({"anything-but": {"wildcard": "*/lib/*"}}),
            vec![json!("a/bin/b")],
            vec![json!("a/lib/b")],
        ),
        (
            json!({"anything-but": {"equals-ignore-case": ["a", "B"]}}),
            vec![json!("c")],
            vec![json!("A"), json!("b")],
        ),
        (
            json!({"exists": true}),
            vec![json!(null), json!("")],
            vec![json!({"a": 1}), json!([])],
        ),
        (
            json!({"exists": false}),
            vec![json!({"a": 1}), json!([])],
            vec![json!(null), json!(0)],
        ),
        (
            json!({"numeric": ["=", 5]}),
            vec![json!(5), json!(5.0)],
            vec![json!(5.1), json!("5")],
        ),
        (
            json!({"numeric": ["<", 5]}),
            vec![json!(4.9), json!(-1)],
            vec![json!(5)],
        ),
        (
            json!({"numeric": ["<=", 5]}),
            vec![json!(5)],
            vec![json!(5.1)],
        ),
        (
            json!({"numeric": [">", 0, "<=", 5]}),
            vec![json!(1), json!(5)],
            vec![json!(0), json!(6)],
        ),
        (
            json!({"numeric": [">=", 0, "<", 5]}),
            vec![json!(0)],
            vec![json!(5)],
        ),
        (
            json!({"cidr": "10.0.0.0/24"}),
            vec![json!("10.0.0.255")],
            vec![json!("10.0.1.0"), json!("::1"), json!("x")],
        ),
        (
            json!({"cidr": "0.0.0.0/0"}),
            vec![json!("255.1.2.3")],
            vec![json!("::1")],
        ),
        (
            json!({"cidr": "2001:db8::/32"}),
            vec![json!("2001:db8:1::")],
            vec![json!("2001:db9::"), json!("1.2.3.4")],
        ),
    ];
    for (test, taken, left) in table {
        for value in taken {
            assert!(takes(&test, &value), "{test} takes {value}");
        }
        for value in left {
            assert!(!takes(&test, &value), "{test} leaves {value}");
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
