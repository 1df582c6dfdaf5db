//! Actions, resources, denies, and policies of resources.

use serde_json::json;

use super::super::context::Context;
use super::super::document::Kind;
use super::super::evaluate::{Decision, Question, decide};
use super::{OBJECT, allows, decision, read};

#[test]
fn nothing_is_allowed_that_no_statement_allows() {
    let read =
        json!([{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::images/*"}]);
    assert!(allows(&read, "s3:GetObject", OBJECT));
    assert!(!allows(&read, "s3:PutObject", OBJECT));
    assert!(!allows(&read, "s3:GetObjectVersion", OBJECT));
    assert!(!allows(&read, "s3:GetObject", "arn:aws:s3:::other/a"));
    assert!(
        !allows(&read, "s3:GetObject", "arn:aws:s3:::images"),
        "a bucket is not its objects"
    );
    assert!(!allows(&json!([]), "s3:GetObject", OBJECT));
}

#[test]
fn an_explicit_deny_wins_wherever_it_stands() {
    let allow = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
    let deny = json!({"Sid": "No", "Effect": "Deny", "Action": "s3:Get*", "Resource": OBJECT});
    for policy in [json!([allow, deny]), json!([deny, allow])] {
        let context = Context::default();
        assert_eq!(
            decision(&policy, "s3:GetObject", OBJECT, &context),
            Decision::Denied("No".to_owned())
        );
        assert!(allows(&policy, "s3:PutObject", OBJECT));
        assert!(allows(&policy, "s3:GetObject", "arn:aws:s3:::images/b"));
    }
}

#[test]
fn actions_have_no_case_and_have_wildcards() {
    for (action, asked, allowed) in [
        ("S3:getobject", "s3:GetObject", true),
        ("s3:Get*", "s3:GetObject", true),
        ("s3:Get?bject", "s3:GetObject", true),
        ("s3:*Object*", "s3:PutObjectAcl", true),
        ("*", "ec2:RunInstances", true),
        ("s3:*", "ec2:RunInstances", false),
        ("s3:Get", "s3:GetObject", false),
        ("s3:?", "s3:GetObject", false),
    ] {
        let policy = json!([{"Effect": "Allow", "Action": [action], "Resource": "*"}]);
        assert_eq!(allows(&policy, asked, OBJECT), allowed, "{action}");
    }
}

#[test]
fn everything_but_is_not_action_and_not_resource() {
    let policy = json!([{"Effect": "Allow", "NotAction": ["s3:Delete*", "iam:*"], "NotResource": "arn:aws:s3:::images/secret/*"}]);
    assert!(allows(&policy, "s3:GetObject", OBJECT));
    assert!(allows(&policy, "ec2:RunInstances", "*"));
    assert!(!allows(&policy, "s3:DeleteObject", OBJECT));
    assert!(!allows(
        &policy,
        "s3:GetObject",
        "arn:aws:s3:::images/secret/a"
    ));
}

#[test]
fn wildcards_of_arns_stay_within_their_fields() {
    let image = "arn:aws:ec2:us-east-1::image/ami-1";
    for (resource, asked, allowed) in [
        ("arn:aws:ec2:*::image/*", image, true),
        ("arn:aws:ec2:us-*-1::image/ami-?", image, true),
        ("arn:aws:ec2:us-east-1::image/ami-2", image, false),
        ("arn:aws:ec2:us-east-1::snapshot/*", image, false),
        // No field of a pattern reaches over a colon…
        ("arn:aws:*:image/*:x:y", image, false),
        ("arn:aws:ec2:*:*:image/*", image, true),
        // …except for the last one.
        (
            "arn:aws:sns:*:*:a*",
            "arn:aws:sns:us-east-1:000000000000:a:b:c",
            true,
        ),
        ("*", image, true),
        ("*", "*", true),
        // An action without a resource needs `*`.
        ("arn:aws:ec2:*::image/*", "*", false),
        ("arn:aws:s3:::images/*", OBJECT, true),
        ("arn:aws:s3:::images/A/*", OBJECT, false),
    ] {
        let policy = json!([{"Effect": "Allow", "Action": "*", "Resource": resource}]);
        assert_eq!(
            allows(&policy, "ec2:X", asked),
            allowed,
            "{resource} {asked}"
        );
    }
}

#[test]
fn variables_have_the_values_of_the_request() {
    let policy = json!([{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::images/home/${aws:username}/*"}]);
    let ann = Context::default().with("aws:username", "ann");
    let allowed = |policy: &_, resource: &str, context: &_| {
        matches!(
            decision(policy, "s3:GetObject", resource, context),
            Decision::Allowed(_)
        )
    };
    assert!(allowed(&policy, "arn:aws:s3:::images/home/ann/x", &ann));
    assert!(!allowed(&policy, "arn:aws:s3:::images/home/bob/x", &ann));
    // A key without a value meets nothing, and a value's own wildcards are none.
    let nobody = Context::default();
    assert!(!allowed(&policy, "arn:aws:s3:::images/home//x", &nobody));
    let star = Context::default().with("aws:username", "*");
    assert!(!allowed(&policy, "arn:aws:s3:::images/home/bob/x", &star));
    let default = json!([{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::images/${aws:username, 'all'}/*"}]);
    assert!(allowed(&default, "arn:aws:s3:::images/all/x", &nobody));
    let literal =
        json!([{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::images/${*}"}]);
    assert!(allowed(&literal, "arn:aws:s3:::images/*", &nobody));
    assert!(!allowed(&literal, "arn:aws:s3:::images/x", &nobody));
}

#[test]
fn a_resources_policy_allows_or_denies_beside_the_callers() {
    let role = "arn:aws:iam::000000000000:role/work";
    let session = "arn:aws:sts::000000000000:assumed-role/work/it";
    let arns = [session, role];
    let decided = |principal: serde_json::Value, effect: &str, own: serde_json::Value| {
        let attached = json!([{"Sid": "Attached", "Effect": effect, "Principal": principal, "Action": "s3:*", "Resource": "*"}]);
        let attached = read(Kind::Resource, &attached).unwrap();
        let own = read(Kind::Identity, &own).unwrap();
        let context = Context::default();
        let question = Question {
            action: "s3:GetObject",
            resource: OBJECT,
            context: &context,
        };
        decide(own.iter().enumerate(), &attached, &arns, &question)
    };
    let all = || json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}]);
    let allowed = Decision::Allowed(Vec::new());
    for principal in [json!("*"), json!({"AWS": "*"}), json!({"AWS": [role]})] {
        assert_eq!(
            decided(principal.clone(), "Allow", json!([])),
            allowed,
            "{principal}"
        );
    }
    // An account lets the policies of its own roles decide.
    for principal in [
        json!({"AWS": "000000000000"}),
        json!({"AWS": "arn:aws:iam::000000000000:root"}),
    ] {
        assert_eq!(
            decided(principal.clone(), "Allow", json!([])),
            Decision::NotAllowed
        );
        let denied = decided(principal, "Deny", all());
        assert_eq!(denied, Decision::Denied("Attached".to_owned()));
    }
    for principal in [
        json!({"AWS": "111111111111"}),
        json!({"AWS": "arn:aws:iam::000000000000:role/other"}),
        json!({"Service": "events.amazonaws.com"}),
    ] {
        assert_eq!(
            decided(principal.clone(), "Allow", json!([])),
            Decision::NotAllowed
        );
        assert!(matches!(
            decided(principal, "Deny", all()),
            Decision::Allowed(_)
        ));
    }
}
