//! What the functions and people may do, as template.yaml grants it.

use std::collections::{BTreeMap, BTreeSet};

use localaws::template::stack::Stack;
use serde_json::Value;

use super::{hold, table};

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Parameters that grant more, and a value of each.
const OPENING: [(&str, &str); 10] = [
    ("AllowPublic", "true"),
    ("AllowRetire", "true"),
    ("BundleKeyParameter", "/amiwright/bundle-key"),
    ("CopyRegions", "us-west-2"),
    (
        "KmsKeys",
        "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
    ("ParameterPrefix", "/images"),
    ("ShareWith", "111122223333"),
    ("SourceBuckets", "arn:aws:s3:::source-bucket"),
    ("SourceOwners", "self,amazon"),
    ("StoreBuckets", "arn:aws:s3:::store-bucket"),
];

/// Parameters that open something in the functions' own checks alone, because IAM has no key for it.
const WITHOUT_IAM: [(&str, &str); 1] = [("TagKeys", "team")];

fn deployed(parameters: &[(&str, &str)]) -> Stack {
    let parameters: BTreeMap<String, String> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    localaws::template::read(TEMPLATE, &parameters, "us-east-1", "amiwright").unwrap()
}

/// Every statement of the functions with the functions that have it, by its text.
fn of_functions(stack: &Stack) -> BTreeMap<String, (Value, BTreeSet<String>)> {
    let mut all: BTreeMap<String, (Value, BTreeSet<String>)> = BTreeMap::new();
    for function in &stack.functions {
        for statement in &function.policies {
            let entry = all.entry(statement.to_string());
            let (_, names) = entry.or_insert_with(|| (statement.clone(), BTreeSet::new()));
            names.insert(function.binary.clone());
        }
    }
    all
}

fn items(value: &Value) -> Vec<String> {
    let one = value.as_str().into_iter();
    let many = value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    one.chain(many)
        .map(|it| format!("`{}`", readable(it)))
        .collect()
}

/// Without the account and the Region of the stack that it is read as.
fn readable(text: &str) -> String {
    text.replace("000000000000", "ACCOUNT")
        .replace("us-east-1", "REGION")
}

fn conditions(statement: &Value) -> String {
    let mut conditions = Vec::new();
    for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
        for (key, value) in keys.as_object().into_iter().flatten() {
            conditions.push(format!("`{operator}` `{key}` {}", items(value).join(", ")));
        }
    }
    conditions.join("; ")
}

fn row(statement: &Value, first: &str) -> Vec<String> {
    vec![
        first.to_owned(),
        items(&statement["Action"]).join(", "),
        items(&statement["Resource"]).join(", "),
        conditions(statement),
    ]
}

/// The statements that are there by default, and those that each parameter adds.
fn functions() -> String {
    let closed = of_functions(&deployed(&[]));
    let columns = ["statement", "actions", "on", "only where"];
    let rows = |statements: &BTreeMap<String, (Value, BTreeSet<String>)>| {
        let mut rows: Vec<Vec<String>> = statements
            .values()
            .map(|(statement, names)| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let sid = statement["Sid"].as_str().unwrap();
                row(statement, &format!("{sid} ({})", names.join(", ")))
            })
            .collect();
        rows.sort();
        table(&columns, &rows)
    };
    let mut text = format!(
        "### With the defaults of all parameters\n\n{}\n",
        rows(&closed)
    );
    for parameter in OPENING {
        let mut added = of_functions(&deployed(&[parameter]));
        added.retain(|text, _| !closed.contains_key(text));
        assert!(!added.is_empty(), "{parameter:?} grants nothing");
        text += &format!(
            "### Added or changed by {}\n\n{}\n",
            parameter.0,
            rows(&added)
        );
    }
    for parameter in WITHOUT_IAM {
        assert_eq!(
            of_functions(&deployed(&[parameter])),
            closed,
            "{parameter:?}"
        );
    }
    text
}

fn people() -> String {
    let stack = deployed(&[("BundleKeyParameter", "/amiwright/bundle-key")]);
    let mut text = String::new();
    for name in ["UploaderPolicy", "OperatorPolicy", "BundleUploaderPolicy"] {
        let mut policies = stack.managed_policies.iter();
        let policy = policies.find(|policy| policy.logical_id == name).unwrap();
        let statements = policy.statements.iter();
        let rows: Vec<_> = statements
            .map(|it| row(it, it["Sid"].as_str().unwrap()))
            .collect();
        let columns = ["statement", "actions", "on", "only where"];
        text += &format!("### {name}\n\n{}\n", table(&columns, &rows));
    }
    text
}

#[test]
fn everything_that_anybody_may_do() {
    let content = format!(
        "## The functions\n\n{}## People\n\n{}",
        functions(),
        people()
    );
    let introduction = "What [template.yaml](../../template.yaml) grants, statement by statement; why each is needed stands \
        beside it there, and tests show that each is used. `TagKeys` grants nothing, and `ShareWith` only looks: IAM has \
        no key for what they open, so the functions check it alone. With `BundleKeyParameter` there is a policy for the \
        user of that key. Buckets have the names that `amiwright local` gives them. Who needs which policy: \
        [permissions](../operating.md#permissions).";
    hold("permissions", "Permissions", introduction, &content);
}
