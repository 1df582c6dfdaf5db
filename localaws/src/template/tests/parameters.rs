//! Parameters, checked as CloudFormation checks them.

use super::read_with;

/// What `Ref` gives for a parameter with these rules, or what is wrong.
fn value(rules: &str, given: Option<&str>) -> Result<String, String> {
    let list = rules.contains("List");
    let value = if list {
        "!Join ['|', !Ref P]"
    } else {
        "!Ref P"
    };
    let yaml = format!(
        "Parameters:\n  P: {{{rules}}}\nResources: {{}}\nOutputs: {{O: {{Value: {value}}}}}"
    );
    let given: Vec<_> = given.map(|given| ("P", given)).into_iter().collect();
    read_with(&yaml, &given)
        .map(|stack| stack.outputs["O"].clone())
        .map_err(|error| error.to_string())
}

#[test]
fn values_that_obey_the_rules_are_taken_as_they_are_given() {
    for (rules, given, expected) in [
        ("Type: String, Default: a", None, "a"),
        ("Type: String, Default: a", Some(""), ""),
        ("Type: String", Some(" a=b,c "), " a=b,c "),
        ("Type: String, MinLength: 2, MaxLength: 3", Some("äö"), "äö"),
        ("Type: String, AllowedPattern: 'a|b.'", Some("bx"), "bx"),
        ("Type: Number, MinValue: 3, MaxValue: 5", Some("4"), "4"),
        ("Type: Number, Default: 30", None, "30"),
        ("Type: Number, MinValue: -1", Some("-0.50"), "-0.50"),
        ("Type: Number, AllowedValues: [1, 3]", Some("3"), "3"),
        ("Type: CommaDelimitedList", Some("a , b,,c"), "a|b||c"),
        ("Type: CommaDelimitedList, Default: ''", None, ""),
        ("Type: List<Number>, MaxValue: 9", Some("1, 9"), "1|9"),
        (
            "Type: CommaDelimitedList, AllowedValues: [a, b]",
            Some("b,a"),
            "b|a",
        ),
    ] {
        assert_eq!(
            value(rules, given).as_deref(),
            Ok(expected),
            "{rules}: {given:?}"
        );
    }
}

fn assert_refused(rules: &str, given: Option<&str>, message: &str) {
    let error = value(rules, given).unwrap_err();
    assert!(error.contains(message), "{rules}: {given:?}: {error}");
}

#[test]
fn values_that_break_a_rule_are_refused_with_the_rule() {
    for (rules, given, message) in [
        (
            "Type: String",
            None,
            "line 2 of the template, Parameters.P: it has no default",
        ),
        (
            "Type: Number, MinValue: 3",
            Some("2"),
            "`2` is not allowed: MinValue is 3",
        ),
        (
            "Type: Number, MaxValue: 5",
            Some("6"),
            "`6` is not allowed: MaxValue is 5",
        ),
        (
            "Type: Number",
            Some("x"),
            "`x` is not allowed: it is not a number",
        ),
        (
            "Type: Number",
            Some(""),
            "`` is not allowed: it is not a number",
        ),
        ("Type: Number", Some("inf"), "it is not a number"),
        (
            "Type: List<Number>",
            Some("1,x"),
            "`x` is not allowed: it is not a number",
        ),
    ] {
        assert_refused(rules, given, message);
    }
}

#[test]
fn lengths_and_patterns_hold_for_whole_texts_and_for_items_of_lists() {
    for (rules, given, message) in [
        ("Type: String, MinLength: 1", Some(""), "MinLength is 1"),
        ("Type: String, MaxLength: 2", Some("abc"), "MaxLength is 2"),
        (
            "Type: String, AllowedValues: [a, b]",
            Some("c"),
            "AllowedValues are a, b",
        ),
        (
            "Type: String, AllowedPattern: '[a-z]+'",
            Some("abc1"),
            "AllowedPattern is [a-z]+",
        ),
        (
            "Type: String, AllowedPattern: 'a|b'",
            Some("ax"),
            "AllowedPattern is a|b",
        ),
        (
            "Type: String, AllowedPattern: 'a'",
            Some("a\n"),
            "AllowedPattern is a",
        ),
        (
            "Type: String, AllowedPattern: 'a', ConstraintDescription: Only a.",
            Some("b"),
            "AllowedPattern is a (Only a.)",
        ),
        (
            "Type: CommaDelimitedList, AllowedPattern: '[a-z]'",
            Some("a,B"),
            "`B` is not allowed",
        ),
        // A default has to obey the rules even where it is not used.
        (
            "Type: String, Default: x, AllowedPattern: a",
            Some("a"),
            "`x` is not allowed",
        ),
    ] {
        assert_refused(rules, given, message);
    }
}

#[test]
fn a_value_with_no_echo_is_in_no_message() {
    let rules = "Type: String, NoEcho: true, MinLength: 8, AllowedPattern: '[a-z]*'";
    for secret in ["hunter2", "hunters2two"] {
        let error = value(rules, Some(secret)).unwrap_err();
        assert!(
            error.contains("Parameters.P: `****` is not allowed"),
            "{error}"
        );
        assert!(!error.contains(secret), "{error}");
    }
}

#[test]
fn rules_that_cannot_hold_are_errors() {
    for (rules, message) in [
        ("Default: a", "it has no Type"),
        (
            "Type: AWS::EC2::Image::Id",
            "the type `AWS::EC2::Image::Id` is not built here. Known: String, Number",
        ),
        (
            "Type: String, Pattern: a",
            "a parameter has no property `Pattern`. Known: AllowedPattern",
        ),
        (
            "Type: String, AllowedValues: a",
            "AllowedValues must be a list",
        ),
        ("Type: String, AllowedPattern: '('", "is not understood"),
        (
            "Type: String, MinLength: few",
            "MinLength `few` is not a limit",
        ),
        (
            "Type: String, MinValue: 1",
            "MinValue `1` is not a limit for a parameter of this type",
        ),
        (
            "Type: Number, MaxLength: 1",
            "MaxLength `1` is not a limit for a parameter of this type",
        ),
    ] {
        let error = value(rules, Some("1")).unwrap_err();
        assert!(error.contains(message), "{rules}: {error}");
    }
    let unknown = read_with(
        "Parameters: {P: {Type: String, Default: a}}\nResources: {}",
        &[("Q", "1")],
    );
    let unknown = unknown.unwrap_err().to_string();
    assert!(
        unknown.ends_with("Parameters.Q: the template has no parameter of this name. Known: P"),
        "{unknown}"
    );
}
